/* A sealed value is opened by its key, for its record, and in no other way. */
#include "../../../app/store/store_seal.h"
#include "../check.h"

#include <stdlib.h>
#include <string.h>

static const struct store_secrets secrets = {.own = {1, 2, 3}};
static struct store_seal seal;
static uint8_t sealed[256], opened[STORE_VALUE_MAX_BYTES];
static const struct store_record record = {
        .key = {"grant/ada", 9}, .value = {"a token", 7}, .version = 7, .expires_ms = 1000};

static void set_up(void)
{
        store_seal_init(&seal, &secrets);
        cr_assert_eq(store_seal_close(&seal, &record, sealed), 0);
}

TestSuite(store_seal, .init = set_up, .timeout = 120);

static int open_as(const struct store_seal *with, struct store_record as, size_t n)
{
        uint8_t *exactly = malloc(n > 0 ? n : 1); /* so that a byte too far is seen */
        size_t n_opened = 0;
        int r;

        memcpy(exactly, sealed, n);
        as.value = (struct str){(char *)exactly, n};
        r = store_seal_open(with, &as, opened, &n_opened);
        if (r == 0)
                check_str(((struct str){(char *)opened, n_opened}), record.value);
        free(exactly);
        return r;
}

#define SEALED_BYTES (7 + STORE_SEAL_EXTRA_BYTES)

Test(store_seal, its_record_alone_opens_it)
{
        struct store_record other = record;

        check_int(open_as(&seal, record, SEALED_BYTES), 0);
        other.key = STR("grant/adb");
        check_int(open_as(&seal, other, SEALED_BYTES), STORE_E_SEALED);
        other.key = STR("grant/ad");
        check_int(open_as(&seal, other, SEALED_BYTES), STORE_E_SEALED);
        other = record;
        other.version++;
        check_int(open_as(&seal, other, SEALED_BYTES), STORE_E_SEALED);
        other = record;
        other.expires_ms++;
        check_int(open_as(&seal, other, SEALED_BYTES), STORE_E_SEALED);
}

Test(store_seal, a_part_of_it_or_a_changed_byte_opens_nothing)
{
        for (size_t n = 0; n < SEALED_BYTES; n++)
                check_int(open_as(&seal, record, n), STORE_E_SEALED);
        for (size_t bit = 0; bit < 8 * SEALED_BYTES; bit++) {
                sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
                check_int(open_as(&seal, record, SEALED_BYTES), STORE_E_SEALED);
                sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        check_int(open_as(&seal, record, SEALED_BYTES), 0);
}

Test(store_seal, one_of_two_keys_opens_it)
{
        struct store_secrets rotated = {.own = {9}, .old = {1, 2, 3}, .has_old = true};
        struct store_seal both, new;
        struct str text = {(char *)sealed, SEALED_BYTES};

        store_seal_init(&both, &rotated);
        check_int(store_seal_by(&both, text), STORE_SEAL_BY_OLD);
        check_int(open_as(&both, record, SEALED_BYTES), 0);
        rotated.has_old = false;
        store_seal_init(&new, &rotated);
        check_int(store_seal_by(&new, text), STORE_SEAL_BY_NOBODY);
        check_int(open_as(&new, record, SEALED_BYTES), STORE_E_SEALED);
        cr_assert_eq(store_seal_close(&both, &record, sealed), 0);
        check_int(open_as(&new, record, SEALED_BYTES), 0);
        check_int(open_as(&seal, record, SEALED_BYTES), STORE_E_SEALED);
}

Test(store_seal, none_looks_like_another)
{
        uint8_t again[256];

        cr_assert_eq(store_seal_close(&seal, &record, again), 0);
        cr_assert_neq(memcmp(again + 5, sealed + 5, SEALED_BYTES - 5), 0);
        cr_assert_eq(memcmp(again, sealed, 5), 0);
}
