#include "mgw/auth/token.h"

#include "mgw/core/user.h"

/* As JSON; the text is a third longer, and fits a request's head. */
#define TOKEN_MAX_BYTES 6000

static char *make(const struct authority *authority, const char *kind,
                  const struct authorization *of, int64_t expires_ms, const char *key, int64_t n)
{
        json_t *content = authorization_to_json(of, NULL);
        char *text;

        json_object_set_new(content, key, json_integer(n));
        text = sealed_close(&authority->keys, kind, expires_ms, content, TOKEN_MAX_BYTES);
        json_decref(content);
        return text;
}

char *token_make_access(const struct authority *authority, const struct authorization *of,
                        int64_t expires_ms)
{
        return make(authority, SEALED_ACCESS, of, expires_ms, "x", expires_ms);
}

char *token_make_refresh(const struct authority *authority, const struct authorization *of,
                         unsigned generation)
{
        return make(authority, SEALED_REFRESH, of, of->ends_ms, "n", generation);
}

static bool is_over(const struct authority *authority, const char *login, const char *email,
                    bool is_of_file, int64_t now_ms)
{
        return store_set_has(&authority->ended, login) ||
               (is_of_file && !user_is_listed(authority->context->users, email, now_ms));
}

bool token_login_is_over(const struct authority *authority, const struct identity *identity,
                         int64_t now_ms)
{
        return identity != NULL && identity->login != NULL &&
               is_over(authority, identity->login, identity->user->email, identity->is_of_file,
                       now_ms);
}

static int read(const struct authority *authority, const char *kind, struct str text,
                int64_t now_ms, struct authorization *of, const char *key, int64_t *np)
{
        json_t *content;
        int r = sealed_open(&authority->keys, kind, now_ms, text, &content);

        *of = (struct authorization){.ends_ms = 0};
        *np = 0;
        if (r != 0)
                return r == SEAL_E_EXPIRED ? TOKEN_E_EXPIRED : TOKEN_E_BAD;
        *np = json_integer_value(json_object_get(content, key));
        r = authorization_from_json(of, content) ? 0 : TOKEN_E_BAD;
        json_decref(content);
        if (r == 0 && is_over(authority, of->family, of->email, of->is_of_file, now_ms))
                r = TOKEN_E_OVER;
        return r;
}

int token_read_access(const struct authority *authority, struct str text, int64_t now_ms,
                      struct authorization *of, int64_t *expires_msp)
{
        int r = read(authority, SEALED_ACCESS, text, now_ms, of, "x", expires_msp);

        return r == 0 && !store_set_is_read(&authority->ended) ? TOKEN_E_UNSURE : r;
}

int token_read_refresh(const struct authority *authority, struct str text, int64_t now_ms,
                       struct authorization *of, unsigned *generationp)
{
        int64_t n = 0;
        int r = read(authority, SEALED_REFRESH, text, now_ms, of, "n", &n);

        *generationp = (unsigned)n;
        return r;
}
