/* The settings of "gateway". One table drives it all: the file, the environment, the defaults and
 * --help. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Those of text first. */
enum kind {
        KIND_TEXT,    /* char * */
        KIND_FILE,    /* char *, "" or a path: in the file, meant from its folder */
        KIND_LISTEN,  /* char *, "unix:..." or "tcp:..." */
        KIND_NODE,    /* char *, a name */
        KIND_URL,     /* char *, "http://..." or "https://..." */
        KIND_SECRET,  /* char *, none or one that is hard to guess */
        KIND_COUNT,   /* uint32_t */
        KIND_SIZE,    /* uint64_t */
        KIND_SECONDS, /* int64_t milliseconds, written in seconds with fractions */
        KIND_MS,      /* int64_t */
        KIND_OCTAL,   /* uint32_t, written as a string of octal digits */
        KIND_FORMAT,  /* int, enum log_format */
        KIND_LEVEL,   /* int, enum log_level */
        KIND_NAMES,   /* bool: are they safe? */
        KIND_BOOL,    /* bool */
        KIND_ORIGINS, /* array of strings; commas between them in the environment */
};

struct setting {
        const char *key;
        enum kind kind;
        size_t offset;
        const char *standard; /* its default, as text */
        double min, max;
        const char *help;
};

#define AT(field) offsetof(struct config, field)
#define SECONDS_MAX 1e7
#ifdef MGW_SANITIZED
/* LeakSanitizer attaches to us at the end, as a debugger would. */
#define SYSCALL_FILTER_STANDARD "false"
#else
#define SYSCALL_FILTER_STANDARD "true"
#endif
#define SECRET_MIN 32

static const struct setting settings[] = {
        {"listen", KIND_LISTEN, AT(listen), "unix:/run/mgw/fcgi.sock", 0, 0,
         "FastCGI socket: unix:PATH or tcp:ADDRESS:PORT; a listening descriptor 0 wins"},
        {"socket_mode", KIND_OCTAL, AT(socket_mode), "0660", 0, 0777,
         "permissions of the unix socket"},
        {"socket_group", KIND_TEXT, AT(socket_group), "", 0, 0, "group of the unix socket"},
        {"node", KIND_NODE, AT(node), "", 0, 0,
         "begins each session id (default: the host's name)"},
        {"keepalive_s", KIND_SECONDS, AT(keepalive_ms), "30", 0, SECONDS_MAX,
         "longest silence of a stream; 0 switches keep-alive off"},
        {"answer_grace_ms", KIND_MS, AT(answer_grace_ms), "1000", 0, 1e7,
         "a slower answer to a POST becomes a stream"},
        {"drain_s", KIND_SECONDS, AT(drain_ms), "25", 0, SECONDS_MAX,
         "time for running calls after SIGTERM"},
        {"retry_ms", KIND_MS, AT(retry_ms), "3000", 0, 1e7,
         "when clients are told to come back after a deliberate end, +-50 %"},
        {"session_idle_s", KIND_SECONDS, AT(session_idle_ms), "14400", 0.001, SECONDS_MAX,
         "a session that no client has a stream or call open in expires after this"},
        {"sessions_max", KIND_COUNT, AT(sessions_max), "50000", 1, 1e7, "sessions at once"},
        {"sessions_per_user_max", KIND_COUNT, AT(sessions_per_user_max), "1000", 0, 1e7,
         "sessions at once of one user (without users: of one address); one more ends the user's "
         "own longest idle one; 0: no limit"},
        {"streams_max", KIND_COUNT, AT(streams_max), "40000", 1, 1e7, "streams at once"},
        {"streams_per_user_max", KIND_COUNT, AT(streams_per_user_max), "1000", 0, 1e7,
         "streams at once of one user, or address; 0: no limit"},
        {"calls_per_session_max", KIND_COUNT, AT(calls_per_session_max), "64", 1, 60000,
         "calls at once in one session"},
        {"calls_per_user_max", KIND_COUNT, AT(calls_per_user_max), "1000", 0, 60000,
         "calls at once of one user, or address, listening aside; 0: no limit"},
        {"calls_per_user_s", KIND_COUNT, AT(calls_per_user_s), "500", 0, 1e7,
         "messages a second of one user, or address, over a few seconds; 0: no limit"},
        {"input_wait_s", KIND_SECONDS, AT(input_wait_ms), "600", 0.001, SECONDS_MAX,
         "how long a call waits for input of a client without a session"},
        {"state_key", KIND_SECRET, AT(state_key), "", 0, 0,
         "secret that seals what such clients give back, and ids of tasks; the same on all nodes "
         "(default: random)"},
        {"connections_max", KIND_COUNT, AT(connections_max), "45000", 1, 1e7,
         "FastCGI connections at once"},
        {"head_max_bytes", KIND_COUNT, AT(head_max_bytes), "65536", 1024, 1e7,
         "cap on a request's head"},
        {"body_max_bytes", KIND_COUNT, AT(body_max_bytes), "4194304", 1024, 1e9,
         "cap on a request's body"},
        {"body_timeout_s", KIND_SECONDS, AT(body_timeout_ms), "30", 0.001, SECONDS_MAX,
         "a request must be complete within this"},
        {"answer_timeout_s", KIND_SECONDS, AT(answer_timeout_ms), "30", 0.001, SECONDS_MAX,
         "a client that takes nothing of what waits for it is cut after this"},
        {"memory_max_bytes", KIND_SIZE, AT(memory_max_bytes), "0", 0, 1e15,
         "memory of the process, after which new work is refused; 0: 60 % of the container's or "
         "machine's"},
        {"memory_per_user_max_bytes", KIND_SIZE, AT(memory_per_user_max_bytes), "0", 0, 1e15,
         "of that for one user, or address; 0: a quarter"},
        {"list_max_bytes", KIND_SIZE, AT(list_max_bytes), "16777216", 65536, 1e12,
         "of one list of an upstream, as it is held; more is left out"},
        {"stream_queue_max_bytes", KIND_COUNT, AT(stream_queue_max_bytes), "1048576", 1024, 1e9,
         "bytes that may wait for one slow client"},
        {"replay_max_bytes", KIND_COUNT, AT(replay_max_bytes), "262144", 0, 1e9,
         "events kept for Last-Event-ID, a session"},
        {"replay_total_max_bytes", KIND_SIZE, AT(replay_total_max_bytes), "67108864", 0, 1e12,
         "events kept for Last-Event-ID, all sessions"},
        {"replay_age_s", KIND_SECONDS, AT(replay_age_ms), "300", 0, SECONDS_MAX,
         "how long events are kept"},
        {"upstream_connect_timeout_ms", KIND_MS, AT(upstream_connect_timeout_ms), "10000", 1, 1e7,
         "time for connecting to an upstream"},
        {"upstream_open_timeout_s", KIND_SECONDS, AT(upstream_open_timeout_ms), "20", 0.001,
         SECONDS_MAX, "an upstream over HTTP that has not answered initialize by then is left out"},
        {"upstream_grace_ms", KIND_MS, AT(upstream_grace_ms), "2000", 0, 1e7,
         "initialize and lists are answered after this without the upstreams that are still "
         "silent; "
         "list_changed tells when they have come"},
        {"upstream_retry_s", KIND_SECONDS, AT(upstream_retry_ms), "0.5", 0.001, SECONDS_MAX,
         "an upstream that failed is tried again after this, doubled with each failure"},
        {"upstream_retry_max_s", KIND_SECONDS, AT(upstream_retry_max_ms), "30", 0.001, SECONDS_MAX,
         "and after this at the latest"},
        {"upstream_ca_file", KIND_FILE, AT(upstream_ca_file), "", 0, 0,
         "certificates (PEM) that upstreams are trusted by, in place of the system's (also "
         "SSL_CERT_FILE, SSL_CERT_DIR)"},
        {"upstream_client_cert_file", KIND_FILE, AT(upstream_client_cert_file), "", 0, 0,
         "certificate (PEM) by which mgw shows upstreams who it is"},
        {"upstream_client_key_file", KIND_FILE, AT(upstream_client_key_file), "", 0, 0,
         "its key (default: in the same file)"},
        {"catalog_age_s", KIND_SECONDS, AT(catalog_age_ms), "300", 0, SECONDS_MAX,
         "lists of upstreams are asked for again after this"},
        {"children_max", KIND_COUNT, AT(children_max), "200", 1, 1e6,
         "stdio servers running at once"},
        {"children_per_user_max", KIND_COUNT, AT(children_per_user_max), "64", 0, 1e6,
         "of one user, or address; one more ends the user's own longest idle one; 0: no limit"},
        {"children_uid_first", KIND_COUNT, AT(children_uid_first), "0", 0, 4e9,
         "they run as users of their own, from this uid on, one for each server and user; 0: as "
         "mgw's"},
        {"children_uid_count", KIND_COUNT, AT(children_uid_count), "10000", 1, 1e6,
         "how many uids are theirs"},
        {"children_landlock", KIND_BOOL, AT(has_children_landlock), "true", 0, 0,
         "where the kernel can, they are kept from the configuration, the tokens and all other "
         "processes: true or false"},
        {"children_data_max_bytes", KIND_SIZE, AT(children_data_max_bytes), "4294967296", 0, 1e15,
         "memory that a process of theirs may have for its data; 0: no limit of its own"},
        {"children_processes_max", KIND_COUNT, AT(children_processes_max), "1024", 0, 1e7,
         "processes and threads of each of their uids; 0: no limit of its own"},
        {"children_files_max", KIND_COUNT, AT(children_files_max), "4096", 0, 1e7,
         "descriptors of a process of theirs; 0: no limit of its own"},
        {"seccomp", KIND_BOOL, AT(has_syscall_filter), SYSCALL_FILTER_STANDARD, 0, 0,
         "system calls of administrators and debuggers are denied to mgw and all that it starts: "
         "true or false"},
        {"turn_limit_s", KIND_SECONDS, AT(turn_limit_ms), "30", 0, SECONDS_MAX,
         "mgw ends when it has been stuck for so long, to be started anew; 0: never"},
        {"builtin_tools", KIND_BOOL, AT(has_builtin_tools), "true", 0, 0,
         "gateway_status, echo and wait: true or false"},
        {"names", KIND_NAMES, AT(has_safe_names), "given", 0, 0,
         "\"safe\": tools and prompts whose names some clients drop get others: 50 letters, "
         "digits, '_' and '-' at most; \"given\": names stay as they are, and the log tells"},
        {"log_format", KIND_FORMAT, AT(log_format), "text", 0, 0, "text or json"},
        {"log_level", KIND_LEVEL, AT(log_level), "info", 0, 0, "debug, info, warn or error"},
        {"log_slow_ms", KIND_MS, AT(log_slow_ms), "10000", 0, 1e9,
         "calls that take so long are in the log; others where they fail or are traced, or at "
         "debug"},
        {"allowed_origins", KIND_ORIGINS, AT(allowed_origins), "", 0, 0,
         "browser origins let in besides localhost; \"*\" lets all in"},
        {"public_url", KIND_URL, AT(public_url), "", 0, 0,
         "address at which clients reach mgw; needed where it listens beyond this machine"},
        {"auth.tokens_file", KIND_FILE, AT(auth_tokens_file), "", 0, 0,
         "users and their token hashes; without it everybody is anonymous, and let in from this "
         "machine alone"},
        {"auth.anonymous", KIND_BOOL, AT(auth_anonymous), "false", 0, 0,
         "without a file of tokens: let everybody in from anywhere, true or false"},
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static const char *set_text(char **fieldp, const char *value)
{
        char *copy = strdup(value);

        if (copy == NULL)
                return "out of memory";
        free(*fieldp);
        *fieldp = copy;
        return NULL;
}

static bool begins_with(const char *value, const char *a, const char *b)
{
        return strncmp(value, a, strlen(a)) == 0 || strncmp(value, b, strlen(b)) == 0;
}

static const char *set_listen(char **fieldp, const char *value)
{
        return begins_with(value, "unix:", "tcp:")
                       ? set_text(fieldp, value)
                       : "must be unix:/path/to/socket or tcp:ADDRESS:PORT";
}

static const char *set_node(char **fieldp, const char *value)
{
        return value[0] == '\0' || config_is_name(value, 63)
                       ? set_text(fieldp, value)
                       : "must be 1 to 63 letters, digits or '-'";
}

/* It is quoted in headers, and paths are put behind it. */
static const char *set_url(char **fieldp, const char *value)
{
        size_t n = strlen(value);

        if (n == 0 || (begins_with(value, "http://", "https://") && value[n - 1] != '/' &&
                       hdr_is_visible(str_from(value), 255) && strpbrk(value, "\"\\") == NULL))
                return set_text(fieldp, value);
        return "must begin with http:// or https:// and have no '/' at its end";
}

static const char *set_number(void *field, const struct setting *s, const char *value)
{
        static char why[96];
        char *end;
        double x = strtod(value, &end);

        if (end == value || *end != '\0' || !isfinite(x) || x < s->min || x > s->max ||
            (s->kind != KIND_SECONDS && x != floor(x))) {
                snprintf(why, sizeof(why), "must be a%s number from %.15g to %.15g",
                         s->kind == KIND_SECONDS ? "" : " whole", s->min, s->max);
                return why;
        }
        if (s->kind == KIND_COUNT)
                *(uint32_t *)field = (uint32_t)x;
        else if (s->kind == KIND_SIZE)
                *(uint64_t *)field = (uint64_t)x;
        else
                *(int64_t *)field = (int64_t)(s->kind == KIND_SECONDS ? x * 1000 : x);
        return NULL;
}

static const char *set_octal(uint32_t *field, const char *value)
{
        char *end;
        unsigned long mode = strtoul(value, &end, 8);

        if (end == value || *end != '\0' || mode > 0777)
                return "must be a string of octal digits up to \"0777\"";
        *field = (uint32_t)mode;
        return NULL;
}

static const char *set_bool(bool *field, const char *value)
{
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
                return "must be true or false";
        *field = value[0] == 't';
        return NULL;
}

static const char *set_word(int *field, const char *value, const char *const *words,
                            const char *why)
{
        for (int i = 0; words[i] != NULL; i++)
                if (strcmp(words[i], value) == 0) {
                        *field = i;
                        return NULL;
                }
        return why;
}

static void origins_clear(struct config *c)
{
        for (size_t i = 0; i < c->n_allowed_origins; i++)
                free(c->allowed_origins[i]);
        free(c->allowed_origins);
        c->allowed_origins = NULL;
        c->n_allowed_origins = 0;
}

static const char *set_origins(struct config *c, const char *value)
{
        struct str rest = str_from(value);

        origins_clear(c);
        while (rest.n > 0) {
                struct str one = str_trim(str_cut(&rest, ','));
                char **all =
                        reallocarray(c->allowed_origins, c->n_allowed_origins + 1, sizeof(*all));

                if (all == NULL)
                        return "out of memory";
                c->allowed_origins = all;
                if (one.n > 0 && (all[c->n_allowed_origins] = str_dup(one)) != NULL)
                        c->n_allowed_origins++;
        }
        return NULL;
}

/* NULL, or what is wrong with value. */
static const char *set(struct config *c, const struct setting *s, const char *value)
{
        static const char *const formats[] = {"text", "json", NULL};
        static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
        void *field = (char *)c + s->offset;

        switch (s->kind) {
        case KIND_TEXT:
        case KIND_FILE:
                return set_text(field, value);
        case KIND_LISTEN:
                return set_listen(field, value);
        case KIND_NODE:
                return set_node(field, value);
        case KIND_URL:
                return set_url(field, value);
        case KIND_SECRET:
                return value[0] == '\0' || strlen(value) >= SECRET_MIN
                               ? set_text(field, value)
                               : "must have 32 characters at least";
        case KIND_OCTAL:
                return set_octal(field, value);
        case KIND_FORMAT:
                return set_word(field, value, formats, "must be \"text\" or \"json\"");
        case KIND_LEVEL:
                return set_word(field, value, levels,
                                "must be \"debug\", \"info\", \"warn\" or \"error\"");
        case KIND_NAMES:
                if (strcmp(value, "given") != 0 && strcmp(value, "safe") != 0)
                        return "must be \"given\" or \"safe\"";
                *(bool *)field = value[0] == 's';
                return NULL;
        case KIND_BOOL:
                return set_bool(field, value);
        case KIND_ORIGINS:
                return set_origins(c, value);
        default:
                return set_number(field, s, value);
        }
}

static const struct setting *find_setting(const char *key)
{
        for (size_t i = 0; i < N_SETTINGS; i++)
                if (strcmp(settings[i].key, key) == 0)
                        return &settings[i];
        return NULL;
}

static char *origins_text(struct loading *l, const char *key, const json_t *array)
{
        char *all = NULL;
        size_t size, i;
        FILE *f = json_is_array(array) ? open_memstream(&all, &size) : NULL;
        const json_t *one;

        if (f == NULL) {
                config_fault(l, key, "must be an array of strings");
                return NULL;
        }
        json_array_foreach ((json_t *)array, i, one) {
                char *text = config_text(l, key, JSON_STRING, one);

                fprintf(f, "%s,", text != NULL ? text : "");
                free(text);
        }
        fclose(f);
        return all;
}

static char *file_text(struct loading *l, const char *key, const json_t *value)
{
        char *text = config_text(l, key, JSON_STRING, value), *path;

        if (text == NULL || text[0] == '\0')
                return text;
        path = config_source_beside(l->path, text);
        free(text);
        return path;
}

static void load_setting(struct loading *l, const struct setting *s, const char *full_key,
                         const json_t *value)
{
        json_type want = s->kind == KIND_BOOL                          ? JSON_TRUE
                         : s->kind >= KIND_COUNT && s->kind <= KIND_MS ? JSON_REAL
                                                                       : JSON_STRING;
        char *text = s->kind == KIND_ORIGINS ? origins_text(l, full_key, value)
                     : s->kind == KIND_FILE  ? file_text(l, full_key, value)
                                             : config_text(l, full_key, want, value);
        const char *why = text != NULL ? set(l->config, s, text) : NULL;

        if (why != NULL)
                config_fault(l, full_key, "%s", why);
        free(text);
}

static void load_group(struct loading *l, json_t *object, const char *prefix)
{
        const char *key;
        json_t *value;

        json_object_foreach (object, key, value) {
                char name[128], full[160];

                snprintf(name, sizeof(name), "%s%s", prefix, key);
                snprintf(full, sizeof(full), "gateway.%s", name);
                const struct setting *s = find_setting(name);
                if (s != NULL)
                        load_setting(l, s, full, value);
                else if (strcmp(name, "auth") == 0 && json_is_object(value))
                        load_group(l, value, "auth.");
                else
                        config_fault(l, full, "no such setting (mgw --help lists them)");
        }
}

void config_settings_load(struct loading *l, json_t *gateway)
{
        if (json_is_object(gateway))
                load_group(l, gateway, "");
        else
                config_fault(l, "gateway", "must be an object");
}

void config_settings_load_environment(struct loading *l)
{
        for (size_t i = 0; i < N_SETTINGS; i++) {
                char name[80];
                const char *value, *why;

                config_source_env_name(settings[i].key, name, sizeof(name));
                value = getenv(name);
                /* what is set to nothing is a secret that is missing, or a line without a value */
                why = value != NULL && value[0] != '\0' ? set(l->config, &settings[i], value)
                                                        : NULL;
                if (why != NULL) {
                        fprintf(l->err, "%s: %s\n", name, why);
                        l->n_faults++;
                }
        }
}

int config_settings_default(struct config *config)
{
        for (size_t i = 0; i < N_SETTINGS; i++)
                if (set(config, &settings[i], settings[i].standard) != NULL)
                        return -ENOMEM;
        return 0;
}

void config_settings_finish(struct config *config)
{
        for (size_t i = 0; i < N_SETTINGS; i++)
                if (settings[i].kind <= KIND_SECRET)
                        free(*(char **)((char *)config + settings[i].offset));
        origins_clear(config);
}

void config_print_help(FILE *out)
{
        for (size_t i = 0; i < N_SETTINGS; i++) {
                char name[80];

                config_source_env_name(settings[i].key, name, sizeof(name));
                fprintf(out, "  %-28s %s\n  %-28s ", settings[i].key, settings[i].help, "");
                if (settings[i].standard[0] != '\0')
                        fprintf(out, "default %s, ", settings[i].standard);
                fprintf(out, "environment %s\n", name);
        }
}
