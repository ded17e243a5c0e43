/* The table of paths. Order of the checks: Origin (403), preflight (204), path (404), method (405),
 * user (401). */
#include "mgw/gate/route.h"

#include "mgw/base/clock.h"
#include "mgw/gate/admin.h"
#include "mgw/gate/mcp.h"
#include "mgw/mcp/guard.h"
#include "mgw/wire/hdr.h"

#include <stdio.h>
#include <string.h>

struct route {
        const char *path;
        enum cgi_method method;
        void (*on_request)(struct request *req);                         /* for everybody */
        void (*on_user_request)(struct request *req, struct user *user); /* for known users */
};

static void on_resource_metadata(struct request *req);

static const struct route routes[] = {
        {"/mcp", CGI_POST, NULL, mcp_on_post},
        {"/mcp", CGI_GET, NULL, mcp_on_get},
        {"/mcp", CGI_DELETE, NULL, mcp_on_delete},
        {"/sse", CGI_GET, NULL, mcp_on_sse},
        {"/message", CGI_POST, NULL, mcp_on_message},
        {"/health", CGI_GET, admin_on_health, NULL},
        {"/ready", CGI_GET, admin_on_ready, NULL},
        {"/metrics", CGI_GET, admin_on_metrics, NULL},
        {"/admin/announce", CGI_POST, admin_on_announce, NULL},
        {"/.well-known/oauth-protected-resource", CGI_GET, on_resource_metadata, NULL},
        {"/.well-known/oauth-protected-resource/mcp", CGI_GET, on_resource_metadata, NULL},
        {"/.well-known/oauth-protected-resource/sse", CGI_GET, on_resource_metadata, NULL},
};

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static const char *const method_names[] = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"};

static const struct cgi_header plain[] = {{"Content-Type", "text/plain"}, {0}};

/* Where clients reach us, for the links that we hand out. */
static void base_url(const struct request *req, char *out, size_t size)
{
        const char *public_url = request_gate(req)->config->public_url;
        struct str host = req->in->head.host;

        if (public_url[0] != '\0')
                snprintf(out, size, "%s", public_url);
        else if (hdr_is_visible(host, 255) && memchr(host.p, '"', host.n) == NULL &&
                 memchr(host.p, '\\', host.n) == NULL)
                snprintf(out, size, "%s://%.*s", req->in->head.is_https ? "https" : "http",
                         STR_ARG(host));
        else
                snprintf(out, size, "http://localhost");
}

/* The resource that a request is about, by the path at which clients know it. */
static const char *resource_path(const struct request *req)
{
        struct str path = req->in->head.path;

        return str_eq(path, STR("/sse")) || str_eq(path, STR("/message")) ||
                               str_eq(path, STR("/.well-known/oauth-protected-resource/sse"))
                       ? "/sse"
                       : "/mcp";
}

/* RFC 9728 3: what this resource is. Static tokens have no authorization server to name. */
static void on_resource_metadata(struct request *req)
{
        char base[512], body[700];
        int n;

        base_url(req, base, sizeof(base));
        n = snprintf(body, sizeof(body),
                     "{\"resource\":\"%s%s\",\"bearer_methods_supported\":[\"header\"],"
                     "\"resource_name\":\"mgw\"}",
                     base, resource_path(req));
        request_reply_json(req, 200, NULL, (struct str){body, (size_t)n});
}

static void refuse_user(struct request *req, enum user_verdict verdict)
{
        static const struct str words[] = {
                [USER_NO_TOKEN] = {"A bearer token is needed (mgw token EMAIL makes one).\n", 54},
                [USER_BAD_TOKEN] = {"The bearer token is not known here.\n", 36},
                [USER_EXPIRED] = {"The bearer token has expired.\n", 30},
        };
        char base[512], challenge[700];

        base_url(req, base, sizeof(base));
        snprintf(challenge, sizeof(challenge),
                 "Bearer resource_metadata=\"%s/.well-known/oauth-protected-resource%s\"%s", base,
                 resource_path(req), verdict == USER_NO_TOKEN ? "" : ", error=\"invalid_token\"");
        request_reply(req, 401,
                      (const struct cgi_header[]){
                              {"Content-Type", "text/plain"}, {"WWW-Authenticate", challenge}, {0}},
                      words[verdict]);
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

static void follow(struct request *req, const struct route *route)
{
        struct gate *gate = request_gate(req);
        enum user_verdict verdict;
        struct user *user;

        if (route->on_request != NULL) {
                route->on_request(req);
                return;
        }
        verdict = user_find(gate->users, req->in->head.authorization, clock_wall_ms(), &user);
        if (verdict == USER_OK)
                route->on_user_request(req, user);
        else
                refuse_user(req, verdict);
}

void route_request(struct request *req)
{
        const struct config *config = request_gate(req)->config;
        enum cgi_method method = req->in->head.method == CGI_HEAD ? CGI_GET : req->in->head.method;
        bool path_is_known = false;

        if (req->in->head.origin.n > 0) {
                if (!guard_origin_is_allowed(req->in->head.origin,
                                             (const char *const *)config->allowed_origins,
                                             config->n_allowed_origins)) {
                        request_reply(req, 403, plain,
                                      STR("This Origin is not allowed (allowed_origins).\n"));
                        return;
                }
                req->is_cross_origin = true;
        }
        for (size_t i = 0; i < N_ROUTES; i++) {
                if (!str_eq(str_from(routes[i].path), req->in->head.path))
                        continue;
                path_is_known = true;
                if (routes[i].method == method &&
                    (req->in->head.method != CGI_HEAD || routes[i].on_request != NULL)) {
                        follow(req, &routes[i]);
                        return;
                }
        }
        if (!path_is_known)
                request_reply(
                        req, 404, plain,
                        STR("Nothing is here. MCP is at /mcp, or at /sse for old clients.\n"));
        else if (req->in->head.method == CGI_OPTIONS)
                preflight(req);
        else
                refuse_method(req);
}
