#include "records.h"

#include "../check.h"

#include <string.h>

static void add(struct buf *out, const void *p, size_t n)
{
        check_int(buf_add(out, p, n), 0);
}

void record_add(struct buf *out, uint8_t type, uint16_t id, struct str content, uint8_t padding)
{
        uint8_t head[8] = {1,
                           type,
                           (uint8_t)(id >> 8),
                           (uint8_t)id,
                           (uint8_t)(content.n >> 8),
                           (uint8_t)content.n,
                           padding,
                           0xee};
        uint8_t waste[255];

        cr_assert_leq(content.n, 65535);
        memset(waste, 0xdd, sizeof(waste));
        add(out, head, sizeof(head));
        add(out, content.p, content.n);
        add(out, waste, padding);
}

void record_add_begin(struct buf *out, uint16_t id, uint16_t role, uint8_t flags)
{
        char body[8] = {(char)(role >> 8), (char)role, (char)flags};

        record_add(out, 1, id, (struct str){body, sizeof(body)}, 0);
}

static void length_add(struct buf *out, size_t n, bool is_long)
{
        uint8_t length[4] = {(uint8_t)(n >> 24 | 0x80), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                             (uint8_t)n};

        if (n < 128 && !is_long)
                add(out, &length[3], 1);
        else
                add(out, length, 4);
}

void pair_add(struct buf *out, struct str name, struct str value, bool is_long)
{
        length_add(out, name.n, is_long);
        length_add(out, value.n, is_long);
        add(out, name.p, name.n);
        add(out, value.p, value.n);
}
