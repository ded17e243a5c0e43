#include "mgw/wire/yaml_lines.h"

#include "../check.h"

static unsigned line(const char *text, const char *path)
{
        struct yaml_lines *lines = yaml_lines_create(str_from(text));
        unsigned found;

        cr_assert_not_null(lines, "%s", text);
        found = yaml_lines_find(lines, path);
        yaml_lines_destroy(lines);
        return found;
}

#define TEXT                                                                                       \
        "# c\na: 1\nb:\n  c.d:\n    e: 2\n  c: {e: 3}\nf:\n  - g: 1\n  -\n    g: 2\n"              \
        "h: &h\n  i: 1\nj: *h\nk:\n  <<: *h\n? [l]\n: 2\n"

Test(yaml_lines, a_key_is_found_by_its_path)
{
        check_int(line(TEXT, "a"), 2);
        check_int(line(TEXT, "b"), 3);
        check_int(line(TEXT, "b.c"), 6);
        check_int(line(TEXT, "f"), 7);
}

Test(yaml_lines, of_keys_with_dots_the_longest_counts)
{
        check_int(line(TEXT, "b.c.d.e"), 5);
        check_int(line(TEXT, "b.c.e"), 6);
}

Test(yaml_lines, elements_are_counted_from_1)
{
        check_int(line(TEXT, "f.1.g"), 8);
        check_int(line(TEXT, "f.2.g"), 10);
}

Test(yaml_lines, where_there_is_none_the_last_on_the_way_is_told)
{
        check_int(line(TEXT, ""), 1);
        check_int(line(TEXT, "nope.x"), 1);
        check_int(line(TEXT, "a.b.c"), 2);
        check_int(line(TEXT, "b.x"), 3);
        check_int(line(TEXT, "f.0.g"), 7);
        check_int(line(TEXT, "f.3.g"), 7);
        check_int(line(TEXT, "f.x"), 7);
        check_int(line(TEXT, "k.i"), 14);
        check_int(line("", "a"), 1);
}

Test(yaml_lines, an_alias_leads_to_what_it_stands_for)
{
        check_int(line(TEXT, "j.i"), 12);
}

Test(yaml_lines, what_cannot_be_read_has_none)
{
        cr_assert_null(yaml_lines_create(STR("a: [\n")));
}
