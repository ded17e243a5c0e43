/* The page and what belongs to it, as it was built in; and the tools that are tried from it.
 *
 * No other site can make a browser run a tool: the request must be JSON by its type, name our own
 * origin, and come by a cookie or a password that is of that origin. */
#include "status_inside.h"

#include "mgw/login/browser.h"
#include "mgw/session/endpoint_stateless.h"
#include "mgw/session/refuse.h"
#include "mgw/session/request_body.h"
#include "mgw/wire/rpc.h"
#include "status_assets.h"

#include <string.h>

#define ASSET(name) ((struct str){(const char *)(name), sizeof(name)})

/* Only what is ours, and nothing inline. */
static const char page_policy[] =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

static void reply(struct request *req, const char *type, struct str body)
{
        const struct cgi_header headers[] = {
                {"Content-Type", type},
                {"Content-Security-Policy", page_policy},
                {"X-Frame-Options", "DENY"},
                {"X-Content-Type-Options", "nosniff"},
                {"Cross-Origin-Opener-Policy", "same-origin"},
                {"Cross-Origin-Resource-Policy", "same-origin"},
                {"Referrer-Policy", "no-referrer"},
                {"Cache-Control", "no-store"},
                {0},
        };

        request_reply(req, 200, headers, body);
}

void status_on_page(struct request *req)
{
        if (req->in->identity == NULL)
                browser_sign_in(req, "/");
        else
                reply(req, "text/html; charset=utf-8", ASSET(page_html));
}

void status_on_style(struct request *req)
{
        reply(req, "text/css; charset=utf-8", ASSET(page_css));
}

void status_on_script(struct request *req)
{
        reply(req, "text/javascript; charset=utf-8", ASSET(page_js));
}

bool status_on_mcp_head(struct request *req)
{
        /* An Origin that is neither ours nor an allowed one has been refused before. */
        if (req->in->head.origin.n > 0)
                return true;
        refuse_message(req, 403, NULL, RPC_INVALID_REQUEST,
                       "only the status page itself asks here: its Origin is missing", NULL);
        return false;
}

/* What is for the page: no stream that goes on when its user has signed out. */
static bool is_for_tools(const json_t *root)
{
        const char *method = json_string_value(json_object_get(root, "method"));

        return method != NULL &&
               (strcmp(method, "tools/list") == 0 || strcmp(method, "tools/call") == 0);
}

void status_on_mcp(struct request *req)
{
        json_t *root = request_body_json(req);

        if (root == NULL)
                return;
        if (is_for_tools(root))
                endpoint_stateless_on_post(req, root);
        else
                refuse_message(req, 403, rpc_id_of(root), RPC_INVALID_REQUEST,
                               "the status page asks for tools alone", NULL);
        json_decref(root);
}
