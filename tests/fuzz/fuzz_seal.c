/* Sealed texts that nobody closed: none opens, unless it is the one that we close first. */
#include "fuzz.h"
#include "mgw/mcp/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t key[SEAL_KEY_BYTES] = "0123456789abcdef0123456789abcde";
        char *copy = exact_copy(data, size);
        struct str text = {copy, size};
        struct str user = text;
        struct seal_binding binding = {str_cut(&user, '\n'), STR("digest")};
        struct buf sealed, out;

        buf_init(&sealed, 1 << 20);
        buf_init(&out, 1 << 20);
        REQUIRE(seal_open(&out, key, &binding, 0, text) == SEAL_E_BAD);
        REQUIRE(seal_close(&sealed, key, &binding, 1, text) == 0);
        REQUIRE(seal_open(&out, key, &binding, 1, buf_bytes(&sealed)) == SEAL_E_EXPIRED);
        REQUIRE(buf_bytes(&out).n == 0);
        REQUIRE(seal_open(&out, key, &binding, 0, buf_bytes(&sealed)) == 0);
        REQUIRE(str_eq(buf_bytes(&out), text));
        buf_finish(&out);
        /* any byte of it changed by the input */
        if (size > 0) {
                size_t at = data[0] % buf_bytes(&sealed).n;

                sealed.mem[sealed.head + at] ^= (uint8_t)(data[size - 1] | 1);
                REQUIRE(seal_open(&out, key, &binding, 0, buf_bytes(&sealed)) == SEAL_E_BAD);
        }
        buf_finish(&sealed);
        free(copy);
        return 0;
}
