/* The table of paths. Judged once, when the head is in: Origin (403), path (404), preflight (204),
 * method (405), user (401), content type (415), length (413), the session of a message (404). So of
 * what is refused no body is kept, and a body under way is a known user's. */
#include "mgw/server/route.h"

#include "handover.h"
#include "mgw/auth/caller.h"
#include "mgw/auth/challenge.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/login/authorize.h"
#include "mgw/login/browser.h"
#include "mgw/login/connect.h"
#include "mgw/login/decision.h"
#include "mgw/login/page.h"
#include "mgw/login/registration.h"
#include "mgw/login/server_metadata.h"
#include "mgw/login/token_endpoint.h"
#include "mgw/mcp/guard.h"
#include "mgw/server/admin.h"
#include "mgw/session/endpoint_session.h"
#include "mgw/session/refuse.h"
#include "mgw/status/status.h"
#include "mgw/wire/form.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"
#include "resource_metadata.h"
#include "server_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What comes with a request. */
enum body {
        BODY_NONE,  /* what comes all the same is thrown away: some clients send {} with a DELETE */
        BODY_JSON,  /* told by its Content-Type */
        BODY_FORM,  /* likewise */
        BODY_SMALL, /* no longer than a form */
        BODY_ANY,
};

enum audience {
        FOR_ALL,
        FOR_STRANGERS, /* likewise; each address pays for itself */
        FOR_CLIENTS,   /* likewise, of the authorization server: there where mgw is one */
        FOR_USERS,
        FOR_ADMINS,    /* operators, and whom status_viewer_find() knows */
        FOR_OPERATORS, /* what came by the inside port; to others it is not there */
};

struct route {
        const char *path;
        enum cgi_method method;
        enum body body;
        enum audience audience;
        /* What else the head alone tells. false: it has been answered. */
        bool (*on_head)(struct request *req);
        void (*on_request)(struct request *req);
};

static const struct route routes[] = {
        {"/mcp", CGI_POST, BODY_JSON, FOR_USERS, NULL, endpoint_session_on_post},
        {"/mcp", CGI_GET, BODY_NONE, FOR_USERS, NULL, endpoint_session_on_get},
        {"/mcp", CGI_DELETE, BODY_NONE, FOR_USERS, NULL, endpoint_session_on_delete},
        {"/sse", CGI_GET, BODY_NONE, FOR_USERS, NULL, endpoint_session_on_sse},
        {"/message", CGI_POST, BODY_JSON, FOR_USERS, endpoint_session_on_message_head,
         endpoint_session_on_message},
        {"/.well-known/oauth-authorization-server", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL,
         server_metadata_on_get},
        {"/.well-known/oauth-authorization-server/mcp", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL,
         server_metadata_on_get},
        {"/.well-known/oauth-authorization-server/sse", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL,
         server_metadata_on_get},
        {"/.well-known/openid-configuration", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL,
         server_metadata_on_get},
        {"/.well-known/openid-configuration/mcp", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL,
         server_metadata_on_get},
        {"/.well-known/openid-configuration/sse", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL,
         server_metadata_on_get},
        {"/mcp/.well-known/openid-configuration", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL,
         server_metadata_on_get},
        {"/sse/.well-known/openid-configuration", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL,
         server_metadata_on_get},
        {"/oauth/authorize", CGI_GET, BODY_NONE, FOR_CLIENTS, NULL, authorize_on_get},
        {"/oauth/consent", CGI_POST, BODY_FORM, FOR_CLIENTS, NULL, authorize_on_consent},
        {"/oauth/token", CGI_POST, BODY_FORM, FOR_CLIENTS, NULL, token_endpoint_on_post},
        {"/oauth/revoke", CGI_POST, BODY_FORM, FOR_CLIENTS, NULL, token_endpoint_on_revoke},
        {"/oauth/register", CGI_POST, BODY_SMALL, FOR_CLIENTS, NULL, registration_on_post},
        {"/oauth/sign-in", CGI_GET, BODY_NONE, FOR_STRANGERS, NULL, browser_on_sign_in},
        {"/oauth/sign-in", CGI_POST, BODY_FORM, FOR_STRANGERS, NULL, browser_on_sign_in_form},
        {"/oauth/sign-out", CGI_POST, BODY_FORM, FOR_STRANGERS, NULL, browser_on_sign_out},
        {"/oauth/callback", CGI_GET, BODY_NONE, FOR_STRANGERS, NULL, sign_in_on_callback},
        {"/oauth/client.json", CGI_GET, BODY_NONE, FOR_ALL, NULL, connect_on_client_document},
        {"/connect", CGI_GET, BODY_NONE, FOR_STRANGERS, NULL, connect_on_page},
        {"/connect/start", CGI_GET, BODY_NONE, FOR_STRANGERS, NULL, connect_on_start},
        {"/connect/callback", CGI_GET, BODY_NONE, FOR_STRANGERS, NULL, connect_on_callback},
        {"/connect/end", CGI_POST, BODY_FORM, FOR_STRANGERS, NULL, connect_on_end},
        {"/oauth/style.css", CGI_GET, BODY_NONE, FOR_ALL, NULL, page_on_style},
        {"/.well-known/oauth-protected-resource", CGI_GET, BODY_NONE, FOR_ALL, NULL,
         resource_metadata_on_get},
        {"/.well-known/oauth-protected-resource/mcp", CGI_GET, BODY_NONE, FOR_ALL, NULL,
         resource_metadata_on_get},
        {"/.well-known/oauth-protected-resource/sse", CGI_GET, BODY_NONE, FOR_ALL, NULL,
         resource_metadata_on_get},
        {"/health", CGI_GET, BODY_NONE, FOR_ALL, NULL, admin_on_health},
        {"/ready", CGI_GET, BODY_NONE, FOR_ALL, NULL, admin_on_ready},
        {"/", CGI_GET, BODY_NONE, FOR_ADMINS, NULL, status_on_page},
        {"/status/page.css", CGI_GET, BODY_NONE, FOR_ADMINS, NULL, status_on_style},
        {"/status/page.js", CGI_GET, BODY_NONE, FOR_ADMINS, NULL, status_on_script},
        {"/status/events", CGI_GET, BODY_NONE, FOR_ADMINS, NULL, status_on_events},
        {"/status/mcp", CGI_POST, BODY_JSON, FOR_ADMINS, status_on_mcp_head, status_on_mcp},
        {"/metrics", CGI_GET, BODY_NONE, FOR_OPERATORS, NULL, admin_on_metrics},
        {"/admin/announce", CGI_POST, BODY_ANY, FOR_OPERATORS, NULL, admin_on_announce},
};

/* A request without a body that brings so much of one is refused. */
#define IGNORED_BODY_MAX_BYTES (64u << 10)

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static const char *const method_names[] = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"};

static const struct cgi_header plain[] = {{"Content-Type", "text/plain"}, {0}};

/* RFC 6750 3.1. */
struct refusal {
        unsigned status;
        const char *error; /* NULL: none is named */
        const char *text;  /* of the answer */
};

static const struct refusal refusals[] = {
        [USER_NO_TOKEN] = {401, NULL, "A bearer token is needed (mgw token EMAIL makes one)."},
        [USER_BAD_TOKEN] = {401, "invalid_token", "The bearer token is not known here."},
        [USER_EXPIRED] = {401, "invalid_token", "The bearer token has expired."},
        [USER_NOT_ALLOWED] = {403, NULL, "Its user is not let in here."},
        [USER_UNSURE] = {503, NULL,
                         "It cannot be told now whether the bearer token is good: try again soon."},
        [USER_TOO_MANY] = {503, NULL, "Too many users are here: try again soon."},
};

/* Whoever has none is only told how to get one. */
static void tell_refusal(struct request *req, enum user_verdict verdict, const char *why)
{
        static const char *const reasons[] = {
                [USER_BAD_TOKEN] = "not known",     [USER_EXPIRED] = "expired",
                [USER_NOT_ALLOWED] = "not let in",  [USER_UNSURE] = "cannot be judged now",
                [USER_TOO_MANY] = "too many users", [USER_WAIT] = "cannot be judged now",
        };

        if (verdict != USER_NO_TOKEN)
                decision_tell(request_context(req), req,
                              DECISION(.kind = "token", .outcome = "refused",
                                       .reason = why != NULL ? why : reasons[verdict],
                                       .is_strangers = true));
}

/* why: what is wrong with the token; NULL: no more is to be told. */
static void refuse_user(struct request *req, enum user_verdict verdict, const char *why)
{
        const struct refusal *refusal = &refusals[verdict];
        char *text = alloc_format("%s%s%s%s\n", refusal->text, why != NULL ? " Of the token: " : "",
                                  why != NULL ? why : "", why != NULL ? "." : "");
        char *challenge = refusal->status == 401
                                  ? challenge_bearer(request_context(req), req->in->head.path,
                                                     refusal->error, why, NULL)
                                  : NULL;
        const struct cgi_header headers[] = {
                {"Content-Type", "text/plain"},
                {"Cache-Control", "no-store"},
                {challenge != NULL ? "WWW-Authenticate" : "Retry-After",
                 challenge != NULL        ? challenge
                 : refusal->status == 503 ? "5"
                                          : NULL},
                {0}};

        request_reply(req, refusal->status, headers, str_from(text));
        free(challenge);
        free(text);
}

static void preflight(struct request *req)
{
        static const struct cgi_header headers[] = {
                {"Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"},
                {"Access-Control-Allow-Headers",
                 "Authorization, Content-Type, Accept, Mcp-Session-Id, "
                 "MCP-Protocol-Version, Last-Event-ID, *"}, /* Mcp-Param-*: any name */
                {"Access-Control-Max-Age", "86400"},
                {0},
        };

        request_reply(req, 204, headers, STR(""));
}

static void refuse_method(struct request *req)
{
        char allow[64];
        size_t n = (size_t)snprintf(allow, sizeof(allow), "OPTIONS");

        for (size_t i = 0; i < N_ROUTES; i++)
                if (str_eq(str_from(routes[i].path), req->in->head.path))
                        n += (size_t)snprintf(allow + n, sizeof(allow) - n, ", %s",
                                              method_names[routes[i].method]);
        request_reply(req, 405, (const struct cgi_header[]){{"Allow", allow}, {0}}, STR(""));
}

/* The length, where it is told; one that is not is held to the cap while it comes. */
static bool is_longer_than(const struct request *req, uint64_t max_bytes)
{
        return req->in->head.has_length && req->in->head.content_length > max_bytes;
}

static void refuse_length(struct request *req)
{
        request_reply(req, 413, plain, STR("The body is over the limit (body_max_bytes).\n"));
}

static uint32_t body_max_bytes(const struct request *req)
{
        uint32_t max_bytes = request_context(req)->config->body_max_bytes;

        enum body body = req->in->route->body;

        return (body == BODY_FORM || body == BODY_SMALL) && max_bytes > FORM_MAX_BYTES
                       ? FORM_MAX_BYTES
                       : max_bytes;
}

static bool judge_body(struct request *req)
{
        const struct route *route = req->in->route;
        struct str type = req->in->head.content_type;
        uint32_t max_bytes = body_max_bytes(req);

        if (route->body == BODY_NONE) {
                if (!is_longer_than(req, IGNORED_BODY_MAX_BYTES))
                        return true;
                refuse_length(req);
        } else if (route->body == BODY_JSON &&
                   hdr_is_compressed(cgi_param(&req->in->params, "HTTP_CONTENT_ENCODING"))) {
                /* it would be of any size */
                refuse_message(req, 415, NULL, RPC_INVALID_REQUEST,
                               "compressed bodies are not taken (Content-Encoding)", NULL);
        } else if (route->body == BODY_FORM &&
                   !hdr_media_is(type, STR("application/x-www-form-urlencoded"))) {
                request_reply(req, 415, plain,
                              STR("Content-Type must be application/x-www-form-urlencoded.\n"));
        } else if (route->body == BODY_JSON && !hdr_media_is(type, STR("application/json"))) {
                refuse_message(req, 415, NULL, RPC_INVALID_REQUEST,
                               "Content-Type must be application/json", NULL);
        } else if (is_longer_than(req, max_bytes)) {
                refuse_length(req);
        } else if (route->on_head == NULL || route->on_head(req)) {
                request_take_body(req, max_bytes);
                return true;
        }
        return false;
}

/* What nobody is asked for is the gateway's own. */
static void choose_share(struct request *req)
{
        struct context *context = request_context(req);
        struct str address = req->in->head.remote_addr;
        const struct identity *identity = req->in->identity;

        if (identity != NULL)
                request_set_share(req, share_of(context, identity->user, address));
        else if (req->in->route->audience == FOR_STRANGERS ||
                 req->in->route->audience == FOR_CLIENTS || req->in->route->audience == FOR_ADMINS)
                request_set_share(req, share_of_address(context, address));
        else
                request_set_share(req, share_hold(context->own_share));
}

static bool judge_anonymous(struct request *req)
{
        const struct config *config = request_context(req)->config;

        if (req->in->identity == NULL || !req->in->identity->user->is_anonymous ||
            caller_may_be_anybody(config, req->in->head.remote_addr))
                return true;
        request_reply(
                req, 403, plain,
                STR("No users are configured here (auth.tokens_file), so only clients of this "
                    "machine are let in (auth.anonymous lets in all).\n"));
        return false;
}

/* A request whose token can be judged when the keys of its issuer have come. */
struct held {
        struct issuer_wait wait;
        struct request *req;
};

static void held_on_ready(struct issuer_wait *wait)
{
        struct held *held = container_of(wait, struct held, wait);
        struct request *req = held->req;

        free(held);
        request_release(req);
}

static void held_on_gone(struct request *req)
{
        struct held *held = req->owner;

        issuer_leave(&held->wait);
        free(held);
}

static bool hold(struct request *req, struct issuer *issuer)
{
        static const struct request_events events = {.on_gone = held_on_gone};
        struct share *share = share_of_address(request_context(req), req->in->head.remote_addr);
        struct held *held = alloc_zeroed(sizeof(*held));
        bool is_held;

        held->wait.on_ready = held_on_ready;
        held->req = req;
        is_held = issuer_wait(issuer, &held->wait, share);
        share_let_go(share);
        if (!is_held) {
                free(held);
                return false;
        }
        request_own(req, &events, held);
        request_hold(req);
        return true;
}

static void refuse_path(struct request *req)
{
        request_reply(
                req, 404, plain,
                req->in->head.is_inside
                        ? STR("Nothing is here. The status page is at /, metrics at /metrics, "
                              "announcements go to /admin/announce.\n")
                        : STR("Nothing is here. MCP is at /mcp, or at /sse for old "
                              "clients.\n"));
}

static bool judge_admin(struct request *req)
{
        if (status_viewer_find(req))
                return true;
        refuse_path(req);
        return false;
}

static bool judge_user(struct request *req)
{
        enum user_verdict verdict = USER_OK;
        struct issuer *issuer = NULL;
        const char *why = NULL;

        if (req->in->route->audience == FOR_ADMINS)
                return judge_admin(req);
        if (req->in->route->audience == FOR_USERS)
                verdict = caller_find(request_context(req), req->in->head.authorization,
                                      req->in->head.remote_addr, clock_wall_ms(),
                                      req->was_held ? NULL : &issuer, &req->in->identity, &why);
        if (verdict == USER_WAIT && hold(req, issuer))
                return false;
        if (verdict == USER_OK)
                return judge_anonymous(req);
        tell_refusal(req, verdict, why);
        refuse_user(req, verdict == USER_WAIT ? USER_UNSURE : verdict, why);
        return false;
}

static bool route_is_there(const struct route *route, const struct request *req)
{
        return str_eq(str_from(route->path), req->in->head.path) &&
               (route->audience != FOR_OPERATORS || req->in->head.is_inside) &&
               (route->audience != FOR_ADMINS || status_is_there(req)) &&
               (route->audience != FOR_CLIENTS || request_context(req)->authority != NULL);
}

/* HEAD: not of what may become a stream. */
static bool may_be_for_its_head(const struct route *route)
{
        return route->audience != FOR_USERS && route->audience != FOR_ADMINS;
}

/* Sets req->in->route, or answers. Addresses are often written with a slash at their end. */
static bool judge_path(struct request *req)
{
        enum cgi_method method = req->in->head.method == CGI_HEAD ? CGI_GET : req->in->head.method;
        struct str *path = &req->in->head.path;
        bool path_is_known = false;

        path->n -= path->n > 1 && path->p[path->n - 1] == '/';
        for (size_t i = 0; i < N_ROUTES; i++) {
                const struct route *route = &routes[i];

                if (!route_is_there(route, req))
                        continue;
                path_is_known = true;
                if (route->method == method &&
                    (req->in->head.method != CGI_HEAD || may_be_for_its_head(route))) {
                        req->in->route = route;
                        return true;
                }
        }
        if (!path_is_known)
                refuse_path(req);
        else if (req->in->head.method == CGI_OPTIONS)
                preflight(req);
        else
                refuse_method(req);
        return false;
}

/* The inside port has no address that would be told: a page of it names what it was asked for. */
static bool is_inside_origin(const struct request *req)
{
        struct str origin = req->in->head.origin, scheme = STR("http://");

        return req->in->head.is_inside && str_has_prefix(origin, scheme) &&
               str_eq_nocase((struct str){origin.p + scheme.n, origin.n - scheme.n},
                             cgi_param(&req->in->params, "HTTP_HOST"));
}

/* A browser names the origin of our own pages with each form that it sends. */
static bool is_own_origin(const struct config *config, struct str origin)
{
        struct str url = str_from(config->public_url), host = hdr_url_host(url);
        const char *end =
                host.n == 0 ? NULL : memchr(host.p, '/', url.n - (size_t)(host.p - url.p));

        if (end != NULL)
                url.n = (size_t)(end - url.p);
        return host.n > 0 && str_eq_nocase(origin, url);
}

static bool judge_origin(struct request *req)
{
        const struct config *config = request_context(req)->config;

        if (req->in->head.origin.n == 0 || is_own_origin(config, req->in->head.origin) ||
            is_inside_origin(req))
                return true;
        if (!guard_origin_is_allowed(req->in->head.origin,
                                     (const char *const *)config->allowed_origins,
                                     config->n_allowed_origins)) {
                request_reply(req, 403, plain,
                              STR("This Origin is not allowed (allowed_origins).\n"));
                return false;
        }
        req->is_cross_origin = true;
        return true;
}

/* Its user is looked for again when its session has come. */
static bool judge_elsewhere(struct request *req)
{
        struct context *context = request_context(req);

        if (context->handover == NULL || req->in->route->audience != FOR_USERS ||
            !handover_holds(container_of(context, struct server, context)->handover, req))
                return false;
        identity_let_go(req->in->identity);
        req->in->identity = NULL;
        return true;
}

static bool route_on_head(struct request *req)
{
        if (!judge_origin(req) || !judge_path(req) || !judge_user(req) || judge_elsewhere(req))
                return false;
        choose_share(req);
        return judge_body(req);
}

static void route_on_request(struct request *req)
{
        req->in->route->on_request(req);
}

const struct fcgi_server_events route_events = {
        .on_head = route_on_head,
        .on_request = route_on_request,
};
