/* What clients say of themselves: a byte for the kind, then what they register, their document, or
 * an id. Whatever is taken keeps the bounds, and a registered client is known again by its id. */
#include "fuzz.h"
#include "mgw/auth/client.h"
#include "mgw/base/strv.h"
#include "mgw/wire/redirect.h"
#include "mgw/wire/rpc.h"

static const struct sealed_keys keys = {.key = "0123456789abcdef0123456789abcde"};

static void look_at(const struct client *client)
{
        size_t n = strv_count((const char *const *)client->redirects);

        REQUIRE(n > 0 && n <= CLIENT_REDIRECTS_MAX);
        REQUIRE(strlen(client->name) <= CLIENT_NAME_MAX_BYTES);
        for (size_t i = 0; i < n; i++) {
                REQUIRE(redirect_kind(str_from(client->redirects[i])) != REDIRECT_BAD);
                REQUIRE(client_has_redirect(client, str_from(client->redirects[i])));
        }
        REQUIRE((client->auth == CLIENT_AUTH_KEY) ==
                (client->jwks != NULL || client->jwks_uri != NULL));
        REQUIRE(!client_has_secret(&keys, client, STR("")));
}

static void register_one(const json_t *metadata)
{
        struct client_fault fault = {.error = NULL};
        struct client *client = client_register(&keys, metadata, &fault), *again;

        if (client == NULL) {
                REQUIRE(fault.error != NULL && fault.why[0] != '\0');
                return;
        }
        look_at(client);
        REQUIRE(strlen(client->id) <= CLIENT_ID_MAX_BYTES && client->auth != CLIENT_AUTH_KEY);
        again = client_from_id(&keys, str_from(client->id));
        REQUIRE(again != NULL && strcmp(again->key, client->key) == 0);
        REQUIRE(strcmp(again->name, client->name) == 0 && again->auth == client->auth);
        client_let_go(again);
        client_let_go(client);
}

static void read_document(const json_t *metadata)
{
        struct client_fault fault = {.error = NULL};
        struct client *client =
                client_from_metadata(CLIENT_DOCUMENT, "https://a.example/c", metadata, &fault);

        REQUIRE(client != NULL || fault.error != NULL);
        if (client == NULL)
                return;
        look_at(client);
        REQUIRE(client->auth != CLIENT_AUTH_SECRET);
        client_let_go(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct rpc_bounds bounds = {1000, NULL};
        char *copy = exact_copy(data, size);
        struct str text = {copy + (size > 0), size - (size > 0)};
        json_t *metadata = NULL;
        char why[160];

        (void)client_id_is_document(text, true);
        REQUIRE(client_from_id(&keys, text) == NULL); /* nobody has sealed it */
        if (size > 0 && rpc_parse(text, &bounds, &metadata, why, sizeof(why)) == 0) {
                if (data[0] % 2 == 0)
                        register_one(metadata);
                else
                        read_document(metadata);
        }
        json_decref(metadata);
        free(copy);
        return 0;
}
