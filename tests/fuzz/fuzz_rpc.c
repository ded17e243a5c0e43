/* JSON-RPC from anybody: parsed or refused with a reason; what was parsed is, dumped and parsed
 * again, the same. */
#include "fuzz.h"
#include "mgw/base/buf.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_glance.h"
#include "mgw/wire/rpc_mend.h"
#include "mgw/wire/rpc_number.h"
#include "mgw/wire/rpc_result.h"

#include "../../app/wire/rpc_read.h"
#include "../../app/wire/rpc_size.h"
#include "../../app/wire/rpc_write.h"

static void check_reason(const char *why, size_t size)
{
        size_t n = strnlen(why, size);

        REQUIRE(n > 0 && n < size);
        for (size_t i = 0; i < n; i++)
                REQUIRE(why[i] >= 0x20 && why[i] < 0x7f);
}

static bool same(const json_t *ours, const json_t *theirs);

static bool same_members(json_t *ours, json_t *theirs)
{
        const char *key;
        json_t *member;
        size_t n;

        json_object_keylen_foreach(ours, key, n, member)
        {
                if (!same(member, json_object_getn(theirs, key, n)))
                        return false;
        }
        return json_object_size(ours) == json_object_size(theirs);
}

static bool same_entries(const json_t *ours, const json_t *theirs)
{
        const json_t *entry;
        size_t i;

        json_array_foreach (ours, i, entry)
                if (!same(entry, json_array_get(theirs, i)))
                        return false;
        return json_array_size(ours) == json_array_size(theirs);
}

/* One may have a number as a double that the other has as it was written. */
static bool same(const json_t *ours, const json_t *theirs)
{
        if (ours == NULL || theirs == NULL)
                return false;
        if (json_is_integer(ours) && json_is_integer(theirs))
                return json_integer_value(ours) == json_integer_value(theirs);
        if (rpc_is_number(ours))
                return rpc_is_number(theirs) && rpc_number_value(ours) == rpc_number_value(theirs);
        if (json_is_object(ours) && json_is_object(theirs))
                return same_members((json_t *)ours, (json_t *)theirs);
        if (json_is_array(ours) && json_is_array(theirs))
                return same_entries(ours, theirs);
        return json_equal(ours, theirs);
}

static void check_again(json_t *root)
{
        char why[160];
        struct str first;
        struct str second;
        json_t *again;

        REQUIRE(rpc_dump(root, &first) == 0);
        REQUIRE(memchr(first.p, '\n', first.n) == NULL);
        REQUIRE(memchr(first.p, '\r', first.n) == NULL);
        REQUIRE(rpc_parse(first, NULL, &again, why, sizeof(why)) == 0);
        REQUIRE(same(root, again));
        REQUIRE(rpc_dump(again, &second) == 0);
        REQUIRE(str_eq(first, second));
        json_decref(again);
        free((char *)first.p);
        free((char *)second.p);
}

/* In lines, and escaped: it is the same still. */
static void check_shown(json_t *root, unsigned indent)
{
        char why[160];
        struct str text;
        json_t *again;

        REQUIRE(rpc_dump_ascii(root, indent, &text) == 0);
        for (size_t i = 0; i < text.n; i++)
                REQUIRE(text.p[i] == '\n' || (text.p[i] >= 0x20 && text.p[i] < 0x7f));
        REQUIRE((indent > 0) || memchr(text.p, '\n', text.n) == NULL);
        REQUIRE(rpc_parse(text, NULL, &again, why, sizeof(why)) == 0);
        REQUIRE(same(root, again));
        json_decref(again);
        free((char *)text.p);
}

static void check_msg(const struct rpc_msg *msg)
{
        bool is_call = msg->kind == RPC_REQUEST || msg->kind == RPC_NOTIFICATION;

        REQUIRE((msg->method != NULL) == is_call);
        REQUIRE((msg->result != NULL) == (msg->kind == RPC_RESULT));
        REQUIRE((msg->error != NULL) == (msg->kind == RPC_ERROR));
        REQUIRE(msg->id != NULL || msg->kind == RPC_NOTIFICATION || msg->kind == RPC_ERROR);
        REQUIRE(msg->id == NULL || msg->kind != RPC_NOTIFICATION);
        REQUIRE(msg->id == NULL || json_is_string(msg->id) || rpc_is_integral(msg->id));
        REQUIRE(!is_call || msg->params == NULL || json_is_object(msg->params));
}

/* An answer to it can be made, whatever its id and method are. */
static void check_answer(const struct rpc_msg *msg)
{
        const char *text = msg->method == NULL ? "none" : msg->method;
        json_t *answer = rpc_error_take(msg->id, RPC_METHOD_NOT_FOUND, text, NULL);
        const char *why;
        struct rpc_msg read;

        REQUIRE(answer != NULL);
        REQUIRE(rpc_msg_read(answer, &read, &why) == 0);
        REQUIRE(read.kind == RPC_ERROR);
        check_again(answer);
        check_shown(answer, 0);
        check_shown(answer, 2);
        json_decref(answer);
}

static void add_piece(void *owner, struct str piece)
{
        REQUIRE(buf_add_str(owner, piece) == 0);
}

static void mend(struct str text, uint32_t seed, struct buf *out)
{
        struct rpc_mend m = {0};
        struct cuts cuts = {seed};

        buf_init(out, 1 << 26);
        while (text.n > 0) {
                size_t n = cuts_next(&cuts, text.n);

                rpc_mend_feed(&m, (struct str){text.p, n}, add_piece, out);
                text = (struct str){text.p + n, text.n - n};
        }
}

/* What is passed on is mended the same however it is cut, and is read as what it was made of. */
static void check_mended(struct str text)
{
        struct buf whole, cut;
        json_t *was, *is;
        char why[160];

        mend(text, 0, &whole);
        mend(text, (uint32_t)text.n + 1, &cut);
        REQUIRE(str_eq(buf_bytes(&whole), buf_bytes(&cut)));
        if (rpc_parse(text, NULL, &was, why, sizeof(why)) == 0) {
                REQUIRE(rpc_parse(buf_bytes(&whole), NULL, &is, why, sizeof(why)) == 0);
                REQUIRE(same(was, is));
                json_decref(was);
                json_decref(is);
        }
        buf_finish(&whole);
        buf_finish(&cut);
}

/* The result as it is passed on, cut somewhere, is the one that the parser finds, and so is its id
 * where that is an integer over 0. */
static void check_result(struct str text, const json_t *result, const json_t *id)
{
        struct rpc_result_reader r = {0};
        struct cuts cuts = {(uint32_t)text.n};
        enum rpc_result_outcome o = RPC_RESULT_MORE;
        json_t *again;
        struct buf out;
        char why[160];

        buf_init(&out, 1 << 26);
        while (text.n > 0 && o != RPC_RESULT_BAD) {
                size_t n = cuts_next(&cuts, text.n);

                while (n > 0 && o != RPC_RESULT_BAD) {
                        struct str piece;
                        size_t used = 0;

                        o = rpc_result_feed(&r, text.p, n, &used, &piece);
                        REQUIRE(used <= n);
                        if (o == RPC_RESULT_PIECE)
                                REQUIRE(buf_add_str(&out, piece) == 0);
                        text = (struct str){text.p + used, text.n - used};
                        n -= used;
                }
        }
        REQUIRE(memchr(buf_bytes(&out).p, '\n', out.len) == NULL);
        REQUIRE(memchr(buf_bytes(&out).p, '\r', out.len) == NULL);
        check_mended(buf_bytes(&out));
        if (o == RPC_RESULT_END && result != NULL) {
                REQUIRE(rpc_parse(buf_bytes(&out), NULL, &again, why, sizeof(why)) == 0);
                REQUIRE(same(again, result));
                if (r.id > 0 && json_is_string(id))
                        REQUIRE(strtoll(json_string_value(id), NULL, 10) == r.id);
                else if (r.id > 0)
                        REQUIRE(rpc_number_value(id) == (double)r.id);
                else if (json_is_integer(id))
                        REQUIRE(json_integer_value(id) <= 0 ||
                                json_integer_value(id) >= INT64_MAX / 10);
                json_decref(again);
        }
        buf_finish(&out);
}

/* What we write is JSON to others, whatever it was made of. (jansson has no NUL in names.) */
static void check_is_strict(struct str written)
{
        json_t *theirs =
                json_loadb(written.p, written.n,
                           JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);

        REQUIRE(theirs != NULL || memmem(written.p, written.n, "\\u0000", 6) != NULL);
        json_decref(theirs);
}

/* Our reader takes what jansson takes, and for the same; it takes more (docs/quirks.md), and our
 * writer makes JSON of all. */
static void check_beside_jansson(struct str text)
{
        struct rpc_size size;
        struct rpc_read read;
        json_t *ours, *theirs;
        struct str written;

        rpc_size_of(text, SIZE_MAX, &size);
        if (size.is_too_deep)
                return;
        ours = rpc_read(text, false, &read);
        REQUIRE(read.stop <= text.n);
        REQUIRE((ours != NULL) == (read.why == NULL));
        theirs = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);
        /* Between two tokens jansson overlooks a NUL. */
        REQUIRE(ours != NULL || theirs == NULL || memchr(text.p, '\0', text.n) != NULL);
        REQUIRE(ours == NULL || theirs == NULL || same(ours, theirs));
        json_decref(theirs);
        if (ours == NULL)
                return;
        REQUIRE(rpc_dump(ours, &written) == 0);
        check_is_strict(written);
        json_decref(ours);
        free((char *)written.p);
}

/* What goes on as it came is one line, and to whoever reads it what the parser reads. */
static void check_glanced(struct str text, json_t *glanced, const char *raw_key)
{
        struct str whole = json_raw_text(json_object_get(glanced, raw_key)), dumped;
        struct rpc_msg msg;
        const char *reason;
        char why[160];
        json_t *root;

        if (glanced == NULL)
                return;
        REQUIRE(memmem(text.p, text.n, whole.p, whole.n) != NULL);
        REQUIRE(rpc_msg_read(glanced, &msg, &reason) == 0);
        REQUIRE(rpc_dump(glanced, &dumped) == 0);
        REQUIRE(memchr(dumped.p, '\n', dumped.n) == NULL);
        REQUIRE(memchr(dumped.p, '\r', dumped.n) == NULL);
        check_is_strict(dumped);
        REQUIRE(rpc_parse(text, NULL, &root, why, sizeof(why)) == 0);
        REQUIRE(json_object_set_new(
                        glanced, raw_key,
                        json_raw_open_take(json_incref(json_object_get(glanced, raw_key)))) == 0);
        REQUIRE(same(glanced, root));
        json_decref(root);
        json_decref(glanced);
        free((char *)dumped.p);
}

static void check_renamed(struct str text)
{
        json_t *root = rpc_glance_call(text, SIZE_MAX), *renamed;
        char *name;

        if (root == NULL)
                return;
        renamed = rpc_call_renamed(json_object_get(root, "params"), "another name");
        name = rpc_call_name(renamed);
        REQUIRE(strcmp(name, "another name") == 0);
        renamed = json_raw_open_take(renamed);
        REQUIRE(json_is_object(renamed));
        json_decref(renamed);
        json_decref(root);
        free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        const char *reason = NULL;
        char why[160];
        struct rpc_msg msg;
        json_t *root;

        check_beside_jansson((struct str){copy, size});
        check_glanced((struct str){copy, size}, rpc_glance_call((struct str){copy, size}, SIZE_MAX),
                      "params");
        check_glanced((struct str){copy, size},
                      rpc_glance_result((struct str){copy, size}, SIZE_MAX), "result");
        check_renamed((struct str){copy, size});
        if (rpc_parse((struct str){copy, size}, NULL, &root, why, sizeof(why)) != 0) {
                check_reason(why, sizeof(why));
                check_result((struct str){copy, size}, NULL, NULL);
                free(copy);
                return 0;
        }
        check_again(root);
        check_shown(root, 0);
        check_shown(root, 2);
        check_result((struct str){copy, size}, json_object_get(root, "result"),
                     json_object_get(root, "id"));
        if (rpc_msg_read(root, &msg, &reason) == 0) {
                check_msg(&msg);
                check_answer(&msg);
        } else {
                REQUIRE(reason != NULL);
        }
        json_decref(root);
        free(copy);
        return 0;
}
