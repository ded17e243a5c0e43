/* Email addresses are taken as they come: who spells one otherwise is another. Domains and groups
 * are looked at with each request, since the configuration may have changed since. */
#include "person.h"

#include "mgw/auth/caller.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GROUP_MAX_BYTES 256

void person_finish(struct person *person)
{
        free(person->email);
        free(person->subject);
        free(person->domain);
        strv_free(person->groups);
        memset(person, 0, sizeof(*person));
}

/* ---- claims ---- */

/* Of a text that is visible ASCII, behind the last '@', lower case. */
static char *domain_of_email(const char *email)
{
        const char *at = strrchr(email, '@');
        char *domain = alloc_text(at == NULL ? "" : at + 1);

        for (char *p = domain; *p != '\0'; p++)
                *p = (char)tolower((unsigned char)*p);
        return domain;
}

/* Google lets anybody have an account under any address that they can read, so that the address
 * says nothing of whose account it is; "hd" does, which all accounts of a Workspace have. */
static char *domain_of(const struct person *person, const struct config_login *login,
                       const json_t *claims)
{
        const char *hd = json_string_value(json_object_get(claims, "hd"));
        char *domain;

        if (strcmp(login->issuer, CONFIG_LOGIN_GOOGLE) != 0)
                return domain_of_email(person->email);
        if (hd != NULL) {
                char *as_email = alloc_format("@%s", hd);

                domain = domain_of_email(as_email);
                free(as_email);
                return domain;
        }
        domain = domain_of_email(person->email);
        if (strcmp(domain, "gmail.com") != 0)
                domain[0] = '\0';
        return domain;
}

/* What is no text, empty, too long, or has a NUL in it is left out. */
static void add_group(char ***groupsp, const json_t *group)
{
        struct str text = json_str(group);

        if (text.n > 0 && text.n <= GROUP_MAX_BYTES && memchr(text.p, '\0', text.n) == NULL)
                (void)strv_add_take(groupsp, alloc_str(text));
}

/* One text, or an array of them. */
static char **groups_of(const json_t *claim)
{
        char **groups = NULL;
        const json_t *group;
        size_t i;

        add_group(&groups, claim);
        json_array_foreach ((json_t *)claim, i, group)
                add_group(&groups, group);
        return groups;
}

/* Another claim than "email" is one that the operator trusts as it is. */
static bool needs_verified(const struct config_login *login)
{
        return strcmp(login->claim_email, "email") == 0;
}

/* Some send it as a text. */
static bool is_verified(const json_t *claims)
{
        const json_t *claim = json_object_get(claims, "email_verified");
        const char *text = json_string_value(claim);

        return json_is_true(claim) || (text != NULL && strcmp(text, "true") == 0);
}

bool person_misses_claims(const struct config_login *login, const json_t *claims)
{
        return json_object_get(claims, login->claim_email) == NULL ||
               (needs_verified(login) && json_object_get(claims, "email_verified") == NULL) ||
               (login->groups != NULL && json_object_get(claims, login->claim_groups) == NULL);
}

const char *person_from_claims(struct person *person, const struct config_login *login,
                               const json_t *claims)
{
        struct str email = json_str(json_object_get(claims, login->claim_email));
        struct str subject = json_str(json_object_get(claims, login->claim_subject));

        *person = (struct person){.source = IDENTITY_LOGIN, .ends_ms = INT64_MAX};
        if (!json_is_string(json_object_get(claims, login->claim_email)) || !hdr_is_user(email))
                return "The provider does not say which email address this account has.";
        if (needs_verified(login) && !is_verified(claims))
                return "The provider does not say that the email address of this account has been "
                       "verified.";
        if (!hdr_is_visible(subject, 255))
                return "The provider does not say which account this is.";
        person->email = alloc_str(email);
        person->subject = alloc_str(subject);
        person->domain = domain_of(person, login, claims);
        person->groups = groups_of(json_object_get(claims, login->claim_groups));
        return NULL;
}

/* ---- who may ---- */

const char *person_is_refused(const struct person *person, const struct config_login *login)
{
        return person->source == IDENTITY_LOGIN
                       ? caller_is_kept_out(login, person->domain, person->groups)
                       : NULL;
}

/* ---- as JSON ---- */

static json_t *array_of(char *const *texts)
{
        json_t *array = json_array();

        for (; texts != NULL && *texts != NULL; texts++)
                json_array_append_new(array, json_string(*texts));
        return array;
}

json_t *person_to_json(const struct person *person)
{
        json_t *object = json_pack("{s:i, s:s, s:s*, s:s, s:o}", "k", (int)person->source, "e",
                                   person->email, "s", person->subject, "d", person->domain, "g",
                                   array_of(person->groups));

        if (person->ends_ms != INT64_MAX)
                json_object_set_new(object, "x", json_integer(person->ends_ms));
        return object;
}

bool person_from_json(struct person *person, const json_t *object)
{
        const char *email = json_string_value(json_object_get(object, "e"));
        const char *subject = json_string_value(json_object_get(object, "s"));
        const char *domain = json_string_value(json_object_get(object, "d"));
        const json_t *ends = json_object_get(object, "x");

        *person = (struct person){
                .source = (enum identity_source)json_integer_value(json_object_get(object, "k"))};
        if (email == NULL || domain == NULL)
                return false;
        person->email = alloc_text(email);
        person->subject = subject != NULL ? alloc_text(subject) : NULL;
        person->domain = alloc_text(domain);
        person->groups = groups_of(json_object_get(object, "g"));
        person->ends_ms = ends != NULL ? json_integer_value(ends) : INT64_MAX;
        return true;
}
