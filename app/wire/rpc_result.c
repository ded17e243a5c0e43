/* A machine of states over bytes: it never goes back, and keeps no more than the name of a member.
 */
#include "mgw/wire/rpc_result.h"

#include "mgw/wire/rpc.h"

#include <string.h>

enum at {
        AT_START,
        AT_KEY_OR_END, /* behind '{' */
        AT_KEY_START,  /* behind ',' */
        AT_KEY,
        AT_COLON,
        AT_VALUE_START,
        AT_VALUE,
        AT_MEMBER_END,
        AT_END,
        AT_BAD,
};

static bool is_within(const struct rpc_result_reader *r)
{
        return r->at == AT_VALUE && r->is_result;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static enum at bad(void)
{
        return AT_BAD;
}

/* The members of a response. An error is none that is passed on so, but null; others say nothing.
 */
static enum at end_key(struct rpc_result_reader *r)
{
        struct str key = {r->key, r->n_key};

        r->is_result = str_eq(key, STR("result"));
        r->is_id = str_eq(key, STR("id"));
        if ((r->is_result && r->has_result) || (r->is_id && r->id != RPC_RESULT_ID_UNKNOWN))
                return bad();
        r->is_null = str_eq(key, STR("error"));
        return str_eq(key, STR("method")) ? bad() : AT_COLON;
}

static int64_t add_digit(struct rpc_result_reader *r, int64_t id, char c)
{
        bool is_integer = id != RPC_RESULT_ID_OTHER && c >= '0' && c <= '9';

        if (id > 0 && c == '.' && !r->in_string && !r->is_fraction) {
                r->is_fraction = true;
                return id;
        }
        if (r->is_fraction)
                return c == '0' ? id : RPC_RESULT_ID_OTHER;

        id = is_integer && id < INT64_MAX / 10 ? id * 10 + (c - '0') : RPC_RESULT_ID_OTHER;
        return id > 0 ? id : RPC_RESULT_ID_OTHER;
}

static enum at in_key(struct rpc_result_reader *r, char c)
{
        if (c == '"')
                return end_key(r);
        if (c == '\\')
                return bad();
        if (r->n_key < sizeof(r->key)) /* longer ones are none that we know */
                r->key[r->n_key++] = c;
        return AT_KEY;
}

static enum at open_bracket(struct rpc_result_reader *r, bool is_brace)
{
        if (r->depth == RPC_DEPTH_MAX - 1)
                return bad();
        r->braces = (r->braces & ~(UINT64_C(1) << r->depth)) | (uint64_t)is_brace << r->depth;
        r->depth++;
        return AT_VALUE;
}

static enum at close_bracket(struct rpc_result_reader *r, bool is_brace)
{
        if (r->depth == 0 || (r->braces >> (r->depth - 1) & 1) != is_brace)
                return bad();
        return --r->depth == 0 ? AT_MEMBER_END : AT_VALUE;
}

static enum at start_value(struct rpc_result_reader *r, char c)
{
        if (r->is_result && c != '{')
                return bad();
        r->has_result |= r->is_result;
        if (r->is_null && c != 'n')
                return bad();
        if (r->is_id)
                r->id = c == '"' ? RPC_RESULT_ID_UNKNOWN : add_digit(r, 0, c);
        if (c == '{' || c == '[')
                return open_bracket(r, c == '{');
        r->in_string = c == '"';
        return strchr("\"-0123456789tfn", c) != NULL && c != '\0' ? AT_VALUE : bad();
}

static enum at in_string(struct rpc_result_reader *r, char c)
{
        if ((unsigned char)c < 0x20)
                return bad();
        if (r->is_id && r->depth == 0 && (c != '"' || r->id == RPC_RESULT_ID_UNKNOWN))
                r->id = c != '\\' ? add_digit(r, r->id, c) : RPC_RESULT_ID_OTHER;
        if (r->is_escaped)
                r->is_escaped = false;
        else if (c == '\\')
                r->is_escaped = true;
        else if (c == '"')
                r->in_string = false;
        return !r->in_string && r->depth == 0 ? AT_MEMBER_END : AT_VALUE;
}

static enum at end_member(char c)
{
        if (is_space(c))
                return AT_MEMBER_END;
        return c == ',' ? AT_KEY_START : c == '}' ? AT_END : bad();
}

static enum at in_value(struct rpc_result_reader *r, char c)
{
        if (r->in_string)
                return in_string(r, c);
        switch (c) {
        case '{':
        case '[':
                return r->depth > 0 ? open_bracket(r, c == '{') : bad();
        case '}':
        case ']':
                return r->depth > 0 ? close_bracket(r, c == '}') : c == '}' ? AT_END : bad();
        case '"':
                r->in_string = r->depth > 0;
                return r->in_string ? AT_VALUE : bad();
        case ',':
                return r->depth > 0 ? AT_VALUE : AT_KEY_START;
        default:
                if (is_space(c))
                        return r->depth > 0 ? AT_VALUE : AT_MEMBER_END;
                if (r->is_id)
                        r->id = add_digit(r, r->id, c);
                return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f ? AT_VALUE : bad();
        }
}

static enum at start_key(struct rpc_result_reader *r, char c, bool may_end)
{
        if (is_space(c))
                return may_end ? AT_KEY_OR_END : AT_KEY_START;
        r->n_key = 0;
        return c == '"' ? AT_KEY : bad();
}

static enum at step(struct rpc_result_reader *r, char c)
{
        switch ((enum at)r->at) {
        case AT_START:
                return c == '{' ? AT_KEY_OR_END : is_space(c) ? AT_START : bad();
        case AT_KEY_OR_END:
        case AT_KEY_START:
                return start_key(r, c, r->at == AT_KEY_OR_END);
        case AT_KEY:
                return in_key(r, c);
        case AT_COLON:
                return c == ':' ? AT_VALUE_START : is_space(c) ? AT_COLON : bad();
        case AT_VALUE_START:
                return is_space(c) ? AT_VALUE_START : start_value(r, c);
        case AT_VALUE:
                return in_value(r, c);
        case AT_MEMBER_END:
                return end_member(c);
        case AT_END:
                return is_space(c) ? AT_END : bad();
        default:
                return bad();
        }
}

/* Bytes inside a string that change nothing: most of what is big. */
static size_t plain_run(const struct rpc_result_reader *r, const char *p, size_t n)
{
        size_t i = 0;

        if (r->at != AT_VALUE || !r->in_string || r->is_escaped || (r->is_id && r->depth == 0))
                return 0;
        while (i < n && p[i] != '"' && p[i] != '\\' && (unsigned char)p[i] >= 0x20)
                i++;
        return i;
}

/* Bytes of the result come in runs: from where one begins to a line end, the end of the result, or
 * the end of the input. */
enum rpc_result_outcome rpc_result_feed(struct rpc_result_reader *r, const char *p, size_t n,
                                        size_t *usedp, struct str *piecep)
{
        size_t i = 0, start = 0;
        bool is_run = false;

        while (i < n && r->at != AT_BAD && r->at != AT_END) {
                size_t plain = plain_run(r, p + i, n - i);
                char c = p[i];
                bool is_line_end = c == '\n' || c == '\r';
                bool was_within = is_within(r);

                if (plain > 0) {
                        start = is_run ? start : i;
                        is_run |= was_within;
                        i += plain;
                        continue;
                }
                if (is_run && is_line_end)
                        break;
                r->at = (uint8_t)step(r, c);
                i++;
                if (!is_run && !is_line_end && r->is_result && (was_within || r->at == AT_VALUE)) {
                        is_run = true;
                        start = i - 1;
                }
                if (is_run && !is_within(r))
                        break;
        }
        while (i < n && r->at == AT_END && is_space(p[i]))
                i++;
        if (i < n && r->at == AT_END)
                r->at = AT_BAD;
        *usedp = i;
        if (r->at == AT_BAD)
                return RPC_RESULT_BAD;
        if (is_run) {
                *piecep = (struct str){p + start, i - start};
                return RPC_RESULT_PIECE;
        }
        if (r->at == AT_END)
                return r->has_result ? RPC_RESULT_END : RPC_RESULT_BAD;
        return RPC_RESULT_MORE;
}

bool rpc_result_is_under_way(struct str head, int64_t *idp)
{
        struct rpc_result_reader r = {0};
        struct str piece;

        while (head.n > 0) {
                size_t used = 0;
                enum rpc_result_outcome o = rpc_result_feed(&r, head.p, head.n, &used, &piece);

                if (o == RPC_RESULT_BAD || o == RPC_RESULT_END)
                        return false;
                head = (struct str){head.p + used, head.n - used};
        }
        if (!is_within(&r))
                return false;
        *idp = r.id;
        return true;
}
