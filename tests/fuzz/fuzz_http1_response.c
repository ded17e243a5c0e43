/* Answers over HTTP/1.1: however one is cut, and whoever stops in between, the same comes of it.
 * The first two bytes of an input choose where it is cut, the lowest bit of the first also whether
 * it answers HEAD; the rest is what the server sends until it closes. */
#include "fuzz.h"
#include "mgw/wire/http1_response.h"

#define HEAD_MAX_BYTES 2000

struct seen {
        struct buf head, body;
        int r;
        bool is_kept;
        size_t n_left;
};

static void see(struct seen *seen, const struct http1_response *response, struct str piece)
{
        REQUIRE(seen->r != HTTP1_RESPONSE_BODY || (seen->head.len > 0 && piece.n > 0));
        if (seen->r == HTTP1_RESPONSE_BODY)
                REQUIRE(buf_add_str(&seen->body, piece) == 0);
        if (seen->r == HTTP1_RESPONSE_END)
                seen->is_kept = http1_response_keeps(response);
        if (seen->r != HTTP1_RESPONSE_HEAD)
                return;
        REQUIRE(seen->head.len == 0);
        REQUIRE(http1_response_status(response) >= 200);
        REQUIRE(buf_addf(&seen->head, "%u", http1_response_status(response)) == 0);
        for (int i = 0; i < HTTP1_N_FIELDS; i++) {
                struct str value = http1_response_field(response, (enum http1_field)i);

                REQUIRE(value.p[value.n] == '\0' && memchr(value.p, '\0', value.n) == NULL);
                REQUIRE(buf_addf(&seen->head, "|%s", value.p) == 0);
        }
}

static bool is_final(int r)
{
        return r < 0 || r >= HTTP1_RESPONSE_END;
}

/* What is left of a piece is fed again, as its own copy. */
static void read_piece(struct http1_response *response, struct str bytes, struct seen *seen)
{
        while (bytes.n > 0 && !is_final(seen->r)) {
                char *copy = exact_copy(bytes.p, bytes.n);
                struct str piece = {"", 0};
                size_t used;

                seen->r = http1_response_feed(response, copy, bytes.n, &used, &piece);
                REQUIRE(used <= bytes.n);
                REQUIRE(used > 0 || seen->r != HTTP1_RESPONSE_MORE);
                see(seen, response, piece);
                free(copy);
                bytes.p += used;
                bytes.n -= used;
        }
        seen->n_left = bytes.n;
}

static void read_answer(struct str bytes, struct cuts *cuts, bool is_head, struct seen *seen)
{
        struct http1_response response;

        *seen = (struct seen){0};
        buf_init(&seen->head, 1 << 20);
        buf_init(&seen->body, 1 << 20);
        http1_response_init(&response, HEAD_MAX_BYTES, is_head);
        while (bytes.n > 0 && !is_final(seen->r)) {
                size_t n = cuts == NULL ? bytes.n : cuts_next(cuts, bytes.n);

                read_piece(&response, (struct str){bytes.p, n}, seen);
                bytes.p += n;
                bytes.n -= n;
        }
        seen->n_left += bytes.n;
        if (!is_final(seen->r)) {
                seen->r = http1_response_close(&response);
                see(seen, &response, STR(""));
        }
        http1_response_finish(&response);
}

/* Of a line that is too long and has a wrong byte either may be seen first. */
static int outcome(const struct seen *seen)
{
        return seen->r == HTTP1_RESPONSE_E_FULL ? HTTP1_RESPONSE_E_BAD : seen->r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct seen whole, pieces;
        struct cuts cuts;
        struct str bytes;

        if (size < 3)
                return 0;
        cuts.state = (uint32_t)data[0] << 8 | data[1];
        bytes = (struct str){(const char *)data + 2, size - 2};
        read_answer(bytes, NULL, data[0] & 1, &whole);
        read_answer(bytes, &cuts, data[0] & 1, &pieces);
        REQUIRE(outcome(&whole) == outcome(&pieces));
        REQUIRE(str_eq(buf_bytes(&whole.head), buf_bytes(&pieces.head)));
        REQUIRE(str_eq(buf_bytes(&whole.body), buf_bytes(&pieces.body)));
        REQUIRE(whole.is_kept == pieces.is_kept);
        REQUIRE(whole.r != HTTP1_RESPONSE_END || whole.n_left == pieces.n_left);
        buf_finish(&whole.head);
        buf_finish(&whole.body);
        buf_finish(&pieces.head);
        buf_finish(&pieces.body);
        return 0;
}
