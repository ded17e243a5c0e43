/* Text comes in pieces: what has begun at the end of one is held, 12 bytes at most, until the next
 * one tells what it is. What is sound is passed on from the input itself. */
#include "mgw/wire/rpc_mend.h"

#include "mgw/wire/rpc.h"
#include "rpc_plain.h"
#include "rpc_text.h"

/* "\uXXXX" */
#define ESCAPE_BYTES ((size_t)6)

enum what {
        WHOLE,  /* as it should be */
        BROKEN, /* U+FFFD */
        PAIR,   /* a character as two surrogates in bytes */
        MORE,   /* it cannot be told yet */
};

/* The code behind "\u"; UINT32_MAX: it is none. */
static uint32_t code_at(const char *p)
{
        uint32_t code = 0;

        for (size_t i = 2; i < ESCAPE_BYTES; i++) {
                int digit = str_hex_digit(p[i]);

                if (digit < 0)
                        return UINT32_MAX;
                code = code << 4 | (uint32_t)digit;
        }
        return code;
}

static enum what escape_at(const char *p, size_t n, size_t *used)
{
        uint32_t code;

        *used = 2;
        if (n < 2)
                return MORE;
        if (p[1] != 'u')
                return WHOLE;
        if (n < ESCAPE_BYTES)
                return MORE;
        code = code_at(p);
        if (code == UINT32_MAX)
                return WHOLE; /* for its reader to judge */
        *used = ESCAPE_BYTES;
        if (!rpc_is_high(code))
                return rpc_is_low(code) ? BROKEN : WHOLE;
        if ((n > ESCAPE_BYTES && p[ESCAPE_BYTES] != '\\') ||
            (n > ESCAPE_BYTES + 1 && p[ESCAPE_BYTES + 1] != 'u'))
                return BROKEN;
        if (n < 2 * ESCAPE_BYTES)
                return MORE;
        if (!rpc_is_low(code_at(p + ESCAPE_BYTES)))
                return BROKEN;
        *used = 2 * ESCAPE_BYTES;
        return WHOLE;
}

/* Could more bytes make a surrogate of these? */
static bool may_be_surrogate(const char *p, size_t n)
{
        return n < 3 && (unsigned char)p[0] == 0xed &&
               (n < 2 || ((unsigned char)p[1] >= 0xa0 && (unsigned char)p[1] <= 0xbf));
}

static enum what bytes_at(const char *p, size_t n, size_t *used)
{
        uint32_t c, high;
        size_t wants;

        *used = str_utf8_first((struct str){p, n}, &c);
        if (*used > 0)
                return WHOLE;
        high = rpc_surrogate_at(p, p + n);
        *used = high != 0 ? 3 : rpc_broken_length(p, p + n, &wants);
        if (high == 0)
                return may_be_surrogate(p, n) || (*used == n && n < wants) ? MORE : BROKEN;
        if (!rpc_is_high(high))
                return BROKEN;
        if (n == 3 || may_be_surrogate(p + 3, n - 3))
                return MORE;
        if (!rpc_is_low(rpc_surrogate_at(p + 3, p + n)))
                return BROKEN;
        *used = 6;
        return PAIR;
}

static enum what unit_at(const char *p, size_t n, size_t *used)
{
        return *p == '\\' ? escape_at(p, n, used) : bytes_at(p, n, used);
}

static void put_instead(enum what what, const char *p, void (*put)(void *owner, struct str),
                        void *owner)
{
        char out[4];
        uint32_t c = what == PAIR ? rpc_of_pair(rpc_surrogate_at(p, p + 3),
                                                rpc_surrogate_at(p + 3, p + 6))
                                  : RPC_REPLACEMENT;

        put(owner, (struct str){out, rpc_put_utf8(out, c)});
}

/* Takes bytes until it is known what is held; how many. */
static size_t feed_held(struct rpc_mend *mend, struct str piece,
                        void (*put)(void *owner, struct str), void *owner)
{
        enum what what = MORE;
        char held[sizeof(mend->held)];
        size_t at = 0, used, n;

        while (what == MORE && at < piece.n) {
                mend->held[mend->n_held++] = piece.p[at++];
                what = unit_at(mend->held, mend->n_held, &used);
        }
        if (what == MORE)
                return at;
        n = mend->n_held;
        memcpy(held, mend->held, n);
        mend->n_held = 0;
        if (what == WHOLE)
                put(owner, (struct str){held, used});
        else
                put_instead(what, held, put, owner);
        if (used < n) /* fewer each time */
                rpc_mend_feed(mend, (struct str){held + used, n - used}, put, owner);
        return at;
}

void rpc_mend_feed(struct rpc_mend *mend, struct str piece, void (*put)(void *owner, struct str),
                   void *owner)
{
        size_t from = 0, at = 0, used;

        while (mend->n_held > 0 && at < piece.n)
                at += feed_held(mend, (struct str){piece.p + at, piece.n - at}, put, owner);
        from = at;
        while (at < piece.n) {
                const char *p = piece.p + at;
                enum what what;

                if (piece.n - at >= 8 && rpc_is_plain(p)) {
                        at += 8;
                        continue;
                }
                mend->in_string ^= *p == '"';
                if (!mend->in_string || (*p != '\\' && (unsigned char)*p < 0x80)) {
                        at++;
                        continue;
                }
                what = unit_at(p, piece.n - at, &used);
                if (what == WHOLE) {
                        at += used;
                        continue;
                }
                if (at > from)
                        put(owner, (struct str){piece.p + from, at - from});
                if (what == MORE) {
                        mend->n_held = (uint8_t)(piece.n - at);
                        memcpy(mend->held, p, mend->n_held);
                        return;
                }
                put_instead(what, p, put, owner);
                at += used;
                from = at;
        }
        if (at > from)
                put(owner, (struct str){piece.p + from, at - from});
}
