#include "mgw/auth/sealed.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>

/* A sealed text: a third more than its payload, and what is around it. */
#define TEXT_MAX_BYTES (2 * SEAL_PAYLOAD_MAX_BYTES)

bool sealed_is(struct str text)
{
        return str_has_prefix(text, STR("mgw1."));
}

char *sealed_close(const struct sealed_keys *keys, const char *kind, int64_t expires_ms,
                   const json_t *content, size_t max_bytes)
{
        const struct seal_binding binding = {.user = STR("mgw"), .request = str_from(kind)};
        char *json = json_dumps(content, JSON_COMPACT), *text = NULL;
        struct str payload = str_from(json);
        struct buf sealed;

        buf_init(&sealed, TEXT_MAX_BYTES);
        if (json != NULL && payload.n <= max_bytes &&
            seal_close(&sealed, keys->key, &binding, expires_ms, payload) == 0)
                text = alloc_str(buf_bytes(&sealed));
        buf_finish(&sealed);
        free(json);
        return text;
}

int sealed_open(const struct sealed_keys *keys, const char *kind, int64_t now_ms, struct str text,
                json_t **contentp)
{
        const struct seal_binding binding = {.user = STR("mgw"), .request = str_from(kind)};
        struct buf payload;
        int r;

        *contentp = NULL;
        buf_init(&payload, SEAL_PAYLOAD_MAX_BYTES);
        r = seal_open(&payload, keys->key, &binding, now_ms, text);
        if (r == SEAL_E_BAD && keys->has_old_key)
                r = seal_open(&payload, keys->old_key, &binding, now_ms, text);
        if (r == 0)
                *contentp = json_loadb(buf_bytes(&payload).p, buf_bytes(&payload).n, 0, NULL);
        buf_finish(&payload);
        return r == 0 && *contentp != NULL ? 0 : r == SEAL_E_EXPIRED ? SEAL_E_EXPIRED : SEAL_E_BAD;
}
