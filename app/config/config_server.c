/* An entry of mcpServers: which kind of server it is follows from its keys, as in the files that
 * MCP clients have. One table says what may stand in it. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/base/strv.h"
#include "mgw/rest/rest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum shape {
        SHAPE_TEXT,    /* char * */
        SHAPE_FILE,    /* char *, a path: meant from the configuration's folder */
        SHAPE_LIST,    /* array of strings */
        SHAPE_HEADERS, /* object of strings, as "Name: value" */
        SHAPE_ENV,     /* object of strings, as "NAME=value" */
        SHAPE_ENV_FILE,
        SHAPE_SECONDS, /* int64_t milliseconds */
        SHAPE_COUNT,   /* int64_t, 0 or more */
        SHAPE_OBJECT,  /* json_t * */
        SHAPE_OAUTH,   /* struct config_oauth * */
        SHAPE_SCOPE,   /* enum config_scope */
        SHAPE_ERA,     /* enum config_era */
        SHAPE_USERS,   /* the users who have an account of their own */
        SHAPE_BOOL,    /* bool */
        SHAPE_TYPE,    /* says the kind once more, as some clients' files do */
        SHAPE_IGNORED, /* keys of clients that mean nothing here */
};

#define HTTP (1u << CONFIG_SERVER_HTTP | 1u << CONFIG_SERVER_SSE)
#define STDIO (1u << CONFIG_SERVER_STDIO)
#define REST (1u << CONFIG_SERVER_REST)
#define ALL (HTTP | STDIO | REST)
#define AT(field) offsetof(struct config_server, field)

static const struct server_key {
        const char *key;
        enum shape shape;
        unsigned kinds; /* that know it */
        size_t offset;
} server_keys[] = {
        {"type", SHAPE_TYPE, ALL, 0},
        {"url", SHAPE_TEXT, HTTP, AT(url)},
        {"headers", SHAPE_HEADERS, HTTP | REST, AT(account.headers)},
        {"allow_link_local", SHAPE_BOOL, HTTP | REST, AT(allow_link_local)},
        {"connect_timeout_s", SHAPE_SECONDS, HTTP | REST, AT(connect_timeout_ms)},
        {"ca_file", SHAPE_FILE, HTTP | REST, AT(ca_file)},
        {"client_cert_file", SHAPE_FILE, HTTP | REST, AT(client_cert_file)},
        {"client_key_file", SHAPE_FILE, HTTP | REST, AT(client_key_file)},
        {"tls_server_name", SHAPE_TEXT, HTTP | REST, AT(tls_server_name)},
        {"command", SHAPE_TEXT, STDIO, 0}, /* argv[0]: read with args */
        {"args", SHAPE_LIST, STDIO, 0},
        {"env", SHAPE_ENV, STDIO, AT(account.env)},
        {"env_file", SHAPE_ENV_FILE, STDIO, 0}, /* read behind env, which wins */
        {"pass_env", SHAPE_LIST, STDIO, AT(pass_env)},
        {"cwd", SHAPE_TEXT, STDIO, AT(cwd)},
        {"era", SHAPE_ERA, HTTP | STDIO, AT(era)},
        {"scope", SHAPE_SCOPE, STDIO, AT(scope)},
        {"start_timeout_s", SHAPE_SECONDS, STDIO, AT(start_timeout_ms)},
        {"idle_s", SHAPE_SECONDS, STDIO, AT(idle_ms)},
        {"data_max_bytes", SHAPE_COUNT, STDIO, AT(data_max_bytes)},
        {"processes_max", SHAPE_COUNT, STDIO, AT(processes_max)},
        {"files_max", SHAPE_COUNT, STDIO, AT(files_max)},
        {"rest", SHAPE_TEXT, REST, AT(rest_file)},
        {"openapi", SHAPE_TEXT, REST, AT(openapi_file)},
        {"base_url", SHAPE_TEXT, REST, AT(base_url)},
        {"oauth", SHAPE_OAUTH, HTTP | REST, AT(account.oauth)},
        {"security", SHAPE_ENV, REST, AT(account.security)},
        {"users", SHAPE_USERS, ALL, 0},
        {"per_user", SHAPE_BOOL, ALL, AT(per_user)},
        {"timeout_s", SHAPE_SECONDS, HTTP | STDIO, AT(timeout_ms)},
        {"timeout_s", SHAPE_SECONDS, REST, AT(answer_timeout_ms)},
        {"prefix", SHAPE_TEXT, ALL, AT(prefix)},
        {"include", SHAPE_LIST, ALL, AT(include)},
        {"exclude", SHAPE_LIST, ALL, AT(exclude)},
        {"tools", SHAPE_OBJECT, ALL, AT(tools)},
        {"disabled", SHAPE_IGNORED, ALL, 0},
};

/* The key that makes an entry one of this kind. */
static const char *const kind_keys[] = {
        [CONFIG_SERVER_HTTP] = "url",
        [CONFIG_SERVER_SSE] = "url",
        [CONFIG_SERVER_STDIO] = "command",
        [CONFIG_SERVER_REST] = "rest",
};

/* The row for this kind, or else that of another one. */
static const struct server_key *find_key(const char *key, enum config_server_kind kind)
{
        const struct server_key *found = NULL;

        for (size_t i = 0; i < sizeof(server_keys) / sizeof(server_keys[0]); i++)
                if (strcmp(server_keys[i].key, key) == 0 &&
                    (found == NULL || (server_keys[i].kinds & 1u << kind) != 0))
                        found = &server_keys[i];
        return found;
}

bool config_server_knows(const char *key)
{
        return find_key(key, CONFIG_SERVER_HTTP) != NULL;
}

bool config_server_takes(enum config_server_kind kind, const char *key)
{
        const struct server_key *k = find_key(key, kind);

        return k != NULL && (k->kinds & 1u << kind) != 0;
}

const char *config_server_near(const char *key)
{
        for (size_t i = 0; i < sizeof(server_keys) / sizeof(server_keys[0]); i++)
                if (config_is_slip(key, server_keys[i].key))
                        return server_keys[i].key;
        return NULL;
}

static void load_file(struct loading *l, const char *at, const json_t *value, char **pathp)
{
        char *text = config_text(l, at, JSON_STRING, value);

        free(*pathp);
        *pathp = text != NULL && text[0] != '\0' ? config_source_beside(l->path, text) : NULL;
        free(text);
}

static void load_list(struct loading *l, const char *at, const json_t *array, char ***stringsp)
{
        const json_t *one;
        size_t i;

        if (!json_is_array(array)) {
                config_fault(l, at, "must be an array of strings");
                return;
        }
        json_array_foreach ((json_t *)array, i, one) {
                char *text = config_text(l, at, JSON_STRING, one);

                if (text != NULL)
                        (void)strv_add_take(stringsp, text);
        }
}

static void load_seconds(struct loading *l, const char *at, const json_t *value, int64_t *msp)
{
        char *text = config_text(l, at, JSON_REAL, value), *end;
        double s = text != NULL ? strtod(text, &end) : 0;

        if (text != NULL && (end == text || *end != '\0' || !(s >= 0 && s <= 1e7)))
                config_fault(l, at, "must be a number of seconds from 0 to 10000000");
        else
                *msp = (int64_t)(s * 1000);
        free(text);
}

static void load_count(struct loading *l, const char *at, const json_t *value, int64_t *np)
{
        char *text = config_text(l, at, JSON_REAL, value), *end;
        double n = text != NULL ? strtod(text, &end) : 0;

        if (text != NULL &&
            (end == text || *end != '\0' || !(n >= 0 && n <= 1e15) || n != floor(n)))
                config_fault(l, at, "must be a whole number, 0 or more");
        else
                *np = (int64_t)n;
        free(text);
}

static void load_bool(struct loading *l, const char *at, const json_t *value, bool *field)
{
        if (!json_is_boolean(value))
                config_fault(l, at, "must be true or false");
        *field = json_is_true(value);
}

/* {"theirs": {"name": "shown", "description": "..."}} */
static void load_tools(struct loading *l, const char *at, json_t *object, json_t **toolsp)
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
        *toolsp = json_incref(object);
}

static void load_type(struct loading *l, const char *at, const json_t *value,
                      enum config_server_kind kind)
{
        static const char *const words[][3] = {
                [CONFIG_SERVER_HTTP] = {"http", "streamable-http", "streamableHttp"},
                [CONFIG_SERVER_SSE] = {"sse", "sse", "sse"},
                [CONFIG_SERVER_STDIO] = {"stdio", "stdio", "stdio"},
                [CONFIG_SERVER_REST] = {"rest", "rest", "rest"},
        };
        const char *word = json_string_value(value);

        for (size_t i = 0; word != NULL && i < 3; i++)
                if (strcmp(words[kind][i], word) == 0)
                        return;
        config_fault(l, at,
                     "does not fit: \"http\" or \"sse\" goes with \"url\", \"stdio\" with "
                     "\"command\", \"rest\" with \"rest\" or \"openapi\"");
}

static const char *const scope_words[] = {
        [CONFIG_SCOPE_SESSION] = "session",
        [CONFIG_SCOPE_USER] = "user",
        [CONFIG_SCOPE_SHARED] = "shared",
};

static const char *const era_words[] = {
        [CONFIG_ERA_AUTO] = "auto",
        [CONFIG_ERA_SESSION] = "session",
        [CONFIG_ERA_STATELESS] = "stateless",
};

/* One of three words, in the order of the values. */
static void load_word(struct loading *l, const char *at, const json_t *value,
                      const char *const words[3], unsigned *fieldp)
{
        const char *word = json_string_value(value);

        for (unsigned i = 0; word != NULL && i < 3; i++)
                if (strcmp(words[i], word) == 0) {
                        *fieldp = i;
                        return;
                }
        config_fault(l, at, "must be \"%s\", \"%s\" or \"%s\"", words[0], words[1], words[2]);
}

static void load_key(struct loading *l, const char *at, const struct server_key *k, json_t *value,
                     struct config_server *s)
{
        void *field = (char *)s + k->offset;

        switch (k->shape) {
        case SHAPE_TEXT:
                if (k->offset == 0)
                        break;
                free(*(char **)field);
                *(char **)field = config_text(l, at, JSON_STRING, value);
                break;
        case SHAPE_FILE:
                load_file(l, at, value, field);
                break;
        case SHAPE_LIST:
                if (k->offset != 0)
                        load_list(l, at, value, field);
                break;
        case SHAPE_HEADERS:
                config_account_load_pairs(l, at, value, ": ", field);
                break;
        case SHAPE_ENV:
                config_account_load_pairs(l, at, value, "=", field);
                break;
        case SHAPE_SECONDS:
                load_seconds(l, at, value, field);
                break;
        case SHAPE_COUNT:
                load_count(l, at, value, field);
                break;
        case SHAPE_OBJECT:
                load_tools(l, at, value, field);
                break;
        case SHAPE_OAUTH:
                config_oauth_load(l, at, value, field);
                break;
        case SHAPE_SCOPE:
                load_word(l, at, value, scope_words, field);
                break;
        case SHAPE_ERA:
                load_word(l, at, value, era_words, field);
                break;
        case SHAPE_USERS:
                config_account_load_users(l, at, value, s);
                break;
        case SHAPE_BOOL:
                load_bool(l, at, value, field);
                break;
        case SHAPE_TYPE:
                load_type(l, at, value, s->kind);
                break;
        case SHAPE_ENV_FILE:
        case SHAPE_IGNORED:
                break;
        }
}

static void load_argv(struct loading *l, const char *full, const json_t *entry,
                      struct config_server *s)
{
        const json_t *args = json_object_get(entry, "args");
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
                load_list(l, at, args, &s->argv);
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

void config_server_read(struct loading *l, const char *full, json_t *entry, struct config_server *s)
{
        const char *key, *near;
        json_t *value;

        json_object_foreach (entry, key, value) {
                const struct server_key *k = find_key(key, s->kind);
                char at[CONFIG_KEY_SIZE];

                config_key(at, full, key);
                near = k == NULL ? config_server_near(key) : NULL;
                l->own_env = strcmp(key, "env") != 0 ? json_object_get(entry, "env") : NULL;
                if (near != NULL)
                        config_fault(l, at, "not known: is \"%s\" meant? (docs/upstreams.md)",
                                     near);
                else if (k == NULL)
                        config_fault(l, at, "not known (docs/upstreams.md tells what is)");
                else if ((k->kinds & 1u << s->kind) == 0)
                        config_fault(l, at, "does not go with \"%s\"", kind_keys[s->kind]);
                else
                        load_key(l, at, k, value, s);
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

void config_server_finish(struct config_server *s)
{
        free(s->name);
        free(s->url);
        strv_free(s->argv);
        strv_free(s->pass_env);
        free(s->cwd);
        free(s->ca_file);
        free(s->client_cert_file);
        free(s->client_key_file);
        free(s->tls_server_name);
        free(s->rest_file);
        free(s->openapi_file);
        free(s->base_url);
        rest_destroy(s->rest);
        config_account_finish(s);
        free(s->prefix);
        strv_free(s->include);
        strv_free(s->exclude);
        json_decref(s->tools);
}
