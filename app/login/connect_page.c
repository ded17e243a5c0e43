/* One server after the other is looked for in the store, then the page goes out. */
#include "connect_inside.h"
#include "mgw/auth/oauth_scope.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/login/browser.h"
#include "mgw/upstream/connect_link.h"
#include "mgw/upstream/upstream.h"
#include "mgw/wire/form.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE_MAX_BYTES (1u << 20)

static const char end_path[] = "/connect/end";

struct listing_page {
        struct buf body;
        size_t next; /* of context->upstreams */
        unsigned n_shown;
        char *done; /* the server that has just been connected; NULL: none */
        char *csrf;
};

static void listing_page_free(void *state)
{
        struct listing_page *page = state;

        buf_finish(&page->body);
        free(page->done);
        free(page->csrf);
        free(page);
}

/* ---- pieces ---- */

static void add(struct buf *out, const char *before, const char *text, const char *after)
{
        (void)buf_add_str(out, str_from(before));
        (void)page_add_text(out, str_from(text));
        (void)buf_add_str(out, str_from(after));
}

static void add_scopes(struct buf *out, const char *class, const char *what, const char *scopes)
{
        struct str rest = str_from(scopes);

        (void)buf_addf(out, "<p class=\"%s\">%s</p>\n<ul>\n", class, what);
        while (rest.n > 0) {
                struct str one = str_cut(&rest, ' ');

                if (one.n == 0)
                        continue;
                (void)buf_add_str(out, STR("<li><code>"));
                (void)page_add_text(out, one);
                (void)buf_add_str(out, STR("</code></li>\n"));
        }
        (void)buf_add_str(out, STR("</ul>\n"));
}

static void add_connect(struct connect_task *task, const char *label, bool is_other)
{
        struct listing_page *page = task->state;
        char *link =
                connect_link_make(task->connect->context, upstream_name(task->account->upstream),
                                  connect_task_email(task), NULL);

        (void)buf_addf(&page->body, "<a class=\"button%s\" href=\"", is_other ? " other" : "");
        add(&page->body, "", link, "\">");
        add(&page->body, "", label, "</a>\n");
        free(link);
}

static void add_end(struct connect_task *task)
{
        struct listing_page *page = task->state;

        (void)buf_addf(&page->body, "<form method=\"post\" action=\"%s\">\n", end_path);
        (void)page_add_field(&page->body, "csrf", page->csrf);
        (void)page_add_field(&page->body, "server", upstream_name(task->account->upstream));
        (void)buf_add_str(&page->body, STR("<button class=\"end\">Disconnect</button>\n</form>\n"));
}

static void add_since(struct buf *out, int64_t since_ms)
{
        time_t at = (time_t)(since_ms / 1000);
        char text[40];
        struct tm tm;

        if (gmtime_r(&at, &tm) != NULL && strftime(text, sizeof(text), "%F %H:%M UTC", &tm) > 0)
                add(out, " since ", text, "");
}

static void add_connected(struct connect_task *task)
{
        struct listing_page *page = task->state;
        const struct grant *grant = &task->grant;
        char *lacking = oauth_scope_lacking(grant->asked_scope, grant->scope);

        add(&page->body, "<p class=\"good\">Connected", grant->subject != NULL ? " as " : "", "");
        if (grant->subject != NULL)
                add(&page->body, "<strong>", grant->subject, "</strong>");
        add_since(&page->body, grant->since_ms);
        (void)buf_add_str(&page->body, STR("</p>\n"));
        if (grant->scope != NULL)
                add_scopes(&page->body, "soft", "You have granted:", grant->scope);
        if (lacking != NULL)
                add_scopes(&page->body, "warn",
                           "You were asked for this too, and have not granted it. What needs it "
                           "does not work:",
                           lacking);
        free(lacking);
        (void)buf_add_str(&page->body, STR("<p class=\"actions\">\n"));
        add_connect(task, "Connect again", true);
        (void)buf_add_str(&page->body, STR("</p>\n"));
        add_end(task);
}

static void add_unconnected(struct connect_task *task)
{
        struct listing_page *page = task->state;
        const char *why = grant_ended_why(task->account);

        if (why != NULL)
                add(&page->body, "<p class=\"warn\">No longer connected: ", why, ".</p>\n");
        else
                (void)buf_add_str(&page->body, STR("<p class=\"soft\">Not connected</p>\n"));
        (void)buf_add_str(&page->body, STR("<p class=\"actions\">\n"));
        add_connect(task, "Connect", false);
        (void)buf_add_str(&page->body, STR("</p>\n"));
}

/* ---- all of it ---- */

static void show(struct connect_task *task)
{
        struct listing_page *page = task->state;
        struct request *req = task->req;
        struct buf whole;

        task->req = NULL;
        if (req != NULL) {
                buf_init(&whole, 2 * PAGE_MAX_BYTES);
                if (page->done != NULL)
                        add(&whole, "<p class=\"good\" role=\"status\">", page->done,
                            " is connected. You can close this page: the call works now.</p>\n");
                add(&whole, "<p>You are signed in as <strong>", connect_task_email(task),
                    "</strong>.</p>\n");
                if (page->n_shown == 0)
                        (void)buf_add_str(&whole, STR("<p>No server here takes an account of "
                                                      "yours.</p>\n"));
                (void)buf_addf(&whole, "<ul class=\"plain\">\n%.*s</ul>\n",
                               STR_ARG(buf_bytes(&page->body)));
                (void)browser_add_sign_out(&whole, req);
                page_reply(req, 200, "Your accounts", buf_bytes(&whole), NULL, NULL);
                buf_finish(&whole);
        }
        connect_task_end(task);
}

static void next(struct connect_task *task);

static void on_found(struct store_op *op)
{
        struct connect_task *task = container_of(op, struct connect_task, op);
        struct listing_page *page = task->state;

        add(&page->body, "<li>\n<h2>", upstream_name(task->account->upstream), "</h2>\n");
        if (op->result < 0)
                (void)buf_add_str(&page->body, STR("<p class=\"bad\">The store cannot be "
                                                   "read.</p>\n"));
        else if (op->result == 0 && grant_read(&task->grant, op->records[0].value) == 0)
                add_connected(task);
        else
                add_unconnected(task);
        (void)buf_add_str(&page->body, STR("</li>\n"));
        page->n_shown++;
        grant_finish(&task->grant);
        account_let_go(task->account);
        task->account = NULL;
        next(task);
}

static void next(struct connect_task *task)
{
        struct listing_page *page = task->state;
        struct context *context = task->connect->context;
        char *key;

        while (page->next < context->n_upstreams) {
                struct upstream *upstream = context->upstreams[page->next++];

                if (!connect_is_for(task->identity, upstream))
                        continue;
                task->account = account_of(upstream, connect_task_email(task));
                if (account_connects(task->account)) {
                        key = grant_key(upstream, connect_task_email(task));
                        task->op.on_done = on_found;
                        store_get(context->store, &task->op, str_from(key));
                        free(key);
                        return;
                }
                account_let_go(task->account);
                task->account = NULL;
        }
        show(task);
}

static char *done_of(struct request *req)
{
        const struct context *context = request_context(req);
        struct form *query = NULL;
        const char *done =
                form_read(&query, req->in->head.query) == 0 ? form_get(query, "done") : NULL;
        char *server = NULL;

        for (size_t i = 0; done != NULL && i < context->n_upstreams; i++)
                if (strcmp(upstream_name(context->upstreams[i]), done) == 0)
                        server = alloc_text(done);
        form_destroy(query);
        return server;
}

void connect_on_page(struct request *req)
{
        struct identity *identity = connect_user(req);
        struct connect_task *task =
                identity != NULL ? connect_task_create(req, identity, NULL) : NULL;
        struct listing_page *page;

        identity_let_go(identity);
        if (task == NULL)
                return;
        page = alloc_zeroed(sizeof(*page));
        buf_init(&page->body, PAGE_MAX_BYTES);
        page->done = done_of(req);
        page->csrf = browser_form_token(req, end_path);
        task->state = page;
        task->state_free = listing_page_free;
        next(task);
}
