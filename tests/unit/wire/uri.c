#include "mgw/wire/uri.h"

#include "../check.h"
#include "../json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#define CAP (8 << 20)

/* The values of RFC 6570 1.2 and 3.2. */
static const char rfc_vars[] =
        "{'count': ['one', 'two', 'three'], 'dom': ['example', 'com'], 'dub': 'me/too',"
        " 'hello': 'Hello World!', 'half': '50%', 'var': 'value', 'who': 'fred',"
        " 'base': 'http://example.com/home/', 'path': '/foo/bar',"
        " 'list': ['red', 'green', 'blue'], 'keys': {'semi': ';', 'dot': '.', 'comma': ','},"
        " 'v': '6', 'x': '1024', 'y': '768', 'empty': '', 'empty_keys': {}, 'undef': null}";

struct expected {
        const char *template;
        const char *want;
};

static void check_expansions(const char *vars, const struct expected *cases, size_t n)
{
        json_t *json = json_from(vars);

        for (size_t i = 0; i < n; i++) {
                const char *why = NULL;
                struct buf out;
                int r;

                buf_init(&out, CAP);
                r = uri_template_expand(&out, str_from(cases[i].template), json, &why);
                cr_assert_eq(r, 0, "%s: %d, %s", cases[i].template, r, why);
                cr_assert(str_eq(buf_bytes(&out), str_from(cases[i].want)), "%s: %.*s, want %s",
                          cases[i].template, STR_ARG(buf_bytes(&out)), cases[i].want);
                buf_finish(&out);
        }
        json_decref(json);
}

#define CHECK_EXPANSIONS(vars, cases)                                                              \
        check_expansions(vars, cases, sizeof(cases) / sizeof((cases)[0]))

Test(uri, rfc_6570_sections_1_and_3_2_1_to_3)
{
        static const struct expected cases[] = {
                {"{var}", "value"},
                {"{hello}", "Hello%20World%21"},
                {"{+var}", "value"},
                {"{+hello}", "Hello%20World!"},
                {"{+path}/here", "/foo/bar/here"},
                {"here?ref={+path}", "here?ref=/foo/bar"},
                {"X{#var}", "X#value"},
                {"X{#hello}", "X#Hello%20World!"},
                {"map?{x,y}", "map?1024,768"},
                {"{x,hello,y}", "1024,Hello%20World%21,768"},
                {"{+x,hello,y}", "1024,Hello%20World!,768"},
                {"{+path,x}/here", "/foo/bar,1024/here"},
                {"{#x,hello,y}", "#1024,Hello%20World!,768"},
                {"{#path,x}/here", "#/foo/bar,1024/here"},
                {"X{.var}", "X.value"},
                {"X{.x,y}", "X.1024.768"},
                {"{/var}", "/value"},
                {"{/var,x}/here", "/value/1024/here"},
                {"{;x,y}", ";x=1024;y=768"},
                {"{;x,y,empty}", ";x=1024;y=768;empty"},
                {"{?x,y}", "?x=1024&y=768"},
                {"{?x,y,empty}", "?x=1024&y=768&empty="},
                {"?fixed=yes{&x}", "?fixed=yes&x=1024"},
                {"{&x,y,empty}", "&x=1024&y=768&empty="},
                {"{count}", "one,two,three"},
                {"{count*}", "one,two,three"},
                {"{/count}", "/one,two,three"},
                {"{/count*}", "/one/two/three"},
                {"{;count}", ";count=one,two,three"},
                {"{;count*}", ";count=one;count=two;count=three"},
                {"{?count}", "?count=one,two,three"},
                {"{?count*}", "?count=one&count=two&count=three"},
                {"{&count*}", "&count=one&count=two&count=three"},
        };

        CHECK_EXPANSIONS(rfc_vars, cases);
}

Test(uri, rfc_6570_section_3_2_2_simple)
{
        static const struct expected cases[] = {
                {"{var}", "value"},
                {"{hello}", "Hello%20World%21"},
                {"{half}", "50%25"},
                {"O{empty}X", "OX"},
                {"O{undef}X", "OX"},
                {"{x,y}", "1024,768"},
                {"{x,hello,y}", "1024,Hello%20World%21,768"},
                {"?{x,empty}", "?1024,"},
                {"?{x,undef}", "?1024"},
                {"?{undef,y}", "?768"},
                {"{var:3}", "val"},
                {"{var:30}", "value"},
                {"{list}", "red,green,blue"},
                {"{list*}", "red,green,blue"},
                {"{keys}", "semi,%3B,dot,.,comma,%2C"},
                {"{keys*}", "semi=%3B,dot=.,comma=%2C"},
        };

        CHECK_EXPANSIONS(rfc_vars, cases);
}

Test(uri, rfc_6570_section_3_2_3_reserved)
{
        static const struct expected cases[] = {
                {"{+var}", "value"},
                {"{+hello}", "Hello%20World!"},
                {"{+half}", "50%25"},
                {"{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"},
                {"{+base}index", "http://example.com/home/index"},
                {"O{+empty}X", "OX"},
                {"O{+undef}X", "OX"},
                {"{+path}/here", "/foo/bar/here"},
                {"here?ref={+path}", "here?ref=/foo/bar"},
                {"up{+path}{var}/here", "up/foo/barvalue/here"},
                {"{+x,hello,y}", "1024,Hello%20World!,768"},
                {"{+path,x}/here", "/foo/bar,1024/here"},
                {"{+path:6}/here", "/foo/b/here"},
                {"{+list}", "red,green,blue"},
                {"{+list*}", "red,green,blue"},
                {"{+keys}", "semi,;,dot,.,comma,,"},
                {"{+keys*}", "semi=;,dot=.,comma=,"},
        };

        CHECK_EXPANSIONS(rfc_vars, cases);
}

Test(uri, rfc_6570_section_3_2_4_fragment)
{
        static const struct expected cases[] = {
                {"{#var}", "#value"},
                {"{#hello}", "#Hello%20World!"},
                {"{#half}", "#50%25"},
                {"foo{#empty}", "foo#"},
                {"foo{#undef}", "foo"},
                {"{#x,hello,y}", "#1024,Hello%20World!,768"},
                {"{#path,x}/here", "#/foo/bar,1024/here"},
                {"{#path:6}/here", "#/foo/b/here"},
                {"{#list}", "#red,green,blue"},
                {"{#list*}", "#red,green,blue"},
                {"{#keys}", "#semi,;,dot,.,comma,,"},
                {"{#keys*}", "#semi=;,dot=.,comma=,"},
        };

        CHECK_EXPANSIONS(rfc_vars, cases);
}

Test(uri, rfc_6570_section_3_2_5_label)
{
        static const struct expected cases[] = {
                {"{.who}", ".fred"},
                {"{.who,who}", ".fred.fred"},
                {"{.half,who}", ".50%25.fred"},
                {"www{.dom*}", "www.example.com"},
                {"X{.var}", "X.value"},
                {"X{.empty}", "X."},
                {"X{.undef}", "X"},
                {"X{.var:3}", "X.val"},
                {"X{.list}", "X.red,green,blue"},
                {"X{.list*}", "X.red.green.blue"},
                {"X{.keys}", "X.semi,%3B,dot,.,comma,%2C"},
                {"X{.keys*}", "X.semi=%3B.dot=..comma=%2C"},
                {"X{.empty_keys}", "X"},
                {"X{.empty_keys*}", "X"},
        };

        CHECK_EXPANSIONS(rfc_vars, cases);
}

Test(uri, rfc_6570_section_3_2_6_path)
{
        static const struct expected cases[] = {
                {"{/who}", "/fred"},
                {"{/who,who}", "/fred/fred"},
                {"{/half,who}", "/50%25/fred"},
                {"{/who,dub}", "/fred/me%2Ftoo"},
                {"{/var}", "/value"},
                {"{/var,empty}", "/value/"},
                {"{/var,undef}", "/value"},
                {"{/var,x}/here", "/value/1024/here"},
                {"{/var:1,var}", "/v/value"},
                {"{/list}", "/red,green,blue"},
                {"{/list*}", "/red/green/blue"},
                {"{/list*,path:4}", "/red/green/blue/%2Ffoo"},
                {"{/keys}", "/semi,%3B,dot,.,comma,%2C"},
                {"{/keys*}", "/semi=%3B/dot=./comma=%2C"},
        };

        CHECK_EXPANSIONS(rfc_vars, cases);
}

Test(uri, rfc_6570_section_3_2_7_path_parameters)
{
        static const struct expected cases[] = {
                {"{;who}", ";who=fred"},
                {"{;half}", ";half=50%25"},
                {"{;empty}", ";empty"},
                {"{;v,empty,who}", ";v=6;empty;who=fred"},
                {"{;v,bar,who}", ";v=6;who=fred"},
                {"{;x,y}", ";x=1024;y=768"},
                {"{;x,y,empty}", ";x=1024;y=768;empty"},
                {"{;x,y,undef}", ";x=1024;y=768"},
                {"{;hello:5}", ";hello=Hello"},
                {"{;list}", ";list=red,green,blue"},
                {"{;list*}", ";list=red;list=green;list=blue"},
                {"{;keys}", ";keys=semi,%3B,dot,.,comma,%2C"},
                {"{;keys*}", ";semi=%3B;dot=.;comma=%2C"},
        };

        CHECK_EXPANSIONS(rfc_vars, cases);
}

Test(uri, rfc_6570_sections_3_2_8_and_9_query)
{
        static const struct expected cases[] = {
                {"{?who}", "?who=fred"},
                {"{?half}", "?half=50%25"},
                {"{?x,y}", "?x=1024&y=768"},
                {"{?x,y,empty}", "?x=1024&y=768&empty="},
                {"{?x,y,undef}", "?x=1024&y=768"},
                {"{?var:3}", "?var=val"},
                {"{?list}", "?list=red,green,blue"},
                {"{?list*}", "?list=red&list=green&list=blue"},
                {"{?keys}", "?keys=semi,%3B,dot,.,comma,%2C"},
                {"{?keys*}", "?semi=%3B&dot=.&comma=%2C"},
                {"{&who}", "&who=fred"},
                {"{&half}", "&half=50%25"},
                {"?fixed=yes{&x}", "?fixed=yes&x=1024"},
                {"{&var:3}", "&var=val"},
                {"{&x,y,empty}", "&x=1024&y=768&empty="},
                {"{&x,y,undef}", "&x=1024&y=768"},
                {"{&list}", "&list=red,green,blue"},
                {"{&list*}", "&list=red&list=green&list=blue"},
                {"{&keys}", "&keys=semi,%3B,dot,.,comma,%2C"},
                {"{&keys*}", "&semi=%3B&dot=.&comma=%2C"},
        };

        CHECK_EXPANSIONS(rfc_vars, cases);
}

Test(uri, values_of_all_types)
{
        static const struct expected cases[] = {
                {"{t},{f},{n}", "true,false,"},
                {"{one}", "1"},
                {"{minus}", "-17"},
                {"{big}", "9223372036854775807"},
                {"{three}", "3"},
                {"{tenth}", "0.1"},
                {"{third}", "0.3333333333333333"},
                {"{million}", "1500000"},
                {"{zero}", "0"},
                {"{huge}", "1e%2B300"},
                {"{tiny}", "-2.5e-07"},
                {"{?mixed*}", "?mixed=a&mixed=1&mixed=0.5&mixed=true"},
                {"{mixed}", "a,1,0.5,true"},
                {"a{?none,nothing,members}b", "ab"},
                {"{?gap}", "?gap=1,2"},
                {"{?holes*}", "?b=2"},
                {"{?bare}", "?bare="},
                {"{?bare*}", "?bare="},
                {"{;bare*}", ";bare"},
                {"{?blank*}", "?k="},
                {"{;blank*}", ";k"},
                {"{/n,one}", "/1"},
        };

        CHECK_EXPANSIONS(
                "{'t': true, 'f': false, 'n': null, 'one': 1, 'minus': -17, 'three': 3.0,"
                " 'big': 9223372036854775807, 'tenth': 0.1, 'third': 0.3333333333333333,"
                " 'million': 1.5e6, 'zero': -0.0, 'huge': 1e300, 'tiny': -2.5e-7,"
                " 'mixed': ['a', 1, 0.5, true], 'none': [], 'nothing': {}, 'members': [null],"
                " 'gap': [1, null, 2], 'holes': {'a': null, 'b': 2}, 'bare': [''],"
                " 'blank': {'k': ''}}",
                cases);
}

Test(uri, text)
{
        static const struct expected cases[] = {
                {"", ""},
                {"/a", "/a"},
                {"\xc3\xa9/{u}", "%C3%A9/%E2%82%AC%F0%9F%98%80"},
                {"{u:1}", "%E2%82%AC"},
                {"{+u:1}", "%E2%82%AC"},
                {"{z}", "a%00b"},
                {"{+z}", "a%00b"},
                {"{p}", "%252F%25zz%25"},
                {"{+p}", "%2F%25zz%25"},
                {"{#p}", "#%2F%25zz%25"},
                {"%2f%C3'x'", "%2f%C3'x'"},
                {"{a.b}{a_1}{%41}", "123"},
                {"{q}", "%22%3C%3E%5C%5E%60%7B%7C%7D%20%0A%0D%7F"},
                {"{+q}", "%22%3C%3E%5C%5E%60%7B%7C%7D%20%0A%0D%7F"},
        };

        CHECK_EXPANSIONS("{'u': '\\u20ac\\ud83d\\ude00', 'z': 'a\\u0000b', 'p': '%2F%zz%',"
                         " 'a.b': 1, 'a_1': 2, '%41': 3,"
                         " 'q': '\\u0022<>\\\\^`{|} \\n\\r\\u007f'}",
                         cases);
}

Test(uri, every_byte)
{
        static const char unreserved[] = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "abcdefghijklmnopqrstuvwxyz";
        static const char reserved[] = ":/?#[]@!$&'()*+,;=";

        for (int c = 0; c < 256; c++) {
                char value[] = {'a', (char)c};
                char plain[8], escaped[8];
                json_t *vars = json_pack("{s:o}", "v", json_stringn_nocheck(value, 2));
                bool is_plain = c != 0 && strchr(unreserved, c) != NULL;
                bool is_reserved = c != 0 && strchr(reserved, c) != NULL;
                const char *why;
                struct buf out;

                snprintf(plain, sizeof(plain), "a%c", c);
                snprintf(escaped, sizeof(escaped), "a%%%02X", c);
                buf_init(&out, CAP);
                check_int(uri_template_expand(&out, STR("{v}"), vars, &why), 0);
                check_str(buf_bytes(&out), str_from(is_plain ? plain : escaped));
                buf_consume(&out, out.len);
                check_int(uri_encode(&out, (struct str){value, 2}), 0);
                check_str(buf_bytes(&out), str_from(is_plain ? plain : escaped));
                buf_consume(&out, out.len);
                check_int(uri_template_expand(&out, STR("{+v}"), vars, &why), 0);
                check_str(buf_bytes(&out), str_from(is_plain || is_reserved ? plain : escaped));
                buf_finish(&out);
                json_decref(vars);
        }
}

Test(uri, malformed_templates)
{
        const struct {
                struct str template;
                const char *why;
        } cases[] = {
                {STR("{"), "without its"},
                {STR("a{b"), "without its"},
                {STR("a{b}{c,"), "without its"},
                {STR("{}"), "name"},
                {STR("{?}"), "name"},
                {STR("{a,}"), "name"},
                {STR("{,a}"), "name"},
                {STR("{a b}"), "name"},
                {STR("{a{b}"), "name"},
                {STR("{a-b}"), "name"},
                {STR("{.}"), "name"},
                {STR("{a.}"), "name"},
                {STR("{a..b}"), "name"},
                {STR("{..a}"), "name"},
                {STR("{%4}"), "name"},
                {STR("{%zz}"), "name"},
                {STR("{\xc3\xa9}"), "name"},
                {STR("{a\0b}"), "name"},
                /* operators reserved for extensions */
                {STR("{=a}"), "name"},
                {STR("{,a}"), "name"},
                {STR("{!a}"), "name"},
                {STR("{@a}"), "name"},
                {STR("{|a}"), "name"},
                {STR("{$a}"), "name"},
                {STR("{(a}"), "name"},
                {STR("{a:}"), "prefix"},
                {STR("{a:0}"), "prefix"},
                {STR("{a:01}"), "prefix"},
                {STR("{a:10000}"), "prefix"},
                {STR("{a:-1}"), "prefix"},
                {STR("{a:3*}"), "prefix"},
                {STR("{a:x}"), "prefix"},
                {STR("{a:99999999999999999999}"), "prefix"},
                {STR("{a*:3}"), "name"},
                {STR("{a**}"), "name"},
                {STR("}"), "outside"},
                {STR("a}b{c}"), "outside"},
                {STR("a b"), "outside"},
                {STR("a\0b"), "outside"},
                {STR("a\nb"), "outside"},
                {STR("%"), "outside"},
                {STR("%4"), "outside"},
                {STR("%4g"), "outside"},
                {STR("a\"b"), "outside"},
                {STR("a<b"), "outside"},
                {STR("a\\b"), "outside"},
                {STR("a^b"), "outside"},
                {STR("a`b"), "outside"},
                {STR("a|b"), "outside"},
                {STR("\x7f"), "outside"},
                {STR("\xff"), "outside"},
                {STR("\xc3"), "outside"},
                {STR("/a/../b"), "segment"},
                {STR("/a/%2E%2e"), "segment"},
                {STR("./{a}"), "segment"},
                {STR("/..;x/{a}"), "segment"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *why = NULL;
                json_t *vars = json_object();
                struct buf out;

                cr_assert_eq(uri_template_check(cases[i].template, &why), URI_E_TEMPLATE,
                             "\"%.*s\"", STR_ARG(cases[i].template));
                cr_assert_not_null(strstr(why, cases[i].why), "\"%.*s\": %s",
                                   STR_ARG(cases[i].template), why);
                buf_init(&out, CAP);
                check_int(uri_template_expand(&out, cases[i].template, vars, &why), URI_E_TEMPLATE);
                check_int(out.len, 0);
                json_decref(vars);
        }
}

static int expand_to(struct buf *out, const char *template, const char *vars, const char **whyp)
{
        json_t *json = json_from(vars);
        int r;

        buf_init(out, CAP);
        r = uri_template_expand(out, str_from(template), json, whyp);
        json_decref(json);
        return r;
}

Test(uri, a_value_does_not_change_the_path)
{
        static const struct {
                const char *template;
                const char *value;
        } refused[] = {
                {"/users/{v}/mail", ".."},    {"/users/{v}/mail", "."},
                {"/users/{v}", ".."},         {"{v}", ".."},
                {"/users/{+v}/mail", ".."},   {"/users/{+v}/mail", "a/../../b"},
                {"/users/{+v}/mail", "./b"},  {"/users/{+v}/mail", "%2e%2E"},
                {"/users/{+v}/mail", ".%2e"}, {"/users/{+v}/mail", "..;a=b/c"},
                {"/users{/v}", ".."},         {"/users{/v}/mail", "."},
                {"/users/.{v}/mail", "."},    {"/users/{v}{?q}", ".."},
                {"/users/{v}#f", ".."},       {"/users/{v:2}/mail", "..x"},
                {"/users/{.v}", ""},          {"/users/{.v}/x", "."},
                {"/a/{v};p/b", ".."},
        };
        static const struct {
                const char *template;
                const char *value;
                const char *want;
        } taken[] = {
                {"/users/{v}/mail", "../admin", "/users/..%2Fadmin/mail"},
                {"/users/{v}/mail", "..\\\\admin", "/users/..%5Cadmin/mail"},
                {"/users/{v}/mail", "%2e%2e", "/users/%252e%252e/mail"},
                {"/users/{v}/mail", "a?b#c", "/users/a%3Fb%23c/mail"},
                {"/users/{v}/mail", "..;x", "/users/..%3Bx/mail"},
                {"/users/{v}/mail", "...", "/users/.../mail"},
                {"/users/{v}/mail", "..a", "/users/..a/mail"},
                {"/users/{v}/mail", "", "/users//mail"},
                {"/users{?v}", "..", "/users?v=.."},
                {"/users?x=/{v}/", "..", "/users?x=/../"},
                {"/users{#v}", "/../", "/users#/../"},
                {"/users/{+v}/mail", "a/b", "/users/a/b/mail"},
        };

        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                char vars[64];
                const char *why = NULL;
                struct buf out;

                snprintf(vars, sizeof(vars), "{'v': '%s'}", refused[i].value);
                cr_assert_eq(expand_to(&out, refused[i].template, vars, &why), URI_E_VALUE,
                             "%s of %s", refused[i].template, refused[i].value);
                cr_assert_not_null(strstr(why, "segment"));
                check_int(out.len, 0);
        }
        for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
                char vars[64];
                const struct expected want = {taken[i].template, taken[i].want};

                snprintf(vars, sizeof(vars), "{'v': '%s'}", taken[i].value);
                check_expansions(vars, &want, 1);
        }
}

Test(uri, values_that_cannot_stand_there)
{
        const char *why = NULL;
        struct buf out;

        check_int(expand_to(&out, "{v}", "{'v': [[1]]}", &why), URI_E_VALUE);
        cr_assert_not_null(strstr(why, "a string, a number"));
        check_int(expand_to(&out, "{?v*}", "{'v': {'a': {}}}", &why), URI_E_VALUE);
        check_int(expand_to(&out, "{v:3}", "{'v': ['a']}", &why), URI_E_VALUE);
        check_int(out.len, 0);
}

Test(uri, appends_all_or_nothing)
{
        json_t *vars = json_from("{'v': 'a b'}");
        const char *why;
        struct buf out;

        buf_init(&out, 10);
        check_int(buf_add_str(&out, STR("1234")), 0);
        check_int(uri_template_expand(&out, STR("/x{v}"), vars, &why), BUF_E_FULL);
        check_str(buf_bytes(&out), STR("1234"));
        check_int(uri_template_expand(&out, STR("/{v}"), vars, &why), 0);
        check_str(buf_bytes(&out), STR("1234/a%20b"));
        buf_consume(&out, 7);
        check_int(uri_encode(&out, STR("aaaaa b")), BUF_E_FULL);
        check_str(buf_bytes(&out), STR("20b"));
        check_int(uri_encode(&out, STR("aa/")), 0);
        check_str(buf_bytes(&out), STR("20baa%2F"));
        buf_finish(&out);
        json_decref(vars);
}

Test(uri, a_megabyte)
{
        size_t n = 1 << 20;
        char *text = malloc(n);
        json_t *vars;
        const char *why;
        struct buf out;

        memset(text, '%', n);
        vars = json_pack("{s:o}", "v", json_stringn(text, n));
        buf_init(&out, CAP);
        check_int(uri_template_expand(&out, STR("{v}"), vars, &why), 0);
        check_int(out.len, 3 * n);
        buf_finish(&out);
        buf_init(&out, 1000);
        check_int(uri_template_expand(&out, STR("{v}"), vars, &why), BUF_E_FULL);
        check_int(uri_template_check((struct str){text, n}, &why), URI_E_TEMPLATE);
        memset(text, '{', n);
        check_int(uri_template_check((struct str){text, n}, &why), URI_E_TEMPLATE);
        memset(text, ',', n);
        text[0] = '{';
        check_int(uri_template_check((struct str){text, n}, &why), URI_E_TEMPLATE);
        memset(text, '/', n);
        check_int(uri_template_check((struct str){text, n}, &why), 0);
        json_decref(vars);
        free(text);
}

static void check_vars(struct str template, const char *want)
{
        struct uri_vars vars = {.rest = template};
        char got[256] = "";
        struct str name;

        while (uri_vars_next(&vars, &name) == 0) {
                char op[] = {vars.op, '\0'};

                snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s ", op,
                         STR_ARG(name));
        }
        check_str(str_from(got), str_from(want));
        check_int(uri_vars_next(&vars, &name), -ENOENT);
}

Test(uri, names_of_variables)
{
        check_vars(STR(""), "");
        check_vars(STR("/a,b"), "");
        check_vars(STR("{a}"), "a ");
        check_vars(STR(",x{a},y{b}"), "a b ");
        check_vars(STR("{a}{b}"), "a b ");
        check_vars(STR("{/a,b.c*,d:3}/x,y{?e,a}{&f*}"), "/a /b.c /d ?e ?a &f ");
        check_vars(STR("{+a}{#b}{.c}{;d}"), "+a #b .c ;d ");
        /* of what is no template */
        check_vars(STR("{a,"), "a ");
        check_vars(STR("{a"), "");
        check_vars(STR("{}{a}"), "");
        check_vars(STR("}{a}"), "a ");
}

/* want: NULL: it is none. */
static void check_mended(const char *uri, const char *want)
{
        struct buf out;
        int r;

        buf_init(&out, CAP);
        r = uri_mend(&out, str_from(uri));
        cr_assert_eq(r, want != NULL ? 0 : URI_E_VALUE, "%s: %d", uri, r);
        if (want != NULL)
                cr_assert(str_eq(buf_bytes(&out), str_from(want)), "%s: %.*s, want %s", uri,
                          STR_ARG(buf_bytes(&out)), want);
        buf_finish(&out);
}

Test(uri_mend, leaves_what_is_sound)
{
        static const char *const sound[] = {
                "file:///home/a.txt",
                "http://user:pa%20ss@[::1]:8080/a;b=c/d?e=f&g[#h",
                "https://example.com",
                "mailto:a@example.com",
                "urn:isbn:0-486-27557-4",
                "a+b-c.d:e",
                "data:text/plain;base64,AA==",
                "s://h:/a",
                "x:/?",
        };

        for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
                if (strchr(sound[i], '#') == NULL)
                        check_mended(sound[i], sound[i]);
        check_mended(sound[1], "http://user:pa%20ss@[::1]:8080/a;b=c/d?e=f&g%5B#h");
}

Test(uri_mend, encodes_what_may_not_stand_there)
{
        check_mended("file:///my files/\xc3\xbc<1>.txt", "file:///my%20files/%C3%BC%3C1%3E.txt");
        check_mended("file:///100%/a%2", "file:///100%25/a%252");
        check_mended("file:///C:\\a|b", "file:///C:%5Ca%7Cb");
        check_mended("http://a b/", "http://a%20b/");
        check_mended("http://[", "http://%5B");
        check_mended("a:b#c#d", "a:b#c%23d");
        check_mended("a:{b}", "a:%7Bb%7D");
        check_mended("http://a@b@c/", "http://a%40b@c/");
}

Test(uri_mend, refuses_what_is_none)
{
        static const char *const none[] = {"",      "a",  "a:",     "/etc/passwd", "1a:b",
                                           "a b:c", ":b", "a:b\nc", "http://a:b/", "http://[::1]x/",
                                           "a:\x7f"};

        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                check_mended(none[i], NULL);
}
