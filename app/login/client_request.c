#include "client_request.h"

#include "mgw/auth/sealed.h"
#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/base/strv.h"
#include "mgw/core/share.h"
#include "mgw/core/user.h"
#include "mgw/login/decision.h"
#include "oauth_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What it says of itself, and what of it is to be believed. */
struct credentials {
        char id[CLIENT_ID_MAX_BYTES + 1];
        char secret[512];
        bool has_basic;
};

/* ---- its life ---- */

void client_request_end(struct client_request *cr)
{
        if (cr->req != NULL)
                request_own(cr->req, NULL, NULL);
        client_find_cancel(&cr->find);
        client_assertion_cancel(cr->assertion);
        family_use_leave(cr->use);
        client_let_go(cr->client);
        form_destroy(cr->form);
        authorization_finish(&cr->of);
        strv_free(cr->scopes);
        free(cr);
}

static void on_gone(struct request *req)
{
        struct client_request *cr = req->owner;

        cr->req = NULL;
        client_request_end(cr);
}

static const struct request_events events = {.on_gone = on_gone};

const char *client_request_get(const struct client_request *cr, const char *name)
{
        const char *value = form_get(cr->form, name);

        return value != NULL && value[0] != '\0' ? value : NULL;
}

static void answer(struct client_request *cr, unsigned status, const char *error, const char *why)
{
        struct request *req = cr->req;

        cr->req = NULL;
        request_own(req, NULL, NULL);
        oauth_answer_error(req, status, error, why);
}

void client_request_refuse(struct client_request *cr, unsigned status, const char *error,
                           const char *why)
{
        char address[64];

        str_to_text(cr->req->in->head.remote_addr, address, sizeof(address));
        if (share_may_log(cr->req->share, address))
                log_info(LOG_FIELDS({"client", cr->client != NULL ? cr->client->key : NULL},
                                    {"user", cr->of.email}, {"login", cr->of.family},
                                    {"error", error}, {"address", address}),
                         "[OAuth] a client's request is refused: %s", why);
        decision_tell(cr->authority->context, cr->req,
                      DECISION(.kind = "tokens", .outcome = status >= 500 ? "failed" : "refused",
                               .user = cr->of.email,
                               .client = cr->client != NULL ? cr->client->key : NULL, .reason = why,
                               .is_strangers = true));
        answer(cr, status, error, why);
        client_request_end(cr);
}

static void refuse_client(struct client_request *cr, const char *why)
{
        client_request_refuse(cr, 401, "invalid_client", why);
}

/* ---- who it says it is ---- */

/* "Basic base64(id:secret)", each of them encoded as in a form (RFC 6749 2.3.1). */
static bool read_basic(struct credentials *given, struct str header)
{
        struct buf pair;
        struct str rest;
        bool is_good;

        str_cut(&header, ' ');
        buf_init(&pair, sizeof(given->id) + sizeof(given->secret));
        is_good = base64_decode(&pair, BASE64_STANDARD, str_trim(header)) == 0;
        rest = buf_bytes(&pair);
        is_good = is_good && form_decode(str_cut(&rest, ':'), given->id, sizeof(given->id)) == 0 &&
                  form_decode(rest, given->secret, sizeof(given->secret)) == 0;
        buf_finish(&pair);
        return is_good;
}

/* Who signs need not say their id beside (RFC 7523 3). */
static void read_id(const struct client_request *cr, struct credentials *given, const char *id)
{
        const char *assertion = client_request_get(cr, "client_assertion");
        char *subject = NULL;

        if (id == NULL && assertion != NULL)
                id = subject = client_assertion_subject(str_from(assertion));
        snprintf(given->id, sizeof(given->id), "%s", id != NULL ? id : "");
        free(subject);
}

/* False: it has been refused. */
static bool read_credentials(struct client_request *cr, struct credentials *given)
{
        struct str header = cr->req->in->head.authorization;
        const char *id = client_request_get(cr, "client_id");
        const char *secret = client_request_get(cr, "client_secret");

        *given = (struct credentials){
                .has_basic =
                        str_eq_nocase((struct str){header.p, header.n < 6 ? 0 : 6}, STR("Basic "))};
        if (given->has_basic && !read_basic(given, header)) {
                refuse_client(cr, "the Authorization header cannot be read");
                return false;
        }
        if (given->has_basic && (secret != NULL || (id != NULL && strcmp(id, given->id) != 0))) {
                client_request_refuse(cr, 400, "invalid_request",
                                      "client credentials came in two ways");
                return false;
        }
        if ((id != NULL && strlen(id) >= sizeof(given->id)) ||
            (secret != NULL && strlen(secret) >= sizeof(given->secret))) {
                refuse_client(cr, "client_id or client_secret is too long");
                return false;
        }
        if (!given->has_basic)
                read_id(cr, given, id);
        if (secret != NULL)
                snprintf(given->secret, sizeof(given->secret), "%s", secret);
        return true;
}

/* ---- is it so ---- */

static void on_assertion(void *owner, const char *fault, bool is_of_network)
{
        struct client_request *cr = owner;

        cr->assertion = NULL;
        if (fault == NULL)
                cr->on_client(cr);
        else if (is_of_network)
                client_request_refuse(cr, 503, "temporarily_unavailable", fault);
        else
                refuse_client(cr, fault);
}

/* Is it what this client was given for a user? */
static bool opens(const struct client_request *cr, const char *text, struct authorization *of)
{
        static const char *const kinds[] = {SEALED_CODE, SEALED_REFRESH, SEALED_ACCESS};
        json_t *content;
        bool is_theirs;

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (sealed_open(&cr->authority->keys, kinds[i], clock_wall_ms(), str_from(text),
                                &content) != 0)
                        continue;
                is_theirs = authorization_from_json(of, content) &&
                            strcmp(of->client, cr->client->key) == 0;
                json_decref(content);
                if (is_theirs)
                        return true;
                authorization_finish(of);
        }
        return false;
}

/* The share of who has given this client what comes with the request, held. NULL: nobody has. */
static struct share *share_of_giver(const struct client_request *cr)
{
        static const char *const names[] = {"code", "refresh_token", "token"};
        struct context *context = cr->authority->context;
        struct share *share = NULL;
        struct authorization of;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && share == NULL; i++) {
                const char *text = client_request_get(cr, names[i]);
                struct user *user;

                if (text == NULL || !opens(cr, text, &of))
                        continue;
                user = user_of_email(context->users, str_from(of.email), 0);
                share = user != NULL ? share_of(context, user, cr->req->in->head.remote_addr)
                                     : share_hold(cr->req->share); /* too many are here */
                user_let_go(user);
                authorization_finish(&of);
        }
        return share;
}

static void judge_assertion(struct client_request *cr, const char *text)
{
        const char *type = client_request_get(cr, "client_assertion_type"), *fault;
        struct client_assertion_options options = {.client = cr->client, .share = cr->req->share};

        if (text == NULL || type == NULL || strcmp(type, CLIENT_ASSERTION_TYPE) != 0) {
                refuse_client(cr, "private_key_jwt: a client_assertion is needed, with its type");
                return;
        }
        options.user = share_of_giver(cr);
        cr->assertion = client_assertion_start(cr->authority, &options, str_from(text),
                                               on_assertion, cr, &fault);
        share_let_go(options.user);
        if (cr->assertion == NULL)
                refuse_client(cr, fault);
}

static void judge(struct client_request *cr, const struct credentials *given)
{
        const struct client *client = cr->client;
        const char *assertion = client_request_get(cr, "client_assertion");

        if (client->auth == CLIENT_AUTH_KEY)
                judge_assertion(cr, assertion);
        else if (assertion != NULL)
                refuse_client(cr, "this client has no keys");
        else if (client->auth == CLIENT_AUTH_NONE && given->secret[0] != '\0')
                refuse_client(cr, "this client has no secret");
        else if (client->auth == CLIENT_AUTH_SECRET &&
                 !client_has_secret(&cr->authority->keys, client, str_from(given->secret)))
                refuse_client(cr, "the client_secret is not this client's");
        else
                cr->on_client(cr);
}

static void on_client_known(struct client_request *cr)
{
        struct credentials given;

        if (cr->find.client == NULL) {
                client_request_refuse(cr, cr->find.is_fault_of_network ? 503 : 401,
                                      cr->find.is_fault_of_network ? "temporarily_unavailable"
                                                                   : "invalid_client",
                                      cr->find.fault);
                return;
        }
        cr->client = cr->find.client;
        cr->find.client = NULL;
        if (read_credentials(cr, &given))
                judge(cr, &given);
}

static void on_found(struct client_find *find)
{
        on_client_known(container_of(find, struct client_request, find));
}

void client_request_start(struct request *req, void (*on_client)(struct client_request *cr))
{
        struct authority *authority = oauth_answer_authority(req);
        struct credentials given;
        struct client_request *cr;

        if (authority == NULL || !oauth_answer_may_ask(req))
                return;
        cr = alloc_zeroed(sizeof(*cr));
        cr->req = req;
        cr->authority = authority;
        cr->on_client = on_client;
        cr->find.on_found = on_found;
        request_own(req, &events, cr);
        if (form_read(&cr->form, buf_bytes(&req->in->body)) != 0) {
                client_request_refuse(cr, 400, "invalid_request", "the body is no form");
                return;
        }
        if (form_repeated(cr->form) != NULL) {
                client_request_refuse(cr, 400,
                                      strcmp(form_repeated(cr->form), "resource") == 0
                                              ? "invalid_target"
                                              : "invalid_request",
                                      "a parameter stands there twice");
                return;
        }
        if (!read_credentials(cr, &given))
                return;
        if (given.id[0] == '\0')
                refuse_client(cr, "client_id is missing");
        else if (client_find_start(authority, &cr->find, req->share, given.id))
                on_client_known(cr);
}
