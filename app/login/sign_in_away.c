/* To the provider. */
#include "mgw/auth/oauth_flow.h"
#include "mgw/base/alloc.h"
#include "mgw/base/rand.h"
#include "mgw/base/strv.h"
#include "mgw/login/page.h"
#include "sign_in_inside.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES 8192

static char *scopes_text(const struct config_login *login)
{
        struct buf text;
        char *copy;

        buf_init(&text, ALLOC_SMALL_BYTES);
        for (char *const *scope = login->scopes; scope != NULL && *scope != NULL; scope++)
                (void)buf_addf(&text, "%s%s", text.len > 0 ? " " : "", *scope);
        copy = alloc_str(buf_bytes(&text));
        buf_finish(&text);
        return copy;
}

/* Google knows "select_account" alone, and others "login" alone. Google shows only accounts of a
 * domain that it is told; that they are of it, is judged by what comes back. */
static char **more_params(const struct sign_in *in)
{
        const struct config_login *login = sign_in_login(in);
        bool is_google = strcmp(login->issuer, CONFIG_LOGIN_GOOGLE) == 0;
        char **params = NULL;

        (void)strv_add_take(&params, alloc_format("nonce=%s", in->state.id));
        if (in->asks_who)
                (void)strv_add_take(
                        &params, alloc_text(is_google ? "prompt=select_account" : "prompt=login"));
        if (is_google && strv_count((const char *const *)login->domains) == 1)
                (void)strv_add_take(&params, alloc_format("hd=%s", login->domains[0]));
        return params;
}

/* The address to go to. 0, BUF_E_FULL, -ENOMEM. */
static int add_address(struct sign_in *in, struct buf *out, const char *challenge)
{
        char *state = sign_in_state_close(in->req, &in->cookies, &in->state);
        char *scope = scopes_text(sign_in_login(in)), *redirect = sign_in_redirect_uri(in);
        char **params = more_params(in);
        int r = oauth_flow_authorization_url(out, &in->party, redirect, state, challenge, scope,
                                             params);

        strv_free(params);
        free(redirect);
        free(scope);
        free(state);
        return r;
}

static void send_away(struct sign_in *in, struct str address)
{
        static const char body[] = "<p>You are being led to your organization's sign-in "
                                   "service.</p>\n";
        struct cgi_header headers[COOKIES_MAX + 2];
        char *location = alloc_str(address);

        memcpy(headers, in->cookies.headers, sizeof(in->cookies.headers));
        headers[in->cookies.n] = (struct cgi_header){"Location", location};
        headers[in->cookies.n + 1] = (struct cgi_header){NULL, NULL};
        request_own(in->req, NULL, NULL);
        page_reply(in->req, 303, "Signing in", STR(body), NULL, headers);
        free(location);
        sign_in_end(in);
}

static void leave(struct sign_in *in)
{
        char challenge[PKCE_SIZE];
        struct buf address;

        if (!sign_in_read_party(in))
                return;
        pkce_make(in->state.verifier, challenge);
        rand_text(in->state.id, 16);
        buf_init(&address, URL_MAX_BYTES);
        if (add_address(in, &address, challenge) == 0)
                send_away(in, buf_bytes(&address));
        else
                sign_in_refuse_for_good(in, "what is to be asked for is too long");
        buf_finish(&address);
}

void sign_in_go_away(struct request *req, char *path_take, bool asks_who)
{
        struct sign_in *in = sign_in_begin(req);

        if (in == NULL) {
                free(path_take);
                return;
        }
        in->state.path = path_take;
        in->asks_who = asks_who;
        sign_in_require_metadata(in, leave);
}
