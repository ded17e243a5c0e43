/* Inputs of fuzz_session are changed by whole steps: libFuzzer's own way, by bytes, would give all
 * steps behind the change another meaning. */
#include "world.h"

#include "../fuzz.h"

/* libFuzzer's names. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed);

static uint32_t dice;

static size_t roll(size_t n)
{
        dice = dice * 1664525 + 1013904223;
        return (dice >> 8) % n;
}

/* What turns a upstream session into another: pings, errors of the eras, 401, 404, other versions.
 */
static const uint8_t turns[] = {1, 13, 14, 15, 19, 22, 24, 32, 33, 47, 48, 49, 50};

/* Half of them what a server that means well would do. */
static void make_step(uint8_t *step)
{
        static const uint8_t ops[] = {0, 0, 0, 1, 1, 1, 1, 2, 3, 3, 4, 4, 5, 6, 7, 7};
        size_t luck = roll(8);

        step[0] = ops[roll(sizeof(ops))];
        step[1] = (uint8_t)(luck < 4 && step[0] != 0 ? 0 : roll(256));
        if (luck > 4)
                step[1] = turns[roll(sizeof(turns))];
        step[2] = (uint8_t)(roll(2) == 0 ? 0 : roll(step[0] == 0 ? 256 : 8));
        step[3] = (uint8_t)(roll(2) == 0 ? 0 : roll(8));
}

static void change_step(uint8_t *step)
{
        size_t at = roll(STEP_BYTES + 1);
        uint8_t made[STEP_BYTES];

        make_step(made);
        if (at == STEP_BYTES)
                memcpy(step, made, STEP_BYTES);
        else
                step[at] = made[at];
}

/* Room for one step; n: the steps that there are. */
static uint8_t *open_gap(uint8_t *steps, size_t n, size_t at)
{
        uint8_t *gap = steps + at * STEP_BYTES;

        memmove(gap + STEP_BYTES, gap, (n - at) * STEP_BYTES);
        return gap;
}

static void close_gap(uint8_t *steps, size_t n, size_t at)
{
        uint8_t *gap = steps + at * STEP_BYTES;

        memmove(gap, gap + STEP_BYTES, (n - at - 1) * STEP_BYTES);
}

/* The number of steps afterwards. */
static size_t mutate(uint8_t *steps, size_t n, size_t max)
{
        uint8_t step[STEP_BYTES];
        size_t from;

        switch (n == 0 ? 0 : roll(6)) {
        case 0:
        case 1:
                if (n >= max)
                        return n;
                make_step(step);
                memcpy(open_gap(steps, n, roll(2) == 0 ? n : roll(n + 1)), step, STEP_BYTES);
                return n + 1;
        case 2:
                close_gap(steps, n, roll(n));
                return n - 1;
        case 3: /* again, or later or earlier */
                from = roll(n);
                memcpy(step, steps + from * STEP_BYTES, STEP_BYTES);
                if (n >= max || roll(2) == 0)
                        close_gap(steps, n--, from);
                memcpy(open_gap(steps, n, roll(n + 1)), step, STEP_BYTES);
                return n + 1;
        default:
                change_step(steps + roll(n) * STEP_BYTES);
                return n;
        }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
        size_t n = size > 0 ? (size - 1) / STEP_BYTES : 0;

        dice = seed;
        if (max_size == 0)
                return 0;
        if (size == 0 || roll(50) == 0)
                data[0] = (uint8_t)roll(N_WORLDS);
        for (size_t left = 1 + roll(4); left > 0; left--)
                n = mutate(data + 1, n, (max_size - 1) / STEP_BYTES);
        return 1 + n * STEP_BYTES;
}

/* The first steps of one, and then the last of another. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed)
{
        size_t n, from, more;

        if (a_size == 0 || b_size == 0 || max_size == 0)
                return 0;
        dice = seed;
        n = 1 + roll((a_size - 1) / STEP_BYTES + 1) * STEP_BYTES;
        from = 1 + roll((b_size - 1) / STEP_BYTES + 1) * STEP_BYTES;
        n = n < max_size ? n : max_size;
        more = b_size - from < max_size - n ? b_size - from : max_size - n;
        memcpy(out, a, n);
        memcpy(out + n, b + from, more);
        return n + more;
}
