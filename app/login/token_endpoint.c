/* What is brought is judged first, and used only then: who brings a code that is not theirs cannot
 * spoil it. The store remembers the use before anything is given for it (auth/family). */
#include "mgw/login/token_endpoint.h"

#include "client_request.h"
#include "mgw/auth/authorization_request.h"
#include "mgw/auth/code.h"
#include "mgw/auth/pkce.h"
#include "mgw/auth/scope.h"
#include "mgw/auth/token.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/login/decision.h"
#include "oauth_answer.h"
#include "person.h"

#include <stdlib.h>
#include <string.h>

static void refuse(struct client_request *cr, const char *error, const char *why)
{
        client_request_refuse(cr, 400, error, why);
}

/* The store's words. */
static void refuse_store(struct client_request *cr)
{
        client_request_refuse(cr, 503, "temporarily_unavailable",
                              "what was used cannot be written down: try again");
}

/* ---- the answer ---- */

static json_t *tokens(struct client_request *cr)
{
        const struct config_login *login = &cr->authority->context->config->login;
        int64_t now_ms = clock_wall_ms(), expires_ms = now_ms + login->access_token_ms;
        struct authorization narrowed = cr->of;
        char *access, *refresh, *scope;
        json_t *object;

        if (expires_ms > cr->of.ends_ms)
                expires_ms = cr->of.ends_ms;
        if (cr->scopes != NULL)
                narrowed.scopes = cr->scopes;
        access = token_make_access(cr->authority, &narrowed, expires_ms);
        refresh = token_make_refresh(cr->authority, &cr->of, cr->generation + 1);
        scope = scope_text(narrowed.scopes);
        object = json_pack("{s:s*, s:s, s:I, s:s*, s:s}", "access_token", access, "token_type",
                           "Bearer", "expires_in", (json_int_t)((expires_ms - now_ms) / 1000),
                           "refresh_token", refresh, "scope", scope);
        if (access == NULL || refresh == NULL) {
                json_decref(object);
                object = NULL;
        }
        free(access);
        free(refresh);
        free(scope);
        return object;
}

static void decide(const struct client_request *cr, const char *kind, const char *reason)
{
        decision_tell(cr->authority->context, cr->req,
                      DECISION(.kind = kind, .outcome = "ok", .user = cr->of.email,
                               .client = cr->client->key, .reason = reason));
}

/* A client may renew its tokens as often as it likes. */
static void log_it(const struct client_request *cr, const char *what)
{
        if (share_may_log(cr->req->share, cr->of.email))
                log_info(LOG_FIELDS({"user", cr->of.email}, {"client", cr->client->key},
                                    {"login", cr->of.family}),
                         "[OAuth] %s", what);
}

static void give(struct client_request *cr)
{
        json_t *object = tokens(cr);
        struct request *req = cr->req;

        if (object == NULL) {
                client_request_refuse(cr, 500, "server_error", "the token would be too long");
                return;
        }
        log_it(cr,
               cr->generation == 0 ? "a client has got tokens" : "a client has renewed its tokens");
        decide(cr, "tokens", cr->generation == 0 ? "code" : "refresh");
        cr->req = NULL;
        request_own(req, NULL, NULL);
        oauth_answer_json_take(req, 200, object);
        client_request_end(cr);
}

static void on_used(void *owner, int outcome)
{
        struct client_request *cr = owner;

        cr->use = NULL;
        if (outcome == 0)
                give(cr);
        else if (outcome == FAMILY_E_USED)
                refuse(cr, "invalid_grant", "it was used before: the login has been ended");
        else if (outcome == FAMILY_E_OVER)
                refuse(cr, "invalid_grant", "its login has been ended");
        else
                refuse_store(cr);
}

static void use(struct client_request *cr)
{
        cr->use = family_use(cr->authority, &cr->of, cr->generation, on_used, cr);
}

/* RFC 8707 2.2: another of ours would be another audience. */
static bool judge_resource(struct client_request *cr)
{
        const char *resource = client_request_get(cr, "resource");
        char *ours = resource != NULL ? authorization_resource(cr->authority->context, resource)
                                      : alloc_text(cr->of.resource);
        bool is_same = ours != NULL && strcmp(ours, cr->of.resource) == 0;

        free(ours);
        if (!is_same)
                refuse(cr, "invalid_target", "the resource is not the one that was asked for");
        return is_same;
}

static bool is_anothers(struct client_request *cr)
{
        if (strcmp(cr->of.client, cr->client->key) == 0)
                return false;
        refuse(cr, "invalid_grant", "it was given to another client");
        return true;
}

/* ---- a code ---- */

/* NULL, or why it is not good. */
static const char *judge_code(const struct client_request *cr, const struct code *code)
{
        const char *redirect = client_request_get(cr, "redirect_uri");

        if (redirect != NULL && strcmp(redirect, code->redirect) != 0)
                return "redirect_uri is not the one that the code was sent to";
        if (!pkce_fits(str_from(client_request_get(cr, "code_verifier")),
                       str_from(code->challenge)))
                return "the code_verifier does not fit the code_challenge";
        return NULL;
}

static void take_code(struct client_request *cr)
{
        const char *text = client_request_get(cr, "code"), *why;
        struct code code;
        int r;

        if (text == NULL || client_request_get(cr, "code_verifier") == NULL) {
                refuse(cr, "invalid_request", "code and code_verifier are needed");
                return;
        }
        r = code_read(&cr->authority->keys, &code, str_from(text), clock_wall_ms());
        cr->of = code.authorization;
        code.authorization = (struct authorization){.ends_ms = 0};
        why = r == SEAL_E_EXPIRED ? "the code has expired"
              : r != 0            ? "the code is none of ours"
                                  : judge_code(cr, &code);
        code_finish(&code);
        if (r == 0 && is_anothers(cr))
                return;
        if (why != NULL)
                refuse(cr, "invalid_grant", why);
        else if (judge_resource(cr))
                use(cr);
}

/* ---- a refresh token ---- */

static bool judge_scope(struct client_request *cr)
{
        const char *scope = client_request_get(cr, "scope");

        if (scope == NULL)
                return true;
        if (!scope_has_all(cr->of.scopes, scope)) {
                refuse(cr, "invalid_scope", "the user has not allowed all of that");
                return false;
        }
        cr->scopes = scope_choose(cr->authority->context, scope);
        return true;
}

/* The configuration may have changed since its user has signed in. */
static bool judge_person(struct client_request *cr)
{
        static char nobodys[] = "";
        const struct person person = {
                .source = cr->of.is_of_file ? IDENTITY_FILE : IDENTITY_LOGIN,
                .domain = cr->of.domain != NULL ? cr->of.domain : nobodys,
                .groups = cr->of.groups,
        };
        const char *why = person_is_refused(&person, &cr->authority->context->config->login);

        if (why != NULL)
                refuse(cr, "invalid_grant", why);
        return why == NULL;
}

static void take_refresh_token(struct client_request *cr)
{
        const char *text = client_request_get(cr, "refresh_token");
        int r;

        if (text == NULL) {
                refuse(cr, "invalid_request", "refresh_token is needed");
                return;
        }
        r = token_read_refresh(cr->authority, str_from(text), clock_wall_ms(), &cr->of,
                               &cr->generation);
        if (r == TOKEN_E_OVER)
                refuse(cr, "invalid_grant", "its login has been ended");
        else if (r == TOKEN_E_EXPIRED)
                refuse(cr, "invalid_grant", "its login has expired");
        else if (r != 0)
                refuse(cr, "invalid_grant", "the refresh token is none of ours");
        else if (!is_anothers(cr) && judge_person(cr) && judge_resource(cr) && judge_scope(cr))
                use(cr);
}

static void on_token_client(struct client_request *cr)
{
        const char *type = client_request_get(cr, "grant_type");

        if (type == NULL)
                refuse(cr, "invalid_request", "grant_type is missing");
        else if (strcmp(type, "authorization_code") == 0)
                take_code(cr);
        else if (strcmp(type, "refresh_token") == 0)
                take_refresh_token(cr);
        else
                refuse(cr, "unsupported_grant_type",
                       "grant_type must be authorization_code or refresh_token");
}

void token_endpoint_on_post(struct request *req)
{
        client_request_start(req, on_token_client);
}

/* ---- revoke ---- */

static void revoked(struct client_request *cr)
{
        struct request *req = cr->req;

        cr->req = NULL;
        request_own(req, NULL, NULL);
        request_reply(req, 200, (const struct cgi_header[]){{"Cache-Control", "no-store"}, {0}},
                      STR(""));
        client_request_end(cr);
}

static void on_ended(void *owner, int outcome)
{
        struct client_request *cr = owner;

        cr->use = NULL;
        if (outcome != 0) {
                refuse_store(cr);
                return;
        }
        log_it(cr, "a client has ended its login");
        decide(cr, "revoke", NULL);
        revoked(cr);
}

/* What is none of ours, or has ended, is as revoked as can be (RFC 7009 2.2). Of a login all ends,
 * whichever of its tokens is named. */
static void on_revoke_client(struct client_request *cr)
{
        const char *text = client_request_get(cr, "token");
        int64_t expires_ms, now_ms = clock_wall_ms();
        int r;

        if (text == NULL) {
                refuse(cr, "invalid_request", "token is needed");
                return;
        }
        r = token_read_refresh(cr->authority, str_from(text), now_ms, &cr->of, &cr->generation);
        if (r == TOKEN_E_BAD) {
                authorization_finish(&cr->of);
                r = token_read_access(cr->authority, str_from(text), now_ms, &cr->of, &expires_ms);
        }
        if (r != 0)
                revoked(cr);
        else if (!is_anothers(cr))
                cr->use = family_end(cr->authority, &cr->of, on_ended, cr);
}

void token_endpoint_on_revoke(struct request *req)
{
        client_request_start(req, on_revoke_client);
}
