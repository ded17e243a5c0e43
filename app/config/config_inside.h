/* What the parts of the configuration's reader share, from the ground up: a part uses those that
 * stand above it here. */
#pragma once

#include "config_table.h"
#include "mgw/base/str.h"
#include "mgw/config/config.h"

#define CONFIG_KEY_SIZE 512

struct loading {
        struct config *config;
        FILE *err;
        const char *path;         /* NULL: no file */
        struct str text;          /* as JSON; empty: it is none */
        struct yaml_lines *lines; /* of one that is YAML; NULL: it is none */
        unsigned n_faults;
        bool is_ours;           /* the file: not a client's */
        const char *servers_at; /* where its entries stand: "mcpServers", "servers"... */
        const json_t *inputs;   /* of VS Code; NULL: none */
        const json_t *own_env;  /* "env" of the entry that is being read; NULL: none */
        json_t *ignored;        /* keys that are not for us, as a set */
        json_t *wanted;         /* NULL, or a set that takes variables which are not set */
        json_t *imported;       /* NULL, or what takes the entries, to be printed: by name */
        json_error_t twice;     /* a member that stands twice; line 0: none */
        bool keeps_variables;   /* what depends on the file's place is filled in, they stay */
};

/* ---- what is told (config_fault.c) ---- */

/* A fault at the key that the path of keys (dots between them) names. */
void config_fault(struct loading *l, const char *key, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The same, under another name than the key's. */
void config_fault_at(struct loading *l, const char *key, const char *where, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* At a place of the file, counted from 1. */
void config_fault_place(struct loading *l, unsigned line, unsigned column, const char *why);
/* Told like a fault, and none. */
void config_note(struct loading *l, const char *key, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The line of the key in the file; 0: there are no lines to tell. */
unsigned config_line(const struct loading *l, const char *key);
/* The path "at.key" into full; what is too long is cut. */
void config_key(char full[CONFIG_KEY_SIZE], const char *at, const char *key);

/* ---- words (config_word.c) ---- */

/* Letters, digits and '-', at most max. */
bool config_is_name(const char *name, size_t max);
/* Does the word differ from what may be meant in one place (one character more, less or another,
 * two exchanged), or in upper and lower case alone? Short words have no such slips. */
bool config_is_slip(const char *word, const char *meant);

/* ---- files (config_file.c, config_env_file.c) ---- */

/* The file at path, as JSON; l->text is then its text. NULL: the fault has been told. */
json_t *config_file_read(struct loading *l, const char *path);
/* What is known of its text. */
void config_file_forget(struct loading *l);
/* NAME=value lines of the file (.env), beside those there are; what has come first wins. */
void config_env_file_load(struct loading *l, const char *at, const char *file, char ***linesp);

/* ---- variables (config_vars.c) ---- */

/* text with each ${...} filled in; the caller frees it. NULL: the fault has been told. */
char *config_expand(struct loading *l, const char *key, const char *text);
/* A JSON value as text, with each ${...} filled in; the caller frees it. want: JSON_STRING,
 * JSON_REAL (numbers, or strings that hold one) or JSON_TRUE (booleans likewise). NULL: the fault
 * has been told. */
char *config_text(struct loading *l, const char *key, json_type want, const json_t *value);

/* ---- "gateway" (config_settings.c) ---- */

/* Marks of a setting. It holds until mgw ends (app/server/server_reload.c); or does so once it has
 * been set. */
#define CONFIG_FIXED 1u
#define CONFIG_FIXED_ONCE_SET 2u

/* Each setting's default. */
void config_settings_default(struct config *config);
void config_settings_load(struct loading *l, json_t *gateway);
void config_settings_load_environment(struct loading *l);
void config_settings_finish(struct config *config);
/* What is there (config_show.c), without secrets; NULL: of KIND_OTHER. A new value. */
json_t *config_show_value(const struct config_row *row, const void *from);
/* What holds until mgw ends stays as before has it; where config has said otherwise, err is told.
 */
void config_settings_keep(struct config *config, struct config *before, FILE *err);

/* ---- "gateway.auth.jwt" (config_jwt.c) ---- */

void config_jwt_load(struct loading *l, const char *at, json_t *value, void *into);
/* All has been read: is it whole? Fills in whom tokens are for. */
void config_jwt_check(struct loading *l);
void config_jwt_finish(struct config *config);

/* ---- "gateway.auth.login" (config_login.c) ---- */

extern const struct config_row config_login_rows[];
extern const struct config_row config_observe_rows[];
/* All has been read: is there what signing in needs? */
void config_login_check(struct loading *l);
/* "clients" (config_login_client.c); into: where they stand. */
void config_login_client_load(struct loading *l, const char *at, json_t *value, void *into);
void config_login_client_check(struct loading *l);
void config_login_client_finish(struct config_login *login);
/* https, or http on this machine; without query and fragment (RFC 8414 2). */
bool config_is_issuer(const char *text);

/* Kinds of servers, as marks. */
#define CONFIG_HTTP (1u << CONFIG_SERVER_HTTP | 1u << CONFIG_SERVER_SSE)
#define CONFIG_STDIO (1u << CONFIG_SERVER_STDIO)
#define CONFIG_REST (1u << CONFIG_SERVER_REST)

/* ---- parts of an entry (config_oauth.c, config_account.c, config_rest.c, config_tls.c) ---- */

/* {"token_url", "client_id"...}; oauthp: struct config_oauth **. */
void config_oauth_load(struct loading *l, const char *at, json_t *object, void *oauthp);
/* What it does not say itself, but for the refresh token. */
void config_oauth_inherit(struct config_oauth *oauth, struct config_oauth *from);
/* What a provider known by name (oauth->preset) has, where oauth does not say it itself. false:
 * none has that name. */
bool config_oauth_preset(struct config_oauth *oauth);
/* The names of all of them, for a fault. */
extern const char config_oauth_preset_names[];
/* Has it what it needs? Reads its refresh token from its file; s: the entry that it stands in. */
void config_oauth_check(struct loading *l, const char *at, const struct config_server *s,
                        struct config_oauth *oauth);
/* When all is read: what users connect in a browser needs gateway.public_url. */
void config_oauth_check_public(struct loading *l);
/* Is it told whose tokens are exchanged? */
void config_oauth_check_exchanges(struct loading *l);
void config_oauth_finish(struct config_oauth *oauth);
/* But for a refresh token that mgw itself keeps in its file. NULL is fine. */
bool config_oauth_is_same(const struct config_oauth *a, const struct config_oauth *b);

/* Of everybody's account in an entry, and of each user's; marks: who knows the key. */
extern const struct config_row config_account_rows[];
/* {"ada@example.com": {"headers", "oauth", "env"}}; server: struct config_server *. */
void config_account_load_users(struct loading *l, const char *at, json_t *object, void *server);
/* When all of the entry is read: completes what stands in for users, reads their refresh tokens,
 * and checks it all. full: the entry's key. */
void config_account_check(struct loading *l, const char *full, struct config_server *s);
void config_account_finish(struct config_server *s);
bool config_account_is_same(const struct config_account *a, const struct config_account *b);

/* Reads and checks the file of a REST server (rest_file or openapi_file), which the key at names.
 */
void config_rest_load(struct loading *l, const char *at, struct config_server *server);

/* Can the files be used, and do they go together? full: the entry's key. */
void config_tls_check(struct loading *l, const char *full, const struct config_server *s);
void config_tls_check_gateway(struct loading *l);
/* All is read: fills in what the gateway has for entries that do not say it themselves. */
void config_tls_inherit(const struct config *config, struct config_server *s);

/* ---- what outlives mgw (config_state.c) ---- */

/* Where it is kept, when that was not said, and whether it can be. */
void config_state_check(struct loading *l);

/* ---- an entry (config_server.c) ---- */

/* Is it a key of ours in an entry? */
bool config_server_knows(const char *key);
/* The key of ours that differs from it in one place; NULL: none. */
const char *config_server_near(const char *key);
/* What an entry (in our spelling) is, by its keys. */
enum config_server_kind config_server_kind(const json_t *entry);
/* Does the kind know the key, which is one of ours? */
bool config_server_takes(enum config_server_kind kind, const char *key);
/* An entry that says nothing yet: one holder's. name may be NULL, where it is let go of then. */
struct config_server *config_server_new_take(char *name);
/* Reads an entry in our spelling; s has its name, prefix and kind. full: the entry's key. */
void config_server_read(struct loading *l, const char *full, json_t *entry,
                        struct config_server *s);

/* ---- "policy" (config_policy.c, config_policy_check.c) ---- */

void config_policy_load(struct loading *l, json_t *object);
/* All is read: which rules, and what in them, can never match? */
void config_policy_check(struct loading *l);
void config_policy_finish(struct config_policy *policy);

/* ---- files of MCP clients (config_client.c, config_client_entry.c) ---- */

/* Whose file it is, and where its entries stand: is_ours, servers_at, inputs. Its entries by their
 * names in the file, as an object, which the caller owns. NULL: there are none, or not in a form
 * that can be read, which has been told. */
json_t *config_client_open(struct loading *l, json_t *root);
/* Is it a key at the top of a file which holds the entries, or says something of them? */
bool config_client_holds_servers(const struct loading *l, const char *key);
/* An entry, in whatever client's spelling, in ours; the caller owns it. What is not for us is kept
 * in l->ignored, what nobody knows stays in it. */
json_t *config_client_adopt(struct loading *l, json_t *entry);
/* The key is nobody's of ours, and a client's file has such. */
void config_client_ignore(struct loading *l, const char *key);
/* All of the file has been read: tells in one line what was not for us. */
void config_client_tell(struct loading *l);
/* A name that config_is_name() takes, and that no other server has, made of a client's; the caller
 * frees it. NULL: they are all taken. is_taken(owner, name): has another one got it? */
char *config_client_name(const char *name, bool (*is_taken)(const void *owner, const char *name),
                         const void *owner);

/* ---- all entries (config_settle.c, config_servers.c, config_names.c) ---- */

/* A value as it stands in any folder: what depends on the file's place is filled in, and, where
 * has_files, paths are absolute; at: its path of keys, key: the last of them. The caller owns it;
 * NULL: the fault has been told. */
json_t *config_settle(struct loading *l, const char *at, const char *key, json_t *value,
                      bool has_files);
/* An entry likewise, for l->imported. */
json_t *config_settle_entry(struct loading *l, const char *full, json_t *entry);
/* All is read: each entry gets what the gateway has for all, where it does not say it itself. */
void config_servers_inherit(struct config *config);
/* Reads one entry, by its name in the file, and adds it. */
void config_servers_add(struct loading *l, const char *name, json_t *entry);
/* All is read: are two tools called the same? */
void config_names_check(struct loading *l);
