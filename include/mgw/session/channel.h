/* A stream of events as its client counts them: it outlives the connection that carries it, since
 * the client may come back for what it missed (Streamable HTTP, "Resumability"). Who has a message
 * for a client gives it to a channel, which numbers it, pushes it to the stream that carries the
 * channel now, and keeps it for replay. */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/mcp/replay.h"

#include <jansson.h>

struct session;
struct stream;

/* Even numbers are GET streams, odd ones belong to a POST. A GET's stands in its stream, or in its
 * session when it has lost that; a POST's in its post_response. */
struct channel {
        uint32_t no;  /* 0: none (the sse and stateless eras): no ids, and nothing is kept */
        uint32_t seq; /* of the last event */
};

static inline bool channel_is_post(const struct channel *channel)
{
        return channel->no % 2 != 0;
}

/* A new one of the session; none where its era has none. */
struct channel channel_new(struct session *session, bool is_post);
/* Sends a message on it. stream: carries it now; NULL: none does, the message is only kept. */
void channel_send(struct session *session, struct channel *channel, struct stream *stream,
                  const json_t *msg);
/* Keeps an event for replay. */
void channel_keep(struct session *session, struct replay_id id, struct str text, bool was_sent);
/* Sends a message that belongs to no POST: on the newest GET stream's channel; without a stream on
 * the one that waits for its client, where the era has channels. */
void channel_send_unasked(struct session *session, const json_t *msg);
/* Sends a text to the newest GET stream outside of its numbers: it is not kept. False: there is no
 * stream, or it takes none. */
bool channel_announce(struct session *session, struct str text);
/* The beginning of an event that is written in parts, up to its data; it has its number, and is not
 * kept. 0, BUF_E_FULL, -ENOMEM. */
int channel_begin_event(struct channel *channel, struct buf *out);

#define CHANNEL_FIRST_SIZE (REPLAY_ID_SIZE + 16)
/* The first bytes of a stream whose client has all up to that event: an event with that id and no
 * data where the session's revision has it, else the comment. In out, or constant. */
struct str channel_first(const struct session *session, struct replay_id at,
                         char out[CHANNEL_FIRST_SIZE]);

/* The channel that a GET goes on with, and in *fromp the last of its events that the client has.
 * Ends the stream that carried it. */
struct channel channel_resume(struct session *session, struct str last_event_id,
                              struct replay_id *fromp);
/* Sends again, under their old ids, what is kept of the stream's channel after from. */
void channel_replay(struct session *session, struct stream *stream, struct replay_id from);
/* A GET stream has ended: its channel waits for its client. */
void channel_lose(struct session *session, const struct channel *channel);
/* The session ends: what is kept goes. */
void channel_forget_all(struct session *session);
