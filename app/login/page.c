/* Pages: a frame around what others have made. All text of others goes through page_add_text(). */
#include "mgw/login/page.h"

#include "cookie.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/core/context.h"
#include "mgw/wire/hdr.h"
#include "page_inside.h"

#include <stdlib.h>

#define PAGE_MAX_BYTES (1u << 20)

/* Of the header fields of a page, the caller's, and those beside them. */
#define N_OTHERS PAGE_HEADERS_MAX
#define N_OWN 6

int page_add_text(struct buf *out, struct str text)
{
        int r = 0;

        for (size_t i = 0; i < text.n && r == 0; i++) {
                switch (text.p[i]) {
                case '&':
                        r = buf_add_str(out, STR("&amp;"));
                        break;
                case '<':
                        r = buf_add_str(out, STR("&lt;"));
                        break;
                case '>':
                        r = buf_add_str(out, STR("&gt;"));
                        break;
                case '"':
                        r = buf_add_str(out, STR("&quot;"));
                        break;
                case '\'':
                        r = buf_add_str(out, STR("&#39;"));
                        break;
                default:
                        r = buf_add(out, text.p + i, 1);
                }
        }
        return r;
}

int page_add_between(struct buf *out, const char *before, const char *text, const char *after)
{
        int r = buf_add_str(out, str_from(before));

        if (r == 0)
                r = page_add_text(out, str_from(text));
        return r != 0 ? r : buf_add_str(out, str_from(after));
}

int page_add_field(struct buf *out, const char *name, const char *value)
{
        int r = buf_addf(out, "<input type=\"hidden\" name=\"%s\" ", name);

        return r != 0 ? r : page_add_between(out, "value=\"", value, "\">\n");
}

/* "same-origin", not "no-referrer": with that a browser says "Origin: null" of our own forms. */
static void reply(struct request *req, unsigned status, const char *type, const char *cache,
                  const char *form_action, const struct cgi_header *others, struct str body)
{
        char *policy = alloc_format("default-src 'none'; style-src 'self'; form-action 'self'%s%s; "
                                    "frame-ancestors 'none'; base-uri 'none'",
                                    form_action != NULL ? " " : "",
                                    form_action != NULL ? form_action : "");
        struct cgi_header all[N_OWN + N_OTHERS + 1] = {
                {"Content-Type", type},
                {"Content-Security-Policy", policy},
                {"X-Frame-Options", "DENY"},
                {"X-Content-Type-Options", "nosniff"},
                {"Referrer-Policy", "same-origin"},
                {"Cache-Control", cache},
        };
        size_t n = N_OWN;

        for (; others != NULL && others->name != NULL && n < N_OWN + N_OTHERS; others++)
                all[n++] = *others;
        request_reply(req, status, all, body);
        free(policy);
}

/* Whose page it is, where that is known. */
static int add_foot(struct buf *out, const struct config *config)
{
        int r = buf_add_str(out, STR("</main>\n<footer>MCP gateway"));

        if (r == 0 && config->public_url[0] != '\0')
                r = buf_add_str(out, STR(" at "));
        if (r == 0)
                r = page_add_text(out, hdr_url_host(str_from(config->public_url)));
        return r != 0 ? r : buf_add_str(out, STR("</footer>\n</body>\n</html>\n"));
}

static int make(struct buf *out, const struct config *config, const char *title, struct str body)
{
        int r = buf_add_str(out, STR("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                                     "<meta charset=\"utf-8\">\n<title>"));

        if (r == 0)
                r = page_add_text(out, str_from(title));
        if (r == 0)
                r = buf_add_str(out, STR("</title>\n"
                                         "<meta name=\"viewport\" content=\"width=device-width, "
                                         "initial-scale=1\">\n"
                                         "<meta name=\"robots\" content=\"noindex\">\n"
                                         "<link rel=\"stylesheet\" href=\"/oauth/style.css\">\n"
                                         "</head>\n<body>\n<main>\n<h1>"));
        if (r == 0)
                r = page_add_text(out, str_from(title));
        if (r == 0)
                r = buf_add_str(out, STR("</h1>\n"));
        if (r == 0)
                r = buf_add_str(out, body);
        return r != 0 ? r : add_foot(out, config);
}

/* Its forms are bound to it. */
static void add_browser(struct request *req, struct cookies *cookies)
{
        const struct context *context = request_context(req);

        if (req->in->browser_id[0] != '\0')
                cookies_add(cookies, context, COOKIE_BROWSER, str_from(req->in->browser_id),
                            context->config->login.browser_ms);
}

static void join(struct cgi_header all[PAGE_HEADERS_MAX + 1], const struct cgi_header *a,
                 const struct cgi_header *b)
{
        size_t n = 0;

        for (; a->name != NULL && n < PAGE_HEADERS_MAX; a++)
                all[n++] = *a;
        for (; b != NULL && b->name != NULL && n < PAGE_HEADERS_MAX; b++)
                all[n++] = *b;
        all[n] = (struct cgi_header){NULL, NULL};
}

void page_reply(struct request *req, unsigned status, const char *title, struct str body,
                const char *form_action, const struct cgi_header *headers)
{
        const struct context *context = request_context(req);
        struct cgi_header all[PAGE_HEADERS_MAX + 1];
        struct cookies cookies = {.n = 0};
        struct buf page;

        add_browser(req, &cookies);
        join(all, cookies.headers, headers);
        buf_init(&page, PAGE_MAX_BYTES);
        if (make(&page, context->config, title, body) == 0)
                reply(req, status, "text/html; charset=utf-8", "no-store", form_action, all,
                      buf_bytes(&page));
        else
                request_reply(req, 500, NULL, STR("This page is too big.\n"));
        buf_finish(&page);
        cookies_finish(&cookies);
}

void page_fault(struct request *req, unsigned status, const char *what, const char *what_to_do)
{
        struct buf body;

        buf_init(&body, ALLOC_SMALL_BYTES);
        (void)page_add_between(&body, "<p>", what_to_do, "</p>\n");
        page_reply(req, status, what, buf_bytes(&body), NULL, NULL);
        buf_finish(&body);
}

void page_on_style(struct request *req)
{
        reply(req, 200, "text/css; charset=utf-8", "public, max-age=3600", NULL, NULL, page_style);
}
