/* Pages for people, as a browser gets them. */
#include "../check.h"
#include "client.h"
#include "gateway.h"

static struct answer *get(const char *uri)
{
        struct answer *a = client_send(&(struct client_request){.method = "GET", .uri = uri});

        gateway_settle();
        return a;
}

static void check_header(struct answer *a, const char *name, const char *value)
{
        cr_assert_str_eq(answer_header(a, name), value, "%s: %s", name, answer_header(a, name));
}

Test(pages, the_style_sheet_is_ours)
{
        struct answer *a;

        gateway_start(HTTP, "");
        a = get("/oauth/style.css");
        check_int(answer_status(a), 200);
        check_header(a, "Content-Type", "text/css; charset=utf-8");
        check_header(a, "X-Content-Type-Options", "nosniff");
        cr_assert_not_null(
                memmem(answer_body(a).p, answer_body(a).n, "prefers-color-scheme:dark", 25));
        cr_assert_null(memmem(answer_body(a).p, answer_body(a).n, "url(", 4));
        gateway_stop();
}
