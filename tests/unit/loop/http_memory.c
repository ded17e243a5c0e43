/* Memory for curl against what was put into it. */
#include "../../../app/loop/http_memory.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define N_PIECES 500
#define N_STEPS 200000

struct piece {
        unsigned char *p;
        size_t n;
        unsigned char byte;
};

static void piece_check(const struct piece *piece, size_t n)
{
        for (size_t i = 0; i < n; i++)
                cr_assert_eq(piece->p[i], piece->byte);
}

static size_t some_size(void)
{
        return (size_t)(rand() % 8 > 0 ? rand() % 400 : rand() % 40000);
}

static void piece_change(struct piece *piece)
{
        size_t n = some_size();

        if (piece->p != NULL && rand() % 2 == 0) {
                piece_check(piece, piece->n);
                http_memory_free(piece->p);
                piece->p = NULL;
                return;
        }
        piece->p = http_memory_resize(piece->p, n);
        cr_assert_not_null(piece->p);
        cr_assert_eq((uintptr_t)piece->p % 16, 0);
        piece_check(piece, n < piece->n ? n : piece->n);
        piece->n = n;
        memset(piece->p, piece->byte, n);
}

Test(http_memory, keeps_what_is_in_it)
{
        struct piece pieces[N_PIECES] = {0};

        for (size_t i = 0; i < N_PIECES; i++)
                pieces[i].byte = (unsigned char)i;
        for (size_t i = 0; i < N_STEPS; i++) {
                struct piece *piece = &pieces[rand() % N_PIECES];

                if (piece->p == NULL)
                        piece->n = 0;
                piece_change(piece);
        }
        for (size_t i = 0; i < N_PIECES; i++)
                http_memory_free(pieces[i].p);
}

Test(http_memory, is_given_back)
{
        enum { N = 10000 };
        static void *pieces[N];
        size_t before;

        http_memory_free(http_memory_get(5000));
        before = http_memory_mapped();
        for (size_t i = 0; i < N; i++)
                pieces[i] = http_memory_get(5000);
        cr_assert_gt(http_memory_mapped(), before + (size_t)N * 5000);
        for (size_t i = 0; i < N; i++)
                http_memory_free(pieces[i * 7 % N]);
        cr_assert_eq(http_memory_mapped(), before);
}

Test(http_memory, is_zeroed_and_never_too_small)
{
        unsigned char *p = http_memory_get(100);

        memset(p, 1, 100);
        http_memory_free(p);
        p = http_memory_get_zeroed(10, 10);
        for (size_t i = 0; i < 100; i++)
                cr_assert_eq(p[i], 0);
        http_memory_free(p);
        cr_assert_null(http_memory_get_zeroed(SIZE_MAX / 2, 3));
        cr_assert_null(http_memory_get(SIZE_MAX));
}
