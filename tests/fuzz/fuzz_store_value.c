/* Sealed values of the store that nobody sealed: none opens, unless it is the one that we seal
 * first, for its own record. */
#include "fuzz.h"
#include "store_seal.h"

static uint8_t opened[STORE_VALUE_MAX_BYTES];

static int open_value(const struct store_seal *seal, struct store_record record, size_t *np)
{
        char *copy = exact_copy(record.value.p, record.value.n);
        int r;

        record.value.p = copy;
        r = store_seal_open(seal, &record, opened, np);
        free(copy);
        return r;
}

/* The input: a key, a line's end, and what stands in the place of the value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct store_secrets secrets = {.own = {1}, .old = {2}, .has_old = true};
        struct str value = {(const char *)data, size}, key = str_cut(&value, '\n');
        struct store_record record = {.key = key, .value = value, .version = 1, .expires_ms = 2};
        size_t n = 0, n_sealed = value.n + STORE_SEAL_EXTRA_BYTES;
        struct store_seal seal;
        uint8_t *sealed;

        if (key.n > STORE_KEY_MAX_BYTES || value.n > STORE_VALUE_MAX_BYTES)
                return 0;
        store_seal_init(&seal, &secrets);
        REQUIRE(open_value(&seal, record, &n) == STORE_E_SEALED);
        sealed = malloc(n_sealed);
        REQUIRE(sealed != NULL);
        REQUIRE(store_seal_close(&seal, &record, sealed) == 0);
        record.value = (struct str){(char *)sealed, n_sealed};
        REQUIRE(open_value(&seal, record, &n) == 0);
        REQUIRE(n == value.n && (n == 0 || memcmp(opened, value.p, n) == 0));
        record.version++;
        REQUIRE(open_value(&seal, record, &n) == STORE_E_SEALED);
        record.version--;
        /* any byte of it changed by the input */
        if (size > 0) {
                sealed[data[0] % n_sealed] ^= (uint8_t)(data[size - 1] | 1);
                REQUIRE(open_value(&seal, record, &n) == STORE_E_SEALED);
        }
        free(sealed);
        return 0;
}
