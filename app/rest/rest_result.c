/* From an answer over HTTP to the result of tools/call. */
#include "rest_inside.h"

#include "mgw/wire/cgi.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_pointer.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 300
#define SECRET_MIN 8

static json_t *text_result(const char *text, size_t n)
{
        return json_pack("{s:[{s:s, s:s%}]}", "content", "type", "text", "text", text, n);
}

/* What comes from elsewhere may be no UTF-8, and what was cut ends anywhere. */
static void make_printable(char *text)
{
        struct str rest = str_from(text);
        uint32_t c;

        while (rest.n > 0) {
                size_t n = str_utf8_first(rest, &c);
                char *at = text + (rest.p - text);

                if (n == 0 || c < 0x20 || c == 0x7f)
                        *at = n == 0 ? '?' : ' ';
                n = n == 0 ? 1 : n;
                rest.p += n;
                rest.n -= n;
        }
}

json_t *rest_error_result(const char *fmt, ...)
{
        char text[1024];
        va_list ap;
        json_t *result;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        make_printable(text);
        result = text_result(text, strlen(text));
        if (result != NULL)
                json_object_set_new(result, "isError", json_true());
        return result;
}

/* ---- errors ---- */

/* The length of the secret that text begins with; 0: none. Short ones would blot out words. */
static size_t secret_at(const char *text, const char *const *secrets)
{
        for (; secrets != NULL && *secrets != NULL; secrets++) {
                size_t n = strlen(*secrets);

                if (n >= SECRET_MIN && strncmp(text, *secrets, n) == 0)
                        return n;
        }
        return 0;
}

void rest_short_message(const json_t *body, const char *const *secrets, char *out, size_t size)
{
        /* Google and Microsoft; OAuth; RFC 9457; GitHub and many others */
        static const char *const places[] = {"/error/message", "/error_description", "/detail",
                                             "/message",       "/errors/0/message",  "/error",
                                             "/title"};
        const char *p = NULL;
        size_t n = 0, n_secret;

        for (size_t i = 0; p == NULL && i < sizeof(places) / sizeof(places[0]); i++) {
                const json_t *said = json_pointer((json_t *)body, places[i]);

                p = rpc_is_string(said) ? json_string_value(said) : NULL;
        }
        for (; p != NULL && *p != '\0' && n + 1 < size; p++) {
                out[n++] = (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p;
                if ((n_secret = secret_at(p, secrets)) > 0) {
                        out[n - 1] = '*';
                        p += n_secret - 1;
                }
        }
        out[n] = '\0';
        /* no half character at the end */
        for (; p != NULL && n > 0 && ((unsigned char)*p & 0xc0) == 0x80; p--)
                out[--n] = '\0';
}

static bool is_json(struct str content_type)
{
        struct str type = str_trim(str_cut(&content_type, ';'));

        return str_eq_nocase(type, STR("application/json")) ||
               str_eq_nocase(type, STR("text/json")) ||
               (type.n > 5 && str_eq_nocase((struct str){type.p + type.n - 5, 5}, STR("+json")));
}

static json_t *parse(struct str body, char *why, size_t why_size)
{
        json_t *value;

        return rpc_parse_any(body, &value, why, why_size) == 0 ? value : NULL;
}

/* What the caller can do about a status that the description does not speak of. */
static const char *advice(unsigned status)
{
        switch (status) {
        case 401:
        case 403:
                return "the API refuses the gateway's credentials";
        case 429:
                return "too many requests: call again later";
        default:
                return status / 100 == 3 ? "the answer leads nowhere"
                       : status >= 500   ? "the API failed"
                                         : "the API refuses the request";
        }
}

/* What an API says of refused credentials is about them alone. */
static void api_words(const struct rest_answer *a, char *out, size_t size)
{
        char why[160];
        json_t *body = is_json(a->content_type) ? parse(a->body, why, sizeof(why)) : NULL;

        out[0] = '\0';
        if (a->status != 401)
                rest_short_message(body, a->secrets, out, size);
        json_decref(body);
}

static json_t *status_result(const struct rest_run *run, const char *server,
                             const struct rest_answer *a)
{
        char said[MESSAGE_MAX], key[8], wait[40] = "", phrase[64] = "";
        const char *reason = cgi_reason(a->status);
        const char *own;

        snprintf(key, sizeof(key), "%u", a->status);
        own = json_string_value(json_object_get(run->tool->errors, key));
        api_words(a, said, sizeof(said));
        if (strcmp(reason, "Unknown") != 0)
                snprintf(phrase, sizeof(phrase), " (%s)", reason);
        if (a->retry_after_s >= 0)
                snprintf(wait, sizeof(wait), " (again in %" PRId64 " s)", a->retry_after_s);
        return rest_error_result("%s: HTTP %u%s: %s%s%s%s", server, a->status, phrase,
                                 own != NULL ? own : advice(a->status), wait,
                                 said[0] != '\0' ? ": " : "", said);
}

/* ---- results ---- */

static json_t *plain_result(const struct rest_run *run, const char *server,
                            const struct rest_answer *a)
{
        bool wants_json = run->tool->output != NULL || run->tool->pointer[0] != '\0' ||
                          run->tool->paging != NULL;
        bool is_text = str_has_prefix(a->content_type, STR("text/")) &&
                       !hdr_media_is(a->content_type, STR("text/html"));
        struct str what = a->body.n == 0           ? STR("nothing")
                          : a->content_type.n == 0 ? STR("of an unknown type")
                                                   : a->content_type;
        json_t *result;

        what.n = what.n < 80 ? what.n : 80;
        if (a->body.n == 0 && !wants_json)
                return json_pack("{s:[{s:s, s:o}]}", "content", "type", "text", "text",
                                 json_sprintf("Done (HTTP %u).", a->status));
        if (is_text && !wants_json && (result = text_result(a->body.p, a->body.n)) != NULL)
                return result;
        return rest_error_result("%s: the answer (HTTP %u) is no JSON but %.*s", server, a->status,
                                 STR_ARG(what));
}

static json_t *json_result(const struct rest_run *run, const char *server, json_t *page)
{
        const struct rest_tool *t = run->tool;
        json_t *value = json_pointer(page, t->pointer), *result;
        struct str text = {NULL, 0};
        char why[400];
        int r;

        if (t->output != NULL && !json_is_object(value))
                return rest_error_result("%s: the answer has no object at \"%s\"", server,
                                         t->pointer);
        if (t->output != NULL && (r = rest_schema_check(t->output, value, why, sizeof(why))) != 0)
                return r < 0 ? NULL
                             : rest_error_result("%s: the answer does not fit the outputSchema: %s",
                                                 server, why);
        if (value == NULL)
                return json_pack("{s:[{s:s, s:o}]}", "content", "type", "text", "text",
                                 json_sprintf("Nothing: the answer has no %s.", t->pointer));
        if (rpc_is_string(value))
                return text_result(json_string_value(value), json_string_length(value));
        result = rpc_dump(value, &text) == 0 ? text_result(text.p, text.n) : NULL;
        free((void *)text.p);
        if (result != NULL && t->output != NULL)
                json_object_set(result, "structuredContent", value);
        return result;
}

/* Takes the items of the page, and sets the arguments for the next. */
static int take_page(struct rest_run *run, json_t *page)
{
        const json_t *paging = run->tool->paging;
        json_t *items, *token, *parent;
        const char *at = json_string_value(json_object_get(paging, "items"));
        char key[256];

        items = json_pointer(page, at);
        token = json_pointer(page, json_string_value(json_object_get(paging, "token")));
        run->n_pages++;
        if (run->items == NULL)
                run->items = json_array();
        if (json_is_array(items) && json_array_extend(run->items, items) < 0)
                return -ENOMEM;
        if (run->n_pages < run->tool->pages_max && json_is_string(token) &&
            json_string_length(token) > 0)
                return json_object_set(run->arguments,
                                       json_string_value(json_object_get(paging, "argument")),
                                       token) < 0
                               ? -ENOMEM
                               : REST_MORE;
        /* the last page has all items, and the token of what was left out */
        parent = json_pointer_parent(page, at, key, sizeof(key));
        if (json_is_object(parent) && (json_is_array(items) || json_array_size(run->items) > 0))
                json_object_set(parent, key, run->items);
        return 0;
}

int rest_run_answer(struct rest_run *run, const char *server, const struct rest_answer *answer,
                    json_t **resultp)
{
        char why[160];
        json_t *page;
        int r = 0;

        *resultp = NULL;
        if (answer->status / 100 != 2) {
                *resultp = status_result(run, server, answer);
        } else if (!is_json(answer->content_type) || answer->body.n == 0) {
                *resultp = plain_result(run, server, answer);
        } else if ((page = parse(answer->body, why, sizeof(why))) == NULL) {
                *resultp = rest_error_result("%s: the answer is broken JSON: %s", server, why);
        } else {
                if (run->tool->paging != NULL)
                        r = take_page(run, page);
                if (r == 0)
                        *resultp = json_result(run, server, page);
                json_decref(page);
        }
        return r != 0 || *resultp != NULL ? r : -ENOMEM;
}
