/* What a server and its authorization server say to a client of theirs: a field WWW-Authenticate,
 * or metadata as JSON. What is taken from it can be sent, and is of whom it was asked for. */
#include "fuzz.h"
#include "mgw/auth/oauth_challenge.h"
#include "mgw/auth/oauth_flow.h"
#include "mgw/auth/oauth_party.h"
#include "mgw/auth/oauth_registration.h"
#include "mgw/auth/oauth_scope.h"
#include "mgw/auth/oauth_url.h"
#include "mgw/wire/hdr.h"

#include <string.h>

#define ISSUER "https://as.example"
#define SERVER "https://mcp.example/mcp"

static void check_challenge(struct str field)
{
        struct oauth_challenge challenge;
        char *scope;

        oauth_challenge_read(&challenge, field);
        if (challenge.resource_metadata != NULL)
                REQUIRE(hdr_is_visible(str_from(challenge.resource_metadata), OAUTH_URL_MAX));
        scope = oauth_scope_union(challenge.scope, "a b");
        if (challenge.scope == NULL)
                REQUIRE(strcmp(scope, "a b") == 0);
        if (scope != NULL) {
                char *lacking = oauth_scope_lacking(challenge.scope, scope);

                REQUIRE(lacking == NULL);
                free(lacking);
        }
        free(scope);
        oauth_challenge_finish(&challenge);
}

static void check_url(const struct oauth_party *party)
{
        struct buf url;

        buf_init(&url, 16 << 10);
        if (oauth_flow_authorization_url(&url, party, "https://g/cb", "st", "ch", party->scope,
                                         NULL) == 0)
                REQUIRE(strncmp((const char *)buf_bytes(&url).p, "https://", 8) == 0 ||
                        strncasecmp((const char *)buf_bytes(&url).p, "https://", 8) == 0);
        buf_finish(&url);
}

static void check_metadata(const json_t *metadata)
{
        struct oauth_party party = {0};
        char *issuer = NULL;

        if (oauth_party_take_resource(&party, metadata, SERVER, &issuer) == NULL) {
                REQUIRE(oauth_url_same_origin(party.resource, SERVER));
                REQUIRE(issuer != NULL);
        }
        free(issuer);
        if (oauth_party_take_metadata(&party, metadata, ISSUER, false) == NULL) {
                REQUIRE(strcmp(party.issuer, ISSUER) == 0);
                REQUIRE(oauth_url_is_sound(party.token_url, false));
                if (oauth_registration_take(&party, metadata) == NULL)
                        check_url(&party);
        }
        oauth_party_finish(&party);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        json_t *metadata = json_loadb(copy, size, JSON_REJECT_DUPLICATES, NULL);

        check_challenge((struct str){copy, size});
        check_metadata(metadata);
        json_decref(metadata);
        free(copy);
        return 0;
}
