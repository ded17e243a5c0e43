/* How long the codecs of floor `wire` take, without a socket: meson test --benchmark -C build-bench
 */
#include "mgw/wire/cgi.h"
#include "mgw/wire/fcgi.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/sse.h"
#include "tool.h"

#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES 200000

static void report(const char *what, int64_t since_ns)
{
        printf("%-28s %6.0f ns\n", what, (double)(now_ns() - since_ns) / TIMES);
}

static void check(int r)
{
        if (r != 0)
                die("a codec has failed: %d", r);
}

static void read_records(void)
{
        struct fcgi_reader reader;
        struct buf records;
        struct fcgi_record rec;
        char content[512];
        int64_t start;

        memset(content, 'x', sizeof(content));
        buf_init(&records, 4096);
        check(fcgi_add_stdout(&records, 1, content, sizeof(content)));
        struct str in = buf_bytes(&records);
        fcgi_reader_init(&reader);
        start = now_ns();
        for (int i = 0; i < TIMES; i++) {
                size_t used;

                check(fcgi_reader_feed(&reader, (const uint8_t *)in.p, in.n, &used, &rec));
        }
        report("a FastCGI record read", start);
        fcgi_reader_finish(&reader);
        buf_finish(&records);
}

static void write_events(void)
{
        const struct sse_event ev = {
                .id = STR("2-1"), .name = STR("message"), .data = STR("{\"x\":1}"), .retry_ms = -1};
        int64_t start = now_ns();

        for (int i = 0; i < TIMES; i++) {
                struct buf out;

                buf_init(&out, 4096);
                check(sse_add_event(&out, &ev));
                buf_finish(&out);
        }
        report("an SSE event written", start);
}

static void read_events(void)
{
        static const char text[] = "id: 2-1\nevent: message\ndata: {\"x\":1}\n\n";
        struct sse_reader reader;
        struct sse_event ev;
        int64_t start;

        sse_reader_init(&reader, 4096);
        start = now_ns();
        for (int i = 0; i < TIMES; i++) {
                size_t used;

                check(sse_reader_feed(&reader, text, sizeof(text) - 1, &used, &ev));
        }
        report("an SSE event read", start);
        sse_reader_finish(&reader);
}

static void parse_calls(void)
{
        static const char text[] =
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                "\"params\":{\"name\":\"echo\",\"arguments\":{\"message\":\"hi\"}}}";
        int64_t start = now_ns();

        for (int i = 0; i < TIMES; i++) {
                json_t *root;
                char why[160];

                check(rpc_parse(STR(text), NULL, &root, why, sizeof(why)));
                json_decref(root);
        }
        report("a JSON-RPC call parsed", start);
}

int main(void)
{
        read_records();
        write_events();
        read_events();
        parse_calls();
}
