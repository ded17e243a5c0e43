/* Providers that are known by name: what is special about them, where the entry does not say it
 * itself. */
#include "config_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"

#include <string.h>

struct preset {
        const char *name;
        const char *issuer; /* NULL: it has no metadata */
        const char *authorization_url;
        const char *token_url;
        const char *revocation_url;
        const char *params[3]; /* of the authorization request */
};

/* Google: a refresh token comes with access_type=offline, and after the first consent with
 * prompt=consent alone. Without include_granted_scopes: a token is for what its own server was
 * granted (developers.google.com/identity/protocols/oauth2/web-server). GitHub: no metadata at its
 * issuer; tokens of OAuth apps do not expire
 * (docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps). */
static const struct preset presets[] = {
        {"google",
         "https://accounts.google.com",
         "https://accounts.google.com/o/oauth2/v2/auth",
         "https://oauth2.googleapis.com/token",
         "https://oauth2.googleapis.com/revoke",
         {"access_type=offline", "prompt=consent"}},
        {"github",
         NULL,
         "https://github.com/login/oauth/authorize",
         "https://github.com/login/oauth/access_token",
         NULL,
         {NULL}},
};

const char config_oauth_preset_names[] = "\"google\", \"github\"";

static void fill(char **field, const char *value)
{
        if (*field == NULL && value != NULL)
                *field = alloc_text(value);
}

/* What the entry says of the same name wins. */
static void add_params(struct config_oauth *oauth, const struct preset *preset)
{
        for (const char *const *param = preset->params; *param != NULL; param++) {
                size_t n = strcspn(*param, "=") + 1;
                bool is_there = false;

                for (char **own = oauth->authorization_params; own != NULL && *own != NULL; own++)
                        is_there = is_there || strncmp(*own, *param, n) == 0;
                if (!is_there)
                        (void)strv_add_take(&oauth->authorization_params, alloc_text(*param));
        }
}

bool config_oauth_preset(struct config_oauth *oauth)
{
        for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
                const struct preset *preset = &presets[i];
                bool says_where = oauth->issuer != NULL || oauth->authorization_url != NULL ||
                                  oauth->token_url != NULL;

                if (strcmp(preset->name, oauth->preset) != 0)
                        continue;
                add_params(oauth, preset);
                if (says_where)
                        return true;
                fill(&oauth->issuer, preset->issuer);
                fill(&oauth->authorization_url, preset->authorization_url);
                fill(&oauth->token_url, preset->token_url);
                fill(&oauth->revocation_url, preset->revocation_url);
                return true;
        }
        return false;
}
