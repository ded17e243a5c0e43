/* A list for each share, which is walked: it has one entry at most for each server that asked. One
 * whose time is over goes when it is next looked at. */
#include "mgw/core/back_off.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>

/* One at most for each who asked. */
struct back_off {
        struct list node; /* share->back_offs */
        const void *of;
        int64_t until_ms;
};

/* Walks those of one user: an entry of the configuration has one account of theirs. */
static struct back_off *back_off_find(struct share *share, const void *of)
{
        list_for_each (it, &share->back_offs) {
                struct back_off *b = container_of(it, struct back_off, node);

                if (b->of == of)
                        return b;
        }
        return NULL;
}

static void back_off_end(struct back_off *b)
{
        list_unlink(&b->node);
        free(b);
}

void back_off_set(struct share *share, const void *of, int64_t ms)
{
        struct back_off *b = back_off_find(share, of);

        if (b == NULL)
                b = alloc_zeroed(sizeof(*b));
        b->of = of;
        b->until_ms = loop_now_ms(share->context->loop) + ms;
        list_move_to_tail(&share->back_offs, &b->node);
}

int64_t back_off_left_ms(struct share *share, const void *of)
{
        struct back_off *b = back_off_find(share, of);
        int64_t left_ms = b != NULL ? b->until_ms - loop_now_ms(share->context->loop) : 0;

        if (b != NULL && left_ms <= 0)
                back_off_end(b);
        return left_ms > 0 ? left_ms : 0;
}

void back_off_forget_all(struct share *share)
{
        struct list *it;

        while ((it = list_first(&share->back_offs)) != NULL)
                back_off_end(container_of(it, struct back_off, node));
}
