/* Events of libyaml's to values, by descent: as deep as the limit allows. Whoever fails has told
 * why, and returns NULL. */
#include "mgw/wire/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
        yaml_parser_t parser;
        json_t *anchors; /* name -> value */
        size_t n_left;   /* values */
        struct yaml_fault *fault;
        int error; /* 0: nothing has failed */
};

static void __attribute__((format(printf, 3, 4)))
fail(struct reader *r, const yaml_mark_t *mark, const char *fmt, ...)
{
        va_list ap;

        if (r->error != 0)
                return;
        r->error = -EINVAL;
        r->fault->line = (unsigned)mark->line + 1;
        r->fault->column = (unsigned)mark->column + 1;
        va_start(ap, fmt);
        vsnprintf(r->fault->why, sizeof(r->fault->why), fmt, ap);
        va_end(ap);
}

static json_t *need(struct reader *r, json_t *value)
{
        if (value == NULL && r->error == 0)
                r->error = -ENOMEM;
        return value;
}

/* The caller deletes the event. */
static bool next(struct reader *r, yaml_event_t *event)
{
        const yaml_parser_t *p = &r->parser;
        yaml_mark_t mark;

        if (r->error != 0)
                return false;
        if (yaml_parser_parse(&r->parser, event) != 0)
                return true;
        mark = p->problem_mark;
        if (p->error == YAML_MEMORY_ERROR)
                r->error = -ENOMEM;
        else if (p->error == YAML_READER_ERROR)
                fail(r, &p->mark, "%s", p->problem != NULL ? p->problem : "cannot be read");
        else
                fail(r, &mark, "%s%s%s", p->problem != NULL ? p->problem : "cannot be read",
                     p->context != NULL ? ", " : "", p->context != NULL ? p->context : "");
        return false;
}

static bool spend(struct reader *r, const yaml_mark_t *mark, size_t n)
{
        if (n > r->n_left) {
                fail(r, mark, "holds too much, with what its aliases stand for");
                return false;
        }
        r->n_left -= n;
        return true;
}

/* ---- scalars (YAML 1.2.2, 10.3.2) ---- */

static bool is_one_of(const char *text, const char *a, const char *b, const char *c)
{
        return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

static size_t n_digits(const char *text)
{
        return strspn(text, "0123456789");
}

/* NULL: it is no whole number that 64 bits hold. */
static json_t *whole_number(const char *text)
{
        const char *digits = text + (*text == '-' || *text == '+');
        int base = 10;
        char *end;
        long long n;

        if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0o", 2) == 0) {
                base = text[1] == 'x' ? 16 : 8;
                digits = text += 2;
        }
        if (strchr("0123456789abcdefABCDEF", *digits) == NULL || *digits == '\0')
                return NULL;
        errno = 0;
        n = strtoll(text, &end, base);
        return *end == '\0' && errno == 0 ? json_integer(n) : NULL;
}

static bool is_number(const char *text)
{
        size_t whole, part = 0;

        text += *text == '-' || *text == '+';
        whole = n_digits(text);
        text += whole;
        if (*text == '.') {
                part = n_digits(++text);
                text += part;
        }
        if (whole + part == 0)
                return false;
        if (*text == 'e' || *text == 'E') {
                text += 1 + (text[1] == '-' || text[1] == '+');
                if (n_digits(text) == 0)
                        return false;
                text += n_digits(text);
        }
        return *text == '\0';
}

static json_t *plain_scalar(const char *text, size_t n)
{
        json_t *number;
        double x;

        if (strlen(text) != n)
                return json_stringn(text, n);
        if (n == 0 || strcmp(text, "~") == 0 || is_one_of(text, "null", "Null", "NULL"))
                return json_null();
        if (is_one_of(text, "true", "True", "TRUE"))
                return json_true();
        if (is_one_of(text, "false", "False", "FALSE"))
                return json_false();
        number = whole_number(text);
        if (number != NULL)
                return number;
        x = is_number(text) ? strtod(text, NULL) : NAN;
        return isfinite(x) ? json_real(x) : json_stringn(text, n);
}

static bool is_str_tag(const yaml_char_t *tag)
{
        return strcmp((const char *)tag, YAML_STR_TAG) == 0 || strcmp((const char *)tag, "!") == 0;
}

static json_t *read_scalar(struct reader *r, const yaml_event_t *event)
{
        const char *text = (const char *)event->data.scalar.value;
        size_t n = event->data.scalar.length;
        const yaml_char_t *tag = event->data.scalar.tag;

        if (!spend(r, &event->start_mark, 1 + n / 64))
                return NULL;
        if (tag != NULL && !is_str_tag(tag)) {
                fail(r, &event->start_mark, "the tag %.60s is not known here", tag);
                return NULL;
        }
        return need(r, tag == NULL && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                               ? plain_scalar(text, n)
                               : json_stringn(text, n));
}

/* ---- anchors ---- */

static void keep_anchor(struct reader *r, const yaml_char_t *anchor, json_t *value)
{
        if (anchor != NULL && value != NULL &&
            json_object_set(r->anchors, (const char *)anchor, value) < 0)
                r->error = -ENOMEM;
}

/* What a copy costs; ends when that is more than max, or it is deeper than that. */
static size_t cost(const json_t *value, size_t max, unsigned depth)
{
        size_t n = 1 + json_string_length(value) / 64, i;
        const char *key;
        json_t *one;

        if (!json_is_object(value) && !json_is_array(value))
                return n;
        if (depth == 0 || n > max)
                return SIZE_MAX;
        json_array_foreach ((json_t *)value, i, one) {
                size_t more = cost(one, max - n, depth - 1);

                if (more > max - n)
                        return SIZE_MAX;
                n += more;
        }
        json_object_foreach ((json_t *)value, key, one) {
                size_t more = cost(one, max - n, depth - 1);

                if (more > max - n || strlen(key) / 64 > max - n - more)
                        return SIZE_MAX;
                n += more + strlen(key) / 64;
        }
        return n;
}

static json_t *read_alias(struct reader *r, const yaml_event_t *event, unsigned depth)
{
        const char *name = (const char *)event->data.alias.anchor;
        const json_t *value = json_object_get(r->anchors, name);

        if (value == NULL) {
                fail(r, &event->start_mark, "*%.60s: there is no such anchor before", name);
                return NULL;
        }
        if (!spend(r, &event->start_mark, cost(value, r->n_left, depth)))
                return NULL;
        return need(r, json_deep_copy(value));
}

/* ---- collections ---- */

static json_t *read_node(struct reader *r, const yaml_event_t *event, unsigned depth);

static bool enter(struct reader *r, const yaml_event_t *event, const yaml_char_t *tag,
                  const char *standard, unsigned depth)
{
        if (depth == 0)
                fail(r, &event->start_mark, "is too deep here");
        else if (tag != NULL && strcmp((const char *)tag, standard) != 0)
                fail(r, &event->start_mark, "the tag %.60s is not known here", tag);
        return r->error == 0 && spend(r, &event->start_mark, 1);
}

static json_t *read_sequence(struct reader *r, const yaml_event_t *start, unsigned depth)
{
        json_t *array;
        yaml_event_t event;

        if (!enter(r, start, start->data.sequence_start.tag, YAML_SEQ_TAG, depth))
                return NULL;
        array = json_array();
        while (next(r, &event)) {
                bool is_end = event.type == YAML_SEQUENCE_END_EVENT;
                json_t *one = is_end ? NULL : read_node(r, &event, depth - 1);

                yaml_event_delete(&event);
                if (is_end)
                        return array;
                if (one != NULL && json_array_append_new(array, one) < 0)
                        r->error = -ENOMEM;
        }
        json_decref(array);
        return NULL;
}

/* "<<": a mapping, or several of which the first wins. */
static void merge(struct reader *r, json_t *object, json_t *from, const yaml_mark_t *mark)
{
        json_t *one;
        size_t i;

        if (json_is_object(from) && json_object_update_missing(object, from) < 0)
                r->error = -ENOMEM;
        json_array_foreach (from, i, one)
                if (json_is_object(one) && json_object_update_missing(object, one) < 0)
                        r->error = -ENOMEM;
        if (!json_is_object(from) && !json_is_array(from))
                fail(r, mark, "<< needs a mapping, or a sequence of mappings");
}

/* The value of the key that event is; merged: what stands under "<<", owned. */
static void read_member(struct reader *r, json_t *object, const yaml_event_t *key, unsigned depth,
                        json_t **merged)
{
        const char *name = (const char *)key->data.scalar.value;
        size_t n = key->data.scalar.length;
        bool is_merge;
        yaml_event_t event;
        json_t *value;

        if (key->type != YAML_SCALAR_EVENT || strlen(name) != n) {
                fail(r, &key->start_mark, "a key must be a text here");
                return;
        }
        is_merge = strcmp(name, "<<") == 0 && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                   *merged == NULL;
        if (!is_merge && json_object_get(object, name) != NULL)
                fail(r, &key->start_mark, "the key \"%.60s\" stands twice", name);
        if (!spend(r, &key->start_mark, n / 64) || !next(r, &event))
                return;
        value = read_node(r, &event, depth);
        if (is_merge)
                *merged = value;
        else if (value != NULL && json_object_set_new(object, name, value) < 0)
                need(r, NULL);
        yaml_event_delete(&event);
}

static json_t *read_mapping(struct reader *r, const yaml_event_t *start, unsigned depth)
{
        json_t *object, *merged = NULL;
        yaml_event_t event;
        bool is_end = false;

        if (!enter(r, start, start->data.mapping_start.tag, YAML_MAP_TAG, depth))
                return NULL;
        object = json_object();
        while (!is_end && next(r, &event)) {
                is_end = event.type == YAML_MAPPING_END_EVENT;
                if (!is_end)
                        read_member(r, object, &event, depth - 1, &merged);
                yaml_event_delete(&event);
        }
        if (merged != NULL && r->error == 0)
                merge(r, object, merged, &start->start_mark);
        json_decref(merged);
        if (r->error == 0)
                return object;
        json_decref(object);
        return NULL;
}

static json_t *read_node(struct reader *r, const yaml_event_t *event, unsigned depth)
{
        const yaml_char_t *anchor = NULL;
        json_t *value = NULL;

        switch (event->type) {
        case YAML_ALIAS_EVENT:
                return read_alias(r, event, depth);
        case YAML_SCALAR_EVENT:
                anchor = event->data.scalar.anchor;
                value = read_scalar(r, event);
                break;
        case YAML_SEQUENCE_START_EVENT:
                anchor = event->data.sequence_start.anchor;
                value = read_sequence(r, event, depth);
                break;
        case YAML_MAPPING_START_EVENT:
                anchor = event->data.mapping_start.anchor;
                value = read_mapping(r, event, depth);
                break;
        default:
                fail(r, &event->start_mark, "a value is missing");
                return NULL;
        }
        keep_anchor(r, anchor, value);
        return value;
}

/* ---- the document ---- */

static void read_stream(struct reader *r, unsigned depth, json_t **jsonp)
{
        yaml_event_t event;
        bool is_end = false;

        while (!is_end && next(r, &event)) {
                is_end = event.type == YAML_STREAM_END_EVENT;
                if (event.type == YAML_DOCUMENT_START_EVENT && *jsonp != NULL)
                        fail(r, &event.start_mark, "one document is read, and here is another");
                else if (event.type != YAML_STREAM_START_EVENT && !is_end &&
                         event.type != YAML_DOCUMENT_START_EVENT &&
                         event.type != YAML_DOCUMENT_END_EVENT)
                        *jsonp = read_node(r, &event, depth);
                yaml_event_delete(&event);
        }
}

int yaml_to_json(struct str text, const struct yaml_limits *limits, json_t **jsonp,
                 struct yaml_fault *fault)
{
        struct reader r = {.n_left = limits->n_values_max, .fault = fault};
        json_t *json = NULL;

        if (yaml_parser_initialize(&r.parser) == 0)
                return -ENOMEM;
        r.anchors = json_object();
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
        read_stream(&r, limits->depth_max, &json);
        yaml_parser_delete(&r.parser);
        json_decref(r.anchors);
        if (r.error == 0) {
                *jsonp = json != NULL ? json : json_null();
                return 0;
        }
        json_decref(json);
        return r.error;
}
