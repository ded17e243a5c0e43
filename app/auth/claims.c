/* An email address is taken as it comes: who spells one otherwise is another. */
#include "mgw/auth/claims.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SUBJECT_MAX_BYTES 255
#define WORD_MAX_BYTES 256
#define GOOGLE "https://accounts.google.com"

/* NULL: it is not there, or no visible text. */
static const char *get_text(const json_t *claims, const char *name)
{
        struct str text = json_str(json_object_get(claims, name));

        return hdr_is_visible(text, SUBJECT_MAX_BYTES) ? text.p : NULL;
}

/* ---- words ---- */

static void add_word(char ***wordsp, struct str word)
{
        if (word.n > 0 && word.n <= WORD_MAX_BYTES && memchr(word.p, '\0', word.n) == NULL)
                (void)strv_add_take(wordsp, alloc_str(word));
}

/* Those of a text, with sep between them, or of an array of texts. */
static char **get_words(const json_t *claim, char sep)
{
        struct str rest = json_str(claim);
        char **words = NULL;
        const json_t *one;
        size_t i;

        while (rest.n > 0)
                add_word(&words, str_cut(&rest, sep));
        json_array_foreach ((json_t *)claim, i, one)
                add_word(&words, json_str(one));
        return words;
}

static char **get_scopes(const struct config_jwt *rules, const json_t *claims)
{
        const json_t *claim =
                json_object_get(claims, rules->claim_scope != NULL ? rules->claim_scope : "scope");

        if (claim == NULL && rules->claim_scope == NULL)
                claim = json_object_get(claims, "scp");
        return get_words(claim, ' ');
}

/* ---- who may ---- */

/* Google gives anybody an account under any address that they can read: "hd" says whose it is. */
static const char *domain_of(const struct config_jwt *rules, const json_t *claims,
                             const char *email)
{
        const char *at = strrchr(email, '@');

        if (strcmp(rules->issuer, GOOGLE) == 0)
                return json_string_value(json_object_get(claims, "hd"));
        return at != NULL ? at + 1 : NULL;
}

static bool is_of_domain(const char *domain, char *const *domains)
{
        for (; domain != NULL && *domains != NULL; domains++)
                if (strcasecmp(*domains, domain) == 0)
                        return true;
        return false;
}

static const char *refusal(const struct config_jwt *rules, const json_t *claims, const char *email,
                           char *const *groups)
{
        if (rules->domains != NULL &&
            !is_of_domain(domain_of(rules, claims, email), rules->domains))
                return "its user is of none of the domains that are let in";
        if (rules->groups != NULL &&
            !strv_has_any((const char *const *)groups, (const char *const *)rules->groups))
                return "its user is in none of the groups that are let in";
        return NULL;
}

/* ---- the identity ---- */

static bool is_unverified(const struct config_jwt *rules, const json_t *claims)
{
        const json_t *verified = json_object_get(claims, "email_verified");
        const char *text = json_string_value(verified);

        return strcmp(rules->claim_email, "email") == 0 && verified != NULL &&
               !json_is_true(verified) && (text == NULL || strcmp(text, "true") != 0);
}

static char *copy(const char *text)
{
        return text != NULL ? alloc_text(text) : NULL;
}

/* Who has presented it (RFC 9068 2.2, OpenID Connect Core 2). */
static char *client_of(const json_t *claims)
{
        const char *client = get_text(claims, "client_id");

        return copy(client != NULL ? client : get_text(claims, "azp"));
}

static struct identity *make(struct user *user, const struct config_jwt *rules,
                             const json_t *claims, char **groups_take)
{
        struct identity *identity = identity_create(IDENTITY_JWT, user);

        user_let_go(user);
        identity->subject = copy(get_text(claims, rules->claim_subject));
        identity->groups = groups_take;
        identity->scopes = get_scopes(rules, claims);
        identity->client = client_of(claims);
        return identity;
}

enum user_verdict claims_identity(struct user_table *users, const struct config_jwt *rules,
                                  const json_t *claims, int64_t expires_ms,
                                  struct identity **identityp, const char **whyp)
{
        struct str email = json_str(json_object_get(claims, rules->claim_email));
        struct user *user = NULL;
        char **groups;

        *whyp = "it does not name its user (claims.email)";
        if (!hdr_is_user(email))
                return USER_BAD_TOKEN;
        *whyp = "the address of its user has not been verified (email_verified)";
        if (is_unverified(rules, claims))
                return USER_NOT_ALLOWED;
        groups = get_words(json_object_get(claims, rules->claim_groups), '\0');
        *whyp = refusal(rules, claims, email.p, groups);
        if (*whyp == NULL)
                user = user_of_email(users, email, expires_ms);
        if (user == NULL) {
                strv_free(groups);
                if (*whyp != NULL)
                        return USER_NOT_ALLOWED;
                *whyp = "too many users are here";
                return USER_TOO_MANY;
        }
        *identityp = make(user, rules, claims, groups);
        (*identityp)->expires_ms = expires_ms;
        return USER_OK;
}
