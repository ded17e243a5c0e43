/* Tokens are looked up by their SHA-256: one digest of what was sent and one look into a hash,
 * however many tokens there are (a chain of uthash has ten of them at most, or it grows). Time
 * tells at best how much of a digest is alike, and nobody can choose the digest of what they send.
 * Listed users that were handed out stay valid over a reload: they are never freed before the
 * table. */
#include "mgw/core/user.h"
#include "mgw/base/alloc.h"
#include "mgw/base/hash.h"

#include "mgw/base/file.h"
#include "mgw/core/identity.h"
#include "mgw/core/share.h"
#include "mgw/wire/hdr.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHA256_HEX 64

struct token {
        uint8_t hash[USER_DIGEST_BYTES];
        int64_t expires_ms; /* INT64_MAX: never */
        struct user *user;
        struct identity *identity; /* held; NULL: it has not been used */
        UT_hash_handle hh;
};

struct user_table {
        struct token *tokens;  /* as in the file */
        struct token *by_hash; /* where they are looked up; of two that are alike the last */
        size_t n_tokens;
        struct user *users; /* by email */
        unsigned n_made;
        uint64_t last_number;
        struct identity *anonymous;
        void (*on_token)(void *owner, int64_t until_ms); /* NULL: nobody hears of them */
        void *owner;
};

/* ---- users ---- */

static struct user *table_find_user(const struct user_table *t, const char *email)
{
        struct user *user;

        HASH_FIND_STR(t->users, email, user);
        return user;
}

static struct user *table_add_user(struct user_table *t, const char *email)
{
        struct user *user = alloc_zeroed(sizeof(*user));

        user->number = ++t->last_number;
        user->table = t;
        user->email = alloc_text(email);
        list_init(&user->subscriptions);
        HASH_ADD_KEYPTR(hh, t->users, user->email, strlen(user->email), user);
        return user;
}

static void user_free(void *object)
{
        struct user *user = object;

        free(user->email);
        free(user);
}

bool user_may_go(const struct user *user)
{
        return user->is_made && user->n_holders == 0;
}

static void user_leave(struct user *user)
{
        assert(user_may_go(user) && user->standing == NULL && user->shared == NULL);
        HASH_DEL(user->table->users, user);
        user->table->n_made--;
}

void user_forget(struct user *user)
{
        user_leave(user);
        loop_bury(user->share->context->loop, user, user_free);
}

struct user *user_hold(struct user *user)
{
        user->n_holders++;
        return user;
}

void user_let_go(struct user *user)
{
        if (user == NULL)
                return;
        assert(user->n_holders > 0);
        if (--user->n_holders > 0 || !user->is_made)
                return;
        if (user->share != NULL) {
                share_watch_end(user->share);
        } else {
                user_leave(user);
                user_free(user);
        }
}

static struct user *table_list_user(struct user_table *t, const char *email)
{
        struct user *user = table_find_user(t, email);

        if (user == NULL)
                user = table_add_user(t, email);
        t->n_made -= user->is_made;
        user->is_made = false;
        return user;
}

struct user *user_of_email(struct user_table *t, struct str email, int64_t until_ms)
{
        char *text = hdr_is_user(email) ? alloc_str(email) : NULL;
        struct user *user = text != NULL ? table_find_user(t, text) : NULL;

        if (user == NULL && text != NULL && t->n_made < USERS_MADE_MAX) {
                user = table_add_user(t, text);
                user->is_made = true;
                t->n_made++;
        }
        free(text);
        if (user == NULL || user->is_anonymous)
                return NULL;
        user->has_token = true;
        if (user->token_until_ms < until_ms) {
                user->token_until_ms = until_ms;
                if (t->on_token != NULL)
                        t->on_token(t->owner, until_ms);
        }
        return user_hold(user);
}

bool user_is_listed(const struct user_table *t, const char *email, int64_t wall_ms)
{
        const struct user *user = table_find_user(t, email);

        return user != NULL && user->listed_until_ms > wall_ms;
}

/* ---- tokens of the file ---- */

static int read_hash(const char *hex, uint8_t out[USER_DIGEST_BYTES])
{
        size_t n = 0;

        if (hex == NULL || strlen(hex) != SHA256_HEX ||
            OPENSSL_hexstr2buf_ex(out, USER_DIGEST_BYTES, &n, hex, '\0') != 1)
                return -EINVAL;
        return n == USER_DIGEST_BYTES ? 0 : -EINVAL;
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
        token->user = table_list_user(t, email);
        return NULL;
}

static struct token *find_token(struct token *by_hash, const uint8_t hash[USER_DIGEST_BYTES])
{
        struct token *found;

        HASH_FIND(hh, by_hash, hash, USER_DIGEST_BYTES, found);
        return found;
}

static void index_token(struct token **by_hashp, struct token *token)
{
        struct token *same = find_token(*by_hashp, token->hash);

        if (same != NULL && *by_hashp != NULL)
                HASH_DEL(*by_hashp, same);
        HASH_ADD(hh, *by_hashp, hash, USER_DIGEST_BYTES, token);
}

static void forget_tokens(struct user_table *t)
{
        HASH_CLEAR(hh, t->by_hash);
        for (size_t i = 0; i < t->n_tokens; i++)
                identity_let_go(t->tokens[i].identity);
        free(t->tokens);
        t->tokens = NULL;
        t->n_tokens = 0;
}

static void take_tokens(struct user_table *t, struct token *tokens, size_t n)
{
        struct user *user, *next;

        HASH_ITER(hh, t->users, user, next)
        {
                user->listed_until_ms = 0;
        }
        t->tokens = tokens;
        t->n_tokens = n;
        for (size_t i = 0; i < n; i++) {
                struct user *whose = tokens[i].user;

                assert(whose != NULL); /* each has been read whole */
                index_token(&t->by_hash, &tokens[i]);
                if (whose->listed_until_ms < tokens[i].expires_ms)
                        whose->listed_until_ms = tokens[i].expires_ms;
        }
}

static int table_take(struct user_table *t, const char *path, const json_t *users, FILE *err)
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
                fprintf(err, "%s: users[%zu]: %s\n", path, i, why);
                free(tokens);
                return -EINVAL;
        }
        forget_tokens(t);
        take_tokens(t, tokens, n);
        return 0;
}

static int read_file(struct user_table *t, const char *path, FILE *err)
{
        json_error_t error;
        json_t *root;
        int r;

        if (file_is_open_to_others(path))
                fprintf(err, "%s: others can read this file: chmod 600 is safer\n", path);
        root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
        if (root == NULL && json_error_code(&error) == json_error_cannot_open_file) {
                fprintf(err, "%s: cannot be read: %s (mgw token EMAIL --file %s makes one)\n", path,
                        strerror(errno), path);
                return -EINVAL;
        }
        if (root == NULL) {
                fprintf(err, "%s:%d: %s\n", path, error.line, error.text);
                return -EINVAL;
        }
        if (json_is_array(json_object_get(root, "users"))) {
                r = table_take(t, path, json_object_get(root, "users"), err);
        } else {
                fprintf(err, "%s:1: must be {\"users\": [...]}\n", path);
                r = -EINVAL;
        }
        json_decref(root);
        return r;
}

/* Everybody is one, and each address is counted by itself, where no file tells users apart. */
int user_table_reload(struct user_table *t, const char *path, FILE *err)
{
        bool has_file = path != NULL && path[0] != '\0';
        int r = has_file ? read_file(t, path, err) : 0;

        if (r < 0)
                return r;
        if (!has_file) {
                forget_tokens(t);
                take_tokens(t, NULL, 0);
        }
        t->anonymous->user->is_anonymous = !has_file;
        return 0;
}

/* ---- the table ---- */

int user_table_create(struct user_table **tablep, const char *path, FILE *err)
{
        struct user_table *t = alloc_zeroed(sizeof(*t));
        struct user *anonymous = table_list_user(t, "anonymous");
        int r;

        t->anonymous = identity_create(IDENTITY_ANONYMOUS, anonymous);
        t->anonymous->has_all_scopes = true;
        r = user_table_reload(t, path, err);
        if (r < 0)
                user_table_destroy(t);
        else
                *tablep = t;
        return r;
}

void user_table_destroy(struct user_table *t)
{
        struct user *user, *next;

        if (t == NULL)
                return;
        forget_tokens(t);
        identity_let_go(t->anonymous);
        HASH_ITER(hh, t->users, user, next)
        {
                HASH_DEL(t->users, user);
                share_destroy(user->share);
                user_free(user);
        }
        free(t);
}

/* Walks all users. */
static int64_t check_users(struct user_table *t, int64_t wall_ms)
{
        int64_t next_ms = INT64_MAX;
        struct user *user, *next;

        HASH_ITER(hh, t->users, user, next)
        {
                user->has_token = user->is_anonymous || user->token_until_ms > wall_ms;
                if (user->token_until_ms > wall_ms && user->token_until_ms < next_ms)
                        next_ms = user->token_until_ms;
        }
        return next_ms;
}

int64_t user_table_check(struct user_table *t, int64_t wall_ms)
{
        int64_t next_ms = check_users(t, wall_ms);

        for (size_t i = 0; i < t->n_tokens; i++) {
                if (t->tokens[i].expires_ms <= wall_ms)
                        continue;
                t->tokens[i].user->has_token = true;
                if (t->tokens[i].expires_ms < next_ms)
                        next_ms = t->tokens[i].expires_ms;
        }
        return next_ms;
}

void user_table_watch(struct user_table *t, void (*on_token)(void *owner, int64_t until_ms),
                      void *owner)
{
        t->on_token = on_token;
        t->owner = owner;
}

const struct user *user_table_first(const struct user_table *t)
{
        return t->users;
}

unsigned user_table_n_streaming(const struct user_table *t)
{
        const struct user *user, *next;
        unsigned n = 0;

        HASH_ITER(hh, t->users, user, next)
        {
                n += user->n_streams > 0;
        }
        return n;
}

struct identity *user_table_anonymous(const struct user_table *t)
{
        return t->anonymous;
}

/* ---- who is it? ---- */

void user_digest(struct str token, uint8_t digest[USER_DIGEST_BYTES])
{
        if (EVP_Digest(token.p, token.n, digest, NULL, EVP_sha256(), NULL) != 1)
                memset(digest, 0, USER_DIGEST_BYTES); /* of no token */
}

static struct identity *token_identity(struct token *token)
{
        if (token->identity == NULL) {
                token->identity = identity_create(IDENTITY_FILE, token->user);
                token->identity->has_all_scopes = true;
                token->identity->expires_ms = token->expires_ms;
        }
        return token->identity;
}

enum user_verdict user_find(struct user_table *t, const uint8_t digest[USER_DIGEST_BYTES],
                            int64_t wall_ms, struct identity **identityp)
{
        struct token *found = find_token(t->by_hash, digest);

        if (found == NULL)
                return USER_BAD_TOKEN;
        if (found->expires_ms <= wall_ms)
                return USER_EXPIRED;
        *identityp = identity_hold(token_identity(found));
        return USER_OK;
}
