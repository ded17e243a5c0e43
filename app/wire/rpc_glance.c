/* One walk over the text, by a list of the members that are wanted. Where there is a doubt the
 * answer is no: that costs the way through rpc_parse(), and is never wrong. */
#include "mgw/wire/rpc_glance.h"

#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc.h"
#include "rpc_plain.h"
#include "rpc_text.h"

#include <stdlib.h>
#include <string.h>

/* An object of more is no plain one: each name is compared with those before it. */
#define MEMBERS_MAX 16

/* Any function that fails (false: it is not plain) leaves the rest unread. */
struct glance {
        const char *at;
        const char *end;
        size_t values_left;
        unsigned depth;
};

/* A member that is wanted of an object. */
struct want {
        struct str name;
        bool (*judge)(struct glance *g);
        struct want *members; /* in place of judge: it is an object of these and no others */
        size_t n_members;
        struct str value; /* found: its text */
};

/* Line ends are none: the text may go on in one line. */
static char peek(struct glance *g)
{
        while (g->at < g->end && (*g->at == ' ' || *g->at == '\t'))
                g->at++;
        return g->at < g->end ? *g->at : '\0';
}

static bool take(struct glance *g, char c)
{
        if (peek(g) != c)
                return false;
        g->at++;
        return true;
}

static bool take_word(struct glance *g, struct str word)
{
        if (!str_has_prefix((struct str){g->at, (size_t)(g->end - g->at)}, word))
                return false;
        g->at += word.n;
        return true;
}

static bool count(struct glance *g)
{
        return g->values_left-- > 0;
}

/* ---- strings and numbers ---- */

static bool skip_escape(struct glance *g)
{
        uint32_t code = 0;

        if (g->end - g->at < 2)
                return false;
        if (g->at[1] != 'u') {
                bool is_known = g->at[1] != '\0' && strchr("\"\\/bfnrt", g->at[1]) != NULL;

                g->at += 2;
                return is_known;
        }
        for (int i = 2; i < 6; i++) {
                int digit = g->at + i < g->end ? str_hex_digit(g->at[i]) : -1;

                if (digit < 0)
                        return false;
                code = code << 4 | (uint32_t)digit;
        }
        g->at += 6;
        return !rpc_is_high(code) && !rpc_is_low(code);
}

static bool skip_character(struct glance *g)
{
        uint32_t c;
        size_t n;

        if ((unsigned char)*g->at < 0x20)
                return false;
        n = str_utf8_first((struct str){g->at, (size_t)(g->end - g->at)}, &c);
        g->at += n;
        return n > 0;
}

/* *inside: without its quotes. */
static bool take_text(struct glance *g, bool may_escape, struct str *inside)
{
        const char *from;

        if (!take(g, '"'))
                return false;
        for (from = g->at; g->at < g->end && *g->at != '"';) {
                if (g->end - g->at >= 8 && rpc_is_plain(g->at))
                        g->at += 8;
                else if (rpc_is_plain_char(*g->at))
                        g->at++;
                else if (*g->at == '\\' ? !may_escape || !skip_escape(g) : !skip_character(g))
                        return false;
        }
        *inside = (struct str){from, (size_t)(g->at - from)};
        return take(g, '"');
}

static bool judge_text(struct glance *g)
{
        struct str text;

        return count(g) && take_text(g, true, &text);
}

/* One that is what it says: nothing in it is escaped. */
static bool judge_name(struct glance *g)
{
        struct str name;

        return count(g) && take_text(g, false, &name) && name.n <= RPC_ID_MAX_BYTES;
}

static size_t skip_digits(struct glance *g)
{
        const char *from = g->at;

        while (g->at < g->end && *g->at >= '0' && *g->at <= '9')
                g->at++;
        return (size_t)(g->at - from);
}

static bool judge_integer(struct glance *g)
{
        const char *first;
        size_t n;

        if (peek(g) == '-')
                g->at++;
        first = g->at;
        n = skip_digits(g);
        return count(g) && n > 0 && n <= INTEGER_DIGITS_SAFE && (n == 1 || *first != '0');
}

static bool judge_number(struct glance *g)
{
        const char *from = g->at;
        size_t n;

        if (!judge_integer(g))
                return false;
        if (g->at < g->end && (*g->at == 'e' || *g->at == 'E'))
                return false;
        if (g->at == g->end || *g->at != '.')
                return true;
        g->at++;
        n = skip_digits(g);
        return n > 0 && g->at - from <= REAL_DIGITS_MAX && g->at < g->end && *g->at != 'e' &&
               *g->at != 'E';
}

/* ---- values ---- */

static bool judge_value(struct glance *g);

static bool is_same(struct str a, struct str b)
{
        return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static struct want *want_of(struct want *wants, size_t n, struct str name)
{
        for (size_t i = 0; i < n; i++)
                if (is_same(wants[i].name, name))
                        return &wants[i];
        return NULL;
}

static bool judge_members(struct glance *g, struct want *wants, size_t n);

static bool judge_wanted(struct glance *g, struct want *want)
{
        if (want == NULL)
                return false;
        (void)peek(g);
        want->value.p = g->at;
        if (want->members != NULL ? !judge_members(g, want->members, want->n_members)
                                  : !want->judge(g))
                return false;
        want->value.n = (size_t)(g->at - want->value.p);
        return true;
}

/* wants: NULL takes any. */
static bool judge_members(struct glance *g, struct want *wants, size_t n)
{
        struct str names[MEMBERS_MAX];
        size_t n_names = 0;

        if (!count(g) || !take(g, '{') || ++g->depth > RPC_DEPTH_MAX)
                return false;
        for (bool goes_on = peek(g) != '}'; goes_on; goes_on = take(g, ',')) {
                if (n_names == MEMBERS_MAX || !count(g) || !take_text(g, false, &names[n_names]))
                        return false;
                for (size_t i = 0; i < n_names; i++)
                        if (is_same(names[i], names[n_names]))
                                return false;
                if (!take(g, ':') ||
                    (wants == NULL ? !judge_value(g)
                                   : !judge_wanted(g, want_of(wants, n, names[n_names]))))
                        return false;
                n_names++;
        }
        g->depth--;
        return take(g, '}');
}

static bool judge_object(struct glance *g)
{
        return judge_members(g, NULL, 0);
}

static bool judge_entries(struct glance *g, bool (*judge)(struct glance *g))
{
        if (!count(g) || !take(g, '[') || ++g->depth > RPC_DEPTH_MAX)
                return false;
        for (bool goes_on = peek(g) != ']'; goes_on; goes_on = take(g, ','))
                if (!judge(g))
                        return false;
        g->depth--;
        return take(g, ']');
}

static bool judge_value(struct glance *g)
{
        switch (peek(g)) {
        case '{':
                return judge_object(g);
        case '[':
                return judge_entries(g, judge_value);
        case '"':
                return judge_text(g);
        case 't':
                return count(g) && take_word(g, STR("true"));
        case 'f':
                return count(g) && take_word(g, STR("false"));
        case 'n':
                return count(g) && take_word(g, STR("null"));
        default:
                return judge_number(g);
        }
}

/* ---- messages ---- */

static bool judge_version(struct glance *g)
{
        return count(g) && take_word(g, STR("\"2.0\""));
}

static bool judge_id(struct glance *g)
{
        return peek(g) == '"' ? judge_name(g) : judge_integer(g);
}

static bool judge_method(struct glance *g)
{
        return count(g) && take_word(g, STR("\"tools/call\""));
}

static bool judge_false(struct glance *g)
{
        return count(g) && take_word(g, STR("false"));
}

static bool judge_text_type(struct glance *g)
{
        return count(g) && take_word(g, STR("\"text\""));
}

static bool judge_text_block(struct glance *g)
{
        struct want wants[] = {{.name = STR("type"), .judge = judge_text_type},
                               {.name = STR("text"), .judge = judge_text}};

        return judge_members(g, wants, 2) && wants[0].value.n > 0 && wants[1].value.n > 0;
}

static bool judge_content(struct glance *g)
{
        return judge_entries(g, judge_text_block);
}

static bool is_whole(struct glance *g, struct want *wants, size_t n)
{
        return judge_members(g, wants, n) && peek(g) == '\0' && g->at == g->end;
}

/* Of an id that was judged. */
static json_t *make_id(struct str text)
{
        char digits[INTEGER_DIGITS_SAFE + 2];

        if (text.p[0] == '"')
                return json_stringn_nocheck(text.p + 1, text.n - 2);
        memcpy(digits, text.p, text.n);
        digits[text.n] = '\0';
        return json_integer(strtoll(digits, NULL, 10));
}

enum { NAME, ARGUMENTS, N_PARAMS };

static const struct want call_params[N_PARAMS] = {
        [NAME] = {.name = {"name", 4}, .judge = judge_name},
        [ARGUMENTS] = {.name = {"arguments", 9}, .judge = judge_object},
};

json_t *rpc_glance_call(struct str text, size_t values_max)
{
        struct glance g = {.at = text.p, .end = text.p + text.n, .values_left = values_max};
        struct want params[N_PARAMS];
        struct want wants[] = {
                {.name = STR("jsonrpc"), .judge = judge_version},
                {.name = STR("id"), .judge = judge_id},
                {.name = STR("method"), .judge = judge_method},
                {.name = STR("params"), .members = params, .n_members = N_PARAMS},
        };

        memcpy(params, call_params, sizeof(params));
        if (!is_whole(&g, wants, 4) || wants[0].value.n == 0 || wants[1].value.n == 0 ||
            wants[2].value.n == 0 || params[NAME].value.n == 0)
                return NULL;
        return rpc_request_take(make_id(wants[1].value), "tools/call", json_raw(wants[3].value));
}

/* Where it stands in params that have been judged, with its quotes; {NULL, 0}: it does not. */
static struct str find_name(struct str params)
{
        struct glance g = {.at = params.p, .end = params.p + params.n, .values_left = params.n + 1};
        struct str name;

        (void)take(&g, '{');
        while (take_text(&g, false, &name) && take(&g, ':')) {
                const char *from;

                (void)peek(&g);
                from = g.at;
                if (!judge_value(&g))
                        break;
                if (is_same(name, STR("name")))
                        return (struct str){from, (size_t)(g.at - from)};
                (void)take(&g, ',');
        }
        return (struct str){NULL, 0};
}

char *rpc_call_name(const json_t *params)
{
        struct str raw = json_raw_text(params), quoted;
        const char *name;

        if (raw.p == NULL) {
                name = rpc_text(params, "name");
                return name != NULL ? strdup(name) : NULL;
        }
        quoted = find_name(raw);
        if (quoted.p == NULL)
                return NULL;
        return str_dup((struct str){quoted.p + 1, quoted.n - 2});
}

json_t *rpc_call_renamed(json_t *params, const char *name)
{
        struct str raw = json_raw_text(params);
        struct str old = raw.p != NULL ? find_name(raw) : raw, new;
        json_t *string, *renamed = NULL;
        size_t n_before;
        char *text;

        if (old.p == NULL)
                return NULL;
        if (str_eq(str_from(name), (struct str){old.p + 1, old.n - 2}))
                return json_incref(params);
        string = json_string(name);
        if (string == NULL || rpc_dump(string, &new) != 0) {
                json_decref(string);
                return NULL;
        }
        n_before = (size_t)(old.p - raw.p);
        text = malloc(raw.n + new.n);
        if (text != NULL) {
                char *at = mempcpy(text, raw.p, n_before);

                at = mempcpy(at, new.p, new.n);
                at = mempcpy(at, old.p + old.n, raw.n - n_before - old.n);
                renamed = json_raw((struct str){text, (size_t)(at - text)});
        }
        free(text);
        free((void *)new.p);
        json_decref(string);
        return renamed;
}

json_t *rpc_glance_result(struct str text, size_t values_max)
{
        struct glance g = {.at = text.p, .end = text.p + text.n, .values_left = values_max};
        struct want result[] = {
                {.name = STR("content"), .judge = judge_content},
                {.name = STR("isError"), .judge = judge_false},
                {.name = STR("structuredContent"), .judge = judge_object},
                {.name = STR("_meta"), .judge = judge_object},
        };
        struct want wants[] = {
                {.name = STR("jsonrpc"), .judge = judge_version},
                {.name = STR("id"), .judge = judge_integer},
                {.name = STR("result"), .members = result, .n_members = 4},
        };
        json_t *id, *answer;

        if (!is_whole(&g, wants, 3) || wants[0].value.n == 0 || wants[1].value.n == 0 ||
            result[0].value.n == 0)
                return NULL;
        id = make_id(wants[1].value);
        answer = rpc_result_take(id, json_raw(wants[2].value));
        json_decref(id);
        return answer;
}
