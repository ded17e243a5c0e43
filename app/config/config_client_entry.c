/* An entry as clients write it, in our spelling. Keys are compared without regard to case, '_' and
 * '-', since clients differ in nothing more often. */
#include "config_inside.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Past it a "timeout" is in milliseconds: those who write seconds (Cline, Roo) allow an hour, those
 * who write milliseconds (Gemini CLI, LibreChat) wait for seconds at least. */
#define TIMEOUT_SECONDS_MAX 3600

struct adoption {
        struct loading *l;
        json_t *out;
};

static void fold(const char *key, char folded[64])
{
        size_t n = 0;

        for (; *key != '\0' && n < 63; key++)
                if (*key != '_' && *key != '-')
                        folded[n++] = (char)tolower((unsigned char)*key);
        folded[n] = '\0';
}

/* ---- values ---- */

static json_t *text_of(const json_t *value)
{
        char *text = NULL;
        json_t *string;

        if (json_is_boolean(value))
                return json_string(json_is_true(value) ? "true" : "false");
        if (!json_is_number(value))
                return json_incref((json_t *)value);
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        string = json_string(text);
        free(text);
        return string;
}

/* Numbers and booleans as texts; what is null is not there. */
static json_t *texts_of(const json_t *value)
{
        json_t *out, *one;
        const char *key;
        size_t i;

        if (json_is_array(value)) {
                out = json_array();
                json_array_foreach ((json_t *)value, i, one)
                        if (!json_is_null(one))
                                json_array_append_new(out, text_of(one));
        } else if (json_is_object(value)) {
                out = json_object();
                json_object_foreach ((json_t *)value, key, one)
                        if (!json_is_null(one))
                                json_object_set_new(out, key, text_of(one));
        } else {
                out = json_incref((json_t *)value);
        }
        return out;
}

static bool is_empty(const json_t *value)
{
        return (json_is_string(value) && json_string_length(value) == 0) ||
               (json_is_array(value) && json_array_size(value) == 0) ||
               (json_is_object(value) && json_object_size(value) == 0);
}

/* ---- keys with a meaning ---- */

static void put(struct adoption *a, const char *key, const json_t *value)
{
        json_object_set(a->out, key, (json_t *)value);
}

static void put_texts(struct adoption *a, const char *key, const json_t *value)
{
        json_object_set_new(a->out, key, texts_of(value));
}

/* Under another name than ours: ours wins where both are there. */
static void put_other(struct adoption *a, const char *key, const json_t *value)
{
        if (value != NULL && !is_empty(value) && json_object_get(a->out, key) == NULL)
                put(a, key, value);
}

static const char *kind_word(const char *word)
{
        static const char *const words[][2] = {
                {"stdio", "stdio"},     {"local", "stdio"},         {"command", "stdio"},
                {"http", "http"},       {"streamablehttp", "http"}, {"streaminghttp", "http"},
                {"httpstream", "http"}, {"shttp", "http"},          {"remote", "http"},
                {"sse", "sse"},         {"httpsse", "sse"},
        };
        char folded[64], plain[64];
        size_t n = 0;

        fold(word, folded);
        for (const char *p = folded; *p != '\0'; p++)
                if (isalnum((unsigned char)*p))
                        plain[n++] = *p;
        plain[n] = '\0';
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcmp(words[i][0], plain) == 0)
                        return words[i][1];
        return word;
}

static void adopt_members(struct adoption *a, json_t *object);

/* "type", or a "transport" that is a word, or an object with all that belongs to it. */
static void put_type(struct adoption *a, json_t *value)
{
        if (json_is_object(value))
                adopt_members(a, value);
        else if (json_is_string(value) && !is_empty(value))
                json_object_set_new(a->out, "type",
                                    json_string(kind_word(json_string_value(value))));
        else if (!json_is_string(value))
                put(a, "type", value);
}

/* A program; a list that begins with it; or {"path", "args", "env"} (Zed). */
static void put_command(struct adoption *a, json_t *value)
{
        json_t *args, *one;
        size_t i;

        if (json_is_object(value)) {
                put_other(a, "command", json_object_get(value, "path"));
                put_other(a, "args", json_object_get(value, "args"));
                put_other(a, "env", json_object_get(value, "env"));
                return;
        }
        if (!json_is_array(value) || json_array_size(value) == 0) {
                put(a, "command", value);
                return;
        }
        put(a, "command", json_array_get(value, 0));
        args = json_array();
        json_array_foreach (value, i, one)
                if (i > 0)
                        json_array_append_new(args, text_of(one));
        json_object_set_new(a->out, "args", args);
}

static void put_timeout(struct adoption *a, const json_t *value)
{
        double n = json_is_number(value)   ? json_number_value(value)
                   : json_is_string(value) ? strtod(json_string_value(value), NULL)
                                           : 0;

        n = n > TIMEOUT_SECONDS_MAX ? n / 1000 : n;
        if (!(n > 0))
                config_client_ignore(a->l, "timeout");
        else if (json_object_get(a->out, "timeout_s") == NULL)
                json_object_set_new(a->out, "timeout_s",
                                    n == floor(n) ? json_integer((json_int_t)n) : json_real(n));
}

/* A client means it from its workspace. */
static void put_env_file(struct adoption *a, const char *key, const json_t *value)
{
        const char *path = json_string_value(value);

        if (strcmp(key, "env_file") == 0 || path == NULL || path[0] == '/' || path[0] == '$')
                put_other(a, "env_file", value);
        else if (path[0] != '\0')
                json_object_set_new(a->out, "env_file",
                                    json_sprintf("${workspaceFolder}/%s", path));
}

static void put_is_enabled(struct adoption *a, const json_t *value)
{
        if (json_is_false(value))
                json_object_set_new(a->out, "disabled", json_true());
}

/* Patterns of names; "*", or none at all, is no filter. */
static void put_filter(struct adoption *a, const char *key, const json_t *value)
{
        bool is_all = json_array_size(value) == 1 &&
                      strcmp(json_string_value(json_array_get(value, 0)) != NULL
                                     ? json_string_value(json_array_get(value, 0))
                                     : "",
                             "*") == 0;

        if (!json_is_array(value))
                config_client_ignore(a->l, key);
        else if (!is_all || strcmp(key, "exclude") == 0)
                put_other(a, key, value);
}

/* ---- keys ---- */

enum meaning {
        MEANS_URL,
        MEANS_HTTP_URL, /* wins over "url": Gemini CLI */
        MEANS_TYPE,
        MEANS_COMMAND,
        MEANS_ARGS,
        MEANS_ENV,
        MEANS_ENV_FILE,
        MEANS_CWD,
        MEANS_HEADERS,
        MEANS_REQUEST, /* {"headers"} */
        MEANS_TIMEOUT,
        MEANS_ENABLED,
        MEANS_DISABLED,
        MEANS_INCLUDE,
        MEANS_EXCLUDE,
        MEANS_NOTHING, /* the client's own business */
};

static const struct {
        const char *folded;
        enum meaning meaning;
} client_keys[] = {
        {"url", MEANS_URL},
        {"serverurl", MEANS_URL},
        {"sseurl", MEANS_URL},
        {"endpoint", MEANS_URL},
        {"httpurl", MEANS_HTTP_URL},
        {"type", MEANS_TYPE},
        {"transport", MEANS_TYPE},
        {"transporttype", MEANS_TYPE},
        {"command", MEANS_COMMAND},
        {"args", MEANS_ARGS},
        {"env", MEANS_ENV},
        {"environment", MEANS_ENV},
        {"envfile", MEANS_ENV_FILE},
        {"cwd", MEANS_CWD},
        {"workingdirectory", MEANS_CWD},
        {"headers", MEANS_HEADERS},
        {"httpheaders", MEANS_HEADERS},
        {"requestinit", MEANS_REQUEST},
        {"requestoptions", MEANS_REQUEST},
        {"timeout", MEANS_TIMEOUT},
        {"requesttimeout", MEANS_TIMEOUT},
        {"enabled", MEANS_ENABLED},
        {"isactive", MEANS_ENABLED},
        {"disabled", MEANS_DISABLED},
        {"includetools", MEANS_INCLUDE},
        {"enabledtools", MEANS_INCLUDE},
        {"allowedtools", MEANS_INCLUDE},
        {"excludetools", MEANS_EXCLUDE},
        {"disabledtools", MEANS_EXCLUDE},
        {"alwaysallow", MEANS_NOTHING},
        {"auth", MEANS_NOTHING},
        {"author", MEANS_NOTHING},
        {"autoapprove", MEANS_NOTHING},
        {"autostart", MEANS_NOTHING},
        {"category", MEANS_NOTHING},
        {"chatmenu", MEANS_NOTHING},
        {"comment", MEANS_NOTHING},
        {"customuservars", MEANS_NOTHING},
        {"description", MEANS_NOTHING},
        {"dev", MEANS_NOTHING},
        {"disabledprompts", MEANS_NOTHING},
        {"displayname", MEANS_NOTHING},
        {"gallery", MEANS_NOTHING},
        {"homepage", MEANS_NOTHING},
        {"icon", MEANS_NOTHING},
        {"iconpath", MEANS_NOTHING},
        {"icons", MEANS_NOTHING},
        {"id", MEANS_NOTHING},
        {"inittimeout", MEANS_NOTHING},
        {"label", MEANS_NOTHING},
        {"license", MEANS_NOTHING},
        {"logourl", MEANS_NOTHING},
        {"metadata", MEANS_NOTHING},
        {"name", MEANS_NOTHING},
        {"note", MEANS_NOTHING},
        {"notes", MEANS_NOTHING},
        {"provider", MEANS_NOTHING},
        {"providerurl", MEANS_NOTHING},
        {"repository", MEANS_NOTHING},
        {"requiresoauth", MEANS_NOTHING},
        {"sandbox", MEANS_NOTHING},
        {"sandboxenabled", MEANS_NOTHING},
        {"serverinstructions", MEANS_NOTHING},
        {"settings", MEANS_NOTHING},
        {"source", MEANS_NOTHING},
        {"ssereadtimeout", MEANS_NOTHING},
        {"startup", MEANS_NOTHING},
        {"startuptimeout", MEANS_NOTHING},
        {"tags", MEANS_NOTHING},
        {"title", MEANS_NOTHING},
        {"trust", MEANS_NOTHING},
        {"version", MEANS_NOTHING},
        {"watchpaths", MEANS_NOTHING},
        {"$schema", MEANS_NOTHING},
        {"$comment", MEANS_NOTHING},
        {"//", MEANS_NOTHING},
};

/* -1: it has none. */
static int meaning_of(const char *key)
{
        char folded[64];

        fold(key, folded);
        for (size_t i = 0; i < sizeof(client_keys) / sizeof(client_keys[0]); i++)
                if (strcmp(client_keys[i].folded, folded) == 0)
                        return (int)client_keys[i].meaning;
        return -1;
}

static void put_meaning(struct adoption *a, enum meaning meaning, const char *key, json_t *value)
{
        switch (meaning) {
        case MEANS_URL:
                put_other(a, "url", value);
                break;
        case MEANS_HTTP_URL:
                put(a, "url", value);
                break;
        case MEANS_TYPE:
                put_type(a, value);
                break;
        case MEANS_COMMAND:
                put_command(a, value);
                break;
        case MEANS_ARGS:
                put_texts(a, "args", value);
                break;
        case MEANS_ENV:
                put_texts(a, "env", value);
                break;
        case MEANS_ENV_FILE:
                put_env_file(a, key, value);
                break;
        case MEANS_CWD:
                put_other(a, "cwd", value);
                break;
        case MEANS_HEADERS:
                put_texts(a, "headers", value);
                break;
        case MEANS_REQUEST:
                if (json_object_get(value, "headers") != NULL)
                        put_texts(a, "headers", json_object_get(value, "headers"));
                break;
        case MEANS_TIMEOUT:
                put_timeout(a, value);
                break;
        case MEANS_ENABLED:
                put_is_enabled(a, value);
                break;
        case MEANS_DISABLED:
                if (!json_is_false(value))
                        put(a, "disabled", value);
                break;
        case MEANS_INCLUDE:
                put_filter(a, "include", value);
                break;
        case MEANS_EXCLUDE:
                put_filter(a, "exclude", value);
                break;
        case MEANS_NOTHING:
                config_client_ignore(a->l, key);
                break;
        }
}

/* A client's own way to sign in by a browser is none of ours. */
static bool is_client_oauth(const json_t *oauth)
{
        return json_object_get(oauth, "token_url") == NULL ||
               json_object_get(oauth, "authorization_url") != NULL ||
               json_object_get(oauth, "redirect_uri") != NULL;
}

/* What it is not, and nobody of ours knows, stays in the entry, for its loader to refuse. */
static bool is_for_us(const struct adoption *a, const char *key, const json_t *value)
{
        if (strcmp(key, "oauth") == 0 && !a->l->is_ours && is_client_oauth(value))
                return false;
        return a->l->is_ours || config_server_knows(key) || config_server_near(key) != NULL;
}

static void adopt_key(struct adoption *a, const char *key, json_t *value)
{
        int meaning =
                strcmp(key, "tools") == 0 && json_is_array(value) ? MEANS_INCLUDE : meaning_of(key);

        if (meaning >= 0)
                put_meaning(a, (enum meaning)meaning, key, value);
        else if (is_for_us(a, key, value))
                put(a, key, value);
        else
                config_client_ignore(a->l, key);
}

static void adopt_members(struct adoption *a, json_t *object)
{
        const char *key;
        json_t *value;

        json_object_foreach (object, key, value)
                if (!json_is_null(value))
                        adopt_key(a, key, value);
}

/* Clients write what does not belong to the kind of server, mostly empty. */
static void drop_foreign(struct adoption *a)
{
        static const char *const keys[] = {"command", "args", "env", "env_file", "cwd", "headers"};
        enum config_server_kind kind;

        if (json_object_get(a->out, "url") != NULL && is_empty(json_object_get(a->out, "command")))
                json_object_del(a->out, "command");
        kind = config_server_kind(a->out);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                const json_t *value = json_object_get(a->out, keys[i]);

                if (value == NULL || config_server_takes(kind, keys[i]))
                        continue;
                if (!is_empty(value))
                        config_client_ignore(a->l, keys[i]);
                json_object_del(a->out, keys[i]);
        }
}

json_t *config_client_adopt(struct loading *l, json_t *entry)
{
        struct adoption a = {.l = l, .out = json_object()};

        adopt_members(&a, entry);
        if (!l->is_ours)
                drop_foreign(&a);
        return a.out;
}
