/* "auth.jwt": whose tokens are taken, [{"issuer", "audience", ...}]. */
#include "config_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"

#include <stdlib.h>
#include <string.h>

#define ISSUERS_MAX 16
#define SKEW_MAX_S 600
#define AT(field) offsetof(struct config_jwt, field)

static const char *const known_algorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                               "PS512", "ES256", "ES384", "EdDSA", NULL};

static bool is_claim(const char *text)
{
        return hdr_is_visible(str_from(text), 255);
}

/* As an issuer's, and it may have a query. */
static bool is_keys_url(const char *text)
{
        char *plain = alloc_str((struct str){text, strcspn(text, "?")});
        bool is = config_is_issuer(plain) && hdr_is_visible(str_from(text), 2048);

        free(plain);
        return is;
}

static bool is_typ(const char *text)
{
        return hdr_is_visible(str_from(text), 127);
}

static void load_claims(struct loading *l, const char *at, json_t *object, void *jwt);

static const char claim_why[] = "must be the name of a claim";

static const struct config_row claim_rows[] = {
        {"email", KIND_TEXT, AT(claim_email), "email", .is_right = is_claim, .why = claim_why},
        {"subject", KIND_TEXT, AT(claim_subject), "sub", .is_right = is_claim, .why = claim_why},
        {"groups", KIND_TEXT, AT(claim_groups), "groups", .is_right = is_claim, .why = claim_why},
        {"scope", KIND_TEXT, AT(claim_scope), .is_right = is_claim, .why = claim_why},
        {.key = NULL},
};

static const struct config_row rows[] = {
        {"issuer", KIND_TEXT, AT(issuer), .is_right = config_is_issuer,
         .why = "must be https://..., as the issuer spells it (http:// for this machine alone)"},
        {"audience", KIND_TEXTS, AT(audiences), .marks = 0},
        {"jwks_url", KIND_TEXT, AT(jwks_url), .is_right = is_keys_url,
         .why = "must be https://... (http:// for this machine alone)"},
        {"algorithms", KIND_TEXTS, AT(algorithms), .marks = 0},
        {"typ", KIND_TEXT, AT(typ), .is_right = is_typ, .why = "must be such as \"at+jwt\""},
        {"skew_s", KIND_SECONDS, AT(skew_ms), "60", 0, SKEW_MAX_S, .marks = 0},
        {"claims", KIND_OTHER, .load = load_claims},
        {"domains", KIND_TEXTS, AT(domains), .marks = 0},
        {"groups", KIND_TEXTS, AT(groups), .marks = 0},
        {.key = NULL},
};

static void load_rows(struct loading *l, const struct config_row *table, const char *what,
                      const char *at, json_t *object, void *into)
{
        const char *key;
        json_t *value;

        if (!json_is_object(object)) {
                config_fault(l, at, "must be an object");
                return;
        }
        json_object_foreach (object, key, value) {
                const struct config_row *row = config_table_find(table, key, 0);
                char full[CONFIG_KEY_SIZE];

                config_key(full, at, key);
                if (row != NULL)
                        config_table_load(l, row, full, value, into);
                else
                        config_fault(l, full, "not known: %s", what);
        }
}

static void load_claims(struct loading *l, const char *at, json_t *object, void *jwt)
{
        load_rows(l, claim_rows,
                  "claims are named for \"email\", \"subject\", \"groups\" and \"scope\"", at,
                  object, jwt);
}

static void place(char at[CONFIG_KEY_SIZE], size_t i)
{
        char name[24];

        snprintf(name, sizeof(name), "%zu", i);
        config_key(at, "gateway.auth.jwt", name);
}

void config_jwt_load(struct loading *l, const char *at, json_t *value, void *into)
{
        struct config *config = l->config;
        json_t *object;
        size_t i;

        (void)into;
        if (!json_is_array(value) || json_array_size(value) > ISSUERS_MAX) {
                config_fault(l, at, "must be an array of objects, %d at most", ISSUERS_MAX);
                return;
        }
        config->jwt = alloc_array(json_array_size(value) + 1, sizeof(*config->jwt));
        json_array_foreach (value, i, object) {
                struct config_jwt *jwt = &config->jwt[config->n_jwt++];
                char full[CONFIG_KEY_SIZE];

                place(full, i);
                config_table_default(rows, jwt);
                config_table_default(claim_rows, jwt);
                load_rows(l, rows,
                          "an issuer has \"issuer\", \"audience\", \"jwks_url\", \"algorithms\", "
                          "\"typ\", \"skew_s\", \"claims\", \"domains\" and \"groups\"",
                          full, object, jwt);
        }
}

/* ---- when all is read ---- */

static bool is_taken(const struct config *config, size_t i)
{
        for (size_t before = 0; before < i; before++)
                if (config->jwt[before].issuer != NULL &&
                    strcmp(config->jwt[before].issuer, config->jwt[i].issuer) == 0)
                        return true;
        return false;
}

static void check_algorithms(struct loading *l, const char *at, char *const *algorithms)
{
        char full[CONFIG_KEY_SIZE];

        config_key(full, at, "algorithms");
        for (; algorithms != NULL && *algorithms != NULL; algorithms++)
                if (!strv_has(known_algorithms, *algorithms))
                        config_fault(l, full,
                                     "\"%s\": must be of RS256, RS384, RS512, PS256, PS384, PS512, "
                                     "ES256, ES384 and EdDSA",
                                     *algorithms);
}

/* The addresses of this gateway, where nothing else is said (RFC 8707 2, RFC 9728 1.2). */
static void settle_audiences(struct config_jwt *jwt, const char *public_url)
{
        static const char *const paths[] = {"/mcp", "/sse", ""};

        if (jwt->audiences != NULL)
                return;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
                (void)strv_add_take(&jwt->audiences, alloc_format("%s%s", public_url, paths[i]));
}

void config_jwt_check(struct loading *l)
{
        struct config *config = l->config;

        for (size_t i = 0; i < config->n_jwt; i++) {
                char at[CONFIG_KEY_SIZE];

                place(at, i);
                if (config->jwt[i].issuer == NULL)
                        config_fault(l, at, "needs \"issuer\"");
                else if (is_taken(config, i))
                        config_fault(l, at, "another has its \"issuer\"");
                check_algorithms(l, at, config->jwt[i].algorithms);
                settle_audiences(&config->jwt[i], config->public_url);
        }
        if (config->n_jwt > 0 && config->public_url[0] == '\0')
                config_fault(l, "gateway.auth.jwt",
                             "needs \"public_url\": clients are led to the issuer from there");
}

bool config_jwt_is_same(const struct config_jwt *a, const struct config_jwt *b)
{
        return config_table_is_same(rows, a, b) && config_table_is_same(claim_rows, a, b);
}

void config_jwt_finish(struct config *config)
{
        for (size_t i = 0; i < config->n_jwt; i++) {
                config_table_finish(rows, &config->jwt[i]);
                config_table_finish(claim_rows, &config->jwt[i]);
        }
        free(config->jwt);
        config->jwt = NULL;
        config->n_jwt = 0;
}
