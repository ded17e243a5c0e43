/* A template and, after the first newline, the JSON object of its variables. What comes out is a
 * URI whose path has no dot segment, however a client reads it. */
#include "fuzz.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/uri.h"

#include <ctype.h>
#include <stdbool.h>

static void check_characters(struct str uri)
{
        static const char others[] = "-._~:/?#[]@!$&'()*+,;=";

        for (size_t i = 0; i < uri.n; i++) {
                char c = uri.p[i];

                if (c == '%')
                        REQUIRE(i + 2 < uri.n && isxdigit((unsigned char)uri.p[i + 1]) &&
                                isxdigit((unsigned char)uri.p[i + 2]));
                else
                        REQUIRE(c != '\0' &&
                                (isalnum((unsigned char)c) || strchr(others, c) != NULL));
        }
}

/* By another way than the program's: decode the dots, then look for them. */
static void check_segments(struct str uri)
{
        char *path = malloc(uri.n + 3);
        size_t n = 0;

        path[n++] = '/';
        for (size_t i = 0; i < uri.n && strchr("?#", uri.p[i]) == NULL; i++) {
                bool is_dot = i + 2 < uri.n && uri.p[i] == '%' && uri.p[i + 1] == '2' &&
                              (uri.p[i + 2] | 0x20) == 'e';

                path[n++] = is_dot ? '.' : uri.p[i];
                i += is_dot ? 2 : 0;
        }
        path[n++] = '/';
        path[n] = '\0';
        REQUIRE(strstr(path, "/../") == NULL && strstr(path, "/./") == NULL);
        free(path);
}

/* Without variables, the names that are walked are what is missing. */
static void check_names(struct str template)
{
        struct uri_vars walk = {.rest = template};
        size_t n_braces = 0;
        size_t n_names = 0;
        struct str name;

        for (size_t i = 0; i < template.n; i++)
                n_braces += template.p[i] == '{';
        while (uri_vars_next(&walk, &name) == 0) {
                REQUIRE(name.n > 0 && name.p >= template.p &&
                        name.p + name.n < template.p + template.n);
                n_names++;
        }
        REQUIRE(n_names >= n_braces);
}

static void try(struct str template, const json_t *vars)
{
        const char *why = NULL;
        const char *again = NULL;
        struct buf out;
        int sound = uri_template_check(template, &why);
        int r;

        REQUIRE((sound == 0) == (why == NULL));
        buf_init(&out, 1 << 16);
        REQUIRE(buf_add_str(&out, STR("before")) == 0);
        r = uri_template_expand(&out, template, vars, &again);
        REQUIRE(sound == 0 || r == URI_E_TEMPLATE);
        REQUIRE(sound != 0 || r == 0 || r == URI_E_VALUE || r == BUF_E_FULL);
        if (r == 0) {
                buf_consume(&out, 6);
                check_characters(buf_bytes(&out));
                check_segments(buf_bytes(&out));
        } else {
                REQUIRE(str_eq(buf_bytes(&out), STR("before")));
        }
        if (sound == 0)
                check_names(template);
        buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        struct str rest = {copy, size};
        struct str template = str_cut(&rest, '\n');
        char why[160];
        json_t *vars;

        if (rpc_parse(rest, NULL, &vars, why, sizeof(why)) != 0)
                vars = json_object();
        try(template, vars);
        json_decref(vars);
        free(copy);
        return 0;
}
