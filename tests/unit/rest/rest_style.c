#include "../../../app/rest/rest_style.h"
#include "../check.h"
#include "../json.h"

/* The examples of OpenAPI 3.1.1, 4.8.12.6 (and 3.0.4, 4.7.12.6), in the order of its columns: an
 * empty text, a text, a list, an object. "": n/a there. */
static const struct {
        const char *style;
        bool explodes;
        const char *want[4];
} table[] = {
        {"matrix",
         false,
         {";color", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"}},
        {"matrix",
         true,
         {";color", ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"}},
        {"label", false, {".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"}},
        {"label", true, {".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"}},
        {"simple", false, {"", "blue", "blue,black,brown", "R,100,G,200,B,150"}},
        {"simple", true, {"", "blue", "blue,black,brown", "R=100,G=200,B=150"}},
        {"form",
         false,
         {"color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"}},
        {"form",
         true,
         {"color=", "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"}},
        {"spaceDelimited",
         false,
         {NULL, NULL, "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"}},
        {"pipeDelimited",
         false,
         {NULL, NULL, "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"}},
        {"deepObject",
         true,
         {NULL, NULL, NULL, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"}},
};

static const char *const values[] = {"''", "'blue'", "['blue', 'black', 'brown']",
                                     "{'R': 100, 'G': 200, 'B': 150}"};

static void check_style(struct style style, const char *name, const char *value, const char *want)
{
        json_t *json = json_from(value);
        struct buf out;

        buf_init(&out, 1000);
        check_int(rest_style_add(&out, &style, name, json), 0);
        check_str(buf_bytes(&out), str_from(want));
        buf_finish(&out);
        json_decref(json);
}

Test(rest_style, writes_the_examples_of_the_specification)
{
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                for (size_t k = 0; k < 4; k++)
                        if (table[i].want[k] != NULL)
                                check_style((struct style){.kind = rest_style_find(table[i].style),
                                                           .explodes = table[i].explodes},
                                            "color", values[k], table[i].want[k]);
        cr_assert_null(rest_style_find("tabDelimited"));
}

Test(rest_style, keeps_values_in_their_place)
{
        const struct style form = {.kind = rest_style_find("form"), .explodes = true};
        const struct style listed = {.kind = rest_style_find("form")};

        check_style(form, "a b", "'x&y=z#ü'", "a%20b=x%26y%3Dz%23%C3%BC");
        check_style(listed, "a", "['x,y', 'z']", "a=x%2Cy,z");
        check_style((struct style){.kind = rest_style_find("pipeDelimited")}, "a", "['x|y']",
                    "a=x%7Cy");
        check_style(form, "p", "{'a&b': 'c'}", "a%26b=c");
        check_style((struct style){.kind = rest_style_find("matrix")}, "a", "'x;y=/'",
                    ";a=x%3By%3D%2F");
}

Test(rest_style, lets_reserved_characters_through_where_they_are_allowed)
{
        const struct style style = {
                .kind = rest_style_find("form"), .explodes = true, .allows_reserved = true};

        check_style(style, "p", "'/a:b?c=d,e@f!'", "p=/a:b?c=d,e@f!");
        check_style(style, "p", "'%2F%zz'", "p=%2F%25zz");
        check_style(style, "p", "'a&b#c+d[e]'", "p=a%26b%23c%2Bd%5Be%5D");
}

Test(rest_style, writes_numbers_booleans_and_what_is_nothing)
{
        const struct style form = {.kind = rest_style_find("form"), .explodes = true};

        check_style(form, "n", "3.0", "n=3");
        check_style(form, "n", "0.1", "n=0.1");
        check_style(form, "n", "true", "n=true");
        check_style(form, "n", "null", "");
        check_style(form, "n", "[]", "");
        check_style(form, "n", "{}", "");
        check_style(form, "n", "[null, 1, null, 2]", "n=1&n=2");
}

Test(rest_style, writes_what_the_specification_leaves_open)
{
        const struct style deep = {.kind = rest_style_find("deepObject"), .explodes = true};
        const struct style form = {.kind = rest_style_find("form"), .explodes = true};

        check_style(deep, "a", "{'b': {'c': [1, {'d': 2}]}}",
                    "a%5Bb%5D%5Bc%5D%5B0%5D=1&a%5Bb%5D%5Bc%5D%5B1%5D%5Bd%5D=2");
        check_style(deep, "a", "['x', 'y']", "a%5B0%5D=x&a%5B1%5D=y");
        check_style(deep, "a", "5", "a=5");
        check_style(form, "a", "[{'b': 1}]", "a=%7B%22b%22%3A1%7D");
        check_style((struct style){.kind = rest_style_find("pipeDelimited"), .explodes = true}, "a",
                    "[1, 2]", "a=1&a=2");
        check_style(
                (struct style){.kind = rest_style_find("form"), .explodes = true, .between = "; "},
                "a", "[1, 2]", "a=1; a=2");
}

Test(rest_style, is_bounded)
{
        json_t *deep = json_object(), *below = deep;
        struct style style = {.kind = rest_style_find("deepObject")};
        struct buf out;

        for (unsigned i = 0; i < 40; i++) {
                json_t *next = json_object();

                json_object_set_new(below, "a", next);
                below = next;
        }
        json_object_set_new(below, "a", json_integer(1));
        buf_init(&out, 4000);
        check_int(rest_style_add(&out, &style, "p", deep), 0);
        buf_finish(&out);
        buf_init(&out, 10);
        check_int(rest_style_add(&out, &style, "p", deep), BUF_E_FULL);
        buf_finish(&out);
        json_decref(deep);
}
