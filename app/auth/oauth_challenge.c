/* RFC 9110 11.6.1: schemes and parameters stand in one list, with commas between both. */
#include "mgw/auth/oauth_challenge.h"

#include "mgw/auth/oauth_party.h"
#include "mgw/base/alloc.h"
#include "mgw/base/buf.h"
#include "mgw/wire/hdr.h"

#include <stdlib.h>
#include <string.h>

/* A quoted string (RFC 9110 5.6.4), without its quotes and backslashes. */
static void read_quoted(struct str *rest, struct buf *value)
{
        size_t i = 1;

        for (; i < rest->n && rest->p[i] != '"'; i++) {
                i += rest->p[i] == '\\' && i + 1 < rest->n;
                (void)buf_add(value, rest->p + i, 1);
        }
        i += i < rest->n;
        *rest = (struct str){rest->p + i, rest->n - i};
}

static void read_value(struct str *rest, struct buf *value)
{
        size_t n = 0;

        if (rest->n > 0 && rest->p[0] == '"') {
                read_quoted(rest, value);
                return;
        }
        while (n < rest->n && rest->p[n] != ',' && rest->p[n] != ' ')
                n++;
        (void)buf_add(value, rest->p, n);
        *rest = (struct str){rest->p + n, rest->n - n};
}

static struct str skip(struct str s)
{
        while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == ','))
                s = (struct str){s.p + 1, s.n - 1};
        return s;
}

/* A word, and whether '=' follows: then it names a parameter, else a scheme. */
static struct str read_word(struct str *rest, bool *is_name)
{
        struct str word = {rest->p, 0};

        while (word.n < rest->n && strchr("=, \t\"", rest->p[word.n]) == NULL)
                word.n++;
        *rest = (struct str){rest->p + word.n, rest->n - word.n};
        *is_name = rest->n > 0 && rest->p[0] == '=';
        if (*is_name)
                *rest = (struct str){rest->p + 1, rest->n - 1};
        return word;
}

static void take(char **field, struct str value)
{
        if (*field == NULL && value.n > 0)
                *field = alloc_str(value);
}

static bool is_scope(struct str value)
{
        for (size_t i = 0; i < value.n; i++)
                if (value.p[i] < 0x20 || value.p[i] > 0x7e || value.p[i] == '"' ||
                    value.p[i] == '\\')
                        return false;
        return true;
}

static void take_param(struct oauth_challenge *challenge, struct str name, struct str value)
{
        if (str_eq_nocase(name, STR("resource_metadata")) && hdr_is_visible(value, OAUTH_URL_MAX))
                take(&challenge->resource_metadata, value);
        else if (str_eq_nocase(name, STR("scope")) && is_scope(value))
                take(&challenge->scope, value);
        else if (str_eq_nocase(name, STR("error")))
                challenge->is_insufficient = str_eq(value, STR("insufficient_scope"));
}

void oauth_challenge_read(struct oauth_challenge *challenge, struct str field)
{
        bool in_bearer = false, is_name;
        struct buf value;

        *challenge = (struct oauth_challenge){0};
        buf_init(&value, OAUTH_SCOPE_MAX);
        for (struct str rest = skip(field); rest.n > 0; rest = skip(rest)) {
                size_t before = rest.n;
                struct str word = read_word(&rest, &is_name);

                if (!is_name)
                        in_bearer = str_eq_nocase(word, STR("Bearer"));
                else
                        read_value(&rest, &value);
                if (is_name && in_bearer)
                        take_param(challenge, word, buf_bytes(&value));
                buf_finish(&value);
                if (rest.n == before) /* a stray character */
                        rest = (struct str){rest.p + 1, rest.n - 1};
        }
}

void oauth_challenge_finish(struct oauth_challenge *challenge)
{
        free(challenge->resource_metadata);
        free(challenge->scope);
        *challenge = (struct oauth_challenge){0};
}
