/* An entry of mcpServers: which kind of server it is follows from its keys, as in the files that
 * MCP clients have. One table says what may stand in it. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/rest/rest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys that take more than a text ---- */

/* {"theirs": {"name": "shown", "description": "..."}} */
static void load_tools(struct loading *l, const char *at, json_t *object, void *toolsp)
{
        const char *name;
        json_t *entry;

        if (!json_is_object(object))
                config_fault(l, at, "must be an object: tool -> {\"name\", \"description\"}");
        json_object_foreach (object, name, entry) {
                json_t *shown = NULL, *description = NULL;

                if (json_unpack(entry, "{s?o, s?o !}", "name", &shown, "description",
                                &description) < 0 ||
                    (shown != NULL && !json_is_string(shown)) ||
                    (description != NULL && !json_is_string(description)))
                        config_fault(l, at, "%s: takes \"name\" and \"description\", both strings",
                                     name);
        }
        *(json_t **)toolsp = json_incref(object);
}

static void load_type(struct loading *l, const char *at, json_t *value, void *server)
{
        static const char *const words[][3] = {
                [CONFIG_SERVER_HTTP] = {"http", "streamable-http", "streamableHttp"},
                [CONFIG_SERVER_SSE] = {"sse", "sse", "sse"},
                [CONFIG_SERVER_STDIO] = {"stdio", "stdio", "stdio"},
                [CONFIG_SERVER_REST] = {"rest", "rest", "rest"},
        };
        const char *const *mine = words[((const struct config_server *)server)->kind];
        const char *word = json_string_value(value);

        for (size_t i = 0; word != NULL && i < 3; i++)
                if (strcmp(mine[i], word) == 0)
                        return;
        config_fault(l, at,
                     "does not fit: \"http\" or \"sse\" goes with \"url\", \"stdio\" with "
                     "\"command\", \"rest\" with \"rest\" or \"openapi\"");
}

/* ---- the table ---- */

/* In the order of the values. */
static const char *const scope_words[] = {"session", "user", "shared", NULL};
static const char *const era_words[] = {"auto", "session", "stateless", NULL};

#define ALL (CONFIG_HTTP | CONFIG_STDIO | CONFIG_REST)
#define AT(field) offsetof(struct config_server, field)
#define SECONDS .max = 1e7, .why = "must be a number of seconds from 0 to 10000000"
#define COUNT .max = 1e15, .why = "must be a whole number, 0 or more"

static const struct config_row server_rows[] = {
        {"type", KIND_OTHER, 0, .marks = ALL, .load = load_type},
        {"url", KIND_TEXT, AT(url), .marks = CONFIG_HTTP},
        {"allow_link_local", KIND_BOOL, AT(allow_link_local), .marks = CONFIG_HTTP | CONFIG_REST,
         .is_literal = true},
        {"connect_timeout_s", KIND_SECONDS, AT(connect_timeout_ms),
         .marks = CONFIG_HTTP | CONFIG_REST, SECONDS},
        {"ca_file", KIND_FILE, AT(ca_file), .marks = CONFIG_HTTP | CONFIG_REST},
        {"client_cert_file", KIND_FILE, AT(client_cert_file), .marks = CONFIG_HTTP | CONFIG_REST},
        {"client_key_file", KIND_FILE, AT(client_key_file), .marks = CONFIG_HTTP | CONFIG_REST},
        {"tls_server_name", KIND_TEXT, AT(tls_server_name), .marks = CONFIG_HTTP | CONFIG_REST},
        {"command", KIND_OTHER, .marks = CONFIG_STDIO}, /* argv[0]: read with args */
        {"args", KIND_OTHER, .marks = CONFIG_STDIO},
        {"env_file", KIND_OTHER, .marks = CONFIG_STDIO}, /* read behind env, which wins */
        {"pass_env", KIND_TEXTS, AT(pass_env), .marks = CONFIG_STDIO},
        {"cwd", KIND_TEXT, AT(cwd), .marks = CONFIG_STDIO},
        {"era", KIND_WORD, AT(era), .marks = CONFIG_HTTP | CONFIG_STDIO, .is_literal = true,
         .words = era_words, .why = "must be \"auto\", \"session\" or \"stateless\""},
        {"scope", KIND_WORD, AT(scope), .marks = CONFIG_STDIO, .is_literal = true,
         .words = scope_words, .why = "must be \"session\", \"user\" or \"shared\""},
        {"start_timeout_s", KIND_SECONDS, AT(start_timeout_ms), "120", .marks = CONFIG_STDIO,
         SECONDS},
        {"idle_s", KIND_SECONDS, AT(idle_ms), "600", .marks = CONFIG_STDIO, SECONDS},
        {"data_max_bytes", KIND_INT64, AT(data_max_bytes), .marks = CONFIG_STDIO, COUNT},
        {"processes_max", KIND_INT64, AT(processes_max), .marks = CONFIG_STDIO, COUNT},
        {"files_max", KIND_INT64, AT(files_max), .marks = CONFIG_STDIO, COUNT},
        {"rest", KIND_TEXT, AT(rest_file), .marks = CONFIG_REST},
        {"openapi", KIND_TEXT, AT(openapi_file), .marks = CONFIG_REST},
        {"base_url", KIND_TEXT, AT(base_url), .marks = CONFIG_REST},
        {"users", KIND_OTHER, 0, .marks = ALL, .load = config_account_load_users},
        {"per_user", KIND_BOOL, AT(per_user), .marks = ALL, .is_literal = true},
        {"timeout_s", KIND_SECONDS, AT(timeout_ms), .marks = CONFIG_HTTP | CONFIG_STDIO, SECONDS},
        {"timeout_s", KIND_SECONDS, AT(answer_timeout_ms), "60", .marks = CONFIG_REST, SECONDS},
        {"prefix", KIND_TEXT, AT(prefix), .marks = ALL},
        {"include", KIND_TEXTS, AT(include), .marks = ALL},
        {"exclude", KIND_TEXTS, AT(exclude), .marks = ALL},
        {"tools", KIND_OTHER, AT(tools), .marks = ALL, .load = load_tools},
        {"disabled", KIND_OTHER, .marks = ALL}, /* read before all others */
        {.key = NULL},
};

/* Its own row, or that of its account. */
static const struct config_row *find_row(const char *key, unsigned kinds)
{
        const struct config_row *row = config_table_find(server_rows, key, kinds);

        return row != NULL ? row : config_table_find(config_account_rows, key, kinds);
}

/* The key that makes an entry one of this kind. */
static const char *const kind_keys[] = {
        [CONFIG_SERVER_HTTP] = "url",
        [CONFIG_SERVER_SSE] = "url",
        [CONFIG_SERVER_STDIO] = "command",
        [CONFIG_SERVER_REST] = "rest",
};

bool config_server_knows(const char *key)
{
        return find_row(key, ALL) != NULL;
}

bool config_server_takes(enum config_server_kind kind, const char *key)
{
        const struct config_row *row = find_row(key, 1u << kind);

        return row != NULL && (row->marks & 1u << kind) != 0;
}

const char *config_server_near(const char *key)
{
        const char *near = config_table_near(server_rows, key);

        return near != NULL ? near : config_table_near(config_account_rows, key);
}

/* ---- reading ---- */

static void load_argv(struct loading *l, const char *full, const json_t *entry,
                      struct config_server *s)
{
        static const struct config_row args_row = {"args", KIND_TEXTS, .offset = AT(argv)};
        json_t *args = json_object_get(entry, "args");
        char at[CONFIG_KEY_SIZE], *command;

        config_key(at, full, "command");
        command = config_text(l, at, JSON_STRING, json_object_get(entry, "command"));
        if (command == NULL)
                return;
        if (command[0] == '\0')
                config_fault(l, at, "must name a program");
        (void)strv_add_take(&s->argv, command);
        config_key(at, full, "args");
        if (args != NULL)
                config_table_load(l, &args_row, at, args, s);
}

static void load_description(struct loading *l, const char *full, struct config_server *s)
{
        char at[CONFIG_KEY_SIZE];

        config_key(at, full, s->openapi_file != NULL ? "openapi" : "rest");
        if (s->rest_file != NULL && s->openapi_file != NULL)
                config_fault(l, at, "does not go with \"rest\"");
        else if (s->rest_file != NULL || s->openapi_file != NULL)
                config_rest_load(l, at, s);
}

static void check_url(struct loading *l, const char *full, const struct config_server *s)
{
        if (s->url == NULL)
                config_fault(l, full, "needs a \"url\", \"command\", \"rest\" or \"openapi\"");
        else if (l->keeps_variables && strncmp(s->url, "${", 2) == 0)
                return;
        else if (strncmp(s->url, "http://", 7) != 0 && strncmp(s->url, "https://", 8) != 0)
                config_fault(l, full, "needs a \"url\" that begins with http:// or https://");
}

enum config_server_kind config_server_kind(const json_t *entry)
{
        const char *type = json_string_value(json_object_get(entry, "type"));

        for (unsigned kind = CONFIG_SERVER_STDIO; kind <= CONFIG_SERVER_REST; kind++)
                if (json_object_get(entry, kind_keys[kind]) != NULL)
                        return (enum config_server_kind)kind;
        if (json_object_get(entry, "openapi") != NULL)
                return CONFIG_SERVER_REST;
        return type != NULL && strcmp(type, "sse") == 0 ? CONFIG_SERVER_SSE : CONFIG_SERVER_HTTP;
}

static void load_env_file(struct loading *l, const char *full, const json_t *entry,
                          struct config_server *s)
{
        const json_t *value = json_object_get(entry, "env_file");
        char at[CONFIG_KEY_SIZE], *file;

        config_key(at, full, "env_file");
        file = value != NULL ? config_text(l, at, JSON_STRING, value) : NULL;
        if (file != NULL)
                config_env_file_load(l, at, file, &s->account.env);
        free(file);
}

static void load_key(struct loading *l, const char *at, const char *key, json_t *value,
                     struct config_server *s)
{
        const struct config_row *row = find_row(key, 1u << s->kind);
        const char *near = row == NULL ? config_server_near(key) : NULL;
        bool is_own = config_table_find(server_rows, key, ALL) != NULL;

        if (near != NULL)
                config_fault(l, at, "not known: is \"%s\" meant? (docs/upstreams.md)", near);
        else if (row == NULL)
                config_fault(l, at, "not known (docs/upstreams.md tells what is)");
        else if ((row->marks & 1u << s->kind) == 0)
                config_fault(l, at, "does not go with \"%s\"", kind_keys[s->kind]);
        else
                config_table_load(l, row, at, value, is_own ? (void *)s : &s->account);
}

struct config_server *config_server_new_take(char *name)
{
        struct config_server *s = alloc_zeroed(sizeof(*s));

        s->n_holders = 1;
        s->name = name;
        s->data_max_bytes = s->processes_max = s->files_max = -1;
        config_table_default(server_rows, s);
        return s;
}

void config_server_read(struct loading *l, const char *full, json_t *entry, struct config_server *s)
{
        const char *key;
        json_t *value;

        json_object_foreach (entry, key, value) {
                char at[CONFIG_KEY_SIZE];

                config_key(at, full, key);
                l->own_env = strcmp(key, "env") != 0 ? json_object_get(entry, "env") : NULL;
                load_key(l, at, key, value, s);
        }
        l->own_env = json_object_get(entry, "env");
        if (s->kind == CONFIG_SERVER_STDIO) {
                load_argv(l, full, entry, s);
                load_env_file(l, full, entry, s);
        } else if (s->kind == CONFIG_SERVER_REST) {
                load_description(l, full, s);
        } else if (s->url != NULL || json_object_get(entry, "url") == NULL) { /* else it is told */
                check_url(l, full, s);
        }
        l->own_env = NULL;
}

/* What of its keys has no row, or is read elsewhere. */
static bool others_are_same(const struct config_server *a, const struct config_server *b)
{
        return a->kind == b->kind &&
               strv_is_same((const char *const *)a->argv, (const char *const *)b->argv) &&
               a->n_users == b->n_users && a->description == b->description &&
               (a->tools == b->tools || json_equal(a->tools, b->tools) == 1);
}

bool config_server_is_same(const struct config_server *a, const struct config_server *b)
{
        bool is_same = strcmp(a->name, b->name) == 0 && others_are_same(a, b) &&
                       config_table_is_same(server_rows, a, b) &&
                       config_account_is_same(&a->account, &b->account);

        for (size_t i = 0; is_same && i < a->n_users; i++)
                is_same = config_account_is_same(&a->users[i], &b->users[i]);
        return is_same;
}

struct config_server *config_server_hold(struct config_server *s)
{
        s->n_holders++;
        return s;
}

void config_server_let_go(struct config_server *s)
{
        assert(s->n_holders > 0);
        if (--s->n_holders > 0)
                return;
        free(s->name);
        strv_free(s->argv);
        rest_destroy(s->rest);
        json_decref(s->tools);
        config_table_finish(server_rows, s);
        config_account_finish(s);
        free(s);
}
