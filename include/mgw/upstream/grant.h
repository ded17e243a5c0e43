/* What a user has granted at an upstream's authorization server: a record in the store, under
 * "grant/<server>/<email>", written before anybody is told of it. */
#pragma once

#include "mgw/auth/oauth_flow.h"
#include "mgw/store/store.h"

struct account;
struct upstream;

/* Texts are owned; NULL: none. */
struct grant {
        struct oauth_party party; /* whose client it was given to */
        char *access_token;       /* the newest */
        char *refresh_token;
        char *scope;        /* granted */
        char *asked_scope;  /* what was asked for */
        char *subject;      /* at the provider, as people know it: an address or an id */
        int64_t expires_ms; /* of the access token, wall clock; 0: not known */
        int64_t since_ms;   /* wall clock */
};

void grant_finish(struct grant *grant);
/* The record's key, and its text, for the caller to free. */
char *grant_key(const struct upstream *upstream, const char *email);
struct str grant_text(const struct grant *grant);
/* 0; -EINVAL: it is none. */
int grant_read(struct grant *grant, struct str text);
/* Was it given for the server at url? The name of an entry may be another server's by now, which is
 * not to have the tokens of the first. */
bool grant_is_for(const struct grant *grant, const char *url);
/* What a token endpoint has answered, now. What it does not say stays. */
void grant_take_tokens(struct grant *grant, const struct oauth_tokens *tokens, int64_t now_ms);
/* How the account's authorization server is asked; borrows from the account. */
void grant_http_init(struct oauth_http *http, const struct account *account);
/* Why an account that was connected is so no more, in words for its user; NULL: it is, or never
 * was. Borrowed. */
const char *grant_ended_why(const struct account *account);
/* The scopes of it, as far as they are known here; NULL: none. Borrowed. */
const char *grant_scope(const struct account *account);
