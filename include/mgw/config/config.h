/* The configuration: one JSON file, environment variables over it, defaults under it; driven by a
 * table of settings. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config_policy;
struct rest;

enum config_server_kind {
        CONFIG_SERVER_HTTP, /* Streamable HTTP, or HTTP+SSE where the server knows no other */
        CONFIG_SERVER_SSE,  /* HTTP+SSE alone */
        CONFIG_SERVER_STDIO,
        CONFIG_SERVER_REST,
};

/* Whose a child process is. */
enum config_scope { CONFIG_SCOPE_SESSION, CONFIG_SCOPE_USER, CONFIG_SCOPE_SHARED };

/* In which a server is spoken to; auto: its client's, where the server knows that one. */
enum config_era { CONFIG_ERA_AUTO, CONFIG_ERA_SESSION, CONFIG_ERA_STATELESS };

/* Bytes of an access or refresh token. */
#define CONFIG_OAUTH_TOKEN_MAX 16384

/* RFC 8693: the caller's own token is exchanged for one of the upstream's. NULL: not said. */
struct config_token_exchange {
        char *token_url;
        char *issuer; /* whose tokens are exchanged there; NULL: of the only one there is */
        char *client_id;
        char *client_secret;
        char *audience;
        char *resource;
        char *scope;
};

/* OAuth 2.0: a grant that each user gives in a browser (connects), a token that the caller's is
 * exchanged for, a refresh token, or the client's own credentials where there is none of these. */
struct config_oauth {
        char *token_url;
        char *client_id;          /* NULL: connects, and one is to be had there */
        char *client_secret;      /* NULL: a public client */
        char *refresh_token;      /* NULL: client credentials */
        char *refresh_token_file; /* holds it, and takes those that come after it; NULL: none */
        char *scope;              /* NULL: none is asked for */
        char *preset;             /* the name of a provider: app/config/config_oauth_preset.c */
        char *issuer;             /* whose metadata name the endpoints (RFC 8414); NULL: not said */
        char *authorization_url;
        char *revocation_url;        /* RFC 7009; NULL: as the metadata have it */
        char **scopes;               /* that users are asked for; NULL: as the server says */
        char **authorization_params; /* "name=value", for the authorization request */
        struct config_token_exchange *exchange; /* NULL: none */
        bool connects;                          /* set by config_oauth_check() */
};

/* As whom an upstream is called. Arrays end with NULL; NULL itself: none. */
struct config_account {
        char *email;                /* of the user; NULL: of all others */
        char **headers;             /* "Name: value" */
        char **env;                 /* "NAME=value", beside PATH, HOME and LANG */
        char **security;            /* "scheme=credential", of a described API */
        struct config_oauth *oauth; /* NULL: none. That of all others may be shared */
};

/* An entry of mcpServers. Arrays of strings end with NULL; NULL itself: none were given. Held by
 * the configuration, and by who serves by it: an entry that a new configuration has as it was is
 * the very same object there. */
struct config_server {
        unsigned n_holders;
        char *name; /* [A-Za-z0-9-]+ */
        enum config_server_kind kind;
        char *url;
        char **argv;     /* command and args */
        char **pass_env; /* names of our variables that it has too, where they are set */
        char *cwd;       /* NULL: ours */
        enum config_scope scope;
        enum config_era era;
        char *rest_file;
        char *openapi_file;   /* in its place */
        char *base_url;       /* NULL: the one in the description */
        struct rest *rest;    /* what the file describes */
        uint64_t description; /* a digest of the file */
        struct config_account account;
        struct config_account *users; /* whole: what is theirs, and what is everybody's */
        size_t n_users;
        bool per_user;  /* only they may use it */
        char *prefix;   /* of the names of its tools and prompts; "" = none */
        char **include; /* patterns of their names (fnmatch); NULL: all */
        char **exclude;
        json_t *tools; /* NULL, or their name -> {"name": shown, "description": shown} */
        /* PEM, for it and its OAuth, or what the gateway has for all; NULL: the system's, none, in
         * the certificate's file. */
        char *ca_file;
        char *client_cert_file;
        char *client_key_file;
        char *tls_server_name; /* NULL: the host of its URL */
        bool allow_link_local; /* it, and its OAuth, may be at such an address */
        int64_t connect_timeout_ms;
        int64_t timeout_ms;        /* silence of a call; 0 = no limit */
        int64_t answer_timeout_ms; /* of a REST API */
        /* Of a child, or as the gateway has it; 0: no limit of its own. */
        int64_t data_max_bytes;
        int64_t processes_max;
        int64_t files_max;
        int64_t start_timeout_ms; /* from the start of a child to its first answer */
        int64_t idle_ms;          /* a child that has nothing to do ends after this */
};

/* Where it is; NULL: it is a program, or its description says it. */
static inline const char *config_server_address(const struct config_server *server)
{
        return server->url != NULL ? server->url : server->base_url;
}

/* A client that an administrator has registered with our authorization server. */
struct config_login_client {
        char *client_id;
        char *client_secret; /* NULL: a public client */
        char *name;          /* NULL: its id */
        char **redirect_uris;
};

#define CONFIG_LOGIN_GOOGLE "https://accounts.google.com"

/* "auth.login": people sign in. Texts are "" and arrays NULL where nothing was said. */
struct config_login {
        char *issuer; /* the OpenID provider; "" = there is none */
        char *client_id;
        char *client_secret; /* "" = a public client */
        char **scopes;
        char *claim_email;
        char *claim_subject;
        char *claim_groups;
        char **domains;     /* NULL, or "*" = of any */
        char **groups;      /* NULL = in any or none */
        int64_t browser_ms; /* a browser stays signed in */
        /* Of our authorization server. */
        bool has_tokens; /* where there is no provider: people sign in by a token of tokens_file */
        int64_t access_token_ms;
        int64_t login_ms; /* refresh tokens of one consent, all together */
        bool has_registration;
        struct config_login_client *clients;
        size_t n_clients;
};

/* Of "auth.jwt": an issuer, and which of its tokens are taken. Arrays are NULL where nothing was
 * said. */
struct config_jwt {
        char *issuer;
        char **audiences; /* of them a token must name one; never NULL */
        char *jwks_url;   /* NULL: its metadata tell */
        char **algorithms;
        char *typ; /* NULL: of access tokens, and such as do not say */
        int64_t skew_ms;
        char *claim_email;
        char *claim_subject;
        char *claim_groups;
        char *claim_scope; /* NULL: "scope", or "scp" */
        char **domains;    /* of users' addresses */
        char **groups;     /* of which users must be in one */
};

/* What becomes of a call whose line of the audit cannot be written. */
enum config_audit_unwritable { CONFIG_AUDIT_REFUSE, CONFIG_AUDIT_GO_ON };

struct config {
        char *path;    /* of the file; NULL: none */
        bool replaces; /* no setting: it takes over from the process that serves (--replace) */
        char *listen;
        uint32_t socket_mode;
        char *socket_group;
        char *node;
        int64_t keepalive_ms; /* 0 = off */
        int64_t answer_grace_ms;
        int64_t drain_ms;
        int64_t retry_ms;
        int64_t session_idle_ms;
        uint32_t sessions_max;
        uint32_t sessions_per_user_max; /* 0 = no limit */
        uint32_t streams_max;
        uint32_t streams_per_user_max; /* 0 = no limit */
        uint32_t calls_per_session_max;
        uint32_t calls_per_user_max; /* 0 = no limit */
        uint32_t calls_per_user_s;   /* 0 = no limit */
        int64_t input_wait_ms;
        char *state_dir;     /* "": what is to outlive mgw does not */
        char *state_key;     /* "": a random one */
        char *state_key_old; /* "": none */
        uint32_t connections_max;
        uint32_t head_max_bytes;
        uint32_t body_max_bytes;
        int64_t body_timeout_ms;
        int64_t answer_timeout_ms;
        uint64_t memory_max_bytes;          /* 0 = a part of what there is */
        uint64_t memory_per_user_max_bytes; /* 0 = a part of that */
        uint64_t list_max_bytes;
        uint32_t stream_queue_max_bytes;
        uint32_t replay_max_bytes;
        uint64_t replay_total_max_bytes;
        int64_t replay_age_ms;
        int64_t upstream_connect_timeout_ms;
        int64_t upstream_open_timeout_ms; /* initialize of an upstream */
        int64_t upstream_grace_ms;        /* clients wait so long for it, and for its lists */
        int64_t upstream_retry_ms;
        int64_t upstream_retry_max_ms;
        /* "" = none: the system's, none, that in the file of the certificate. */
        char *upstream_ca_file;
        char *upstream_client_cert_file;
        char *upstream_client_key_file;
        bool allow_private_documents; /* http_document_allow_private() */
        int64_t catalog_age_ms;
        uint32_t children_max;
        uint32_t children_per_user_max; /* 0 = no limit */
        uint32_t children_uid_first;    /* 0 = ours */
        uint32_t children_uid_count;
        bool has_children_landlock;
        /* Of each; 0 = as mgw has it. */
        uint64_t children_data_max_bytes;
        uint32_t children_processes_max;
        uint32_t children_files_max;
        bool has_syscall_filter;
        bool has_builtin_tools;
        bool has_safe_names; /* some clients drop others */
        int log_format;      /* enum log_format */
        int log_level;       /* enum log_level */
        int64_t log_slow_ms;
        char *audit_file; /* "" = none; "-" = standard output */
        bool audit_arguments;
        char **audit_mask;         /* names of arguments; NULL = none */
        int audit_when_unwritable; /* enum config_audit_unwritable */
        char *traces_url;          /* "" = none */
        double traces_sample;      /* 0 to 1 */
        char **traces_headers;     /* "Name: value"; NULL = none */
        int64_t turn_limit_ms;
        char **allowed_origins;
        size_t n_allowed_origins;
        char *public_url;       /* "" = not said */
        char *auth_tokens_file; /* "" = everybody is anonymous */
        bool auth_anonymous;    /* also who does not come from this machine */
        struct config_jwt *jwt;
        size_t n_jwt;
        struct config_login login;
        struct config_server **servers;
        size_t n_servers;
        bool has_exchanges;           /* a server has "token_exchange" */
        size_t n_left_out;            /* entries of a client's file that are faulty */
        struct config_policy *policy; /* NULL: all may all */
};

/* Fills config from defaults, the file (path may be NULL: none) and environ. All faults found are
 * written to err, one a line, "FILE:LINE: KEY: what is wrong, what is right"; so is what is left
 * out of a client's file (n_left_out), and what is ignored there. 0, -EINVAL. config may be
 * finished in any case. */
int config_load(struct config *config, const char *path, FILE *err);
void config_finish(struct config *config);
/* config has been loaded to take the place of before: entries that are the same in both become the
 * same object, and settings that hold until mgw ends stay as before has them; where config says
 * otherwise, err is told, a line each. */
void config_follow(struct config *config, struct config *before, FILE *err);
struct config_server *config_server_hold(struct config_server *server);
void config_server_let_go(struct config_server *server);
bool config_server_is_same(const struct config_server *a, const struct config_server *b);
bool config_jwt_is_same(const struct config_jwt *a, const struct config_jwt *b);
/* Is mgw an authorization server for its clients? */
bool config_has_login(const struct config *config);
/* Does it keep what should outlive it? */
bool config_needs_state(const struct config *config);
/* The settings of "gateway" without secrets: an array of [key, value, is it the default?]. Texts
 * that may be a secret are "(set)". A new value. */
json_t *config_settings_show(const struct config *config);
/* The servers of several files as one configuration, in their order: names are made unique, what
 * depends on a file's place is filled in, variables stay; of "gateway" the first. Prints it to out,
 * and to err what is left out, renamed, ignored or wanted in the environment. 0; -EINVAL: something
 * is left out (the rest is printed); -ENOMEM. */
int config_import(char *const *paths, size_t n, FILE *out, FILE *err);
/* The table of settings as --help shows it. */
void config_print_help(FILE *out);
