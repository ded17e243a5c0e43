#include "mgw/auth/client_assertion.h"

#include "../check.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/core/share.h"
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

static struct share address;

/* user: whose code or token comes with it; NULL: nobody's. */
static void show(const char *jti, struct share *user)
{
        char *text = sign(jti);
        const char *why = NULL;
        const struct client_assertion_options options = {
                .client = client, .share = &address, .user = user};

        fault = "nothing has been told";
        w.is_told = false;
        cr_assert_not_null(client_assertion_start(w.context.authority, &options, str_from(text),
                                                  on_done, &w, &why),
                           "%s", why);
        world_wait(&w);
        free(text);
}

static void check_good(void)
{
        cr_assert_null(fault, "%s", fault);
}

static void check_bad(bool is_for_now)
{
        cr_assert_not_null(fault);
        cr_assert_eq(is_of_network, is_for_now);
}

static void start(void)
{
        world_open(&w, false);
        address = (struct share){.context = &w.context};
        share_hold(&address);
        client = make_client();
        cr_assert_not_null(client);
}

static void stop(void)
{
        client_let_go(client);
        world_close(&w);
}

Test(client_assertion, is_good_once_and_clients_do_not_fill_the_store)
{
        static struct share ada;

        start();
        ada.context = &w.context;
        show("a", &ada);
        check_good();
        show("a", &ada);
        check_bad(false);
        w.context.authority->assertions.full_at_us = INT64_MAX / 2; /* used up for long */
        show("b", &ada);
        check_bad(true);
        stop();
}

Test(client_assertion, one_user_does_not_use_up_what_all_may)
{
        static struct share ada, bob;
        char jti[16];
        int n = 0;

        start();
        ada.context = bob.context = &w.context;
        do {
                snprintf(jti, sizeof(jti), "%d", n);
                show(jti, &ada);
        } while (fault == NULL && ++n < 1000);
        cr_assert_geq(n, 100);
        check_bad(true);
        show("of bob", &bob);
        check_good();
        stop();
}

/* What comes without anything of ours is refused behind it, and uses up nothing. */
Test(client_assertion, what_comes_with_nobodys_token_is_not_noted)
{
        static struct share ada;

        start();
        ada.context = &w.context;
        show("a", NULL);
        check_good();
        show("a", NULL);
        check_good();
        check_int(w.context.authority->assertions.full_at_us, 0);
        show("a", &ada);
        check_good();
        show("a", &ada);
        check_bad(false);
        stop();
}

/* To look at it takes its time, and whoever has a page on the web can make clients. */
Test(client_assertion, one_address_does_not_have_them_looked_at_without_end)
{
        static struct share ada;
        int n = 0;

        start();
        ada.context = &w.context;
        do
                show("a", NULL);
        while (fault == NULL && ++n < 1000);
        check_int(n, 50);
        check_bad(true);
        show("b", &ada);
        check_good();
        stop();
}
