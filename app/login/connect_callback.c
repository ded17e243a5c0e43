/* Back from the provider. The state says whose way it is; the store has the rest, once: it is taken
 * out before the code is used. The grant is in the store before anybody is told. */
#include "browser_inside.h"
#include "connect_inside.h"
#include "mgw/auth/oauth_scope.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/login/browser.h"
#include "mgw/upstream/connect_link.h"
#include "mgw/upstream/upstream.h"
#include "mgw/wire/form.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

#define CODE_MAX 4096

struct coming_back {
        char *code;  /* NULL: it brings an error */
        char *iss;   /* NULL: it has none */
        char *nonce; /* of the state */
        char *verifier;
};

static void coming_back_free(void *state)
{
        struct coming_back *b = state;

        free(b->code);
        free(b->iss);
        free(b->nonce);
        free(b->verifier);
        free(b);
}

static struct store *store_of(const struct connect_task *task)
{
        return task->connect->context->store;
}

static void refuse(struct connect_task *task, unsigned status, const char *why)
{
        connect_log(task, "the way back from its provider is refused", why);
        connect_decide(task, "connect", "refused", why);
        connect_task_fault(task, status, "The account is not connected", why);
}

/* ---- the grant ---- */

static void on_put(struct store_op *op)
{
        struct connect_task *task = container_of(op, struct connect_task, op);
        char *lacking, *url;

        if (op->result < 0) {
                refuse(task, 500, "The grant cannot be kept. Try again from /connect.");
                return;
        }
        lacking = oauth_scope_lacking(task->grant.asked_scope, task->grant.scope);
        connect_log(task, lacking != NULL ? "connected, with less than was asked for" : "connected",
                    lacking);
        connect_decide(task, "connect", "ok", NULL);
        free(lacking);
        url = alloc_format("%s/connect?done=%s", task->connect->context->config->public_url,
                           upstream_name(task->account->upstream));
        account_connected(task->account);
        connect_task_lead(task, url);
        free(url);
}

static char *subject_of(const struct oauth_tokens *tokens)
{
        char *email = oauth_flow_id_token_claim(tokens->id_token, "email");

        return email != NULL ? email : oauth_flow_id_token_claim(tokens->id_token, "sub");
}

static void put_grant(struct connect_task *task, const struct oauth_tokens *tokens)
{
        char *key = grant_key(task->account->upstream, connect_task_email(task));
        struct str text;

        task->grant.party = task->party;
        task->party = (struct oauth_party){0};
        task->grant.since_ms = clock_wall_ms();
        grant_take_tokens(&task->grant, tokens, task->grant.since_ms);
        if (task->grant.scope == NULL && task->grant.asked_scope != NULL)
                task->grant.scope = alloc_text(task->grant.asked_scope); /* RFC 6749 5.1 */
        task->grant.subject = subject_of(tokens);
        text = grant_text(&task->grant);
        task->op.on_done = on_put;
        store_put(store_of(task), &task->op, str_from(key), text, INT64_MAX, STORE_ANY);
        free((void *)text.p);
        free(key);
}

/* ---- the code ---- */

static void on_client_forgotten(struct store_op *op)
{
        refuse(container_of(op, struct connect_task, op), 502,
               "Its provider does not know this gateway any more. Try again from /connect: it "
               "registers anew.");
}

static void on_tokens(void *owner, const struct oauth_tokens *tokens)
{
        struct connect_task *task = owner;
        bool is_unknown = tokens->error != NULL && strcmp(tokens->error, "invalid_client") == 0 &&
                          task->account->config->oauth->client_id == NULL;
        char *why;

        task->request = NULL;
        if (tokens->fault == NULL) {
                put_grant(task, tokens);
                return;
        }
        task->op.on_done = on_client_forgotten;
        if (is_unknown &&
            oauth_registration_forget(store_of(task), &task->op,
                                      task->connect->context->config->public_url, &task->party))
                return;
        why = alloc_format("Its provider gives no token: %s. Try again from /connect.",
                           tokens->fault);
        refuse(task, 502, why);
        free(why);
}

/* RFC 6749 4.1.3, RFC 7636 4.5, RFC 8707 2. */
static void exchange(struct connect_task *task)
{
        const struct coming_back *b = task->state;
        char *back = alloc_format("%s%s", task->connect->context->config->public_url,
                                  OAUTH_CALLBACK_PATH);
        struct buf form;

        buf_init(&form, FORM_MAX_BYTES);
        (void)form_add(&form, "grant_type", "authorization_code");
        (void)form_add(&form, "code", b->code);
        (void)form_add(&form, "redirect_uri", back);
        (void)form_add(&form, "code_verifier", b->verifier);
        (void)form_add(&form, "resource", task->party.resource);
        task->request = oauth_flow_tokens(&task->http, &task->party, &form, on_tokens, task);
        free(back);
}

/* ---- what was kept of the way there ---- */

static void on_taken(struct store_op *op)
{
        struct connect_task *task = container_of(op, struct connect_task, op);
        const struct coming_back *b = task->state;

        if (op->result != 0)
                refuse(task, 400, "This way back has been used already. Begin again at /connect.");
        else if (b->code == NULL)
                refuse(task, 403,
                       "Its provider says that you have not agreed, or may not. You can try again "
                       "at /connect.");
        else
                exchange(task);
}

/* RFC 9207 2.4: of another issuer it is a mix-up. */
static bool is_of_issuer(const struct oauth_party *party, const char *iss)
{
        if (iss == NULL)
                return !party->sends_iss;
        return party->issuer == NULL || strcmp(party->issuer, iss) == 0;
}

/* false: it is none of this way. */
static bool take_pending(struct connect_task *task, struct str text)
{
        struct coming_back *b = task->state;
        json_t *pending = json_loadb(text.p, text.n, 0, NULL);
        const char *nonce = rpc_text(pending, "nonce"), *verifier = rpc_text(pending, "verifier");
        const char *scope = rpc_text(pending, "scope");
        bool is_it = nonce != NULL && verifier != NULL && strcmp(nonce, b->nonce) == 0 &&
                     oauth_party_read(&task->party, json_object_get(pending, "party")) == 0;

        if (is_it) {
                b->verifier = alloc_text(verifier);
                task->grant.asked_scope = scope != NULL ? alloc_text(scope) : NULL;
        }
        json_decref(pending);
        return is_it;
}

static void on_found(struct store_op *op)
{
        struct connect_task *task = container_of(op, struct connect_task, op);
        const struct coming_back *b = task->state;
        uint64_t version = op->result == 0 ? op->records[0].version : 0;
        char *key;

        if (op->result != 0 || !take_pending(task, op->records[0].value)) {
                refuse(task, 400,
                       "This way back has been used already, is too old, or another was begun "
                       "since. Begin again at /connect.");
        } else if (!is_of_issuer(&task->party, b->iss)) {
                refuse(task, 400,
                       "It comes from another provider than the one it was begun with. Tell who "
                       "runs this gateway.");
        } else {
                key = connect_pending_key(task);
                task->op.on_done = on_taken;
                store_delete(store_of(task), &task->op, str_from(key), version);
                free(key);
        }
}

/* ---- who comes back ---- */

static char *copy(const char *text)
{
        return text != NULL && text[0] != '\0' && strlen(text) <= CODE_MAX ? alloc_text(text)
                                                                           : NULL;
}

static void begin(struct request *req, struct identity *identity, const struct form *query,
                  const json_t *state)
{
        struct account *account = connect_account(req, rpc_text(state, "s"), identity);
        struct connect_task *task =
                account != NULL ? connect_task_create(req, identity, account) : NULL;
        struct coming_back *b;
        char *key;

        if (task == NULL)
                return;
        b = alloc_zeroed(sizeof(*b));
        b->code = form_get(query, "error") == NULL ? copy(form_get(query, "code")) : NULL;
        b->iss = copy(form_get(query, "iss"));
        b->nonce = alloc_text(rpc_text(state, "n"));
        task->state = b;
        task->state_free = coming_back_free;
        key = connect_pending_key(task);
        task->op.on_done = on_found;
        store_get(store_of(task), &task->op, str_from(key));
        free(key);
}

/* Of this login and this user? */
static bool is_ours(const struct request *req, const struct identity *identity, const json_t *state)
{
        const char *user = rpc_text(state, "u"), *login = rpc_text(state, "l");
        char here[BROWSER_ID_SIZE];

        browser_login_id(req, here);
        return identity != NULL && user != NULL && login != NULL && rpc_text(state, "n") != NULL &&
               here[0] != '\0' && strcmp(user, identity->user->email) == 0 &&
               strcmp(login, here) == 0;
}

static void judge_state(struct request *req, struct identity *identity, const struct form *query)
{
        const char *text = form_get(query, "state");
        struct sealed_keys keys;
        json_t *state = NULL;
        int r;

        connect_link_keys(request_context(req), &keys);
        r = sealed_open(&keys, SEALED_CONNECT_STATE, clock_wall_ms(), str_from(text), &state);
        if (r == 0 && is_ours(req, identity, state)) {
                begin(req, identity, query, state);
        } else {
                if (share_may_log(req->share, "ways back"))
                        log_info(LOG_FIELDS(
                                         {"user", identity != NULL ? identity->user->email : NULL}),
                                 "[connect] a way back from a provider is refused: %s",
                                 r == SEAL_E_EXPIRED ? "it is too old"
                                 : r != 0            ? "its state is none of ours"
                                                     : "it is another browser's");
                page_fault(req, r == 0 ? 403 : 400, "The account is not connected",
                           r == SEAL_E_EXPIRED
                                   ? "This took longer than ten minutes. Begin again at /connect."
                                   : "It was not begun here, by you, in this browser. Begin again "
                                     "at /connect.");
        }
        if (r == 0)
                json_decref(state);
}

void connect_on_callback(struct request *req)
{
        struct identity *identity = browser_identity(req);
        struct form *query = NULL;

        if (form_read(&query, req->in->head.query) == 0 && form_repeated(query) == NULL)
                judge_state(req, identity, query);
        else
                page_fault(req, 400, "The account is not connected",
                           "What the provider has sent cannot be read. Begin again at /connect.");
        form_destroy(query);
        identity_let_go(identity);
}
