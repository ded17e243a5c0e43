/* Signing out. */
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/login/decision.h"
#include "mgw/login/page.h"
#include "mgw/wire/form.h"
#include "sign_in.h"

#include <stdlib.h>

static const char sign_out_path[] = "/oauth/sign-out";

/* Waits until the end of the login is written. */
struct sign_out {
        struct request *req;
        struct store_op op;
};

static void sign_out_on_gone(struct request *req)
{
        struct sign_out *out = req->owner;

        store_cancel(&out->op);
        free(out);
}

static const struct request_events sign_out_events = {.on_gone = sign_out_on_gone};

static void reply_signed_out(struct request *req, bool is_written)
{
        static const struct sign_in_fault not_written = {
                .status = 500,
                .what = "Not quite signed out",
                .what_to_do = "This browser is signed out, but the gateway could not write that "
                              "down.",
        };
        static const char body[] =
                "<p>This browser is signed out of the gateway. MCP clients that were let in before "
                "still are, and so are you at your provider.</p>\n"
                "<p><a class=\"button\" href=\"/oauth/sign-in\">Sign in again</a></p>\n";
        struct cookies cookies = {.n = 0};

        cookies_add(&cookies, request_context(req), COOKIE_LOGIN, STR(""), 0);
        if (is_written)
                page_reply(req, 200, "Signed out", STR(body), NULL, cookies.headers);
        else
                sign_in_fail(req, &cookies, &not_written);
        cookies_finish(&cookies);
}

static void sign_out_on_written(struct store_op *op)
{
        struct sign_out *out = container_of(op, struct sign_out, op);

        request_own(out->req, NULL, NULL);
        reply_signed_out(out->req, op->result == 0);
        free(out);
}

void browser_on_sign_out(struct request *req)
{
        struct context *context = request_context(req);
        struct form *form = browser_require_form(req);
        char id[BROWSER_ID_SIZE];
        struct identity *identity;
        struct sign_out *out;

        if (form == NULL)
                return;
        form_destroy(form);
        browser_login_id(req, id);
        if (id[0] == '\0') {
                reply_signed_out(req, true);
                return;
        }
        identity = browser_identity(req);
        out = alloc_zeroed(sizeof(*out));
        out->req = req;
        out->op.on_done = sign_out_on_written;
        request_own(req, &sign_out_events, out);
        store_set_add(&context->browser->signed_out, &out->op, id,
                      clock_wall_ms() + context->config->login.browser_ms);
        context_tell_change(context);
        sign_in_log(req, "signed out", NULL, NULL);
        decision_tell(context, req,
                      DECISION(.kind = "sign_out", .outcome = "ok",
                               .user = identity != NULL ? identity->user->email : NULL));
        identity_let_go(identity);
}

int browser_add_sign_out(struct buf *out, struct request *req)
{
        char *csrf = browser_form_token(req, sign_out_path);
        int r = buf_addf(out, "<form method=\"post\" action=\"%s\">\n", sign_out_path);

        if (r == 0)
                r = page_add_field(out, "csrf", csrf);
        free(csrf);
        return r != 0 ? r
                      : buf_add_str(out, STR("<button class=\"other\">Sign out</button>\n"
                                             "</form>\n"));
}
