/* A walk by quotes and brackets alone. It is bounded for hostile text too: after so many braces
 * that are never closed it gives up. */
#include "mgw/wire/rpc_peek.h"

#include "mgw/wire/rpc.h"

#define UNCLOSED_MAX 16

static size_t skip_space(struct str text, size_t at)
{
        while (at < text.n && (text.p[at] == ' ' || text.p[at] == '\t' || text.p[at] == '\n' ||
                               text.p[at] == '\r'))
                at++;
        return at;
}

/* at is a quote: the byte behind the one that ends its string. */
static size_t skip_string(struct str text, size_t at)
{
        for (at++; at < text.n && text.p[at] != '"'; at++)
                at += text.p[at] == '\\';
        return at < text.n ? at + 1 : text.n;
}

/* at is a bracket or a brace: the byte behind the one that closes it; 0: none does. */
static size_t skip_nest(struct str text, size_t at)
{
        size_t depth = 0;

        while (at < text.n) {
                char c = text.p[at];

                if (c == '"') {
                        at = skip_string(text, at);
                        continue;
                }
                at++;
                if (c == '{' || c == '[')
                        depth++;
                else if ((c == '}' || c == ']') && --depth == 0)
                        return at;
        }
        return 0;
}

/* What stands between the quotes of the string at at. */
static struct str string_at(struct str text, size_t at)
{
        size_t end = skip_string(text, at);

        return (struct str){text.p + at + 1, end - at < 2 ? 0 : end - at - 2};
}

static bool is_of_envelope(struct str name)
{
        static const char *const names[] = {"jsonrpc", "id", "method", "params", "result", "error"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (str_eq(name, str_from(names[i])))
                        return true;
        return false;
}

static bool begins_message(struct str text, size_t at)
{
        at = skip_space(text, at + 1);
        return at < text.n && text.p[at] == '"' && is_of_envelope(string_at(text, at));
}

bool rpc_next_message(struct str *restp, struct str *messagep)
{
        struct str text = *restp;
        unsigned n_unclosed = 0;
        size_t at = 0;

        while (n_unclosed < UNCLOSED_MAX) {
                size_t end;

                while (at < text.n && text.p[at] != '{')
                        at++;
                if (at == text.n)
                        break;
                end = skip_nest(text, at);
                if (begins_message(text, at)) {
                        end = end > 0 ? end : text.n;
                        *messagep = (struct str){text.p + at, end - at};
                        *restp = (struct str){text.p + end, text.n - end};
                        return true;
                }
                n_unclosed += end == 0;
                at = end > 0 ? end : at + 1;
        }
        *restp = (struct str){text.p + text.n, 0};
        return false;
}

/* A scalar ends where the next begins. */
static struct str scalar_at(struct str text, size_t at)
{
        size_t end = at;

        if (at < text.n && text.p[at] == '"')
                end = skip_string(text, at);
        while (end < text.n && text.p[end] != ',' && text.p[end] != '}' &&
               skip_space(text, end) == end)
                end++;
        return (struct str){text.p + at, end - at};
}

static json_t *read_id(struct str text)
{
        char why[160];
        json_t *id = NULL;

        if (text.n > RPC_ID_MAX_BYTES || rpc_parse_any(text, &id, why, sizeof(why)) != 0)
                return NULL;
        if (json_is_string(id) || json_is_number(id))
                return id;
        json_decref(id);
        return NULL;
}

static void note_member(struct str text, struct str name, size_t value, struct rpc_peek *peek)
{
        bool is_null = str_eq(scalar_at(text, value), STR("null"));

        if (str_eq(name, STR("id"))) {
                json_decref(peek->id);
                peek->id = read_id(scalar_at(text, value));
        }
        peek->has_method |= str_eq(name, STR("method")) && !is_null;
        peek->has_answer |= (str_eq(name, STR("result")) || str_eq(name, STR("error"))) && !is_null;
}

void rpc_peek(struct str text, struct rpc_peek *peek)
{
        size_t depth = 0, at = 0;
        bool may_be_name = false;

        *peek = (struct rpc_peek){.id = NULL};
        while (at < text.n) {
                size_t from = at;
                char c = text.p[at];

                if (c == '"') {
                        at = skip_string(text, at);
                        size_t colon = skip_space(text, at);
                        if (depth == 1 && may_be_name && colon < text.n && text.p[colon] == ':')
                                note_member(text, string_at(text, from),
                                            skip_space(text, colon + 1), peek);
                        may_be_name = false;
                        continue;
                }
                at++;
                if (c == '{' || c == '[')
                        depth++;
                else if ((c == '}' || c == ']') && (depth == 0 || --depth == 0))
                        return;
                if (c == '{' || c == ',')
                        may_be_name = depth == 1;
        }
}
