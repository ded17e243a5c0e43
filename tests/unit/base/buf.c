/* The queue of bytes: its order, its cap, its memory. */
#include "mgw/base/buf.h"

#include "../check.h"

#include <string.h>

Test(buf, gives_back_what_was_added_in_order)
{
        struct buf b;

        buf_init(&b, 100);
        check_str(buf_bytes(&b), STR(""));
        check_int(buf_add(&b, "abc", 3), 0);
        check_int(buf_add_str(&b, STR("def")), 0);
        check_int(buf_addf(&b, "%d-%s", 42, "x"), 0);
        check_str(buf_bytes(&b), STR("abcdef42-x"));
        buf_consume(&b, 4);
        check_str(buf_bytes(&b), STR("ef42-x"));
        buf_finish(&b);
        buf_finish(&b);
        check_int(buf_add(&b, "again", 5), 0);
        check_str(buf_bytes(&b), STR("again"));
        buf_finish(&b);
        buf_finish(NULL);
}

Test(buf, holds_its_cap_and_not_a_byte_more)
{
        struct buf b;
        uint8_t *tail;

        buf_init(&b, 8);
        check_int(buf_add(&b, "12345", 5), 0);
        check_int(buf_add(&b, "6789", 4), BUF_E_FULL);
        check_int(buf_addf(&b, "%s", "6789"), BUF_E_FULL);
        check_int(buf_reserve(&b, 4, &tail), BUF_E_FULL);
        check_int(buf_reserve(&b, SIZE_MAX, &tail), BUF_E_FULL);
        check_str(buf_bytes(&b), STR("12345"));
        check_int(buf_add(&b, "678", 3), 0);
        check_int(buf_add(&b, "9", 1), BUF_E_FULL);
        check_int(buf_add(&b, "", 0), 0);
        check_int(buf_add(&b, NULL, 0), 0);
        check_str(buf_bytes(&b), STR("12345678"));
        buf_consume(&b, 1);
        check_int(buf_add(&b, "9", 1), 0);
        check_str(buf_bytes(&b), STR("23456789"));
        buf_finish(&b);
}

Test(buf, a_zeroed_one_takes_nothing)
{
        struct buf b = {0};

        check_int(buf_add(&b, "x", 1), BUF_E_FULL);
        check_str(buf_bytes(&b), STR(""));
        buf_finish(&b);
}

Test(buf, holds_no_memory_when_empty)
{
        struct buf b;
        uint8_t *tail;

        buf_init(&b, 1000);
        cr_assert_null(b.mem);
        check_int(buf_add(&b, "abc", 3), 0);
        cr_assert_not_null(b.mem);
        buf_consume(&b, 3);
        cr_assert_null(b.mem);
        check_int(buf_reserve(&b, 10, &tail), 0);
        buf_commit(&b, 0);
        cr_assert_null(b.mem);
        check_int(b.size, 0);
}

Test(buf, takes_up_what_was_written_into_its_reserve)
{
        struct buf b;
        uint8_t *tail;

        buf_init(&b, 1000);
        check_int(buf_add(&b, "ab", 2), 0);
        check_int(buf_reserve(&b, 500, &tail), 0);
        memset(tail, 'x', 500);
        buf_commit(&b, 3);
        check_str(buf_bytes(&b), STR("abxxx"));
        buf_finish(&b);
}

Test(buf, formats_text_of_any_length)
{
        char text[2000];
        struct buf b;

        memset(text, 'y', sizeof(text));
        for (int n = 250; n < 260; n++) {
                buf_init(&b, 4096);
                check_int(buf_addf(&b, "%.*s", n, text), 0);
                check_str(buf_bytes(&b), ((struct str){text, (size_t)n}));
                buf_finish(&b);
        }
        buf_init(&b, 4096);
        check_int(buf_addf(&b, "<%.*s>", 2000, text), 0);
        check_int(b.len, 2002);
        buf_finish(&b);
}

Test(buf, compacts_instead_of_growing_when_the_head_is_large)
{
        char text[64] = {0};
        struct buf b;

        buf_init(&b, 1 << 20);
        for (int i = 0; i < 2; i++)
                check_int(buf_add(&b, text, sizeof(text)), 0);
        for (int i = 0; i < 1000; i++) {
                check_int(buf_add(&b, text, sizeof(text)), 0);
                buf_consume(&b, sizeof(text));
        }
        check_int(b.len, 128);
        cr_assert_leq(b.size, 256, "128 bytes held in %u allocated", b.size);
        buf_finish(&b);
}

/* The same queue in the plainest form. */
struct model {
        uint8_t bytes[3000];
        size_t n;
};

static uint32_t next_random(uint32_t *state)
{
        *state = *state * 1664525 + 1013904223;
        return *state >> 8;
}

static void step_add(struct buf *b, struct model *m, uint32_t *state)
{
        uint8_t piece[400];
        size_t n = next_random(state) % sizeof(piece);
        bool fits = m->n + n <= b->max;

        for (size_t i = 0; i < n; i++)
                piece[i] = (uint8_t)next_random(state);
        check_int(buf_add(b, piece, n), fits ? 0 : BUF_E_FULL);
        if (fits) {
                memcpy(m->bytes + m->n, piece, n);
                m->n += n;
        }
}

static void step_consume(struct buf *b, struct model *m, uint32_t *state)
{
        size_t n = next_random(state) % (m->n + 1);

        buf_consume(b, n);
        m->n -= n;
        memmove(m->bytes, m->bytes + n, m->n);
}

Test(buf, any_order_of_steps_is_as_the_model)
{
        for (uint32_t seed = 1; seed <= 50; seed++) {
                uint32_t state = seed;
                struct model m = {.n = 0};
                struct buf b;

                buf_init(&b, 100 + seed * 58);
                for (int i = 0; i < 500; i++) {
                        if (next_random(&state) % 3 > 0)
                                step_add(&b, &m, &state);
                        else
                                step_consume(&b, &m, &state);
                        check_int(b.len, m.n);
                        cr_assert(m.n == 0 || memcmp(buf_bytes(&b).p, m.bytes, m.n) == 0);
                        cr_assert(m.n > 0 || b.mem == NULL);
                        cr_assert_leq(b.size, 2 * b.max);
                }
                buf_finish(&b);
        }
}
