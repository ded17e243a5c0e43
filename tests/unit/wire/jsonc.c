#include "mgw/wire/jsonc.h"

#include "../check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static char *plain(const char *text)
{
        char *copy = strdup(text);

        jsonc_to_json(copy, strlen(copy));
        return copy;
}

static void check_plain(const char *text, const char *want)
{
        char *got = plain(text);

        cr_assert_str_eq(got, want);
        free(got);
}

Test(jsonc, what_json_has_not_becomes_blanks_in_place)
{
        check_plain("\xef\xbb\xbf{}", "   {}");
        check_plain("[1, // one\n2]", "[1,       \n2]");
        check_plain("[1, /* a\r\nb */ 2]", "[1,     \r\n     2]");
        check_plain("{\"a\": [1, 2,], }", "{\"a\": [1, 2 ]  }");
        check_plain("[1, // the last\n /* of them */ ]", "[1             \n               ]");
        check_plain("[{},\n]", "[{} \n]");
        check_plain("[\"x\",]", "[\"x\" ]");
        check_plain("[1]//", "[1]  ");
        check_plain("[1]/**/", "[1]    ");
}

Test(jsonc, strings_stay_as_they_are)
{
        const char *text = "{\"a//b\": \"/* c */ ,] \\\" ,} // \", \"\\\\\": [\"https://x/,\"]}";

        check_plain(text, text);
}

Test(jsonc, what_is_no_json_stays)
{
        check_plain("{,}", "{,}");
        check_plain("[,]", "[,]");
        check_plain("[1,,]", "[1,,]");
        check_plain("{\"a\":,}", "{\"a\":,}");
        check_plain(",", ",");
        check_plain("[1/2]", "[1/2]");
        check_plain("[1] /", "[1] /");
        check_plain("\"open // ,]", "\"open // ,]");
        check_plain("\"\\", "\"\\");
        check_plain("[1, /* open ]", "[1,          ");
        check_plain("[1, /*/ ]", "[1,      ");
        check_plain("", "");
}

Test(jsonc, a_fault_is_where_it_is_in_the_file)
{
        char *text = plain("{ // first\n  \"a\": 1, /* and\n more */ nonsense\n}");
        json_error_t error;

        cr_assert_null(json_loads(text, 0, &error));
        check_int(error.line, 3);
        free(text);
}
