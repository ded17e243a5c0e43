/* The settings of "gateway". One table drives it all: the file, the environment, the defaults and
 * --help. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/wire/hdr.h"

#include <stdlib.h>
#include <string.h>

/* ---- what texts must be ---- */

#define SECRET_MIN 32

static bool begins_with(const char *text, const char *a, const char *b)
{
        return strncmp(text, a, strlen(a)) == 0 || strncmp(text, b, strlen(b)) == 0;
}

static bool is_listen(const char *text)
{
        return begins_with(text, "unix:", "tcp:");
}

static bool is_node(const char *text)
{
        return text[0] == '\0' || config_is_name(text, 63);
}

/* It is quoted in headers, and paths are put behind it. */
static bool is_url(const char *text)
{
        size_t n = strlen(text);

        return n == 0 || (begins_with(text, "http://", "https://") && text[n - 1] != '/' &&
                          hdr_is_visible(str_from(text), 255) && strpbrk(text, "\"\\") == NULL);
}

static bool is_secret(const char *text)
{
        return text[0] == '\0' || strlen(text) >= SECRET_MIN;
}

/* ---- the table ---- */

static const char *const log_formats[] = {"text", "json", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const name_words[] = {"given", "safe", NULL}; /* are they safe? */

#define AT(field) offsetof(struct config, field)
#define SECONDS_MAX 1e7
#ifdef MGW_SANITIZED
/* LeakSanitizer attaches to us at the end, as a debugger would. */
#define SYSCALL_FILTER_STANDARD "false"
#else
#define SYSCALL_FILTER_STANDARD "true"
#endif

static const struct config_row settings[] = {
        {"listen", KIND_TEXT, AT(listen), "unix:/run/mgw/fcgi.sock", .is_shown = true,
         .marks = CONFIG_FIXED,
         .help = "FastCGI socket: unix:PATH or tcp:ADDRESS:PORT; a socket of systemd's, or a "
                 "listening descriptor 0, wins",
         .is_right = is_listen, .why = "must be unix:/path/to/socket or tcp:ADDRESS:PORT"},
        {"socket_mode", KIND_OCTAL, AT(socket_mode), "0660", 0, 0777, .marks = CONFIG_FIXED,
         .help = "permissions of the unix socket",
         .why = "must be a string of octal digits up to \"0777\""},
        {"socket_group", KIND_TEXT, AT(socket_group), "", .is_shown = true, .marks = CONFIG_FIXED,
         .help = "group of the unix socket"},
        {"node", KIND_TEXT, AT(node), "", .is_shown = true, .marks = CONFIG_FIXED,
         .help = "begins each session id (default: the host's name)", .is_right = is_node,
         .why = "must be 1 to 63 letters, digits or '-'"},
        {"keepalive_s", KIND_SECONDS, AT(keepalive_ms), "30", 0, SECONDS_MAX,
         .help = "longest silence of a stream; 0 switches keep-alive off"},
        {"answer_grace_ms", KIND_INT64, AT(answer_grace_ms), "1000", 0, 1e7,
         .help = "a slower answer to a POST becomes a stream"},
        {"drain_s", KIND_SECONDS, AT(drain_ms), "25", 0, SECONDS_MAX,
         .help = "time for running calls after SIGTERM"},
        {"retry_ms", KIND_INT64, AT(retry_ms), "3000", 0, 1e7,
         .help = "when clients are told to come back after a deliberate end, +-50 %"},
        {"session_idle_s", KIND_SECONDS, AT(session_idle_ms), "14400", 0.001, SECONDS_MAX,
         .help = "a session that no client has a stream or call open in expires after this"},
        {"sessions_max", KIND_UINT32, AT(sessions_max), "50000", 1, 1e7,
         .help = "sessions at once"},
        {"sessions_per_user_max", KIND_UINT32, AT(sessions_per_user_max), "1000", 0, 1e7,
         .help = "sessions at once of one user (without users: of one address); one more ends the "
                 "user's own longest idle one; 0: no limit"},
        {"streams_max", KIND_UINT32, AT(streams_max), "40000", 1, 1e7, .help = "streams at once"},
        {"streams_per_user_max", KIND_UINT32, AT(streams_per_user_max), "1000", 0, 1e7,
         .help = "streams at once of one user, or address; 0: no limit"},
        {"calls_per_session_max", KIND_UINT32, AT(calls_per_session_max), "64", 1, 60000,
         .help = "calls at once in one session"},
        {"calls_per_user_max", KIND_UINT32, AT(calls_per_user_max), "1000", 0, 60000,
         .help = "calls at once of one user, or address, listening aside; 0: no limit"},
        {"calls_per_user_s", KIND_UINT32, AT(calls_per_user_s), "500", 0, 1e7,
         .help = "messages a second of one user, or address, over a few seconds; 0: no limit"},
        {"input_wait_s", KIND_SECONDS, AT(input_wait_ms), "600", 0.001, SECONDS_MAX,
         .help = "how long a call waits for input of a client without a session"},
        {"state_dir", KIND_FILE, AT(state_dir), "", .marks = CONFIG_FIXED,
         .help = "folder of what outlives mgw: logins, and accounts that users have connected "
                 "(default: where there are such, that of auth.tokens_file)"},
        {"state_key", KIND_TEXT, AT(state_key), "", .marks = CONFIG_FIXED,
         .help = "secret that seals what such clients give back, ids of tasks, tokens, and what is "
                 "in "
                 "state_dir; the same on all nodes (default: random; in state_dir: made once)",
         .is_right = is_secret, .why = "must have 32 characters at least"},
        {"state_key_old", KIND_TEXT, AT(state_key_old), "", .marks = CONFIG_FIXED,
         .help = "the former state_key, while what was sealed by it is still about",
         .is_right = is_secret, .why = "must have 32 characters at least"},
        {"connections_max", KIND_UINT32, AT(connections_max), "45000", 1, 1e7,
         .marks = CONFIG_FIXED, .help = "FastCGI connections at once"},
        {"head_max_bytes", KIND_UINT32, AT(head_max_bytes), "65536", 1024, 1e7,
         .help = "cap on a request's head"},
        {"body_max_bytes", KIND_UINT32, AT(body_max_bytes), "4194304", 1024, 1e9,
         .help = "cap on a request's body"},
        {"body_timeout_s", KIND_SECONDS, AT(body_timeout_ms), "30", 0.001, SECONDS_MAX,
         .help = "a request must be complete within this"},
        {"answer_timeout_s", KIND_SECONDS, AT(answer_timeout_ms), "30", 0.001, SECONDS_MAX,
         .help = "a client that takes nothing of what waits for it is cut after this"},
        {"memory_max_bytes", KIND_UINT64, AT(memory_max_bytes), "0", 0, 1e15, .marks = CONFIG_FIXED,
         .help = "memory of the process, after which new work is refused; 0: 60 % of the "
                 "container's or machine's"},
        {"memory_per_user_max_bytes", KIND_UINT64, AT(memory_per_user_max_bytes), "0", 0, 1e15,
         .marks = CONFIG_FIXED, .help = "of that for one user, or address; 0: a quarter"},
        {"list_max_bytes", KIND_UINT64, AT(list_max_bytes), "16777216", 65536, 1e12,
         .help = "of one list of an upstream, as it is held; more is left out"},
        {"stream_queue_max_bytes", KIND_UINT32, AT(stream_queue_max_bytes), "1048576", 1024, 1e9,
         .help = "bytes that may wait for one slow client"},
        {"replay_max_bytes", KIND_UINT32, AT(replay_max_bytes), "262144", 0, 1e9,
         .help = "events kept for Last-Event-ID, a session"},
        {"replay_total_max_bytes", KIND_UINT64, AT(replay_total_max_bytes), "67108864", 0, 1e12,
         .marks = CONFIG_FIXED, .help = "events kept for Last-Event-ID, all sessions"},
        {"replay_age_s", KIND_SECONDS, AT(replay_age_ms), "300", 0, SECONDS_MAX,
         .marks = CONFIG_FIXED, .help = "how long events are kept"},
        {"upstream_connect_timeout_ms", KIND_INT64, AT(upstream_connect_timeout_ms), "10000", 1,
         1e7, .help = "time for connecting to an upstream"},
        {"upstream_open_timeout_s", KIND_SECONDS, AT(upstream_open_timeout_ms), "20", 0.001,
         SECONDS_MAX,
         .help = "an upstream over HTTP that has not answered initialize by then is left out"},
        {"upstream_grace_ms", KIND_INT64, AT(upstream_grace_ms), "2000", 0, 1e7,
         .help = "initialize and lists are answered after this without the upstreams that are "
                 "still silent; list_changed tells when they have come"},
        {"upstream_retry_s", KIND_SECONDS, AT(upstream_retry_ms), "0.5", 0.001, SECONDS_MAX,
         .help = "an upstream that failed is tried again after this, doubled with each failure"},
        {"upstream_retry_max_s", KIND_SECONDS, AT(upstream_retry_max_ms), "30", 0.001, SECONDS_MAX,
         .help = "and after this at the latest"},
        {"upstream_ca_file", KIND_FILE, AT(upstream_ca_file), "",
         .help = "certificates (PEM) that upstreams are trusted by, in place of the system's (also "
                 "SSL_CERT_FILE, SSL_CERT_DIR)"},
        {"upstream_client_cert_file", KIND_FILE, AT(upstream_client_cert_file), "",
         .help = "certificate (PEM) by which mgw shows upstreams who it is"},
        {"upstream_client_key_file", KIND_FILE, AT(upstream_client_key_file), "",
         .help = "its key (default: in the same file)"},
        {"allow_private_documents", KIND_BOOL, AT(allow_private_documents), "false",
         .marks = CONFIG_FIXED,
         .help = "documents whose address somebody else names (of OAuth clients and servers) may "
                 "be at http and private addresses, for tests and closed networks: true or false"},
        {"catalog_age_s", KIND_SECONDS, AT(catalog_age_ms), "300", 0, SECONDS_MAX,
         .help = "lists of upstreams are asked for again after this"},
        {"children_max", KIND_UINT32, AT(children_max), "200", 1, 1e6,
         .help = "stdio servers running at once"},
        {"children_per_user_max", KIND_UINT32, AT(children_per_user_max), "64", 0, 1e6,
         .help = "of one user, or address; one more ends the user's own longest idle one; 0: no "
                 "limit"},
        {"children_uid_first", KIND_UINT32, AT(children_uid_first), "0", 0, 4e9,
         .marks = CONFIG_FIXED,
         .help = "they run as users of their own, from this uid on, one for each server and user; "
                 "0: as mgw's"},
        {"children_uid_count", KIND_UINT32, AT(children_uid_count), "10000", 1, 1e6,
         .marks = CONFIG_FIXED, .help = "how many uids are theirs"},
        {"children_landlock", KIND_BOOL, AT(has_children_landlock), "true",
         .help = "where the kernel can, they are kept from the configuration, the tokens and all "
                 "other processes: true or false"},
        {"children_data_max_bytes", KIND_UINT64, AT(children_data_max_bytes), "4294967296", 0, 1e15,
         .help = "memory that a process of theirs may have for its data; 0: no limit of its own"},
        {"children_processes_max", KIND_UINT32, AT(children_processes_max), "1024", 0, 1e7,
         .help = "processes and threads of each of their uids; 0: no limit of its own"},
        {"children_files_max", KIND_UINT32, AT(children_files_max), "4096", 0, 1e7,
         .help = "descriptors of a process of theirs; 0: no limit of its own"},
        {"seccomp", KIND_BOOL, AT(has_syscall_filter), SYSCALL_FILTER_STANDARD,
         .marks = CONFIG_FIXED,
         .help = "system calls of administrators and debuggers are denied to mgw and all that it "
                 "starts: true or false"},
        {"turn_limit_s", KIND_SECONDS, AT(turn_limit_ms), "30", 0, SECONDS_MAX,
         .marks = CONFIG_FIXED,
         .help = "mgw ends when it has been stuck for so long, to be started anew; 0: never"},
        {"builtin_tools", KIND_BOOL, AT(has_builtin_tools), "true",
         .help = "gateway_status, echo and wait: true or false"},
        {"names", KIND_BOOL, AT(has_safe_names), "given",
         .help = "\"safe\": tools and prompts whose names some clients drop get others: 50 "
                 "letters, digits, '_' and '-' at most; \"given\": names stay as they are, and the "
                 "log tells",
         .words = name_words, .why = "must be \"given\" or \"safe\""},
        {"log_format", KIND_WORD, AT(log_format), "text", .help = "text or json",
         .words = log_formats, .why = "must be \"text\" or \"json\""},
        {"log_level", KIND_WORD, AT(log_level), "info", .help = "debug, info, warn or error",
         .words = log_levels, .why = "must be \"debug\", \"info\", \"warn\" or \"error\""},
        {"log_slow_ms", KIND_INT64, AT(log_slow_ms), "10000", 0, 1e9,
         .help = "calls that take so long are in the log; others where they fail or are traced, or "
                 "at debug"},
        {"allowed_origins", KIND_TEXTS, AT(allowed_origins), "", .is_shown = true,
         .help = "browser origins let in besides localhost; \"*\" lets all in", .is_split = true},
        {"public_url", KIND_TEXT, AT(public_url), "", .is_shown = true,
         .help = "address at which clients reach mgw; needed where it listens beyond this machine",
         .is_right = is_url,
         .why = "must begin with http:// or https:// and have no '/' at its end"},
        {"auth.tokens_file", KIND_FILE, AT(auth_tokens_file), "",
         .help = "users and their token hashes; without it everybody is anonymous, and let in from "
                 "this machine alone"},
        {"auth.anonymous", KIND_BOOL, AT(auth_anonymous), "false",
         .help = "without a file of tokens: let everybody in from anywhere, true or false"},
        {"auth.jwt", KIND_OTHER, AT(jwt),
         .help = "issuers whose tokens (JWT) are taken, in the file alone: [{\"issuer\", "
                 "\"audience\", ...}] (docs/jwt.md)",
         .load = config_jwt_load},
        {.key = NULL},
};

/* ---- where values come from ---- */

/* All that stands under "gateway". */
static const struct config_row *const tables[] = {settings, config_login_rows, config_observe_rows};

#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

void config_settings_default(struct config *config)
{
        for (size_t i = 0; i < N_TABLES; i++)
                config_table_default(tables[i], config);
}

static const struct config_row *find_row(const char *name)
{
        const struct config_row *row = NULL;

        for (size_t i = 0; i < N_TABLES; i++)
                row = row == NULL ? config_table_find(tables[i], name, 0) : row;
        return row;
}

/* Does it stand before the dot in a key? */
static bool is_group(const char *name)
{
        size_t n = strlen(name);

        for (size_t i = 0; i < N_TABLES; i++)
                for (const struct config_row *row = tables[i]; row->key != NULL; row++)
                        if (strncmp(row->key, name, n) == 0 && row->key[n] == '.')
                                return true;
        return false;
}

static void load_group(struct loading *l, json_t *object, const char *prefix)
{
        const char *key;
        json_t *value;

        json_object_foreach (object, key, value) {
                char name[128], full[160], inside[132];

                snprintf(name, sizeof(name), "%s%s", prefix, key);
                snprintf(full, sizeof(full), "gateway.%s", name);
                snprintf(inside, sizeof(inside), "%s.", name);
                const struct config_row *row = find_row(name);
                if (row != NULL)
                        config_table_load(l, row, full, value, l->config);
                else if (is_group(name) && json_is_object(value))
                        load_group(l, value, inside);
                else if (is_group(name))
                        config_fault(l, full, "must be an object");
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

static void load_variable(struct loading *l, const struct config_row *row)
{
        char name[80];
        const char *value, *why;

        config_source_env_name(row->key, name, sizeof(name));
        value = getenv(name);
        /* what is set to nothing is a secret that is missing, or a line without a value */
        why = value != NULL && value[0] != '\0' ? config_table_set(row, l->config, value) : NULL;
        if (why != NULL) {
                fprintf(l->err, "%s: %s\n", name, why);
                l->n_faults++;
        }
}

void config_settings_load_environment(struct loading *l)
{
        for (size_t i = 0; i < N_TABLES; i++)
                for (const struct config_row *row = tables[i]; row->key != NULL; row++)
                        load_variable(l, row);
}

static bool is_fixed(const struct config_row *row, const struct config *config)
{
        const char *const *text = (const void *)((const char *)config + row->offset);

        return (row->marks & CONFIG_FIXED) != 0 ||
               ((row->marks & CONFIG_FIXED_ONCE_SET) != 0 && (*text)[0] != '\0');
}

static void keep_fixed(const struct config_row *rows, struct config *config, struct config *before,
                       FILE *err)
{
        for (const struct config_row *row = rows; row->key != NULL; row++) {
                if (!is_fixed(row, before) || config_row_is_same(row, config, before))
                        continue;
                fprintf(err, "gateway.%s: stays as it was until mgw is started again\n", row->key);
                config_row_swap(row, config, before);
        }
}

void config_settings_keep(struct config *config, struct config *before, FILE *err)
{
        for (size_t i = 0; i < N_TABLES; i++)
                keep_fixed(tables[i], config, before, err);
}

void config_settings_finish(struct config *config)
{
        for (size_t i = 0; i < N_TABLES; i++)
                config_table_finish(tables[i], config);
        config_login_client_finish(&config->login);
        config_jwt_finish(config);
}

json_t *config_settings_show(const struct config *config)
{
        struct config standard = {0};
        json_t *shown = json_array();

        config_settings_default(&standard);
        for (size_t i = 0; i < N_TABLES; i++)
                for (const struct config_row *row = tables[i]; row->key != NULL; row++) {
                        json_t *value = config_show_value(row, config),
                               *otherwise = config_show_value(row, &standard);

                        if (value != NULL)
                                json_array_append_new(shown,
                                                      json_pack("[s, O, b]", row->key, value,
                                                                json_equal(value, otherwise)));
                        json_decref(value);
                        json_decref(otherwise);
                }
        config_settings_finish(&standard);
        return shown;
}

void config_print_help(FILE *out)
{
        for (size_t i = 0; i < N_TABLES; i++)
                for (const struct config_row *row = tables[i]; row->key != NULL; row++) {
                        char name[80];

                        if (row->help == NULL)
                                continue;
                        config_source_env_name(row->key, name, sizeof(name));
                        fprintf(out, "  %-28s %s\n", row->key, row->help);
                        if (row->kind == KIND_OTHER || row->kind == KIND_PAIRS)
                                continue;
                        fprintf(out, "  %-28s ", "");
                        if (row->standard[0] != '\0')
                                fprintf(out, "default %s, ", row->standard);
                        fprintf(out, "environment %s\n", name);
                }
}
