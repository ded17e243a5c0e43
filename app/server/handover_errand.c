/* What the giver still wants of the store, which the taker has: it asks, the taker does it. */
#include "handover_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"
#include "mgw/wire/json_str.h"

#include <errno.h>
#include <stdlib.h>

/* Past what a value may have, in Base64. */
#define TEXT_MAX_BYTES (2 * STORE_VALUE_MAX_BYTES)

static json_t *base64_of(struct str bytes)
{
        struct buf text;
        json_t *json = NULL;

        buf_init(&text, TEXT_MAX_BYTES);
        if (base64_encode(&text, BASE64_STANDARD, bytes) == 0)
                json = json_stringn(buf_bytes(&text).p, text.len);
        buf_finish(&text);
        return json != NULL ? json : json_string("");
}

static bool read_base64(struct buf *bytes, const json_t *text)
{
        buf_init(bytes, STORE_VALUE_MAX_BYTES);
        return base64_decode(bytes, BASE64_STANDARD, json_str(text)) == 0;
}

static uint64_t number_of(const json_t *line, const char *name)
{
        return (uint64_t)json_integer_value(json_object_get(line, name));
}

/* ---- the giver's ---- */

static void carry(struct store_courier *courier, uint64_t number, const struct store_errand *errand)
{
        struct handover *h = container_of(courier, struct handover, giver.courier);

        handover_link_say_take(&h->giver.link, "errand",
                               json_pack("{s:I, s:i, s:o, s:o, s:I, s:I}", "number",
                                         (json_int_t)number, "kind", (int)errand->kind, "key",
                                         base64_of(errand->key), "value", base64_of(errand->value),
                                         "expires_ms", (json_int_t)errand->expires_ms, "expected",
                                         (json_int_t)errand->expected),
                               -1);
}

void handover_errands_send(struct handover *h)
{
        h->giver.courier.carry = carry;
        store_send(handover_context(h)->store, h->giver.does_errands ? &h->giver.courier : NULL);
}

void handover_errand_on_done(struct handover *h, json_t *line)
{
        struct store_record record = {.version = number_of(line, "version"),
                                      .expires_ms = (int64_t)number_of(line, "expires_ms")};
        const json_t *value = json_object_get(line, "value");
        struct buf bytes;

        bool is_sound = read_base64(&bytes, value);

        record.value = buf_bytes(&bytes);
        store_errand_done(handover_context(h)->store, number_of(line, "number"),
                          is_sound ? (int)json_integer_value(json_object_get(line, "result"))
                                   : -EIO,
                          value != NULL ? &record : NULL);
        buf_finish(&bytes);
}

/* ---- the taker's ---- */

struct errand {
        struct list node;
        struct handover *h;
        uint64_t number;
        struct store_op op;
};

static void errand_free(struct errand *errand)
{
        list_unlink(&errand->node);
        store_cancel(&errand->op);
        free(errand);
}

static void on_done(struct store_op *op)
{
        struct errand *errand = container_of(op, struct errand, op);
        json_t *line =
                json_pack("{s:I, s:i}", "number", (json_int_t)errand->number, "result", op->result);

        if (op->n_records > 0) {
                json_object_set_new(line, "value", base64_of(op->records[0].value));
                json_object_set_new(line, "version",
                                    json_integer((json_int_t)op->records[0].version));
                json_object_set_new(line, "expires_ms", json_integer(op->records[0].expires_ms));
        }
        handover_link_say_take(&errand->h->taker.link, "errand", line, -1);
        errand_free(errand);
}

void handover_errand_run(struct handover *h, json_t *line)
{
        struct buf key, value;
        bool is_sound = read_base64(&key, json_object_get(line, "key"));
        json_int_t kind = json_integer_value(json_object_get(line, "kind"));

        is_sound &= read_base64(&value, json_object_get(line, "value"));
        if (is_sound && kind >= STORE_ERRAND_GET && kind <= STORE_ERRAND_DELETE) {
                struct errand *errand = alloc_zeroed(sizeof(*errand));

                errand->h = h;
                errand->number = number_of(line, "number");
                errand->op.on_done = on_done;
                list_append(&h->taker.errands, &errand->node);
                store_run_errand(
                        handover_context(h)->store, &errand->op,
                        &(struct store_errand){.kind = (int)kind,
                                               .key = buf_bytes(&key),
                                               .value = buf_bytes(&value),
                                               .expires_ms = (int64_t)number_of(line, "expires_ms"),
                                               .expected = number_of(line, "expected")});
        }
        buf_finish(&key);
        buf_finish(&value);
}

void handover_errands_forget(struct handover *h)
{
        struct list *node;

        while ((node = list_first(&h->taker.errands)) != NULL)
                errand_free(container_of(node, struct errand, node));
}
