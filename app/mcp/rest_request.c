/* From the arguments of a call to what is sent. */
#include "rest_inside.h"

#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_number.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/uri.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES 16384
#define FORM_MAX_BYTES (8u << 20)

static const struct rest_tool *find_tool(const struct rest *rest, const json_t *name)
{
        for (size_t i = 0; i < rest->n_tools; i++)
                if (str_eq(str_from(rest->tools[i].name), json_str(name)))
                        return &rest->tools[i];
        return NULL;
}

/* What the inputSchema says of arguments that were left out. */
static int add_defaults(struct rest_run *run)
{
        json_t *properties =
                json_object_get(json_object_get(run->tool->spec, "inputSchema"), "properties");
        const char *name;
        json_t *property;

        if (!json_is_object(run->arguments))
                return 0;
        json_object_foreach (properties, name, property) {
                json_t *value = json_object_get(property, "default");

                if (value != NULL && json_object_get(run->arguments, name) == NULL &&
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
        r = schema_check(run->tool->input, run->arguments, reason, sizeof(reason));
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

struct making {
        const struct rest_run *run;
        struct rest_request *request;
        char *why;
        size_t why_size;
};

static int refuse(const struct making *m, const char *what, const char *reason)
{
        snprintf(m->why, m->why_size, "%s: %s", what, reason);
        return REST_E_CALL;
}

/* The outcome of a write to a URL or form, in words. */
static int outcome(const struct making *m, const char *what, int r, const char *reason)
{
        if (r == 0 || r == -ENOMEM)
                return r;
        return refuse(m, what, r == BUF_E_FULL ? "it would be too long" : reason);
}

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

/* Appends "<sep>name=value". */
static int add_pair(struct buf *out, char sep, const char *name, json_t *value, const char **whyp)
{
        json_t *vars = json_pack("{s:{s:O}}", "p", name, value);
        struct buf pair;
        int r = vars != NULL ? 0 : -ENOMEM;

        buf_init(&pair, out->max);
        if (r == 0)
                r = uri_template_expand(&pair, STR("{&p*}"), vars, whyp);
        if (r == 0 && pair.len > 0) {
                r = buf_add(out, &sep, sep != '\0' ? 1 : 0);
                if (r == 0)
                        r = buf_add(out, pair.mem + pair.head + 1, pair.len - 1);
        }
        buf_finish(&pair);
        json_decref(vars);
        return r;
}

/* The members of object, arrays as repeated names; first stands before the first of all. */
static int add_pairs(const struct making *m, struct buf *out, char first, const char *what,
                     json_t *object)
{
        const char *name, *why = "";
        json_t *value;
        char sep = first;
        int r = 0;

        json_object_foreach (object, name, value) {
                size_t n = json_is_array(value) ? json_array_size(value) : 1;

                for (size_t i = 0; r == 0 && i < n; i++) {
                        json_t *one = json_is_array(value) ? json_array_get(value, i) : value;

                        if (json_is_null(one))
                                continue;
                        r = add_pair(out, sep, name, one, &why);
                        sep = '&';
                }
        }
        return outcome(m, what, r, why);
}

static int add_query(const struct making *m, struct buf *url)
{
        struct str so_far = buf_bytes(url);
        json_t *query = NULL;
        int r = template_fill(m->run->tool->query, m->run->arguments, &query, m->why, m->why_size);

        if (r == 0)
                r = add_pairs(m, url, memchr(so_far.p, '?', so_far.n) != NULL ? '&' : '?',
                              "the query", query);
        json_decref(query);
        return r;
}

static int make_url(const struct making *m)
{
        struct buf url, path;
        const char *why = "";
        int r = check_segments(m);

        buf_init(&url, URL_MAX_BYTES);
        buf_init(&path, URL_MAX_BYTES);
        if (r == 0)
                r = outcome(m, "the path",
                            uri_template_expand(&path, str_from(m->run->tool->path),
                                                m->run->arguments, &why),
                            why);
        if (r == 0)
                r = outcome(m, "the URL", buf_add_str(&url, str_from(m->run->rest->base_url)), "");
        if (r == 0)
                r = outcome(m, "the URL", buf_add_str(&url, buf_bytes(&path)), "");
        if (r == 0 && m->run->tool->query != NULL)
                r = add_query(m, &url);
        if (r == 0 && (m->request->url = str_dup(buf_bytes(&url))) == NULL)
                r = -ENOMEM;
        buf_finish(&path);
        buf_finish(&url);
        return r;
}

/* ---- headers ---- */

static int add_header(const struct making *m, const char *name, const char *value)
{
        char ***linesp = &m->request->headers, *line;

        if (hdr_lines_have((const char *const *)*linesp, name))
                return 0;
        return asprintf(&line, "%s: %s", name, value) < 0 ? -ENOMEM : strv_add_take(linesp, line);
}

static int add_filled_header(const struct making *m, const char *name, const json_t *value)
{
        struct str own = {NULL, 0};
        int r = rpc_is_string(value) ? 0 : rpc_dump(value, &own);
        struct str s = own.p != NULL ? own : json_str(value);

        for (size_t i = 0; r == 0 && i < s.n; i++)
                if (iscntrl((unsigned char)s.p[i]))
                        r = refuse(m, name, "a control character cannot stand in a header");
        if (r == 0 && (json_is_array(value) || json_is_object(value)))
                r = refuse(m, name, "an array or object cannot stand in a header");
        if (r == 0)
                r = add_header(m, name, s.p);
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
        r = template_fill(template, m->run->arguments, &headers, m->why, m->why_size);
        json_object_foreach (headers, name, value)
                if (r == 0 && !json_is_null(value))
                        r = add_filled_header(m, name, value);
        json_decref(headers);
        return r;
}

static int make_headers(const struct making *m)
{
        const struct rest_tool *t = m->run->tool;
        json_t *common = json_object_get(m->run->rest->description, "headers");
        int r;

        if ((r = add_headers(m, t->headers)) != 0 || (r = add_headers(m, common)) != 0 ||
            (r = add_header(m, "Accept", "application/json")) != 0 || !t->has_body)
                return r;
        return add_header(m, "Content-Type",
                          t->is_form ? "application/x-www-form-urlencoded" : "application/json");
}

/* ---- the body ---- */

static int make_form(const struct making *m, json_t *filled)
{
        struct buf form;
        int r;

        buf_init(&form, FORM_MAX_BYTES);
        r = add_pairs(m, &form, '\0', "the form", filled);
        if (r == 0) {
                m->request->body = str_dup(buf_bytes(&form));
                m->request->body_n = form.len;
                r = m->request->body != NULL ? 0 : -ENOMEM;
        }
        buf_finish(&form);
        return r;
}

static int make_body(const struct making *m)
{
        json_t *filled = NULL;
        int r;

        if (!m->run->tool->has_body)
                return 0;
        r = template_fill(m->run->tool->body, m->run->arguments, &filled, m->why, m->why_size);
        if (r == 0 && filled == NULL && (filled = json_object()) == NULL)
                r = -ENOMEM;
        if (r == 0 && m->run->tool->is_form) {
                r = make_form(m, filled);
        } else if (r == 0) {
                struct str text = {NULL, 0};

                r = rpc_dump(filled, &text);
                m->request->body = (char *)text.p;
                m->request->body_n = text.n;
        }
        json_decref(filled);
        return r;
}

int rest_run_request(const struct rest_run *run, struct rest_request *request, char *why,
                     size_t why_size)
{
        struct making m = {run, request, why, why_size};
        int r;

        *request = (struct rest_request){.method = run->tool->method};
        if ((r = make_url(&m)) != 0 || (r = make_headers(&m)) != 0)
                return r;
        return make_body(&m);
}

void rest_request_finish(struct rest_request *request)
{
        strv_free(request->headers);
        free(request->url);
        free(request->body);
        *request = (struct rest_request){.method = NULL};
}
