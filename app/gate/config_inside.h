/* What the parts of the configuration's reader share. */
#pragma once

#include "mgw/base/str.h"
#include "mgw/gate/config.h"

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
/* A JSON value as text, with ${env:NAME} filled in; the caller frees it. want: JSON_STRING,
 * JSON_REAL (numbers, or strings that hold one) or JSON_TRUE (booleans likewise). NULL: the fault
 * has been told. */
char *config_text(struct loading *l, const char *key, json_type want, const json_t *value);
/* Letters, digits and '-', at most max. */
bool config_is_name(const char *name, size_t max);

/* Reads and checks the file of a REST server (rest_file or openapi_file), which the key at names.
 */
void config_rest_load(struct loading *l, const char *at, struct config_server *server);
/* {"token_url", "client_id"...}. */
void config_oauth_load(struct loading *l, const char *at, json_t *object,
                       struct config_oauth **oauthp);
void config_oauth_finish(struct config_oauth *oauth);

/* Reads one entry of mcpServers and adds it. */
void config_server_load(struct loading *l, const char *name, json_t *entry);
void config_server_finish(struct config_server *server);
/* All is read: are two tools called the same? */
void config_names_check(struct loading *l);
