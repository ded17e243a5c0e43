#include "mgw/auth/client_assertion.h"

#include "../check.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "signer.h"
#include "world.h"

#include <stdlib.h>

#define ID "https://client.example/oauth.json"

static struct world w;
static struct client *client;
static const char *fault;
static bool is_of_network;

static struct client *make_client(void)
{
        json_t *metadata = json_pack("{s:s, s:[s], s:s, s:{s:[o]}}", "client_id", ID,
                                     "redirect_uris", "https://client.example/cb",
                                     "token_endpoint_auth_method", "private_key_jwt", "jwks",
                                     "keys", signer_jwk(signer_key(JWT_ES256), "ES256"));
        struct client_fault why;
        struct client *made = client_from_metadata(CLIENT_DOCUMENT, ID, metadata, &why);

        json_decref(metadata);
        return made;
}

static char *sign(const char *jti)
{
        char *claims = alloc_format("{\"iss\":\"" ID "\",\"sub\":\"" ID "\",\"aud\":\"" WORLD_URL
                                    "\",\"exp\":%lld,\"jti\":\"%s\"}",
                                    (long long)(clock_wall_ms() / 1000 + 60), jti);
        char *text =
                signer_sign(signer_key(JWT_ES256), JWT_ES256, signer_header(JWT_ES256), claims);

        free(claims);
        return text;
}

static void on_done(void *owner, const char *why, bool is_network)
{
        fault = why;
        is_of_network = is_network;
        world_told(owner, 0);
}

static void show(const char *jti)
{
        char *text = sign(jti);
        const char *why = NULL;

        fault = "nothing has been told";
        w.is_told = false;
        cr_assert_not_null(client_assertion_start(w.context.authority, client, str_from(text),
                                                  on_done, &w, &why),
                           "%s", why);
        world_wait(&w);
        free(text);
}

Test(client_assertion, is_good_once_and_clients_do_not_fill_the_store)
{
        world_open(&w, false);
        client = make_client();
        cr_assert_not_null(client);
        show("a");
        cr_assert_null(fault, "%s", fault);
        show("a");
        cr_assert_not_null(fault);
        cr_assert_not(is_of_network);
        w.context.authority->assertions.full_at_us = INT64_MAX / 2; /* used up for long */
        show("b");
        cr_assert_not_null(fault);
        cr_assert(is_of_network);
        client_let_go(client);
        world_close(&w);
}
