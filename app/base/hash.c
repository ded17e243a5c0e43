/* SipHash-1-3. The key is drawn when the first name is hashed, and never told. */
#include "mgw/base/hash.h"

#include "mgw/base/rand.h"

#include <stdbool.h>
#include <string.h>

static uint64_t rotl(uint64_t x, unsigned n)
{
        return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
        v[0] += v[1];
        v[1] = rotl(v[1], 13) ^ v[0];
        v[0] = rotl(v[0], 32);
        v[2] += v[3];
        v[3] = rotl(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotl(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotl(v[1], 17) ^ v[2];
        v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF": one round a word, three at the end. */
static uint64_t sip_hash(const uint64_t key[2], const uint8_t *p, size_t n)
{
        uint64_t v[4] = {
                key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
        uint64_t word, last = (uint64_t)n << 56;
        size_t at = 0;

        for (; n - at >= sizeof(word); at += sizeof(word)) {
                memcpy(&word, p + at, sizeof(word));
                sip_word(v, word);
        }
        for (unsigned i = 0; at + i < n; i++)
                last |= (uint64_t)p[at + i] << (8 * i);
        sip_word(v, last);
        v[2] ^= 0xff;
        for (int i = 0; i < 3; i++)
                sip_round(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint32_t hash_keyed(const void *p, size_t n)
{
        static uint64_t key[2];
        static bool has_key;

        if (!has_key) {
                rand_bytes(key, sizeof(key));
                has_key = true;
        }
        return (uint32_t)sip_hash(key, p, n);
}
