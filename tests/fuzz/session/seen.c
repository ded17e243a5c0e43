/* Tells libFuzzer what its counters of code cannot: in which state the upstream sessions are while
 * this and that is on its way. An input that shows a new one is worth keeping, though it ran no new
 * line. */
#include "world.h"

#include "../fuzz.h"
#include "mgw/session/session.h"

#include "upstream_inside.h"

#define SEEN 16384

/* libFuzzer looks for this section. */
static uint8_t seen[SEEN] __attribute__((section("__libfuzzer_extra_counters"), used));

static uint32_t last_state; /* of the upstream sessions: that of the last */

static void note(uint32_t what)
{
        what *= 2654435761u;
        seen[(what >> 16) % SEEN] = 1;
}

static uint32_t state_of(const struct upstream_session *us)
{
        return (uint32_t)us->state | (uint32_t)us->is_stateless << 2 |
               (uint32_t)us->transport->has_headers << 3;
}

static uint32_t state_of_exchange(const struct pending_request *x)
{
        return (uint32_t)x->kind | (uint32_t)x->is_stateless << 3 |
               (uint32_t)(x->transfer != NULL) << 4 | (uint32_t)pending_request_is_outlived(x) << 5;
}

void seen_upstream_session(const struct upstream_session *us)
{
        uint32_t state = state_of(us) << 16;

        last_state = state_of(us) % 16;
        note(state | 1u << 15);
        list_for_each (it, &us->sent)
                note(state | state_of_exchange(container_of(it, struct pending_request, node)));
}

static unsigned class_of_message(const char *http_method, const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));

        if (msg == NULL)
                return strcmp(http_method, "GET") == 0 ? 0 : 1; /* or for a token */
        if (method == NULL)
                return 2;
        if (strcmp(method, "initialize") == 0 || strcmp(method, "server/discover") == 0)
                return 3;
        return json_object_get(msg, "id") != NULL ? 4 : 5;
}

/* Statuses, errors of the eras, cuts, other messages. */
static unsigned class_of_answer(unsigned kind)
{
        if (kind == SAY_HONEST || (kind >= 32 && kind < 36))
                return kind;
        if (kind >= 14 && kind < 18)
                return 14;
        return kind < 32 || kind > 46 ? 1 : 2;
}

/* What a server answers to what, and when; msg: NULL is a request without a message. */
void seen_answer(unsigned kind, const char *http_method, const json_t *msg)
{
        note(1u << 31 | last_state << 24 | class_of_message(http_method, msg) << 8 |
             class_of_answer(kind % 64));
}
