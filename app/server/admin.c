/* What load balancers and operators ask for. Who may is the table of paths' to say (route). */
#include "mgw/server/admin.h"

#include "mgw/auth/authority.h"
#include "mgw/base/buf.h"
#include "mgw/login/decision.h"
#include "mgw/mcp/method.h"
#include "mgw/session/session.h"
#include "mgw/wire/rpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reply_text(struct request *req, unsigned status, const char *type, const char *text,
                       int n)
{
        request_reply(req, status,
                      (const struct cgi_header[]){
                              {"Content-Type", type}, {"Cache-Control", "no-store"}, {0}},
                      (struct str){text, (size_t)n});
}

void admin_on_health(struct request *req)
{
        const struct context *context = request_context(req);
        char text[256];
        int n;

        if (!req->in->head.is_inside) {
                reply_text(req, 200, "application/json", "{\"status\":\"ok\"}\n", 16);
                return;
        }
        n = snprintf(text, sizeof(text),
                     "{\"status\":\"ok\",\"version\":\"%s\",\"uptime_s\":%" PRId64
                     ",\"streams\":%u,\"sessions\":%u}\n",
                     MGW_VERSION, (loop_now_ms(context->loop) - context->started_ms) / 1000,
                     context->stats.n_streams, context->stats.n_sessions);

        reply_text(req, 200, "application/json", text, n);
}

void admin_on_ready(struct request *req)
{
        const struct context *context = request_context(req);

        if (context->is_draining)
                reply_text(req, 503, "text/plain", "draining\n", 9);
        else if (context->authority != NULL && !store_set_is_read(&context->authority->ended))
                reply_text(req, 503, "text/plain", "starting\n", 9);
        else
                reply_text(req, 200, "text/plain", "ready\n", 6);
}

/* A walk over all sessions, when the operator announces something. */
static unsigned announce(struct context *context, const json_t *msg, const char *email, bool once)
{
        struct str text;
        unsigned n = 0;

        if (rpc_dump(msg, &text) < 0)
                return 0;
        for (struct session *s = context->sessions; s != NULL; s = s->hh.next) {
                if (list_is_empty(&s->streams) ||
                    (email != NULL && strcmp(email, s->client.user->email) != 0))
                        continue;
                n += channel_announce(s, text);
                if (once && n > 0)
                        break;
        }
        free((void *)text.p);
        return n;
}

void admin_on_announce(struct request *req)
{
        char why[160] = "the body must be {\"message\": \"...\", \"level\": \"info\"}", text[64];
        json_t *root = NULL, *msg;
        const char *message, *level = "info", *email = NULL;
        int once = 0;

        if (rpc_parse(buf_bytes(&req->in->body), NULL, &root, why, sizeof(why)) != 0 ||
            json_unpack(root, "{s:s, s?s, s?s, s?b}", "message", &message, "level", &level, "user",
                        &email, "once", &once) < 0 ||
            method_log_level(level) < 0) {
                reply_text(req, 400, "text/plain", why, (int)strlen(why));
                json_decref(root);
                return;
        }
        msg = rpc_notification_take(
                "notifications/message",
                json_pack("{s:s, s:s, s:s}", "level", level, "logger", "mgw", "data", message));
        unsigned n = announce(request_context(req), msg, email, once != 0);
        decision_tell(request_context(req), req,
                      DECISION(.kind = "announce", .outcome = "ok", .user = email));
        json_decref(msg);
        json_decref(root);
        reply_text(req, 200, "application/json", text,
                   snprintf(text, sizeof(text), "{\"streams\":%u}\n", n));
}
