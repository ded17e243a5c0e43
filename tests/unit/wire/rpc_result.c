/* The result of a response, found at every split of its text. */
#include "mgw/wire/rpc_result.h"

#include "mgw/wire/rpc_mend.h"

#include "../check.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

/* Feeds text in pieces of size n; the result is gathered in out. */
static enum rpc_result_outcome read_by(struct rpc_result_reader *reader, struct str text, size_t n,
                                       struct buf *out)
{
        enum rpc_result_outcome o = RPC_RESULT_MORE;

        while (text.n > 0 && o != RPC_RESULT_BAD) {
                size_t size = text.n < n ? text.n : n;

                while (size > 0 && o != RPC_RESULT_BAD) {
                        size_t used = 0;
                        struct str piece = {NULL, 0};

                        o = rpc_result_feed(reader, text.p, size, &used, &piece);
                        cr_assert(used > 0 || o != RPC_RESULT_MORE);
                        if (o == RPC_RESULT_PIECE)
                                check_int(buf_add_str(out, piece), 0);
                        text = (struct str){text.p + used, text.n - used};
                        size -= used;
                }
        }
        return o;
}

static enum rpc_result_outcome read_all(struct str text, size_t n, struct buf *out)
{
        struct rpc_result_reader reader = {0};

        return read_by(&reader, text, n, out);
}

static void check_result(const char *text, const char *result)
{
        for (size_t n = 1; n <= strlen(text); n++) {
                struct buf out;

                buf_init(&out, 1 << 20);
                check_int(read_all(str_from(text), n, &out), RPC_RESULT_END);
                check_str(buf_bytes(&out), str_from(result));
                buf_finish(&out);
        }
}

static void check_bad(const char *text)
{
        for (size_t n = 1; n <= strlen(text); n++) {
                struct buf out;

                buf_init(&out, 1 << 20);
                cr_assert_neq(read_all(str_from(text), n, &out), RPC_RESULT_END, "%s", text);
                buf_finish(&out);
        }
}

Test(rpc_result, every_split_same_result)
{
        check_result("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":[1,{\"b\":\"}\\\"]{\"}]}}",
                     "{\"a\":[1,{\"b\":\"}\\\"]{\"}]}");
        check_result("{\"result\":{},\"jsonrpc\":\"2.0\",\"id\":\"x}\"}", "{}");
        check_result(
                " { \"id\" : null , \"result\" : { \"t\" : \"\\\\\" } , \"jsonrpc\" : \"2.0\" }\n",
                "{ \"t\" : \"\\\\\" }");
        check_result("{\"result\":{\"text\":\"\xc3\xa9 \\u00e9 \\n\"},\"id\":-1.5e3}",
                     "{\"text\":\"\xc3\xa9 \\u00e9 \\n\"}");
}

static void check_id(const char *text, int64_t id)
{
        for (size_t n = 1; n <= strlen(text); n++) {
                struct rpc_result_reader r = {0};
                struct buf out;

                buf_init(&out, 1 << 20);
                check_int(read_by(&r, str_from(text), n, &out), RPC_RESULT_END);
                cr_assert(r.id == id, "%s: %jd", text, (intmax_t)r.id);
                buf_finish(&out);
        }
}

Test(rpc_result, the_id_is_known)
{
        check_id("{\"id\":7,\"result\":{\"id\":8}}", 7);
        check_id("{\"result\":{\"id\":8},\"id\": 1234567890123 }", 1234567890123);
        check_id("{\"result\":{\"id\":8},\"jsonrpc\":\"2.0\"}", RPC_RESULT_ID_UNKNOWN);
        check_id("{\"id\":\"7\",\"result\":{}}", 7);
        check_id("{\"id\":\"7x\",\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":\"\\u0037\",\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":\"7.0\",\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":17.00,\"result\":{}}", 17);
        check_id("{\"id\":7.0.0,\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":[7],\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":0,\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":-7,\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":7.5,\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":7e2,\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":null,\"result\":{}}", RPC_RESULT_ID_OTHER);
        check_id("{\"id\":99999999999999999999999999,\"result\":{}}", RPC_RESULT_ID_OTHER);
}

Test(rpc_result, a_beginning_tells_whether_a_result_is_under_way)
{
        static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":12,\"result\":{\"a\":[1]},\"x\":1}";
        size_t first = strlen("{\"jsonrpc\":\"2.0\",\"id\":12,\"result\":{");
        size_t last = first + strlen("\"a\":[1]");

        for (size_t n = 0; n < sizeof(text); n++) {
                int64_t id = -5;
                bool is_under_way = rpc_result_is_under_way((struct str){text, n}, &id);

                check_int(is_under_way, n >= first && n <= last);
                check_int(id, is_under_way ? 12 : -5);
        }
        int64_t id = -5;
        cr_assert(rpc_result_is_under_way(STR("{\"result\":{\"a\":"), &id));
        check_int(id, RPC_RESULT_ID_UNKNOWN);
}

Test(rpc_result, line_ends_between_tokens_are_left_out)
{
        check_result("{\r\n  \"result\": {\r\n    \"a\": [\n1,\n\n2\n]\n  }\n}\n",
                     "{    \"a\": [1,2]  }");
}

Test(rpc_result, what_is_no_response_with_one_result_is_bad)
{
        static const char *const texts[] = {
                "[]",
                "{}",
                "{\"id\":1}",
                "{\"result\":1}",
                "{\"result\":[]}",
                "{\"result\":{},\"result\":{}}",
                "{\"id\":1,\"result\":{},\"id\":1}",
                "{\"id\":null,\"result\":{},\"id\":1}",
                "{\"method\":\"x\",\"result\":{}}",
                "{\"error\":{},\"id\":1}",
                "{\"result\":{\"a\":1]}}",
                "{\"result\":{]}",
                "{\"result\":{\"a\":\"\n\"}}",
                "{\"result\":{}}}",
                "{\"result\":{}} x",
                "{\"result\":{}",
                "{\"res\\u0075lt\":{}}",
                "{\"id\":{\"a\":\"\x01\"},\"result\":{}}",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                check_bad(texts[i]);
}

Test(rpc_result, depth_is_bounded)
{
        char deep[400] = "{\"result\":{\"a\":";
        struct buf out;

        memset(deep + strlen(deep), '[', 100);
        buf_init(&out, 1 << 20);
        check_int(read_all(str_from(deep), 50, &out), RPC_RESULT_BAD);
        buf_finish(&out);
}

/* The whole-message parser as the oracle: what it reads, we find; what we end, it reads. */
Test(rpc_result, finds_what_the_parser_finds)
{
        const char *const texts[] = {
                "{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"[{,:}]\"}],\"isError\":"
                "false},"
                "\"jsonrpc\":\"2.0\",\"id\":7}",
                "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"x\":[[],[[]],{}, "
                "null,true,1e9,\"\"]}}",
        };

        for (size_t i = 0; i < 2; i++) {
                struct buf out;
                json_t *root, *found;
                char why[160];

                buf_init(&out, 1 << 20);
                check_int(read_all(str_from(texts[i]), 5, &out), RPC_RESULT_END);
                check_int(rpc_parse(str_from(texts[i]), NULL, &root, why, sizeof(why)), 0);
                check_int(rpc_parse(buf_bytes(&out), NULL, &found, why, sizeof(why)), 0);
                cr_assert(json_equal(found, json_object_get(root, "result")));
                json_decref(root);
                json_decref(found);
                buf_finish(&out);
        }
}

Test(rpc_result, other_members_say_nothing)
{
        check_result("{\"error\":null,\"result\":{\"a\":1},\"_meta\":{\"b\":[2]},\"id\":1}",
                     "{\"a\":1}");
        check_result("{\"result\":{},\"a_very_long_member_name\":\"}\",\"error\":null}", "{}");
        check_bad("{\"result\":{},\"error\":{}}");
        check_bad("{\"result\":{},\"error\":\"no\"}");
        check_bad("{\"method\":\"m\",\"result\":{}}");
}

/* ---- on its way through ---- */

static void add_piece(void *owner, struct str piece)
{
        check_int(buf_add_str(owner, piece), 0);
}

static void check_mended(const char *text, const char *want)
{
        for (size_t n = 1; n <= strlen(text); n++) {
                struct rpc_mend mend = {0};
                struct str rest = str_from(text);
                struct buf out;

                buf_init(&out, 1 << 20);
                while (rest.n > 0) {
                        struct str piece = {rest.p, rest.n < n ? rest.n : n};

                        rpc_mend_feed(&mend, piece, add_piece, &out);
                        rest = (struct str){rest.p + piece.n, rest.n - piece.n};
                }
                check_int(mend.n_held, 0);
                check_str(buf_bytes(&out), str_from(want));
                buf_finish(&out);
        }
}

#define FFFD "\xef\xbf\xbd"

Test(rpc_mend, every_split_same_text)
{
        check_mended("{\"a\":\"plain \\n \\u00e9 \\\" \xc3\xa9 \xf0\x9f\x98\x80\",\"b\":[1e400]}",
                     "{\"a\":\"plain \\n \\u00e9 \\\" \xc3\xa9 \xf0\x9f\x98\x80\",\"b\":[1e400]}");
        check_mended("{\"a\":\"\\ud83d\\ude00 \\ud83d \\ude00 \\ud83d\\ud83d\\ude00\\ud83dx\"}",
                     "{\"a\":\"\\ud83d\\ude00 " FFFD " " FFFD " " FFFD "\\ud83d\\ude00" FFFD
                     "x\"}");
        check_mended("{\"a\":\"\\ud83d\\n\\ud83d\\\\\"}", "{\"a\":\"" FFFD "\\n" FFFD "\\\\\"}");
        check_mended("{\"caf\xe9\":\"\xe2\x82\",\"b\":\"\xf0\x9f\x98 \xff\"}",
                     "{\"caf" FFFD "\":\"" FFFD "\",\"b\":\"" FFFD " " FFFD "\"}");
        check_mended("{\"a\":\"\xed\xa0\xbd\xed\xb8\x80\xed\xa0\xbd|\xed\xb8\x80\xed\"}",
                     "{\"a\":\"\xf0\x9f\x98\x80" FFFD "|" FFFD FFFD "\"}");
}
