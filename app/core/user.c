/* Tokens are looked up by their SHA-256: one digest of what was sent and one look into a hash,
 * however many tokens there are (a chain of uthash has ten of them at most, or it grows). Time
 * tells at best how much of a digest is alike, and nobody can choose the digest of what they send.
 * Users that were handed out stay valid over a reload: they are never freed before the table. */
#include "mgw/core/user.h"
#include "mgw/base/alloc.h"
#include "mgw/base/hash.h"

#include "mgw/base/file.h"
#include "mgw/core/share.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHA256_BYTES 32
#define SHA256_HEX 64

struct token {
        uint8_t hash[SHA256_BYTES];
        int64_t expires_ms; /* INT64_MAX: never */
        struct user *user;
        UT_hash_handle hh;
};

struct user_table {
        char *path;            /* NULL: everybody is anonymous */
        struct token *tokens;  /* as in the file */
        struct token *by_hash; /* where they are looked up; of two that are alike the last */
        size_t n_tokens;
        struct user **users;
        size_t n_users;
};

static struct user *table_user(struct user_table *t, const char *email)
{
        struct user *user;

        for (size_t i = 0; i < t->n_users; i++)
                if (strcmp(t->users[i]->email, email) == 0)
                        return t->users[i];
        t->users = alloc_again(t->users, t->n_users + 1, sizeof(struct user *));
        user = alloc_zeroed(sizeof(*user));
        user->email = alloc_text(email);
        list_init(&user->subscriptions);
        t->users[t->n_users++] = user;
        return user;
}

static int read_hash(const char *hex, uint8_t out[SHA256_BYTES])
{
        size_t n = 0;

        if (hex == NULL || strlen(hex) != SHA256_HEX ||
            OPENSSL_hexstr2buf_ex(out, SHA256_BYTES, &n, hex, '\0') != 1)
                return -EINVAL;
        return n == SHA256_BYTES ? 0 : -EINVAL;
}

static int read_time(const char *text, int64_t *msp)
{
        struct tm tm = {0};
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

        if (end == NULL || *end != '\0')
                return -EINVAL;
        *msp = (int64_t)timegm(&tm) * 1000;
        return 0;
}

static const char *read_token(struct user_table *t, const json_t *entry, struct token *token)
{
        const char *email = json_string_value(json_object_get(entry, "email"));
        const json_t *expires = json_object_get(entry, "expires");

        if (email == NULL || !hdr_is_user(str_from(email)))
                return "\"email\" must be a string of visible characters";
        if (read_hash(json_string_value(json_object_get(entry, "sha256")), token->hash) < 0)
                return "\"sha256\" must be 64 hexadecimal digits";
        token->expires_ms = INT64_MAX;
        if (expires != NULL && (!json_is_string(expires) ||
                                read_time(json_string_value(expires), &token->expires_ms) < 0))
                return "\"expires\" must look like \"2027-01-31T00:00:00Z\"";
        token->user = table_user(t, email);
        return NULL;
}

static struct token *find_token(struct token *by_hash, const uint8_t hash[SHA256_BYTES])
{
        struct token *found;

        HASH_FIND(hh, by_hash, hash, SHA256_BYTES, found);
        return found;
}

static void index_token(struct token **by_hashp, struct token *token)
{
        struct token *same = find_token(*by_hashp, token->hash);

        if (same != NULL && *by_hashp != NULL)
                HASH_DEL(*by_hashp, same);
        HASH_ADD(hh, *by_hashp, hash, SHA256_BYTES, token);
}

static void forget_tokens(struct user_table *t)
{
        HASH_CLEAR(hh, t->by_hash);
        free(t->tokens);
        t->tokens = NULL;
        t->n_tokens = 0;
}

static int table_take(struct user_table *t, const json_t *users, FILE *err)
{
        size_t n = json_array_size(users), i;
        struct token *tokens = calloc(n > 0 ? n : 1, sizeof(*tokens));
        const json_t *entry;

        if (tokens == NULL)
                return -ENOMEM;
        json_array_foreach ((json_t *)users, i, entry) {
                const char *why = read_token(t, entry, &tokens[i]);

                if (why == NULL)
                        continue;
                fprintf(err, "%s: users[%zu]: %s\n", t->path, i, why);
                free(tokens);
                return -EINVAL;
        }
        forget_tokens(t);
        t->tokens = tokens;
        t->n_tokens = n;
        for (i = 0; i < n; i++)
                index_token(&t->by_hash, &tokens[i]);
        return 0;
}

int user_table_reload(struct user_table *t, FILE *err)
{
        json_error_t error;
        json_t *root;
        int r;

        if (t->path == NULL)
                return 0;
        if (file_is_open_to_others(t->path))
                fprintf(err, "%s: others can read this file: chmod 600 is safer\n", t->path);
        root = json_load_file(t->path, JSON_REJECT_DUPLICATES, &error);
        if (root == NULL && json_error_code(&error) == json_error_cannot_open_file) {
                fprintf(err, "%s: cannot be read: %s (mgw token EMAIL --file %s makes one)\n",
                        t->path, strerror(errno), t->path);
                return -EINVAL;
        }
        if (root == NULL) {
                fprintf(err, "%s:%d: %s\n", t->path, error.line, error.text);
                return -EINVAL;
        }
        if (json_is_array(json_object_get(root, "users"))) {
                r = table_take(t, json_object_get(root, "users"), err);
        } else {
                fprintf(err, "%s:1: must be {\"users\": [...]}\n", t->path);
                r = -EINVAL;
        }
        json_decref(root);
        return r;
}

int user_table_create(struct user_table **tablep, const char *path, FILE *err)
{
        struct user_table *t = alloc_zeroed(sizeof(*t));
        int r = 0;

        if (path != NULL && path[0] != '\0') {
                t->path = alloc_text(path);
                r = user_table_reload(t, err);
        } else {
                table_user(t, "anonymous")->is_anonymous = true;
        }
        if (r < 0)
                user_table_destroy(t);
        else
                *tablep = t;
        return r;
}

void user_table_destroy(struct user_table *t)
{
        if (t == NULL)
                return;
        for (size_t i = 0; i < t->n_users; i++) {
                free(t->users[i]->email);
                share_destroy(t->users[i]->share);
                free(t->users[i]);
        }
        free(t->users);
        forget_tokens(t);
        free(t->path);
        free(t);
}

int64_t user_table_check(struct user_table *t, int64_t wall_ms)
{
        int64_t next_ms = INT64_MAX;

        for (size_t i = 0; i < t->n_users; i++)
                t->users[i]->has_token = t->users[i]->is_anonymous;
        for (size_t i = 0; i < t->n_tokens; i++) {
                if (t->tokens[i].expires_ms <= wall_ms)
                        continue;
                t->tokens[i].user->has_token = true;
                if (t->tokens[i].expires_ms < next_ms)
                        next_ms = t->tokens[i].expires_ms;
        }
        return next_ms;
}

unsigned user_table_n_streaming(const struct user_table *t)
{
        unsigned n = 0;

        for (size_t i = 0; i < t->n_users; i++)
                n += t->users[i]->n_streams > 0;
        return n;
}

enum user_verdict user_find(struct user_table *t, struct str authorization, int64_t wall_ms,
                            struct user **userp)
{
        struct str text = hdr_bearer(authorization);
        uint8_t hash[SHA256_BYTES];
        const struct token *found;

        if (t->path == NULL) {
                *userp = t->users[0];
                return USER_OK;
        }
        if (text.n == 0)
                return USER_NO_TOKEN;
        if (EVP_Digest(text.p, text.n, hash, NULL, EVP_sha256(), NULL) != 1)
                return USER_BAD_TOKEN;
        found = find_token(t->by_hash, hash);
        if (found == NULL)
                return USER_BAD_TOKEN;
        *userp = found->user;
        return found->expires_ms > wall_ms ? USER_OK : USER_EXPIRED;
}
