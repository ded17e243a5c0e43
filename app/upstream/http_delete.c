/* The end of an upstream's session: a DELETE, for which a token may have to be fetched. Nobody is
 * told how it went; the gateway waits for it when it drains (upstream->n_ending). */
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/wire/hdr.h"
#include "transport_http_inside.h"

#include "mgw/base/alloc.h"

#include <assert.h>
#include <stdlib.h>

static void ending_on_head(void *owner, const struct http_response *response)
{
        (void)owner;
        (void)response;
}

static enum http_flow ending_on_body(void *owner, const char *p, size_t n)
{
        (void)owner;
        (void)p;
        (void)n;
        return HTTP_GO_ON;
}

static void ending_end(struct account *account, const char *why)
{
        assert(account->upstream->n_ending > 0);
        account->upstream->n_ending--;
        if (why != NULL)
                log_debug(NULL, "[upstream] %s: end of a session: %s",
                          upstream_name(account->upstream), why);
        account_let_go(account);
}

static void ending_on_done(void *owner, const struct http_failure *failure)
{
        ending_end(owner, failure != NULL ? failure->why : NULL);
}

/* A session that waits for a token to be ended with. */
struct ending {
        struct account *account;
        struct credential_use use;
        char *session_id;
        char *version; /* NULL: not known */
};

static void ending_free(struct ending *e)
{
        credential_leave(&e->use);
        free(e->session_id);
        free(e->version);
        free(e);
}

static void ending_on_no_token(struct credential_use *use, const char *why)
{
        struct ending *e = container_of(use, struct ending, use);

        ending_end(e->account, why);
        ending_free(e);
}

static void ending_on_token(struct credential_use *use)
{
        static const struct http_handlers handlers = {ending_on_head, ending_on_body,
                                                      ending_on_done};
        struct ending *e = container_of(use, struct ending, use);
        struct upstream *upstream = e->account->upstream;
        struct http_request *request;
        struct http_transfer_lines headers;
        struct http_options options = {
                .method = "DELETE",
                .url = upstream->server->url,
                .connect_timeout_ms = upstream_connect_timeout_ms(upstream),
                .timeout_ms = DELETE_TIMEOUT_MS,
                .source = &upstream->http,
        };

        http_transfer_lines_init(&headers, e->account, use->header, e->session_id, e->version, NULL,
                                 NULL);
        options.headers = headers.lines;
        if (http_start(upstream->context->http, &options, &handlers, e->account, &request) < 0)
                ending_end(e->account, "DELETE could not be sent");
        free(headers.lines);
        ending_free(e);
}

/* version may be NULL. */
void http_delete_start(struct account *account, const char *session_id, const char *version)
{
        struct ending *e = alloc_zeroed(sizeof(*e));
        int r;

        e->account = account_hold(account);
        e->session_id = alloc_text(session_id);
        e->version = version != NULL ? alloc_text(version) : NULL;
        e->use = (struct credential_use){.credential = account->credential,
                                         .on_token = ending_on_token,
                                         .on_fail = ending_on_no_token};
        account->upstream->n_ending++;
        r = credential_ask(&e->use);
        if (r == 0)
                ending_on_token(&e->use);
        else if (r < 0)
                ending_on_no_token(&e->use, "the request for a token could not be started");
}

/* Nobody wants the session any more that it opens. */
static void late_greeting_on_head(void *owner, const struct http_response *response)
{
        char *id;

        if (!hdr_is_visible(response->session_id, SESSION_ID_MAX))
                return;
        id = alloc_str(response->session_id);
        http_delete_start(owner, id, NULL);
        free(id);
}

void http_delete_of_handshake(struct http_transfer *w)
{
        static const struct http_handlers handlers = {late_greeting_on_head, ending_on_body,
                                                      ending_on_done};
        struct account *account = w->us->account;

        http_hand_over(w->http, &handlers, account_hold(account));
        w->http = NULL;
        account->upstream->n_ending++;
}
