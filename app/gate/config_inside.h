/* What the parts of the configuration's reader share. */
#pragma once

#include "mgw/base/str.h"
#include "mgw/gate/config.h"

#define CONFIG_KEY_SIZE 512

struct loading {
        struct config *config;
        FILE *err;
        const char *path; /* NULL: no file */
        struct str text;
        unsigned n_faults;
};

/* A fault at the key that the path of keys (dots between them) names. */
void config_fault(struct loading *l, const char *key, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The same, under another name than the key's. */
void config_fault_at(struct loading *l, const char *key, const char *where, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* Told like a fault, and none. */
void config_note(struct loading *l, const char *key, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The path "at.key" into full; what is too long is cut. */
void config_key(char full[CONFIG_KEY_SIZE], const char *at, const char *key);
/* A JSON value as text, with ${env:NAME} filled in; the caller frees it. want: JSON_STRING,
 * JSON_REAL (numbers, or strings that hold one) or JSON_TRUE (booleans likewise). NULL: the fault
 * has been told. */
char *config_text(struct loading *l, const char *key, json_type want, const json_t *value);
/* Letters, digits and '-', at most max. */
bool config_is_name(const char *name, size_t max);

/* Reads and checks the file of a REST server (rest_file or openapi_file), which the key at names.
 */
void config_rest_load(struct loading *l, const char *at, struct config_server *server);

/* {"a": "b"} as "a<between>b", into an array of strings that ends with NULL. */
void config_pairs_load(struct loading *l, const char *at, json_t *object, const char *between,
                       char ***stringsp);
/* {"token_url", "client_id"...}. */
void config_oauth_load(struct loading *l, const char *at, json_t *object,
                       struct config_oauth **oauthp);
/* What it does not say itself, but for the refresh token. */
void config_oauth_inherit(struct config_oauth *oauth, struct config_oauth *from);
/* Has it what it needs? Reads its refresh token from its file; s: the entry that it stands in. */
void config_oauth_check(struct loading *l, const char *at, const struct config_server *s,
                        struct config_oauth *oauth);
void config_oauth_finish(struct config_oauth *oauth);
/* {"ada@example.com": {"headers", "oauth", "env"}}. */
void config_users_load(struct loading *l, const char *at, json_t *object, struct config_server *s);
/* When all of the entry is read: completes what stands in for users, reads their refresh tokens,
 * and checks it all. full: the entry's key. */
void config_accounts_check(struct loading *l, const char *full, struct config_server *s);
void config_accounts_finish(struct config_server *s);

/* A relative path is meant from where the configuration file lies; the caller frees it. */
char *config_beside(const char *config_path, const char *file);

/* Reads one entry of mcpServers and adds it. */
void config_server_load(struct loading *l, const char *name, json_t *entry);
void config_server_finish(struct config_server *server);
/* All is read: are two tools called the same? */
void config_names_check(struct loading *l);
