/* JSON-RPC 2.0 envelopes on jansson.
 * Depth and number of values are bounded before jansson, whose own bound is 2048 levels of
 * recursion, sees the text.
 * Reasons name what is wrong and where, and never quote the text: they go into answers and logs,
 * the text is a user's. */
#include "mgw/wire/rpc.h"

#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_number.h"
#include "rpc_read.h"
#include "rpc_size.h"
#include "rpc_write.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(RPC_DEPTH_MAX == 64, "as refusal() says");

struct place {
        size_t line;
        size_t column; /* in bytes */
        size_t byte;
};

/* Where the byte at offset stands, all counted from 1, as jansson does. */
static struct place place_of(struct str text, size_t offset)
{
        struct place at = {.line = 1, .column = 1, .byte = offset + 1};

        for (size_t i = 0; i < offset; i++) {
                at.column++;
                if (text.p[i] == '\n') {
                        at.line++;
                        at.column = 1;
                }
        }
        return at;
}

static void write_reason(char *why, size_t size, const char *what, struct place at)
{
        snprintf(why, size, "%s (line %zu, column %zu, byte %zu)", what, at.line, at.column,
                 at.byte);
}

/* NULL, or why the text may not be parsed; *outcomep is the outcome then. */
static const char *refusal(const struct rpc_bounds *bounds, const struct rpc_size *size,
                           int *outcomep)
{
        int r = 0;

        if (size->is_too_deep) {
                *outcomep = RPC_E_JSON;
                return "nested deeper than 64 levels";
        }
        if (bounds == NULL)
                return NULL;
        if (size->n_values > bounds->values_max) {
                *outcomep = RPC_E_BIG;
                return "more values than allowed";
        }
        if (bounds->hold != NULL)
                r = ledger_hold_set(bounds->hold, size->bytes);
        *outcomep = r == LEDGER_E_PAYER ? RPC_E_PAYER : RPC_E_WHOLE;
        return r == 0                ? NULL
               : r == LEDGER_E_PAYER ? "it would take more memory than its sender may hold"
                                     : "the gateway has no memory left for it";
}

/* What was mended takes more than the text had told. */
static int count_grown(const struct rpc_bounds *bounds, size_t bytes)
{
        int r = bounds != NULL && bounds->hold != NULL ? ledger_hold_set(bounds->hold, bytes) : 0;

        return r == 0 ? 0 : r == LEDGER_E_PAYER ? RPC_E_PAYER : RPC_E_WHOLE;
}

static int parse(struct str text, bool is_any, const struct rpc_bounds *bounds, json_t **rootp,
                 char *why, size_t why_size)
{
        struct rpc_size size;
        struct rpc_read read;
        const char *fault;
        int r;

        rpc_size_of(text, bounds != NULL ? bounds->values_max : SIZE_MAX, &size);
        fault = refusal(bounds, &size, &r);
        if (fault != NULL) {
                write_reason(why, why_size, fault, place_of(text, size.is_too_deep ? size.end : 0));
                return r;
        }
        *rootp = rpc_read(text, is_any, &read);
        r = *rootp == NULL ? RPC_E_JSON : 0;
        if (r == 0 && read.n_grown > 0)
                r = count_grown(bounds, size.bytes + read.n_grown);
        if (r == 0)
                return 0;
        json_decref(*rootp);
        write_reason(why, why_size,
                     r != RPC_E_JSON    ? "it would take more memory than there is for it"
                     : read.why == NULL ? "out of memory"
                                        : read.why,
                     place_of(text, read.stop));
        if (bounds != NULL && bounds->hold != NULL)
                ledger_hold_set_past(bounds->hold, 0);
        return r;
}

int rpc_parse(struct str text, const struct rpc_bounds *bounds, json_t **rootp, char *why,
              size_t why_size)
{
        return parse(text, false, bounds, rootp, why, why_size);
}

int rpc_parse_any(struct str text, json_t **valuep, char *why, size_t why_size)
{
        return parse(text, true, NULL, valuep, why, why_size);
}

static bool has_nul(const json_t *string)
{
        return memchr(json_string_value(string), '\0', json_string_length(string)) != NULL;
}

static bool is_id(const json_t *id)
{
        return (json_is_string(id) && json_string_length(id) <= RPC_ID_MAX_BYTES) ||
               rpc_is_integral(id);
}

static json_t *not_null(json_t *value)
{
        return json_is_null(value) ? NULL : value;
}

/* What is logged may be anything, and a task may live for ever. */
static bool may_be_null(const char *key)
{
        static const char *const keys[] = {"data", "ttl", "ttlMs"};

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(key, keys[i]) == 0)
                        return true;
        return false;
}

static void drop_nulls(json_t *object)
{
        const char *key;
        json_t *member;
        void *next;
        size_t n;

        json_object_keylen_foreach_safe(object, next, key, n, member)
        {
                if (json_is_null(member) && !may_be_null(key))
                        (void)json_object_deln(object, key, n);
        }
}

/* Writers of JSON that leave no member out give a notification an id of null. */
static void drop_null_id(struct rpc_msg *msg, const char *method)
{
        if (!json_is_null(msg->id) || strncmp(method, "notifications/", 14) != 0)
                return;
        json_object_del(msg->root, "id");
        msg->id = NULL;
}

/* NULL, or what is wrong. */
static const char *read_call(json_t *method, struct rpc_msg *msg)
{
        json_t *meta = json_object_get(msg->params, "_meta");

        if (!rpc_is_string(method) || has_nul(method))
                return "method must be a string without NUL";
        if (msg->params != NULL && !json_is_object_or_raw(msg->params))
                return "params must be an object";
        drop_null_id(msg, json_string_value(method));
        if (msg->id != NULL && !is_id(msg->id))
                return "id must be a string of at most 1024 bytes, or an integer";
        drop_nulls(meta);
        drop_nulls(msg->params);
        msg->method = json_string_value(method);
        msg->kind = msg->id == NULL ? RPC_NOTIFICATION : RPC_REQUEST;
        return NULL;
}

static const char *read_error(struct rpc_msg *msg)
{
        if (!json_is_object(msg->error) || !json_is_integer(json_object_get(msg->error, "code")) ||
            !rpc_is_string(json_object_get(msg->error, "message")))
                return "error must be an object with an integer code and a string message";
        /* the one place where null, or nothing, may stand: the peer could not read our id */
        msg->id = not_null(msg->id);
        if (msg->id != NULL && !is_id(msg->id))
                return "id must be a string of at most 1024 bytes, or an integer";
        msg->kind = RPC_ERROR;
        return NULL;
}

static const char *read_result(struct rpc_msg *msg)
{
        if (!is_id(msg->id))
                return "a result must carry the id of its request, a string of at most 1024 bytes, "
                       "or an integer";
        msg->kind = RPC_RESULT;
        return NULL;
}

static bool says_2_0(const json_t *root)
{
        const char *version = json_string_value(json_object_get(root, "jsonrpc"));

        return version != NULL && strcmp(version, "2.0") == 0;
}

static struct rpc_msg view(json_t *root)
{
        json_t *params = json_object_get(root, "params");

        if (json_is_null(params)) {
                json_object_del(root, "params");
                params = NULL;
        }
        return (struct rpc_msg){
                .root = root,
                .id = json_object_get(root, "id"),
                .params = params,
                .result = json_object_get(root, "result"),
                .error = not_null(json_object_get(root, "error")),
        };
}

static const char *read_msg(json_t *root, struct rpc_msg *msg)
{
        json_t *method = not_null(json_object_get(root, "method"));
        int n_kinds;

        if (!json_is_object(root))
                return "a message must be a JSON object";
        if (!says_2_0(root))
                return "jsonrpc must be \"2.0\"";
        if (method != NULL || msg->error != NULL)
                msg->result = not_null(msg->result);
        n_kinds = (method != NULL) + (msg->result != NULL) + (msg->error != NULL);
        if (n_kinds != 1)
                return "a message must have one of method, result and error";
        if (method != NULL)
                return read_call(method, msg);
        return msg->error != NULL ? read_error(msg) : read_result(msg);
}

int rpc_msg_read(json_t *root, struct rpc_msg *msg, const char **whyp)
{
        const char *why;

        *msg = view(root);
        why = read_msg(root, msg);
        if (why == NULL)
                return 0;
        *whyp = why;
        return RPC_E_INVALID;
}

json_t *rpc_id_of(const json_t *message)
{
        json_t *id = json_object_get(message, "id");
        bool is_answer = json_object_get(message, "method") == NULL &&
                         (json_object_get(message, "result") != NULL ||
                          json_object_get(message, "error") != NULL);

        return is_id(id) && !is_answer ? id : NULL;
}

/* ---- what servers say ---- */

static bool is_zero(const json_t *value)
{
        return value == NULL || json_is_null(value) ||
               (json_is_string(value) && json_string_length(value) == 0) ||
               (json_is_integer(value) && json_integer_value(value) == 0);
}

/* Does it tell anything? Not when it is missing, or Go's zero value. */
static bool is_error(const json_t *error)
{
        return !is_zero(json_object_get(error, "code")) ||
               !is_zero(json_object_get(error, "message"));
}

/* What it says, as an error that anybody can read. */
static json_t *sound_error(json_t *error)
{
        const json_t *code = json_object_get(error, "code");
        json_t *words = json_is_object(error) ? json_object_get(error, "message") : error;
        json_t *data = json_object_get(error, "data");
        double number = json_is_string(code) ? strtod(json_string_value(code), NULL)
                                             : json_number_value(code);
        bool is_code = number >= INT32_MIN && number <= INT32_MAX && (int)number != 0;
        json_t *message = rpc_is_string(words) ? json_incref(words)
                                               : json_string("the server's error has no message");

        if (data == NULL && !json_is_string(words))
                data = words;
        return json_pack("{s:i, s:o, s:O*}", "code", is_code ? (int)number : RPC_INTERNAL_ERROR,
                         "message", message, "data", data);
}

static void mend_error(json_t *root, struct rpc_msg *msg)
{
        if (msg->error == NULL)
                return;
        if (msg->result != NULL && !is_error(msg->error)) {
                msg->error = NULL;
        } else {
                msg->result = NULL;
                json_object_del(root, "result");
        }
        if (msg->error == NULL)
                json_object_del(root, "error");
        else if (!json_is_integer(json_object_get(msg->error, "code")) ||
                 !rpc_is_string(json_object_get(msg->error, "message")))
                json_object_set_new(root, "error", sound_error(msg->error));
}

static void mend_answer(json_t *root, struct rpc_msg *msg)
{
        bool is_nothing = json_is_null(msg->result) ||
                          (json_is_array(msg->result) && json_array_size(msg->result) == 0);

        msg->result = not_null(msg->result);
        mend_error(root, msg);
        if (msg->error == NULL && is_nothing)
                json_object_set_new(root, "result", json_object());
        if (!is_id(msg->id))
                json_object_del(root, "id");
}

static void mend_call(json_t *root, const struct rpc_msg *msg)
{
        const char *method = rpc_text(root, "method");

        if (json_is_null(msg->id) && method != NULL &&
            strncmp(method, "notifications/", strlen("notifications/")) == 0)
                json_object_del(root, "id");
        if (json_is_array(msg->params) && json_array_size(msg->params) == 0)
                json_object_set_new(root, "params", json_object());
}

int rpc_msg_mend(json_t *root, struct rpc_msg *msg, const char **whyp)
{
        bool is_bare = json_is_object(root) && !says_2_0(root), is_answer;
        int r;

        *msg = view(root);
        if (json_object_get(root, "error") != NULL && msg->error == NULL)
                json_object_del(root, "error");
        if (not_null(msg->result) != NULL || msg->error != NULL)
                json_object_del(root, "method"); /* of what it answers */
        is_answer = not_null(json_object_get(root, "method")) == NULL;
        if (is_answer && (msg->result != NULL || msg->error != NULL))
                mend_answer(root, msg);
        else if (!is_answer)
                mend_call(root, msg);
        if (is_bare)
                json_object_set_new(root, "jsonrpc", json_string("2.0"));
        r = rpc_msg_read(root, msg, whyp);
        if (r != 0 && is_answer && msg->id == NULL && json_is_object(msg->result)) {
                msg->kind = RPC_RESULT;
                r = 0;
        }
        if (r == 0 && msg->kind == RPC_RESULT && !json_is_object_or_raw(msg->result)) {
                *whyp = "its result is no object";
                r = RPC_E_INVALID;
        }
        msg->is_bare = is_bare;
        return r;
}

struct member {
        const char *key;
        json_t *value; /* NULL: left out, if it may be */
        bool may_lack;
};

/* Consumes all values. NULL: a needed value could not be made. */
static json_t *build(const struct member *members, size_t n)
{
        json_t *object = json_object();
        bool is_bad = false;

        for (size_t i = 0; i < n; i++) {
                if (members[i].value == NULL && members[i].may_lack)
                        continue;
                if (json_object_set_new_nocheck(object, members[i].key, members[i].value) != 0)
                        is_bad = true;
        }
        if (is_bad) {
                json_decref(object);
                return NULL;
        }
        return object;
}

#define BUILD(...)                                                                                 \
        build((const struct member[]){__VA_ARGS__},                                                \
              sizeof((const struct member[]){__VA_ARGS__}) / sizeof(struct member))

/* A string for a person to read: what is not UTF-8 in it becomes '?'. */
static json_t *readable(const char *text)
{
        struct str rest = str_from(text);
        char *copy = str_dup(rest);
        json_t *string;
        uint32_t c;

        if (copy == NULL)
                return NULL;
        while (rest.n > 0) {
                size_t n = str_utf8_first(rest, &c);

                if (n == 0)
                        copy[rest.p - text] = '?';
                rest.p += n == 0 ? 1 : n;
                rest.n -= n == 0 ? 1 : n;
        }
        string = json_string(copy);
        free(copy);
        return string;
}

/* One for all messages: nobody changes a string. */
static json_t *version_2_0(void)
{
        static json_t *kept;

        if (kept == NULL)
                kept = json_string("2.0");
        return json_incref(kept);
}

json_t *rpc_result_take(json_t *id, json_t *result)
{
        json_t *version = version_2_0();
        json_t *id_or_null = id == NULL ? json_null() : json_incref(id);

        return BUILD({"jsonrpc", version, false}, {"id", id_or_null, false},
                     {"result", result, false});
}

json_t *rpc_error_take(json_t *id, int code, const char *message, json_t *data)
{
        json_t *version = version_2_0();
        json_t *id_or_null = id == NULL ? json_null() : json_incref(id);
        json_t *code_number = json_integer(code);
        json_t *text = readable(message);
        json_t *error =
                BUILD({"code", code_number, false}, {"message", text, false}, {"data", data, true});

        return BUILD({"jsonrpc", version, false}, {"id", id_or_null, false},
                     {"error", error, false});
}

json_t *rpc_notification_take(const char *method, json_t *params)
{
        json_t *version = version_2_0();
        json_t *name = json_string(method);

        return BUILD({"jsonrpc", version, false}, {"method", name, false},
                     {"params", params, true});
}

json_t *rpc_request_take(json_t *id_take, const char *method, json_t *params)
{
        json_t *version = version_2_0();
        json_t *name = json_string(method);

        return BUILD({"jsonrpc", version, false}, {"id", id_take, false}, {"method", name, false},
                     {"params", params, true});
}

int rpc_dump(const json_t *value, struct str *out)
{
        return rpc_write(value, &(struct rpc_write_style){0}, out);
}

int rpc_dump_sorted(const json_t *value, struct str *out)
{
        return rpc_write(value, &(struct rpc_write_style){.is_sorted = true}, out);
}

int rpc_dump_ascii(const json_t *value, unsigned indent, struct str *out)
{
        return rpc_write(value, &(struct rpc_write_style){.is_ascii = true, .indent = indent}, out);
}

const char *rpc_text(const json_t *object, const char *key)
{
        const json_t *string = json_object_get(object, key);
        const char *text = json_string_value(string);

        return rpc_is_string(string) && strlen(text) == json_string_length(string) ? text : NULL;
}
