/* From the arguments of a call to what is sent. */
#include "rest_inside.h"

#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_number.h"
#include "mgw/wire/uri.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES 16384
#define HEADER_MAX_BYTES 16384 /* of all cookies together, too */

static const struct rest_tool *find_tool(const struct rest *rest, const json_t *name)
{
        for (size_t i = 0; i < rest->n_tools; i++)
                if (str_eq(str_from(rest->tools[i].name), json_str(name)))
                        return &rest->tools[i];
        return NULL;
}

static bool is_required(const json_t *input, const char *name)
{
        json_t *one;
        size_t i;

        json_array_foreach (json_object_get(input, "required"), i, one)
                if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
                        return true;
        return false;
}

/* What the inputSchema says of arguments that were left out. */
static int add_defaults(struct rest_run *run)
{
        const json_t *input = json_object_get(run->tool->spec, "inputSchema");
        json_t *properties = json_object_get(input, "properties");
        const char *name;
        json_t *property;

        if (!json_is_object(run->arguments))
                return 0;
        json_object_foreach (properties, name, property) {
                json_t *value = json_object_get(property, "default");

                if (value != NULL && json_object_get(run->arguments, name) == NULL &&
                    (run->rest->fills_all || is_required(input, name)) &&
                    json_object_set(run->arguments, name, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int rest_run_init(struct rest_run *run, const struct rest *rest, const json_t *params, char *why,
                  size_t why_size)
{
        const json_t *arguments = json_object_get(params, "arguments");
        char reason[400];
        int r;

        *run = (struct rest_run){.rest = rest};
        run->tool = find_tool(rest, json_object_get(params, "name"));
        if (run->tool == NULL)
                return -ENOENT;
        run->arguments = arguments != NULL ? json_copy((json_t *)arguments) : json_object();
        if (run->arguments == NULL || add_defaults(run) < 0)
                return -ENOMEM;
        r = rest_schema_check(run->tool->input, run->arguments, reason, sizeof(reason));
        if (r <= 0)
                return r;
        snprintf(why, why_size, "invalid arguments: %s", reason);
        return REST_E_CALL;
}

void rest_run_finish(struct rest_run *run)
{
        json_decref(run->arguments);
        json_decref(run->items);
        *run = (struct rest_run){.rest = NULL};
}

/* ---- the URL ---- */

/* A segment that is empty would make another path of it. */
static int check_segments(const struct making *m)
{
        struct uri_vars vars = {.rest = str_from(m->run->tool->path)};
        struct str name;

        while (uri_vars_next(&vars, &name) == 0) {
                const json_t *value = json_object_getn(m->run->arguments, name.p, name.n);
                bool is_empty = value == NULL || json_is_null(value) ||
                                (json_is_string(value) && json_string_length(value) == 0) ||
                                ((json_is_array(value) || json_is_object(value)) &&
                                 json_array_size(value) + json_object_size(value) == 0);

                if (is_empty && (vars.op == '\0' || vars.op == '+')) {
                        snprintf(m->why, m->why_size,
                                 "argument %.*s must not be empty: it is a part of the path",
                                 STR_ARG(name));
                        return REST_E_CALL;
                }
        }
        return 0;
}

/* A parameter of the path is "{+argument}" there, which takes the text that is made here. */
static int set_path_text(const struct making *m, const struct rest_parameter *p, json_t *vars)
{
        struct buf text;
        int r;

        buf_init(&text, URL_MAX_BYTES);
        r = rest_parameter_add(p, m->run->arguments, &text);
        if (r == 0 &&
            json_object_set_new(vars, p->argument,
                                json_stringn((const char *)text.mem + text.head, text.len)) < 0)
                r = -ENOMEM;
        buf_finish(&text);
        return r;
}

static int add_path(const struct making *m, struct buf *url)
{
        const struct rest_tool *t = m->run->tool;
        json_t *vars = json_copy(m->run->arguments);
        const char *why = "";
        int r = vars != NULL ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < t->n_parameters; i++)
                if (t->parameters[i].place == REST_PATH)
                        r = set_path_text(m, &t->parameters[i], vars);
        if (r == 0)
                r = uri_template_expand(url, str_from(t->path), vars, &why);
        json_decref(vars);
        return rest_making_outcome(m, "the path", r, why);
}

/* Appends what is of the query, after "?" or "&". */
static int add_separated(struct buf *url, struct str pair)
{
        struct str so_far = buf_bytes(url);
        int r;

        if (pair.n == 0)
                return 0;
        r = buf_add_str(url, memchr(so_far.p, '?', so_far.n) != NULL ? STR("&") : STR("?"));
        return r != 0 ? r : buf_add_str(url, pair);
}

/* The members of object, arrays as repeated names. */
static int add_pairs(const struct making *m, struct buf *url, json_t *object)
{
        const struct style style = {.kind = rest_style_find("form"), .explodes = true};
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach (object, name, value) {
                struct buf pair;

                buf_init(&pair, URL_MAX_BYTES);
                r = json_is_object(value) ? URI_E_VALUE
                                          : rest_style_add(&pair, &style, name, value);
                if (r == 0)
                        r = add_separated(url, buf_bytes(&pair));
                buf_finish(&pair);
                if (r != 0)
                        break;
        }
        return rest_making_outcome(m, "the query", r, "an object cannot stand there");
}

static int add_query(const struct making *m, struct buf *url)
{
        json_t *query = NULL;
        int r = rest_template_fill(m->run->tool->query, m->run->arguments, &query, m->why,
                                   m->why_size);

        if (r == 0)
                r = add_pairs(m, url, query);
        json_decref(query);
        return r;
}

static int add_query_parameter(const struct making *m, const struct rest_parameter *p,
                               struct buf *url)
{
        struct buf pair;
        int r;

        buf_init(&pair, URL_MAX_BYTES);
        r = rest_parameter_add(p, m->run->arguments, &pair);
        if (r == 0)
                r = add_separated(url, buf_bytes(&pair));
        buf_finish(&pair);
        return rest_making_outcome(m, p->name, r, "");
}

static const char *base_url(const struct making *m)
{
        return m->run->tool->base_url != NULL ? m->run->tool->base_url : m->run->rest->base_url;
}

/* secret: what security puts into the query. */
static int make_url(const struct making *m, struct str secret)
{
        const struct rest_tool *t = m->run->tool;
        struct buf url;
        int r = check_segments(m);

        buf_init(&url, URL_MAX_BYTES);
        if (r == 0)
                r = rest_making_outcome(m, "the URL", buf_add_str(&url, str_from(base_url(m))), "");
        if (r == 0)
                r = add_path(m, &url);
        if (r == 0 && t->query != NULL)
                r = add_query(m, &url);
        for (size_t i = 0; r == 0 && i < t->n_parameters; i++)
                if (t->parameters[i].place == REST_QUERY)
                        r = add_query_parameter(m, &t->parameters[i], &url);
        if (r == 0)
                r = rest_making_outcome(m, "the URL", add_separated(&url, secret), "");
        if (r == 0 && (m->request->url = str_dup(buf_bytes(&url))) == NULL)
                r = -ENOMEM;
        buf_finish(&url);
        return r;
}

/* ---- headers ---- */

static int add_text_header(const struct making *m, const char *name, struct str text)
{
        for (size_t i = 0; i < text.n; i++)
                if (iscntrl((unsigned char)text.p[i]))
                        return rest_making_refuse(m, name,
                                                  "a control character cannot stand in a header");
        return rest_making_header(m, name, text.p);
}

static int add_filled_header(const struct making *m, const char *name, const json_t *value)
{
        struct str own = {NULL, 0};
        int r = rpc_is_string(value) ? 0 : rpc_dump(value, &own);
        struct str s = own.p != NULL ? own : json_str(value);

        if (r == 0 && (json_is_array(value) || json_is_object(value)))
                r = rest_making_refuse(m, name, "an array or object cannot stand in a header");
        if (r == 0)
                r = add_text_header(m, name, s);
        free((void *)own.p);
        return r;
}

static int add_headers(const struct making *m, const json_t *template)
{
        json_t *headers = NULL, *value;
        const char *name;
        int r;

        if (template == NULL)
                return 0;
        r = rest_template_fill(template, m->run->arguments, &headers, m->why, m->why_size);
        json_object_foreach (headers, name, value)
                if (r == 0 && !json_is_null(value))
                        r = add_filled_header(m, name, value);
        json_decref(headers);
        return r;
}

static int add_header_parameter(const struct making *m, const struct rest_parameter *p)
{
        struct buf text;
        char *copy;
        int r;

        if (json_object_get(m->run->arguments, p->argument) == NULL)
                return 0;
        buf_init(&text, HEADER_MAX_BYTES);
        r = rest_making_outcome(m, p->name, rest_parameter_add(p, m->run->arguments, &text), "");
        copy = str_dup(buf_bytes(&text));
        if (r == 0)
                r = copy != NULL ? add_text_header(m, p->name, (struct str){copy, text.len})
                                 : -ENOMEM;
        free(copy);
        buf_finish(&text);
        return r;
}

/* "; " stands before what is not the first (RFC 6265 4.2.1). */
static int add_cookie_parameter(const struct making *m, const struct rest_parameter *p,
                                struct buf *cookies)
{
        struct buf pair;
        int r;

        buf_init(&pair, HEADER_MAX_BYTES);
        r = rest_parameter_add(p, m->run->arguments, &pair);
        if (r == 0 && pair.len > 0 && cookies->len > 0)
                r = buf_add_str(cookies, STR("; "));
        if (r == 0)
                r = buf_add_str(cookies, buf_bytes(&pair));
        buf_finish(&pair);
        return rest_making_outcome(m, p->name, r, "");
}

static int add_parameters(const struct making *m, struct buf *cookies)
{
        const struct rest_tool *t = m->run->tool;
        int r = 0;

        for (size_t i = 0; r == 0 && i < t->n_parameters; i++)
                if (t->parameters[i].place == REST_HEADER)
                        r = add_header_parameter(m, &t->parameters[i]);
                else if (t->parameters[i].place == REST_COOKIE)
                        r = add_cookie_parameter(m, &t->parameters[i], cookies);
        return r;
}

static int make_headers(const struct making *m, struct buf *cookies)
{
        json_t *common = json_object_get(m->run->rest->description, "headers");
        char *cookie;
        int r;

        if ((r = add_parameters(m, cookies)) != 0 ||
            (r = add_headers(m, m->run->tool->headers)) != 0 || (r = add_headers(m, common)) != 0 ||
            (r = rest_making_header(m, "Accept", "application/json")) != 0 || cookies->len == 0)
                return r;
        cookie = str_dup(buf_bytes(cookies));
        r = cookie != NULL ? rest_making_header(m, "Cookie", cookie) : -ENOMEM;
        free(cookie);
        return r;
}

/* ---- the whole ---- */

int rest_run_request(const struct rest_run *run, const char *const *credentials,
                     struct rest_request *request, char *why, size_t why_size)
{
        struct making m = {run, request, why, why_size};
        struct buf query, cookies;
        int r;

        *request = (struct rest_request){.method = run->tool->method};
        buf_init(&query, URL_MAX_BYTES);
        buf_init(&cookies, HEADER_MAX_BYTES);
        r = rest_making_outcome(&m, "the credentials",
                                rest_security_add(&m, credentials, &query, &cookies), "");
        if (r == 0)
                r = make_url(&m, buf_bytes(&query));
        if (r == 0)
                r = make_headers(&m, &cookies);
        if (r == 0)
                r = rest_body_make(&m);
        buf_finish(&query);
        buf_finish(&cookies);
        return r;
}

void rest_request_finish(struct rest_request *request)
{
        strv_free(request->headers);
        strv_free(request->secrets);
        free(request->url);
        free(request->body);
        *request = (struct rest_request){.method = NULL};
}
