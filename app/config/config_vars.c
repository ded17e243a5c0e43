/* ${...} in strings of a configuration, in the spellings of the clients whose files these are.
 * Nothing of that form is passed on as it stands. */
#include "config_inside.h"
#include "config_source.h"

#include "mgw/base/alloc.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Of defaults within defaults. */
#define DEPTH_MAX 8
#define NAME_MAX_BYTES 200

struct expansion {
        struct loading *l;
        const char *key; /* for faults */
        FILE *out;
        unsigned depth;
        bool has_failed;
};

static void expand(struct expansion *x, struct str text);

static void __attribute__((format(printf, 2, 3))) fail(struct expansion *x, const char *fmt, ...)
{
        char why[CONFIG_KEY_SIZE];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(why, sizeof(why), fmt, ap);
        va_end(ap);
        if (!x->has_failed)
                config_fault(x->l, x->key, "%s", why);
        x->has_failed = true;
}

static void put(struct expansion *x, struct str text)
{
        fwrite(text.p, 1, text.n, x->out);
}

static bool is_variable_name(struct str name)
{
        for (size_t i = 0; i < name.n; i++)
                if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '_')
                        return false;
        return name.n > 0 && name.n < NAME_MAX_BYTES && !isdigit((unsigned char)name.p[0]);
}

/* ---- what names stand for ---- */

/* The folder that an editor has open: where the file lies, or what holds that folder, when it is
 * one such as .vscode or .cursor. The caller frees it. */
static char *workspace_folder(const struct loading *l)
{
        char *file = realpath(l->path, NULL), *folder, *found;

        if (file == NULL)
                return NULL;
        folder = dirname(file);
        if (strrchr(folder, '/')[1] == '.')
                folder = dirname(folder);
        found = alloc_text(folder);
        free(file);
        return found;
}

static void put_workspace(struct expansion *x, bool wants_name)
{
        char *folder = workspace_folder(x->l);

        if (folder == NULL)
                fail(x, "${workspaceFolder} cannot be filled in: the file's folder is not known");
        else
                put(x, str_from(wants_name ? strrchr(folder, '/') + 1 : folder));
        free(folder);
}

/* The entry's own "env", for what it says elsewhere. */
static const char *own_value(const struct expansion *x, const char *name)
{
        return json_string_value(json_object_get(x->l->own_env, name));
}

static void expand_own(struct expansion *x, const char *value)
{
        const json_t *own_env = x->l->own_env;

        x->l->own_env = NULL;
        expand(x, str_from(value));
        x->l->own_env = own_env;
}

/* A default is taken for what is not set, and for what is empty, as by a shell. hint: "", or what
 * else there is to say of it. */
static void put_variable(struct expansion *x, const char *name, const struct str *standard,
                         const char *hint)
{
        const char *value = getenv(name);

        if (value == NULL && standard == NULL && x->l->wanted != NULL)
                json_object_set_new(x->l->wanted, name, json_true());
        if (x->l->keeps_variables && standard != NULL)
                fprintf(x->out, "${env:%s:-%.*s}", name, STR_ARG(*standard));
        else if (x->l->keeps_variables)
                fprintf(x->out, "${env:%s}", name);
        else if (standard != NULL && (value == NULL || value[0] == '\0'))
                expand(x, *standard);
        else if (value != NULL)
                put(x, str_from(value));
        else
                fail(x, "the environment variable %s is not set%s", name, hint);
}

static const json_t *find_input(const struct loading *l, struct str id)
{
        const json_t *input;
        size_t i;

        json_array_foreach ((json_t *)l->inputs, i, input)
                if (str_eq(str_from(json_string_value(json_object_get(input, "id"))), id))
                        return input;
        return NULL;
}

/* VS Code asks its user; here the environment answers. */
static void put_input(struct expansion *x, struct str id)
{
        const json_t *input = find_input(x->l, id);
        const char *about = json_string_value(json_object_get(input, "description"));
        const char *given = json_string_value(json_object_get(input, "default"));
        struct str standard = str_from(given);
        char name[NAME_MAX_BYTES], hint[2 * NAME_MAX_BYTES];

        snprintf(name, sizeof(name), "MGW_INPUT_%.*s", STR_ARG(id));
        for (char *p = name; *p != '\0'; p++)
                *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
        snprintf(hint, sizeof(hint), ", which stands for ${input:%.*s}%s%.100s", STR_ARG(id),
                 about != NULL ? ": " : "", about != NULL ? about : "");
        put_variable(x, name, given != NULL ? &standard : NULL, hint);
}

/* What VS Code and Cursor fill in by themselves. */
static bool put_editors(struct expansion *x, struct str what)
{
        struct str rest = what;
        struct str head = str_cut(&rest, ':');

        if (str_eq(head, STR("workspaceFolder")) || str_eq(what, STR("workspaceRoot")))
                put_workspace(x, false);
        else if (str_eq(what, STR("workspaceFolderBasename")))
                put_workspace(x, true);
        else if (str_eq(what, STR("userHome")))
                put_variable(x, "HOME", NULL, "");
        else if (str_eq(what, STR("pathSeparator")) || str_eq(what, STR("/")))
                put(x, STR("/"));
        else if (str_eq(head, STR("input")))
                put_input(x, rest);
        else
                return false;
        return true;
}

/* NAME, env:NAME, each with :-default. */
static void put_named(struct expansion *x, struct str what)
{
        bool is_env = str_has_prefix(what, STR("env:"));
        struct str name = is_env ? (struct str){what.p + 4, what.n - 4} : what;
        const char *dash = memmem(name.p, name.n, ":-", 2);
        struct str standard = {NULL, 0};
        char text[NAME_MAX_BYTES];

        if (dash != NULL) {
                standard = (struct str){dash + 2, (size_t)(name.p + name.n - (dash + 2))};
                name.n = (size_t)(dash - name.p);
        }
        if (!is_variable_name(name)) {
                fail(x,
                     "${%.*s} is nothing that mgw knows: ${NAME}, ${NAME:-default}, "
                     "${workspaceFolder}, ${userHome} and ${input:ID} are; $${ stands for ${",
                     what.n < 100 ? (int)what.n : 100, what.p);
                return;
        }
        snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
        if (is_env || own_value(x, text) == NULL)
                put_variable(x, text, dash != NULL ? &standard : NULL, "");
        else if (x->l->keeps_variables)
                fprintf(x->out, "${%s}", text);
        else
                expand_own(x, own_value(x, text));
}

/* ---- the walk ---- */

/* Of what follows "${": up to its "}", over others within. n + 1: there is none. */
static size_t inner_length(struct str text)
{
        unsigned depth = 0;

        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] == '}' && depth-- == 0)
                        return i;
                if (text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{')
                        depth++;
        }
        return text.n + 1;
}

/* Gemini CLI's $NAME, in a file of a client: where it is all, or such a variable is there. Bytes
 * taken; 0: it is none. */
static size_t take_bare(struct expansion *x, struct str whole, struct str rest)
{
        size_t n = 1;
        char name[NAME_MAX_BYTES];

        while (n < rest.n && (isupper((unsigned char)rest.p[n]) || rest.p[n] == '_' ||
                              (n > 1 && isdigit((unsigned char)rest.p[n]))))
                n++;
        if (x->l->is_ours || n < 3 || n >= sizeof(name) ||
            (n < rest.n && isalnum((unsigned char)rest.p[n])) ||
            (rest.p > whole.p && (isalnum((unsigned char)rest.p[-1]) || rest.p[-1] == '$')))
                return 0;
        snprintf(name, sizeof(name), "%.*s", (int)n - 1, rest.p + 1);
        if (n < whole.n && getenv(name) == NULL && own_value(x, name) == NULL)
                return 0;
        put_named(x, str_from(name));
        return n;
}

/* LibreChat's {{NAME}}, which is each user's own. */
static void check_placeholder(struct expansion *x, struct str rest)
{
        size_t n = 2;
        char name[NAME_MAX_BYTES];

        if (x->l->is_ours || !str_has_prefix(rest, STR("{{")))
                return;
        while (n < rest.n && (isupper((unsigned char)rest.p[n]) || rest.p[n] == '_'))
                n++;
        if (n == 2 || n + 2 > rest.n || n >= sizeof(name) || memcmp(rest.p + n, "}}", 2) != 0)
                return;
        snprintf(name, sizeof(name), "%.*s", (int)n - 2, rest.p + 2);
        fail(x,
             "{{%s}} is filled in by its client for each user: here such values stand under "
             "\"users\" (docs/credentials.md)",
             name);
}

/* opencode's {env:NAME} and {file:PATH}, in a file of a client. Bytes taken; 0: it is none. */
static size_t take_braces(struct expansion *x, struct str rest)
{
        static const struct str env = {"{env:", 5}, file = {"{file:", 6};
        struct str inside = {rest.p + env.n, rest.n};
        const char *close = memchr(rest.p, '}', rest.n);
        char name[NAME_MAX_BYTES];

        if (x->l->is_ours || close == NULL)
                return 0;
        if (str_has_prefix(rest, file))
                fail(x, "{file:...} is nothing that mgw knows: put it into the environment "
                        "({env:NAME})");
        if (!str_has_prefix(rest, env))
                return 0;
        inside.n = (size_t)(close - inside.p);
        if (!is_variable_name(inside))
                return 0;
        snprintf(name, sizeof(name), "%.*s", STR_ARG(inside));
        put_variable(x, name, NULL, "");
        return (size_t)(close + 1 - rest.p);
}

/* Continue's ${{ secrets.NAME }} and ${{ inputs.NAME }}. Bytes taken. */
static size_t take_double(struct expansion *x, struct str rest)
{
        static const struct str owners[] = {{"secrets.", 8}, {"inputs.", 7}};
        const char *close = memmem(rest.p, rest.n, "}}", 2);
        struct str what = {rest.p + 3, close != NULL ? (size_t)(close - rest.p) - 3 : 0};
        char name[NAME_MAX_BYTES];

        what = str_trim(what);
        for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
                struct str of = {what.p + owners[i].n, what.n - owners[i].n};

                if (!str_has_prefix(what, owners[i]) || !is_variable_name(of))
                        continue;
                snprintf(name, sizeof(name), "%.*s", STR_ARG(of));
                put_variable(x, name, NULL, "");
                return (size_t)(close + 2 - rest.p);
        }
        fail(x, "${{...}} is nothing that mgw knows, but for ${{ secrets.NAME }}, which is the "
                "environment variable NAME");
        return rest.n;
}

/* Crush has a shell run $(...) in such a value; what mgw passed on would be no credential. */
static void check_command(struct expansion *x, struct str rest)
{
        const char *last = strrchr(x->key, '.');

        if (x->l->is_ours || !str_has_prefix(rest, STR("$(")) ||
            memchr(rest.p, ')', rest.n) == NULL || last == NULL ||
            (strcmp(last, ".headers") != 0 && strcmp(last, ".env") != 0 &&
             strcmp(last, ".url") != 0))
                return;
        fail(x, "$(...) is run by a shell, which mgw has not: put its value into the environment "
                "(${env:NAME})");
}

/* Bytes of rest that are done. */
static size_t take_one(struct expansion *x, struct str whole, struct str rest)
{
        size_t n;

        if (str_has_prefix(rest, STR("$${"))) {
                put(x, x->l->keeps_variables ? STR("$${") : STR("${"));
                return 3;
        }
        if (str_has_prefix(rest, STR("${{")))
                return take_double(x, rest);
        if (str_has_prefix(rest, STR("${"))) {
                n = inner_length((struct str){rest.p + 2, rest.n - 2});
                if (n + 2 > rest.n) {
                        fail(x, "${ has no } behind it ($${ stands for ${)");
                        return rest.n;
                }
                struct str what = {rest.p + 2, n};

                if (!put_editors(x, what))
                        put_named(x, what);
                return n + 3;
        }
        if (rest.p[0] == '$' && (n = take_bare(x, whole, rest)) > 0)
                return n;
        if (rest.p[0] == '{' && (n = take_braces(x, rest)) > 0)
                return n;
        check_placeholder(x, rest);
        check_command(x, rest);
        put(x, (struct str){rest.p, 1});
        return 1;
}

static void expand(struct expansion *x, struct str text)
{
        struct str rest = text;

        if (x->depth == DEPTH_MAX)
                fail(x, "${...} stands too deep within others");
        x->depth++;
        while (rest.n > 0 && !x->has_failed) {
                size_t n = take_one(x, text, rest);

                rest = (struct str){rest.p + n, rest.n - n};
        }
        x->depth--;
}

char *config_expand(struct loading *l, const char *key, const char *text)
{
        char *all = NULL;
        size_t size;
        struct expansion x = {.l = l, .key = key, .out = open_memstream(&all, &size)};

        if (x.out == NULL)
                return NULL;
        expand(&x, str_from(text));
        if (fclose(x.out) == 0 && !x.has_failed)
                return all;
        free(all);
        return NULL;
}

char *config_text(struct loading *l, const char *key, json_type want, const json_t *value)
{
        if (json_is_number(value) && want == JSON_REAL)
                return alloc_format("%.17g", json_number_value(value));
        if (json_is_boolean(value) && want == JSON_TRUE)
                return alloc_text(json_is_true(value) ? "true" : "false");
        if (json_is_string(value))
                return config_expand(l, key, json_string_value(value));
        config_fault(l, key, "must be %s",
                     want == JSON_REAL   ? "a number"
                     : want == JSON_TRUE ? "true or false"
                                         : "a string");
        return NULL;
}
