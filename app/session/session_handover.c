/* Records are objects of JSON: what is not in them begins anew. Numbers of channels and of
 * questions go on far behind those that the other process may still give to its calls. */
#include "mgw/session/session_handover.h"

#include "mgw/auth/caller.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/mcp/method.h"
#include "mgw/session/endpoint_session.h"
#include "mgw/session/handshake.h"
#include "mgw/session/task.h"
#include "mgw/upstream/subscription_kind.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"
#include "session_inside.h"

#include <errno.h>
#include <unistd.h>

/* So many numbers are left to the process that goes. */
#define NUMBERS_LEFT 65536

/* ---- giving ---- */

static bool is_calm(const struct stream *stream)
{
        return stream_takes_parts(stream) && request_n_unsent(stream->req) == 0 &&
               !timer_is_armed(&stream->farewell);
}

static bool streams_are_calm(const struct session *s)
{
        list_for_each (it, &s->streams)
                if (!is_calm(container_of(it, struct stream, node)))
                        return false;
        return true;
}

/* Their clients come back for what they miss, which is to stand in the record. */
static void end_busy_streams(struct session *s)
{
        list_for_each_safe (it, &s->streams) {
                struct stream *stream = container_of(it, struct stream, node);

                if (!is_calm(stream))
                        stream_end(stream, STREAM_CAUSE_DRAIN);
        }
}

bool session_may_be_given(const struct session *s)
{
        if (s->is_given || s->client.is_ending)
                return false;
        if (s->client.kind == UPSTREAM_CLIENT_SSE)
                return (s->client.is_initialized || s->n_calls == 0) && streams_are_calm(s);
        return s->client.kind == UPSTREAM_CLIENT_SESSION && s->client.is_initialized;
}

static json_t *list_of(char *const *texts)
{
        json_t *list = json_array();

        for (; texts != NULL && *texts != NULL; texts++)
                json_array_append_new(list, json_string(*texts));
        return list;
}

static void set_text(json_t *object, const char *key, const char *text)
{
        if (text != NULL)
                json_object_set_new(object, key, json_string(text));
}

static json_t *give_identity(const struct identity *identity)
{
        json_t *record = json_pack(
                "{s:i, s:s, s:o, s:o, s:b, s:b, s:I}", "source", identity->source, "user",
                identity->user->email, "groups", list_of(identity->groups), "scopes",
                list_of(identity->scopes), "has_all_scopes", identity->has_all_scopes, "is_of_file",
                identity->is_of_file, "expires_ms", (json_int_t)identity->expires_ms);

        set_text(record, "subject", identity->subject);
        set_text(record, "domain", identity->domain);
        set_text(record, "client", identity->client);
        set_text(record, "login", identity->login);
        set_text(record, "token", identity->token);
        set_text(record, "issuer", identity->issuer);
        return record;
}

static void give_address(json_t *record, const struct share *share)
{
        char text[SHARE_ADDRESS_SIZE];

        if (!share->is_address)
                return;
        share_address(share, text);
        set_text(record, "address", text);
}

/* What the client has subscribed to, by upstream. */
static json_t *give_watched(const struct session *s, const struct subscription_kind *kind)
{
        const struct context *context = session_context(s);
        json_t *all = json_object();

        for (size_t i = 0; s->client.upstream_sessions != NULL && i < context->n_upstreams; i++) {
                const struct upstream *upstream = context->upstreams[i];
                const struct upstream_session *us = s->client.upstream_sessions[upstream->index];
                json_t *names = us != NULL ? subscription_kind_by(us, kind) : NULL;

                if (json_object_size(names) > 0)
                        json_object_set(all, upstream_name(upstream), names);
        }
        return all;
}

json_t *session_give(struct session *s)
{
        json_t *record;

        end_busy_streams(s);
        record = json_pack(
                "{s:s, s:i, s:o, s:s, s:i, s:b, s:I, s:I, s:[I,I], s:o, s:o, s:O?}", "id", s->id,
                "kind", s->client.kind, "identity", give_identity(s->identity), "revision",
                era_revision_name(s->client.revision), "log_level", s->client.log_level,
                "is_initialized", s->client.is_initialized, "last_channel",
                (json_int_t)s->last_channel, "last_server_request",
                (json_int_t)s->last_server_request, "lost", (json_int_t)s->lost.no,
                (json_int_t)s->lost.seq, "resources", give_watched(s, &subscription_kind_resources),
                "tasks", give_watched(s, &subscription_kind_tasks), "init", s->init_params);

        give_address(record, s->client.share);
        s->is_given = true;
        return record;
}

void session_give_events(const struct session *s,
                         void (*give)(void *arg, const struct replay_entry *entry), void *arg)
{
        if (s->replay == NULL)
                return;
        list_for_each (it, &s->replay->entries)
                give(arg, container_of(it, struct replay_entry, node));
}

static int give_stream(struct stream *stream, json_t **recordp)
{
        const struct context *context = session_context(stream->session);
        struct request_handover handover;
        int fd = stream_give(stream, &handover);

        if (fd >= 0)
                *recordp = json_pack("{s:s, s:[I,I], s:i, s:b, s:b, s:I}", "id",
                                     stream->session->id, "channel", (json_int_t)stream->channel.no,
                                     (json_int_t)stream->channel.seq, "request", handover.id,
                                     "keep_conn", handover.keep_conn, "has_stdin",
                                     handover.has_stdin, "age_ms",
                                     (json_int_t)(loop_now_ms(context->loop) - stream->opened_ms));
        return fd;
}

int session_give_stream(struct session *s, json_t **recordp)
{
        list_for_each_safe (it, &s->streams) {
                struct stream *stream = container_of(it, struct stream, node);
                int fd = give_stream(stream, recordp);

                if (fd >= 0)
                        return fd;
                stream_end(stream, STREAM_CAUSE_DRAIN);
        }
        return -EAGAIN;
}

json_t *session_give_tasks(const struct session *s, const json_t *tools)
{
        if (s->client.kind != UPSTREAM_CLIENT_STANDING || json_object_size(tools) == 0)
                return NULL;
        return json_pack("{s:o, s:O}", "identity", give_identity(s->identity), "tools", tools);
}

/* ---- taking ---- */

static char **texts_of(const json_t *list)
{
        size_t n = json_array_size(list);
        char **texts = n > 0 ? alloc_array(n + 1, sizeof(*texts)) : NULL;

        for (size_t i = 0; i < n; i++)
                texts[i] = alloc_str(json_str(json_array_get(list, i)));
        return texts;
}

static char *text_of(const json_t *record, const char *key)
{
        const char *text = rpc_text(record, key);

        return text != NULL ? alloc_text(text) : NULL;
}

/* Held for the caller. NULL: there is no such user. */
static struct identity *take_identity(struct context *context, const json_t *record)
{
        json_int_t source = json_integer_value(json_object_get(record, "source"));
        int64_t expires_ms = json_integer_value(json_object_get(record, "expires_ms"));
        bool has_token = source == IDENTITY_JWT || source == IDENTITY_LOGIN;
        struct identity *identity;
        struct user *user;

        if (source == IDENTITY_ANONYMOUS)
                return identity_hold(user_table_anonymous(context->users));
        user = user_of_email(context->users, json_str(json_object_get(record, "user")),
                             has_token ? expires_ms : 0);
        if (user == NULL || (source != IDENTITY_FILE && !has_token)) {
                user_let_go(user);
                return NULL;
        }
        identity = identity_create((enum identity_source)source, user);
        user_let_go(user);
        identity->expires_ms = expires_ms;
        identity->has_all_scopes = json_is_true(json_object_get(record, "has_all_scopes"));
        identity->is_of_file = json_is_true(json_object_get(record, "is_of_file"));
        identity->groups = texts_of(json_object_get(record, "groups"));
        identity->scopes = texts_of(json_object_get(record, "scopes"));
        identity->subject = text_of(record, "subject");
        identity->domain = text_of(record, "domain");
        identity->client = text_of(record, "client");
        identity->login = text_of(record, "login");
        identity->token = text_of(record, "token");
        identity->issuer = text_of(record, "issuer");
        return identity;
}

static uint32_t number_at(const json_t *pair, size_t at)
{
        return (uint32_t)json_integer_value(json_array_get(pair, at));
}

/* Of a GET stream, where its era has such. */
static struct channel channel_of(const struct session *s, const json_t *pair)
{
        const struct channel channel = {number_at(pair, 0), number_at(pair, 1)};

        return s->client.kind == UPSTREAM_CLIENT_SESSION && !channel_is_post(&channel)
                       ? channel
                       : (struct channel){0};
}

static void take_watched(struct upstream_session *us, const struct subscription_kind *kind,
                         const json_t *all)
{
        json_t *names = us != NULL ? json_object_get(all, upstream_name(us->upstream)) : NULL;
        const char *name;
        json_t *yes;

        json_object_foreach (names, name, yes)
                (void)subscription_kind_add(us, kind, name);
}

/* They are subscribed to when their server is ready, which is never within the opening. */
static void take_upstreams(struct session *s, const json_t *record)
{
        json_t *init = json_object_get(record, "init");
        json_t *params = json_is_object(init) ? json_incref(init) : json_object();

        session_open_upstreams(s, params);
        json_decref(params);
        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                const struct upstream *upstream = session_context(s)->upstreams[i];
                struct upstream_session *us = s->client.upstream_sessions[upstream->index];

                take_watched(us, &subscription_kind_resources,
                             json_object_get(record, "resources"));
                take_watched(us, &subscription_kind_tasks, json_object_get(record, "tasks"));
        }
}

static void take_state(struct session *s, const json_t *record)
{
        json_int_t level = json_integer_value(json_object_get(record, "log_level"));

        (void)era_revision_find(json_str(json_object_get(record, "revision")), &s->client.revision);
        s->client.log_level = level >= 0 && level < METHOD_LOG_LEVELS ? (int16_t)level : -1;
        s->last_channel = NUMBERS_LEFT +
                          (uint32_t)json_integer_value(json_object_get(record, "last_channel"));
        s->last_server_request =
                NUMBERS_LEFT +
                (uint32_t)json_integer_value(json_object_get(record, "last_server_request"));
        s->lost = channel_of(s, json_object_get(record, "lost"));
        s->client.is_initialized = json_is_true(json_object_get(record, "is_initialized"));
}

/* 0, or what is wrong. */
static const char *judge(const struct context *context, const json_t *record)
{
        struct str id = json_str(json_object_get(record, "id"));
        json_int_t kind = json_integer_value(json_object_get(record, "kind"));
        struct session *same = NULL;

        if (id.n == 0 || id.n > SESSION_ID_MAX_BYTES)
                return "a session without an id";
        if (kind != UPSTREAM_CLIENT_SSE && kind != UPSTREAM_CLIENT_SESSION)
                return "a session of no kind";
        HASH_FIND(hh, context->sessions, id.p, (unsigned)id.n, same);
        return same != NULL ? "a session that is here already" : NULL;
}

struct session *session_take(struct context *context, const json_t *record, const char **whyp)
{
        struct identity *identity;
        struct share *share;
        struct session *s;

        *whyp = judge(context, record);
        if (*whyp != NULL)
                return NULL;
        identity = take_identity(context, json_object_get(record, "identity"));
        if (identity == NULL || !caller_may_stay(context, identity)) {
                *whyp = identity == NULL
                                ? "a session of no user"
                                : "a session whose user may not come by what is configured here";
                identity_let_go(identity);
                return NULL;
        }
        share = share_of(context, identity->user, json_str(json_object_get(record, "address")));
        s = session_adopt(
                context, identity, share,
                (enum upstream_client_kind)json_integer_value(json_object_get(record, "kind")),
                json_str(json_object_get(record, "id")));
        take_state(s, record);
        s->is_elsewhere = true;
        s->is_untold = true; /* its client may be on its way back: it is listened for */
        session_touch(s);
        if (s->client.is_initialized)
                take_upstreams(s, record);
        s->is_arriving = !handshake_is_settled(s);
        share_let_go(share);
        identity_let_go(identity);
        return s;
}

bool session_hears(const struct session *s)
{
        for (size_t i = 0; i < session_n_slots(s); i++) {
                const struct upstream_session *us = s->client.upstream_sessions[i];

                if (us != NULL && us->upstream->retired == NULL && !upstream_session_hears(us))
                        return false;
        }
        return true;
}

void session_take_event(struct session *s, struct replay_id id, struct str text, bool was_sent)
{
        if (s->client.kind == UPSTREAM_CLIENT_SESSION && id.stream > 0 && text.n > 0)
                channel_keep(s, id, text, was_sent);
}

int session_take_stream(struct session *s, struct fcgi_server *server, int fd, const json_t *record)
{
        const struct request_handover handover = {
                .id = (uint16_t)json_integer_value(json_object_get(record, "request")),
                .keep_conn = json_is_true(json_object_get(record, "keep_conn")),
                .has_stdin = json_is_true(json_object_get(record, "has_stdin")),
        };
        struct request *req;

        if (handover.id == 0) {
                close(fd);
                return -EINVAL;
        }
        req = request_take_over(server, fd, &handover, share_hold(s->client.share));
        if (req != NULL)
                session_go_on(s, req, channel_of(s, json_object_get(record, "channel")),
                              json_integer_value(json_object_get(record, "age_ms")));
        return 0;
}

void session_take_stray(struct session *s, json_t *msg)
{
        struct rpc_msg m;
        const char *why;

        if (rpc_msg_read(msg, &m, &why) == 0 && m.kind != RPC_REQUEST)
                endpoint_session_on_stray(s, &m);
}

void session_take_tasks(struct context *context, const json_t *record)
{
        struct identity *identity = take_identity(context, json_object_get(record, "identity"));
        json_t *tools = json_object_get(record, "tools"), *tool;
        struct session *s = identity != NULL ? identity->user->standing : NULL;
        const char *id;

        if (identity != NULL && s == NULL && caller_may_stay(context, identity) &&
            session_standing(context, identity, &s) < 0)
                s = NULL;
        json_object_foreach (tools, id, tool)
                if (s != NULL)
                        task_note(s, id, json_string_value(tool));
        identity_let_go(identity);
}
