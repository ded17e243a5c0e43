/* The expansion follows RFC 6570 appendix A: one table of the operators, one walk over the text.
 * It is made in a buffer of its own, which is judged as a whole before it is appended. */
#include "mgw/wire/uri.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc_number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX_MAX 10000 /* RFC 6570 2.4.1: below it */

/* RFC 6570 appendix A. */
struct uri_op {
        char name;
        const char *first;
        char sep;
        bool is_named;
        const char *if_empty; /* after a name without a value */
        bool allows_reserved;
};

static const struct uri_op operators[] = {
        {'\0', "", ',', false, "", false}, {'+', "", ',', false, "", true},
        {'#', "#", ',', false, "", true},  {'.', ".", '.', false, "", false},
        {'/', "/", '/', false, "", false}, {';', ";", ';', true, "", false},
        {'?', "?", '&', true, "=", false}, {'&', "&", '&', true, "=", false},
};

struct variable {
        struct str name;
        size_t prefix; /* characters; 0: all */
        bool is_exploded;
};

static bool is_one_of(char c, const char *set)
{
        return c != '\0' && strchr(set, c) != NULL;
}

static bool is_alnum(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_unreserved(char c)
{
        return is_alnum(c) || is_one_of(c, "-._~");
}

static bool is_reserved(char c)
{
        return is_one_of(c, ":/?#[]@!$&'()*+,;=");
}

static bool is_triplet(struct str s)
{
        return s.n >= 3 && s.p[0] == '%' && str_hex_digit(s.p[1]) >= 0 &&
               str_hex_digit(s.p[2]) >= 0;
}

static void skip(struct str *s, size_t n)
{
        s->p += n;
        s->n -= n;
}

/* Reading a template */

static const struct uri_op *find_operator(char c)
{
        for (size_t i = 1; i < sizeof(operators) / sizeof(operators[0]); i++)
                if (operators[i].name == c)
                        return &operators[i];
        return &operators[0];
}

/* Takes the operator off the front of what stands between braces. */
static const struct uri_op *take_operator(struct str *inside)
{
        const struct uri_op *op = find_operator(inside->n > 0 ? inside->p[0] : '\0');

        if (op->name != '\0')
                skip(inside, 1);
        return op;
}

/* Letters, digits, '_' and %XX, with single dots between them. */
static bool is_name(struct str s)
{
        bool may_dot = false;

        while (s.n > 0) {
                bool is_dot = s.p[0] == '.';

                if (is_dot ? !may_dot : !is_alnum(s.p[0]) && s.p[0] != '_' && !is_triplet(s))
                        return false;
                may_dot = !is_dot;
                skip(&s, s.p[0] == '%' ? 3 : 1);
        }
        return may_dot;
}

/* NULL, or what is wrong. */
static const char *read_variable(struct str spec, struct variable *var)
{
        struct str prefix = spec;
        uint64_t n = 0;

        var->is_exploded = spec.n > 0 && spec.p[spec.n - 1] == '*';
        if (var->is_exploded)
                spec.n--;
        prefix = spec;
        var->name = str_cut(&prefix, ':');
        var->prefix = 0;
        if (!is_name(var->name))
                return "a variable's name must be letters, digits, '_', '.' or %XX";
        if (var->name.n == spec.n)
                return NULL;
        if (var->is_exploded || str_to_u64(prefix, &n) != 0 || n == 0 || n >= PREFIX_MAX ||
            prefix.p[0] == '0')
                return "a prefix must be ':' and a number from 1 to 9999, without '*'";
        var->prefix = n;
        return NULL;
}

static const char *check_expression(struct str inside)
{
        struct variable var;
        const char *why;

        take_operator(&inside);
        do {
                bool is_last = memchr(inside.p, ',', inside.n) == NULL;

                why = read_variable(str_cut(&inside, ','), &var);
                if (is_last)
                        break;
        } while (why == NULL);
        return why;
}

/* The literal character that s begins with; 0: none that may stand there (RFC 6570 2.1). */
static size_t literal_first(struct str s)
{
        uint32_t c;

        if (is_triplet(s))
                return 3;
        if (is_unreserved(s.p[0]) || is_reserved(s.p[0]))
                return 1;
        return (unsigned char)s.p[0] < 0x80 ? 0 : str_utf8_first(s, &c);
}

static bool is_dots(struct str segment)
{
        size_t n_dots = 0;

        while (segment.n > 0) {
                if (is_triplet(segment) && strncasecmp(segment.p, "%2e", 3) == 0)
                        skip(&segment, 3);
                else if (segment.p[0] == '.')
                        skip(&segment, 1);
                else
                        return false;
                n_dots++;
        }
        return n_dots == 1 || n_dots == 2;
}

/* Has the path a segment "." or ".."? Some servers cut a segment at ';' before they look. */
static bool has_dot_segment(struct str uri)
{
        size_t n = 0, start = 0;

        for (; n <= uri.n; n++) {
                bool is_end = n == uri.n || is_one_of(uri.p[n], "?#");

                if (!is_end && !is_one_of(uri.p[n], "/;"))
                        continue;
                if (is_dots((struct str){uri.p + start, n - start}))
                        return true;
                if (is_end)
                        break;
                start = n + 1;
        }
        return false;
}

/* Walks a template: what stands before the next expression, and what stands in it. */
static bool next_part(struct str *rest, struct str *literal, struct str *inside)
{
        const char *open = memchr(rest->p, '{', rest->n);
        const char *close;

        *literal = *rest;
        *inside = (struct str){NULL, 0};
        if (open == NULL) {
                *rest = STR("");
                return literal->n > 0;
        }
        literal->n = (size_t)(open - rest->p);
        skip(rest, literal->n + 1);
        close = memchr(rest->p, '}', rest->n);
        *inside = (struct str){rest->p, close == NULL ? rest->n : (size_t)(close - rest->p)};
        skip(rest, close == NULL ? rest->n : inside->n + 1);
        return true;
}

static const char *check_literal(struct str literal)
{
        while (literal.n > 0) {
                size_t n = literal_first(literal);

                if (n == 0)
                        return "a character outside of {} that cannot stand in a URI";
                skip(&literal, n);
        }
        return NULL;
}

/* NULL, or what is wrong. */
static const char *check_syntax(struct str template)
{
        struct str rest = template, literal, inside;
        const char *why = NULL;

        while (why == NULL && rest.n > 0 && next_part(&rest, &literal, &inside)) {
                why = check_literal(literal);
                if (why != NULL || inside.p == NULL)
                        continue;
                if (rest.p == inside.p + inside.n)
                        why = "a '{' without its '}'";
                else
                        why = check_expression(inside);
        }
        return why;
}

bool uri_template_is_sound(struct str template)
{
        return check_syntax(template) == NULL;
}

int uri_template_check(struct str template, const char **whyp)
{
        *whyp = check_syntax(template);
        if (*whyp == NULL && has_dot_segment(template))
                *whyp = "a path segment \".\" or \"..\"";
        return *whyp == NULL ? 0 : URI_E_TEMPLATE;
}

int uri_vars_next(struct uri_vars *vars, struct str *namep)
{
        struct variable var;
        size_t n = 0;

        if (!vars->is_inside) {
                struct str after = vars->rest;

                str_cut(&after, '{');
                vars->rest = after;
                vars->op = take_operator(&vars->rest)->name;
        }
        while (n < vars->rest.n && !is_one_of(vars->rest.p[n], ",}"))
                n++;
        if (n == vars->rest.n || read_variable((struct str){vars->rest.p, n}, &var) != NULL) {
                vars->rest = STR("");
                vars->is_inside = false;
                return -ENOENT;
        }
        vars->is_inside = vars->rest.p[n] == ',';
        skip(&vars->rest, n + 1);
        *namep = var.name;
        return 0;
}

/* Expansion */

static int add_escaped(struct buf *out, char c)
{
        static const char digits[] = "0123456789ABCDEF";
        unsigned char byte = (unsigned char)c;
        char triplet[] = {'%', digits[byte >> 4], digits[byte & 15]};

        return buf_add(out, triplet, sizeof(triplet));
}

static int encode(struct buf *out, struct str s, bool allows_reserved)
{
        int r = 0;

        while (s.n > 0 && r == 0) {
                size_t n = allows_reserved && is_triplet(s) ? 3 : 1;

                if (n == 3 || is_unreserved(s.p[0]) || (allows_reserved && is_reserved(s.p[0])))
                        r = buf_add(out, s.p, n);
                else
                        r = add_escaped(out, s.p[0]);
                skip(&s, n);
        }
        return r;
}

int uri_encode(struct buf *out, struct str s)
{
        struct buf encoded;
        int r;

        buf_init(&encoded, out->max - out->len);
        r = encode(&encoded, s, false);
        if (r == 0)
                r = buf_add_str(out, buf_bytes(&encoded));
        buf_finish(&encoded);
        return r;
}

/* Of the reserved characters those that mean nothing in a value of a query (RFC 3986 3.4), where
 * "&", "+" and "#" do. */
int uri_encode_in_query(struct buf *out, struct str s)
{
        int r = 0;

        while (s.n > 0 && r == 0) {
                size_t n = is_triplet(s) ? 3 : 1;

                if (n == 3 || is_unreserved(s.p[0]) || is_one_of(s.p[0], ":/?@!$'()*,;="))
                        r = buf_add(out, s.p, n);
                else
                        r = add_escaped(out, s.p[0]);
                skip(&s, n);
        }
        return r;
}

static struct str print_real(double real, char out[URI_NUMBER_SIZE])
{
        /* an integer in full, else the fewest digits that are read back as the same */
        if (fabs(real) < 1e15 && trunc(real) == real) {
                snprintf(out, URI_NUMBER_SIZE, "%.0f", real == 0 ? 0 : real);
                return str_from(out);
        }
        for (int digits = 1; digits <= 17; digits++) {
                snprintf(out, URI_NUMBER_SIZE, "%.*g", digits, real);
                if (strtod(out, NULL) == real)
                        break;
        }
        return str_from(out);
}

int uri_print(const json_t *value, char number[URI_NUMBER_SIZE], struct str *textp)
{
        switch (json_typeof(value)) {
        case JSON_STRING:
                *textp = rpc_is_string(value) ? json_str(value) : rpc_number_text(value);
                return 0;
        case JSON_INTEGER:
                snprintf(number, URI_NUMBER_SIZE, "%" JSON_INTEGER_FORMAT,
                         json_integer_value(value));
                *textp = str_from(number);
                return 0;
        case JSON_REAL:
                *textp = print_real(json_real_value(value), number);
                return 0;
        case JSON_TRUE:
                *textp = STR("true");
                return 0;
        case JSON_FALSE:
                *textp = STR("false");
                return 0;
        default:
                return URI_E_VALUE;
        }
}

/* The first n characters. */
static struct str cut_prefix(struct str s, size_t n)
{
        struct str rest = s;
        uint32_t c;

        while (n-- > 0 && rest.n > 0) {
                size_t size = str_utf8_first(rest, &c);

                skip(&rest, size == 0 ? 1 : size);
        }
        return (struct str){s.p, s.n - rest.n};
}

struct expansion {
        struct buf out;
        const struct uri_op *op;
        struct variable var;
        bool has_begun; /* the expression has put out something */
};

static int add_separator(struct expansion *x)
{
        const char sep[] = {x->op->sep, '\0'};
        struct str s = str_from(x->has_begun ? sep : x->op->first);

        x->has_begun = true;
        return buf_add_str(&x->out, s);
}

/* "name=value", or "name" and what stands for no value. */
static int add_named(struct expansion *x, struct str name, struct str value)
{
        int r = encode(&x->out, name, x->op->allows_reserved);

        if (r == 0)
                r = buf_add_str(&x->out, value.n == 0 ? str_from(x->op->if_empty) : STR("="));
        return r != 0 ? r : encode(&x->out, value, x->op->allows_reserved);
}

/* The name of a variable stands as it is in the template. */
static int add_var_name(struct expansion *x, bool is_value_empty)
{
        int r = buf_add_str(&x->out, x->var.name);

        return r != 0 ? r
                      : buf_add_str(&x->out, is_value_empty ? str_from(x->op->if_empty) : STR("="));
}

static int expand_text(struct expansion *x, struct str text)
{
        int r = add_separator(x);

        if (x->var.prefix > 0)
                text = cut_prefix(text, x->var.prefix);
        if (r == 0 && x->op->is_named)
                r = add_var_name(x, text.n == 0);
        return r != 0 ? r : encode(&x->out, text, x->op->allows_reserved);
}

/* One element of a list, or one member of an object (then it has a key). */
static int expand_part(struct expansion *x, const char *key, const json_t *value, bool is_first)
{
        char number[URI_NUMBER_SIZE];
        struct str text;
        int r = uri_print(value, number, &text);

        if (r != 0)
                return r;
        if (x->var.is_exploded || is_first)
                r = add_separator(x);
        else
                r = buf_add_str(&x->out, STR(","));
        if (r == 0 && x->op->is_named && (x->var.is_exploded ? key == NULL : is_first))
                r = add_var_name(x, x->var.is_exploded && text.n == 0);
        if (r != 0)
                return r;
        if (key == NULL)
                return encode(&x->out, text, x->op->allows_reserved);
        if (x->var.is_exploded && x->op->is_named)
                return add_named(x, str_from(key), text);
        r = encode(&x->out, str_from(key), x->op->allows_reserved);
        if (r == 0)
                r = buf_add_str(&x->out, x->var.is_exploded ? STR("=") : STR(","));
        return r != 0 ? r : encode(&x->out, text, x->op->allows_reserved);
}

static int expand_list(struct expansion *x, json_t *list)
{
        bool is_first = true;
        const char *key;
        json_t *part;
        size_t i;
        int r = 0;

        json_array_foreach (list, i, part) {
                if (r != 0 || json_is_null(part))
                        continue;
                r = expand_part(x, NULL, part, is_first);
                is_first = false;
        }
        json_object_foreach (list, key, part) {
                if (r != 0 || json_is_null(part))
                        continue;
                r = expand_part(x, key, part, is_first);
                is_first = false;
        }
        return r;
}

static int expand_variable(struct expansion *x, const json_t *vars)
{
        json_t *value = json_object_getn(vars, x->var.name.p, x->var.name.n);
        char number[URI_NUMBER_SIZE];
        struct str text;
        int r;

        if (value == NULL || json_is_null(value))
                return 0;
        if (json_is_array(value) || json_is_object(value))
                return x->var.prefix > 0 ? URI_E_VALUE : expand_list(x, value);
        r = uri_print(value, number, &text);
        return r != 0 ? r : expand_text(x, text);
}

static int expand_expression(struct expansion *x, struct str inside, const json_t *vars)
{
        int r = 0;

        x->op = take_operator(&inside);
        x->has_begun = false;
        while (r == 0 && inside.n > 0) {
                read_variable(str_cut(&inside, ','), &x->var);
                r = expand_variable(x, vars);
        }
        return r;
}

/* Of a sound template. */
static int expand(struct expansion *x, struct str template, const json_t *vars)
{
        struct str rest = template, literal, inside;
        int r = 0;

        while (r == 0 && rest.n > 0 && next_part(&rest, &literal, &inside)) {
                r = encode(&x->out, literal, true);
                if (r == 0)
                        r = expand_expression(x, inside, vars);
        }
        return r;
}

int uri_template_expand(struct buf *out, struct str template, const json_t *vars, const char **whyp)
{
        struct expansion x = {.has_begun = false};
        int r = uri_template_check(template, whyp);

        if (r != 0)
                return r;
        buf_init(&x.out, out->max - out->len);
        r = expand(&x, template, vars);
        if (r == URI_E_VALUE)
                *whyp = "a value must be a string, a number, a boolean, or a list of these";
        if (r == 0 && has_dot_segment(buf_bytes(&x.out))) {
                *whyp = "a value would make a path segment \".\" or \"..\"";
                r = URI_E_VALUE;
        }
        if (r == 0)
                r = buf_add_str(out, buf_bytes(&x.out));
        buf_finish(&x.out);
        return r;
}
