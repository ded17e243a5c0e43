#include "oauth_answer.h"

#include "mgw/auth/authority.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>

struct authority *oauth_answer_authority(struct request *req)
{
        static const struct cgi_header headers[] = {
                {"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}, {0}};
        const struct context *context = request_context(req);
        struct authority *authority = config_has_login(context->config) ? context->authority : NULL;

        if (authority == NULL)
                request_reply(req, 404, headers,
                              STR("This gateway is no authorization server (auth.login).\n"));
        return authority;
}

bool oauth_answer_may_ask(struct request *req)
{
        if (share_refuses_calls(req->share, 1, 0) == 0)
                return true;
        oauth_answer_error(req, 429, "temporarily_unavailable", "this address asks too often");
        return false;
}

void oauth_answer_json_take(struct request *req, unsigned status, json_t *object)
{
        const struct cgi_header headers[] = {
                {"Cache-Control", "no-store"},
                {"Pragma", "no-cache"}, /* RFC 6749 5.1 */
                {"WWW-Authenticate", status == 401 ? "Basic realm=\"mgw\"" : NULL},
                {"Retry-After", status == 429 || status == 503 ? "5" : NULL},
                {0},
        };
        struct str text = {NULL, 0};

        if (rpc_dump(object, &text) == 0)
                request_reply_json(req, status, headers, text);
        else
                request_reply(req, 500, NULL, STR(""));
        free((void *)text.p);
        json_decref(object);
}

void oauth_answer_error(struct request *req, unsigned status, const char *error, const char *why)
{
        json_t *object = json_pack("{s:s}", "error", error);

        if (why[0] != '\0')
                json_object_set_new(object, "error_description", json_string(why));
        oauth_answer_json_take(req, status, object);
}

void oauth_answer_redirect(struct request *req, const char *location)
{
        request_reply(req, 303,
                      (const struct cgi_header[]){{"Location", location},
                                                  {"Cache-Control", "no-store"},
                                                  {"Referrer-Policy", "no-referrer"},
                                                  {0}},
                      STR(""));
}
