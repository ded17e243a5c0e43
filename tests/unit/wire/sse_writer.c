/* The exact bytes of events. */
#include "../check.h"
#include "mgw/wire/sse.h"

#include <errno.h>

static void check_event(struct sse_event ev, struct str want)
{
        struct buf out;

        buf_init(&out, 1000);
        check_int(sse_add_event(&out, &ev), 0);
        check_str(buf_bytes(&out), want);
        buf_finish(&out);
        /* all or nothing, whatever the room */
        for (uint32_t room = 0; room < want.n; room++) {
                buf_init(&out, room);
                check_int(sse_add_event(&out, &ev), BUF_E_FULL);
                check_int(out.len, 0);
                buf_finish(&out);
        }
}

Test(sse_writer, exact_bytes)
{
        check_event((struct sse_event){.data = STR("{\"a\":1}"), .retry_ms = -1},
                    STR("data: {\"a\":1}\n\n"));
        check_event((struct sse_event){.name = STR("endpoint"),
                                       .data = STR("/message?sessionId=n1.x"),
                                       .retry_ms = -1},
                    STR("event: endpoint\ndata: /message?sessionId=n1.x\n\n"));
        check_event((struct sse_event){.id = STR("7-1"), .data = STR(""), .retry_ms = 3000},
                    STR("id: 7-1\nretry: 3000\ndata: \n\n"));
        check_event((struct sse_event){.id = STR(""), .retry_ms = -1}, STR("id: \n\n"));
        check_event((struct sse_event){.retry_ms = 0}, STR("retry: 0\n\n"));
}

Test(sse_writer, data_is_split_at_every_line_end)
{
        check_event((struct sse_event){.data = STR("a\nb\r\nc\rd"), .retry_ms = -1},
                    STR("data: a\ndata: b\ndata: c\ndata: d\n\n"));
        check_event((struct sse_event){.data = STR("\n"), .retry_ms = -1},
                    STR("data: \ndata: \n\n"));
        check_event((struct sse_event){.data = STR("a\r\r\n\n"), .retry_ms = -1},
                    STR("data: a\ndata: \ndata: \ndata: \n\n"));
        check_event((struct sse_event){.data = STR(": x"), .retry_ms = -1}, STR("data: : x\n\n"));
}

Test(sse_writer, no_field_is_injected)
{
        static const struct str bad[] = {{"a\n", 2}, {"\rb", 2}, {"a\r\nb", 4}, {"a\0b", 3}};
        struct buf out;

        buf_init(&out, 1000);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct sse_event ev = {.id = bad[i], .data = STR("x"), .retry_ms = -1};

                cr_assert_eq(sse_add_event(&out, &ev), -EINVAL, "id %zu", i);
                ev = (struct sse_event){.name = bad[i], .data = STR("x"), .retry_ms = -1};
                cr_assert_eq(sse_add_event(&out, &ev), -EINVAL, "name %zu", i);
        }
        check_int(out.len, 0);
}

Test(sse_writer, nothing_is_no_event)
{
        struct sse_event ev = {.retry_ms = -1};
        struct buf out;

        buf_init(&out, 1000);
        check_int(sse_add_event(&out, &ev), -EINVAL);
        ev.name = STR("name"); /* readers drop a name without data */
        check_int(sse_add_event(&out, &ev), -EINVAL);
        check_int(out.len, 0);
}

/* A client that reads by the standard sees nothing of these, and a proxy sees bytes. */
Test(sse_writer, comments_are_no_events)
{
        struct sse_reader r;
        struct sse_event ev;
        size_t used;

        cr_assert_str_eq(SSE_KEEP_ALIVE, ": keep-alive\n\n");
        sse_reader_init(&r, 100);
        check_int(sse_reader_feed(&r, SSE_OPEN SSE_KEEP_ALIVE, sizeof(SSE_OPEN SSE_KEEP_ALIVE) - 1,
                                  &used, &ev),
                  SSE_E_MORE);
        sse_reader_finish(&r);
}

Test(sse_writer, the_reader_gives_back_what_was_written)
{
        struct sse_event ev = {.id = STR("5-9"),
                               .name = STR("message"),
                               .data = STR("one\n\n two \n"),
                               .retry_ms = 12};
        struct sse_event got;
        struct sse_reader r;
        struct buf out;
        size_t used;

        buf_init(&out, 1000);
        check_int(sse_add_event(&out, &ev), 0);
        sse_reader_init(&r, 100);
        check_int(sse_reader_feed(&r, buf_bytes(&out).p, out.len, &used, &got), 0);
        check_int(used, out.len);
        check_str(got.id, ev.id);
        check_str(got.name, ev.name);
        check_str(got.data, ev.data);
        check_int(got.retry_ms, 12);
        sse_reader_finish(&r);
        buf_finish(&out);
}
