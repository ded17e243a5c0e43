/* "env_file": NAME=value lines, as editors and container engines read them (.env). Values are taken
 * as they stand: nothing in them is filled in. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/base/strv.h"

#include "mgw/base/alloc.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct str trim_all(struct str s)
{
        while (s.n > 0 && isspace((unsigned char)s.p[0]))
                s = (struct str){s.p + 1, s.n - 1};
        while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
                s.n--;
        return s;
}

static bool is_name(struct str name)
{
        for (size_t i = 0; i < name.n; i++)
                if (!isalnum((unsigned char)name.p[i]) && strchr("_.-", name.p[i]) == NULL)
                        return false;
        return name.n > 0 && memchr(name.p, '\0', name.n) == NULL;
}

/* What stands between quotes; within double ones \n, \" and the like are what they are elsewhere.
 */
static char *quoted(struct str rest)
{
        char quote = rest.p[0], *out = alloc_zeroed(rest.n + 1);
        size_t n = 0, i = 1;

        for (; i < rest.n && rest.p[i] != quote; i++) {
                if (quote == '"' && rest.p[i] == '\\' && i + 1 < rest.n) {
                        i++;
                        out[n++] = rest.p[i] == 'n' ? '\n' : rest.p[i] == 't' ? '\t' : rest.p[i];
                } else {
                        out[n++] = rest.p[i];
                }
        }
        if (i == rest.n) {
                free(out);
                return NULL;
        }
        out[n] = '\0';
        return out;
}

/* NULL: it cannot be read. */
static char *value_of(struct str rest)
{
        if (rest.n > 0 && (rest.p[0] == '"' || rest.p[0] == '\''))
                return quoted(rest);
        for (size_t i = 1; i < rest.n; i++)
                if (rest.p[i] == '#' && isspace((unsigned char)rest.p[i - 1]))
                        rest.n = i;
        if (rest.n > 0 && rest.p[0] == '#')
                rest.n = 0;
        return alloc_str(trim_all(rest));
}

static bool has(char *const *lines, struct str name)
{
        for (; lines != NULL && *lines != NULL; lines++)
                if (strncmp(*lines, name.p, name.n) == 0 && (*lines)[name.n] == '=')
                        return true;
        return false;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(struct str line, char ***linesp)
{
        struct str rest = line, name;
        char *value;

        if (line.n == 0 || line.p[0] == '#')
                return NULL;
        if (memchr(line.p, '=', line.n) == NULL || memchr(line.p, '\0', line.n) != NULL)
                return "must be NAME=value";
        name = trim_all(str_cut(&rest, '='));
        if (str_has_prefix(name, STR("export ")))
                name = trim_all((struct str){name.p + 7, name.n - 7});
        if (!is_name(name))
                return "must be NAME=value";
        value = value_of(trim_all(rest));
        if (value == NULL)
                return "has a quote that is not closed in its line";
        if (!has(*linesp, name))
                (void)strv_add_take(linesp, alloc_format("%.*s=%s", STR_ARG(name), value));
        free(value);
        return NULL;
}

static void read_lines(struct loading *l, const char *at, const char *path, struct str text,
                       char ***linesp)
{
        unsigned n = 0;

        if (str_has_prefix(text, STR("\xef\xbb\xbf")))
                text = (struct str){text.p + 3, text.n - 3};
        while (text.n > 0) {
                const char *why = read_line(trim_all(str_cut(&text, '\n')), linesp);

                n++;
                if (why != NULL)
                        config_fault(l, at, "%s:%u: %s", path, n, why);
        }
}

/* One that is not there is told and costs nothing: most who have such a key have such a file on
 * another machine. */
void config_env_file_load(struct loading *l, const char *at, const char *file, char ***linesp)
{
        char *path = config_source_beside(l->path, file);
        struct str text;
        int r = config_source_read(path, SOURCE_MAX_BYTES, &text);

        if (r == 0) {
                read_lines(l, at, path, text, linesp);
                free((void *)text.p);
        } else if (r == -ENOENT) {
                config_note(l, at, "%s is not there: the program starts without it", path);
        } else {
                config_fault(l, at, "%s cannot be read: %s", path, strerror(-r));
        }
        free(path);
}
