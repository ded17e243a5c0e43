#include "mgw/base/base64.h"

#include "../check.h"

static void check_pair(enum base64 kind, struct str bytes, struct str text)
{
        struct buf out;

        buf_init(&out, 1000);
        check_int(base64_encode(&out, kind, bytes), 0);
        check_str(buf_bytes(&out), text);
        buf_consume(&out, text.n);
        check_int(base64_decode(&out, kind, text), 0);
        check_str(buf_bytes(&out), bytes);
        buf_finish(&out);
}

Test(base64, the_vectors_of_rfc_4648)
{
        check_pair(BASE64_STANDARD, STR(""), STR(""));
        check_pair(BASE64_STANDARD, STR("f"), STR("Zg=="));
        check_pair(BASE64_STANDARD, STR("fo"), STR("Zm8="));
        check_pair(BASE64_STANDARD, STR("foo"), STR("Zm9v"));
        check_pair(BASE64_STANDARD, STR("foob"), STR("Zm9vYg=="));
        check_pair(BASE64_STANDARD, STR("foobar"), STR("Zm9vYmFy"));
        check_pair(BASE64_STANDARD, STR("\xfb\xff\0"), STR("+/8A"));
        check_pair(BASE64_URL, STR("\xfb\xff\0"), STR("-_8A"));
        check_pair(BASE64_URL, STR("f"), STR("Zg"));
        check_pair(BASE64_URL, STR("fo"), STR("Zm8"));
}

Test(base64, there_is_one_way_to_write_bytes)
{
        static const char *const standard[] = {
                "Zg",   "Zg=",  "Zg===", "Zh==",     "Zm9=", "Z===", "====",  "Zg=a",
                "Z g=", "-_8A", "Zg==Z", "Zg==Zg==", "=",    "Z",    "Zm9v\n"};
        static const char *const url[] = {"Zg==", "Zh", "Zm9", "Z", "+/8A", "Zg.."};
        struct buf out;

        buf_init(&out, 1000);
        for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
                cr_assert_eq(base64_decode(&out, BASE64_STANDARD, str_from(standard[i])),
                             BASE64_E_BAD, "%s", standard[i]);
        for (size_t i = 0; i < sizeof(url) / sizeof(url[0]); i++)
                cr_assert_eq(base64_decode(&out, BASE64_URL, str_from(url[i])), BASE64_E_BAD, "%s",
                             url[i]);
        check_int(base64_decode(&out, BASE64_URL, STR("A\0AA")), BASE64_E_BAD);
        buf_finish(&out);
}

Test(base64, what_does_not_fit_is_told)
{
        struct buf out;

        buf_init(&out, 5);
        check_int(base64_encode(&out, BASE64_STANDARD, STR("foob")), BUF_E_FULL);
        buf_finish(&out);
        check_int(base64_decode(&out, BASE64_STANDARD, STR("Zm9vYmFy")), BUF_E_FULL);
        buf_finish(&out);
}
