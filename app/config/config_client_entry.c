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

/* A list of {"name", "value"} (Agent Client Protocol, registries), or of texts, such as
 * "NAME=value" (Docker) and "Name: value" (curl), as the object that it stands for. What is neither
 * stays. */
static json_t *object_of(const json_t *value)
{
        json_t *out, *one;
        size_t i;

        if (!json_is_array(value))
                return texts_of(value);
        out = json_object();
        json_array_foreach ((json_t *)value, i, one) {
                struct str rest = str_from(json_string_value(one));
                const char *name = json_string_value(json_object_get(one, "name"));
                const json_t *text = json_object_get(one, "value");
                size_t n = rest.n > 0 ? strcspn(rest.p, "=:") : 0;

                if (name != NULL && text != NULL) {
                        json_object_set_new(out, name, text_of(text));
                } else if (n > 0 && n < rest.n) {
                        struct str after = {rest.p + n + 1, rest.n - n - 1};

                        after = rest.p[n] == ':' ? str_trim(after) : after;
                        json_object_setn_new(out, rest.p, n, json_stringn(after.p, after.n));
                } else {
                        json_decref(out);
                        return json_incref((json_t *)value);
                }
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

static void put(struct adoption *a, const char *key, json_t *value)
{
        json_object_set(a->out, key, value);
}

static void put_texts(struct adoption *a, const char *key, json_t *value)
{
        json_object_set_new(a->out, key, texts_of(value));
}

/* Over those that are there already (Goose has two keys). */
static void put_pairs(struct adoption *a, const char *key, json_t *value)
{
        json_t *pairs = object_of(value), *before = json_object_get(a->out, key);

        if (json_is_object(before) && json_is_object(pairs))
                json_object_update_missing(pairs, before);
        json_object_set_new(a->out, key, pairs);
}

/* Names of variables that are the environment's (Goose keeps them in a keyring). */
static void put_env_keys(struct adoption *a, const char *key, json_t *value)
{
        json_t *pairs = json_object(), *one, *before = json_object_get(a->out, key);
        size_t i;

        json_array_foreach (value, i, one)
                if (json_is_string(one))
                        json_object_set_new(pairs, json_string_value(one),
                                            json_sprintf("${env:%s}", json_string_value(one)));
        if (json_is_object(before))
                json_object_update(pairs, before);
        if (json_object_size(pairs) > 0)
                json_object_set(a->out, key, pairs);
        json_decref(pairs);
}

/* Under another name than ours: ours wins where both are there. */
static void put_other(struct adoption *a, const char *key, json_t *value)
{
        if (value != NULL && !is_empty(value) && json_object_get(a->out, key) == NULL)
                put(a, key, value);
}

/* Without the blanks around it that a URL's readers pass over (WHATWG URL). */
static void put_url(struct adoption *a, const char *key, json_t *value)
{
        const char *text = json_string_value(value);
        struct str url = str_trim(str_from(text));
        json_t *trimmed = text != NULL ? json_stringn(url.p, url.n) : json_incref(value);

        put_other(a, key, trimmed);
        json_decref(trimmed);
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
static void put_type(struct adoption *a, const char *key, json_t *value)
{
        if (json_is_object(value))
                adopt_members(a, value);
        else if (json_is_string(value) && !is_empty(value))
                json_object_set_new(a->out, key, json_string(kind_word(json_string_value(value))));
        else if (!json_is_string(value))
                put(a, key, value);
}

/* A program; a list that begins with it; or {"path", "args", "env"} (Zed). */
static void put_command(struct adoption *a, const char *key, json_t *value)
{
        json_t *args, *one;
        size_t i;

        if (json_is_object(value)) {
                put_other(a, key, json_object_get(value, "path"));
                put_other(a, "args", json_object_get(value, "args"));
                put_other(a, "env", json_object_get(value, "env"));
                return;
        }
        if (!json_is_array(value) || json_array_size(value) == 0) {
                put(a, key, value);
                return;
        }
        put(a, key, json_array_get(value, 0));
        args = json_array();
        json_array_foreach (value, i, one)
                if (i > 0)
                        json_array_append_new(args, text_of(one));
        json_object_set_new(a->out, "args", args);
}

static void put_timeout(struct adoption *a, const char *key, json_t *value)
{
        double n = json_is_number(value)   ? json_number_value(value)
                   : json_is_string(value) ? strtod(json_string_value(value), NULL)
                                           : 0;

        n = n > TIMEOUT_SECONDS_MAX ? n / 1000 : n;
        if (!(n > 0))
                config_client_ignore(a->l, "timeout");
        else if (json_object_get(a->out, key) == NULL)
                json_object_set_new(a->out, key,
                                    n == floor(n) ? json_integer((json_int_t)n) : json_real(n));
}

/* A client means it from its workspace. */
static void put_env_file(struct adoption *a, const char *key, json_t *value)
{
        const char *path = json_string_value(value);

        if (strcmp(key, "env_file") == 0 || path == NULL || path[0] == '/' || path[0] == '$')
                put_other(a, "env_file", value);
        else if (path[0] != '\0')
                json_object_set_new(a->out, "env_file",
                                    json_sprintf("${workspaceFolder}/%s", path));
}

static void put_is_enabled(struct adoption *a, const char *key, json_t *value)
{
        if (json_is_false(value))
                json_object_set_new(a->out, key, json_true());
}

static void put_disabled(struct adoption *a, const char *key, json_t *value)
{
        if (!json_is_false(value))
                put(a, key, value);
}

/* {"headers"} */
static void put_request(struct adoption *a, const char *key, json_t *value)
{
        if (json_object_get(value, "headers") != NULL)
                put_pairs(a, key, json_object_get(value, "headers"));
}

static void ignore(struct adoption *a, const char *key, json_t *value)
{
        (void)value;
        config_client_ignore(a->l, key);
}

/* Patterns of names; "*", or none at all, is no filter. */
static void put_filter(struct adoption *a, const char *key, json_t *value)
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

/* put() gets the key of ours that it stands for; NULL: its own. */
static const struct client_key {
        const char *folded;
        void (*put)(struct adoption *a, const char *key, json_t *value);
        const char *ours;
} client_keys[] = {
        {"url", put_url, "url"},
        {"serverurl", put_url, "url"},
        {"sseurl", put_url, "url"},
        {"endpoint", put_url, "url"},
        {"uri", put_url, "url"},
        {"httpurl", put, "url"}, /* wins over "url": Gemini CLI */
        {"type", put_type, "type"},
        {"transport", put_type, "type"},
        {"transporttype", put_type, "type"},
        {"command", put_command, "command"},
        {"cmd", put_command, "command"},
        {"args", put_texts, "args"},
        {"env", put_pairs, "env"},
        {"envs", put_pairs, "env"},
        {"environment", put_pairs, "env"},
        {"envkeys", put_env_keys, "env"},
        {"envfile", put_env_file, NULL},
        {"cwd", put_other, "cwd"},
        {"workingdirectory", put_other, "cwd"},
        {"headers", put_pairs, "headers"},
        {"httpheaders", put_pairs, "headers"},
        {"requestinit", put_request, "headers"},
        {"requestoptions", put_request, "headers"},
        {"timeout", put_timeout, "timeout_s"},
        {"requesttimeout", put_timeout, "timeout_s"},
        {"enabled", put_is_enabled, "disabled"},
        {"isactive", put_is_enabled, "disabled"},
        {"disabled", put_disabled, "disabled"},
        {"availabletools", put_filter, "include"},
        {"includetools", put_filter, "include"},
        {"enabledtools", put_filter, "include"},
        {"allowedtools", put_filter, "include"},
        {"excludetools", put_filter, "exclude"},
        {"disabledtools", put_filter, "exclude"},
        /* the client's own business */
        {"alwaysallow", ignore, NULL},
        {"auth", ignore, NULL},
        {"author", ignore, NULL},
        {"autoapprove", ignore, NULL},
        {"autostart", ignore, NULL},
        {"bundled", ignore, NULL},
        {"category", ignore, NULL},
        {"chatmenu", ignore, NULL},
        {"comment", ignore, NULL},
        {"customuservars", ignore, NULL},
        {"description", ignore, NULL},
        {"dev", ignore, NULL},
        {"disabledprompts", ignore, NULL},
        {"displayname", ignore, NULL},
        {"gallery", ignore, NULL},
        {"homepage", ignore, NULL},
        {"icon", ignore, NULL},
        {"iconpath", ignore, NULL},
        {"icons", ignore, NULL},
        {"id", ignore, NULL},
        {"inittimeout", ignore, NULL},
        {"label", ignore, NULL},
        {"license", ignore, NULL},
        {"logourl", ignore, NULL},
        {"metadata", ignore, NULL},
        {"name", ignore, NULL},
        {"note", ignore, NULL},
        {"notes", ignore, NULL},
        {"provider", ignore, NULL},
        {"providerurl", ignore, NULL},
        {"repository", ignore, NULL},
        {"requiresoauth", ignore, NULL},
        {"sandbox", ignore, NULL},
        {"sandboxenabled", ignore, NULL},
        {"serverinstructions", ignore, NULL},
        {"settings", ignore, NULL},
        {"source", ignore, NULL},
        {"ssereadtimeout", ignore, NULL},
        {"startup", ignore, NULL},
        {"startuptimeout", ignore, NULL},
        {"tags", ignore, NULL},
        {"title", ignore, NULL},
        {"trust", ignore, NULL},
        {"version", ignore, NULL},
        {"watchpaths", ignore, NULL},
        {"$schema", ignore, NULL},
        {"$comment", ignore, NULL},
        {"//", ignore, NULL},
};

/* NULL: it is none that we know. */
static const struct client_key *find_key(const char *key)
{
        char folded[64];

        fold(key, folded);
        for (size_t i = 0; i < sizeof(client_keys) / sizeof(client_keys[0]); i++)
                if (strcmp(client_keys[i].folded, folded) == 0)
                        return &client_keys[i];
        return NULL;
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
        bool is_filter = strcmp(key, "tools") == 0 && json_is_array(value);
        const struct client_key *k = find_key(is_filter ? "includeTools" : key);

        if (k != NULL)
                k->put(a, k->ours != NULL ? k->ours : key, value);
        else if (is_for_us(a, key, value))
                put(a, key, value);
        else
                ignore(a, key, value);
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
