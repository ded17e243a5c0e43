/* To the provider: who it is and who we are there is found out, what the way back needs is kept in
 * the store (PKCE's verifier among it), and the browser is sent. The state that goes with it is
 * sealed and names the login that it is of: another browser's way back ends here. */
#include "browser_inside.h"
#include "connect_inside.h"
#include "mgw/auth/oauth_scope.h"
#include "mgw/auth/pkce.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "mgw/upstream/connect_link.h"
#include "mgw/upstream/upstream.h"
#include "mgw/wire/form.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES (16u << 10)
#define STATE_MAX_BYTES 1024
#define NONCE_RANDOM_BYTES 16

struct starting {
        char *scope; /* that a call has lacked; NULL: none */
        char *url;   /* to go to */
        char login[BROWSER_ID_SIZE];
};

static void starting_free(void *state)
{
        struct starting *s = state;

        free(s->scope);
        free(s->url);
        free(s);
}

static const struct config_oauth *oauth_of(const struct connect_task *task)
{
        return task->account->config->oauth;
}

static void fail(struct connect_task *task, const char *fault)
{
        connect_log(task, "it cannot be connected", fault);
        connect_decide(task, "connect", "failed", fault);
        connect_task_fault(task, 502, "This server cannot be connected now", fault);
}

/* ---- going there ---- */

static void on_kept(struct store_op *op)
{
        struct connect_task *task = container_of(op, struct connect_task, op);
        const struct starting *s = task->state;

        if (op->result < 0) {
                fail(task, "The store takes nothing.");
                return;
        }
        connect_log(task, "the user is sent to its provider", NULL);
        connect_task_lead(task, s->url);
}

static char *join(char *const *texts)
{
        char *all = NULL;

        for (; texts != NULL && *texts != NULL; texts++) {
                char *more = oauth_scope_union(all, *texts);

                free(all);
                all = more;
        }
        return all;
}

/* What the configuration says, else what the server has said; with it what was granted, and what a
 * call has lacked. */
static char *choose_scope(const struct connect_task *task)
{
        const struct starting *s = task->state;
        const char *challenged = task->account->challenge.scope;
        char *configured = join(oauth_of(task)->scopes);
        const char *base = configured != NULL   ? configured
                           : challenged != NULL ? challenged
                                                : task->party.scope;
        char *more = oauth_scope_union(base, s->scope);
        char *all = oauth_scope_union(more, grant_scope(task->account));

        free(configured);
        free(more);
        return all;
}

static char *make_state(const struct connect_task *task, const char *nonce)
{
        const struct starting *s = task->state;
        json_t *content = json_pack("{s:s, s:s, s:s, s:s}", "n", nonce, "s",
                                    upstream_name(task->account->upstream), "u",
                                    connect_task_email(task), "l", s->login);
        struct sealed_keys keys;
        char *text;

        connect_link_keys(task->connect->context, &keys);
        text = sealed_close(&keys, SEALED_CONNECT_STATE, clock_wall_ms() + CONNECT_LINK_LIFE_MS,
                            content, STATE_MAX_BYTES);
        json_decref(content);
        return text;
}

static bool make_url(const struct connect_task *task, const char *state, const char *challenge,
                     const char *scope)
{
        struct starting *s = task->state;
        char *back = alloc_format("%s%s", task->connect->context->config->public_url,
                                  OAUTH_CALLBACK_PATH);
        struct buf url;

        buf_init(&url, URL_MAX_BYTES);
        if (state != NULL &&
            oauth_flow_authorization_url(&url, &task->party, back, state, challenge, scope,
                                         oauth_of(task)->authorization_params) == 0)
                s->url = alloc_str(buf_bytes(&url));
        buf_finish(&url);
        free(back);
        return s->url != NULL;
}

static void keep(struct connect_task *task, const char *nonce, const char *verifier,
                 const char *scope)
{
        json_t *pending = json_pack("{s:s, s:s, s:s*, s:o}", "nonce", nonce, "verifier", verifier,
                                    "scope", scope, "party", oauth_party_json(&task->party));
        char *key = connect_pending_key(task);
        struct str text = {NULL, 0};

        task->op.on_done = on_kept;
        if (key != NULL && rpc_dump(pending, &text) == 0)
                store_put(task->connect->context->store, &task->op, str_from(key), text,
                          clock_wall_ms() + CONNECT_LINK_LIFE_MS, STORE_ANY);
        else
                fail(task, "The names are too long.");
        free((void *)text.p);
        free(key);
        json_decref(pending);
}

static void on_registered(void *owner, const char *fault)
{
        struct connect_task *task = owner;
        char verifier[PKCE_SIZE], challenge[PKCE_SIZE], nonce[RAND_TEXT_SIZE(NONCE_RANDOM_BYTES)];
        char *state, *scope;

        task->registration = NULL;
        if (fault != NULL) {
                fail(task, fault);
                return;
        }
        rand_text(nonce, NONCE_RANDOM_BYTES);
        pkce_make(verifier, challenge);
        scope = choose_scope(task);
        state = make_state(task, nonce);
        if (make_url(task, state, challenge, scope))
                keep(task, nonce, verifier, scope);
        else
                fail(task, "The address of its authorization server gets too long.");
        free(state);
        free(scope);
}

static void on_discovered(void *owner, struct oauth_party *party, const char *fault)
{
        struct connect_task *task = owner;
        struct context *context = task->connect->context;

        task->discovery = NULL;
        if (fault != NULL) {
                fail(task, fault);
                return;
        }
        task->party = *party;
        task->registration = oauth_registration_start(
                &task->http,
                &(const struct oauth_registrar){context->store, context->config->public_url,
                                                &task->account->upstream->registrations},
                oauth_of(task), &task->party, on_registered, task);
}

/* ---- who begins ---- */

static void begin(struct request *req, struct identity *identity, struct connect_link *link)
{
        struct account *account = connect_account(req, link->server, identity);
        struct connect_task *task =
                account != NULL ? connect_task_create(req, identity, account) : NULL;
        enum config_server_kind kind;
        struct starting *s;

        if (task == NULL)
                return;
        s = alloc_zeroed(sizeof(*s));
        s->scope = link->scope;
        link->scope = NULL;
        browser_login_id(req, s->login);
        task->state = s;
        task->state_free = starting_free;
        kind = account->upstream->server->kind;
        task->discovery = oauth_discovery_start(&task->http, account->upstream->server->url,
                                                kind != CONFIG_SERVER_REST, oauth_of(task),
                                                &account->challenge, on_discovered, task);
}

/* Rule: a link is of use to the user alone that it was given to. */
static void judge_link(struct request *req, struct identity *identity, const char *text)
{
        struct connect_link link;
        int r = connect_link_open(&link, request_context(req), str_from(text));

        if (r == SEAL_E_EXPIRED)
                page_fault(req, 400, "This link is too old",
                           "Repeat the call that gave it, or go to /connect.");
        else if (r != 0)
                page_fault(req, 400, "This link is none of this gateway",
                           "Repeat the call that gave it, or go to /connect.");
        else if (strcmp(link.email, identity->user->email) != 0)
                page_fault(req, 403, "This link was given to somebody else",
                           "It connects an account for who made the call. Do not go on with links "
                           "that others send you: your own are at /connect.");
        else
                begin(req, identity, &link);
        if (r == 0)
                connect_link_finish(&link);
}

void connect_on_start(struct request *req)
{
        struct identity *identity = connect_user(req);
        struct form *query = NULL;
        const char *text = NULL;

        if (identity == NULL)
                return;
        if (form_read(&query, req->in->head.query) == 0)
                text = form_get(query, "t");
        judge_link(req, identity, text != NULL ? text : "");
        form_destroy(query);
        identity_let_go(identity);
}
