/* The seal is bound to the user, the method and the params without what a retry adds. */
#include "mgw/session/request_state.h"

#include "mgw/base/clock.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "mgw/mcp/seal.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>

/* A sealed text: a third more than its payload, and what is around it. */
#define TEXT_MAX_BYTES (2 * SEAL_PAYLOAD_MAX_BYTES)

int request_state_context_init(struct context *context)
{
        struct str secret = str_from(context->config->state_key);

        if (secret.n > 0)
                return seal_key_from_secret(context->state_key, secret);
        rand_bytes(context->state_key, sizeof(context->state_key));
        return 0;
}

/* The digest stands in the memory that the binding borrows. 0, -ENOMEM. */
static int bind(struct seal_binding *binding, uint8_t digest[SEAL_DIGEST_BYTES],
                const struct user *user, const char *method, const json_t *params)
{
        *binding = (struct seal_binding){
                .user = str_from(user->email),
                .request = {(const char *)digest, SEAL_DIGEST_BYTES},
        };
        return seal_digest(digest, method, params);
}

json_t *request_state_seal(const struct context *context, const struct user *user,
                           const char *method, const json_t *params, const json_t *content)
{
        int64_t expires_ms = clock_wall_ms() + context->config->input_wait_ms;
        struct str payload = {NULL, 0};
        uint8_t digest[SEAL_DIGEST_BYTES];
        struct seal_binding binding;
        json_t *state = NULL;
        struct buf text;

        buf_init(&text, TEXT_MAX_BYTES);
        if (rpc_dump(content, &payload) == 0 && bind(&binding, digest, user, method, params) == 0 &&
            seal_close(&text, context->state_key, &binding, expires_ms, payload) == 0)
                state = json_stringn(buf_bytes(&text).p, buf_bytes(&text).n);
        buf_finish(&text);
        free((void *)payload.p);
        return state;
}

json_t *request_state_open(const struct context *context, const struct user *user,
                           const char *method, const json_t *params, const char **whyp)
{
        const json_t *state = json_object_get(params, "requestState");
        struct str text = json_str(state);
        uint8_t digest[SEAL_DIGEST_BYTES];
        struct seal_binding binding;
        json_t *content = NULL;
        struct buf payload;
        char why[160];
        int r;

        buf_init(&payload, SEAL_PAYLOAD_MAX_BYTES);
        r = bind(&binding, digest, user, method, params);
        if (r == 0)
                r = seal_open(&payload, context->state_key, &binding, clock_wall_ms(), text);
        if (r == 0)
                (void)rpc_parse(buf_bytes(&payload), NULL, &content, why, sizeof(why));
        buf_finish(&payload);
        if (content == NULL)
                *whyp = r == SEAL_E_EXPIRED
                                ? "params.requestState has expired: send the request without it"
                        : r == SEAL_E_BAD
                                ? "params.requestState was not given out here for this request"
                                : "out of memory";
        return content;
}
