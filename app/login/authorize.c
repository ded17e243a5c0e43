/* The client and the address to lead back to are judged first: what is wrong there is told to the
 * person, on a page. All else that is wrong is told to the client, at that address. */
#include "mgw/login/authorize.h"

#include "consent.h"
#include "mgw/auth/authority.h"
#include "mgw/auth/client_find.h"
#include "mgw/auth/code.h"
#include "mgw/auth/scope.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/login/browser.h"
#include "mgw/login/decision.h"
#include "mgw/login/page.h"
#include "mgw/wire/redirect.h"
#include "oauth_answer.h"

#include <stdlib.h>
#include <string.h>

#define LOCATION_MAX_BYTES (24u << 10)
#define PAGE_MAX_BYTES (6 * LOCATION_MAX_BYTES + 4096) /* every letter of it may be escaped */
#define FAMILY_BYTES 16

struct authorize {
        struct request *req;
        struct authority *authority;
        struct form *form;
        struct client_find find;
        struct client *client;
        struct authorization_request ar;
        struct identity *identity;
        struct store_op op; /* of the user's consent */
};

/* ---- its life ---- */

static void authorize_free(struct authorize *a)
{
        client_find_cancel(&a->find);
        store_cancel(&a->op);
        form_destroy(a->form);
        client_let_go(a->client);
        authorization_request_finish(&a->ar);
        identity_let_go(a->identity);
        free(a);
}

static void on_gone(struct request *req)
{
        authorize_free(req->owner);
}

static const struct request_events events = {.on_gone = on_gone};

static struct authorize *authorize_new(struct request *req, struct authority *authority)
{
        struct authorize *a = alloc_zeroed(sizeof(*a));

        a->req = req;
        a->authority = authority;
        request_own(req, &events, a);
        return a;
}

/* To be answered by who takes it. */
static struct request *release(struct authorize *a)
{
        struct request *req = a->req;

        request_own(req, NULL, NULL);
        return req;
}

static void fail(struct authorize *a, unsigned status, const char *what, const char *what_to_do)
{
        page_fault(release(a), status, what, what_to_do);
        authorize_free(a);
}

/* ---- back to the client ---- */

/* RFC 6749 4.1.2, 4.1.2.1; RFC 9207 2. New memory; NULL: it is too long. */
static char *make_location(const struct authorize *a, const char *name, const char *value,
                           const char *why)
{
        struct buf query, location;
        char *text = NULL;

        buf_init(&query, LOCATION_MAX_BYTES);
        buf_init(&location, LOCATION_MAX_BYTES);
        if (form_add(&query, name, value) == 0 && form_add(&query, "error_description", why) == 0 &&
            form_add(&query, "state", a->ar.state) == 0 &&
            form_add(&query, "iss", a->authority->context->config->public_url) == 0 &&
            redirect_add_query(&location, str_from(a->ar.redirect), buf_bytes(&query)) == 0)
                text = alloc_str(buf_bytes(&location));
        buf_finish(&query);
        buf_finish(&location);
        return text;
}

/* location may be NULL. */
static void lead_to(struct authorize *a, const char *location)
{
        if (location == NULL) {
                fail(a, 400, "The program asks for too much.", "Tell who has made it.");
                return;
        }
        oauth_answer_redirect(release(a), location);
        authorize_free(a);
}

static void lead_back(struct authorize *a, const char *name, const char *value, const char *why)
{
        char *location = make_location(a, name, value, why);

        lead_to(a, location);
        free(location);
}

/* Anybody can make a client, whose errors would lead whoever opens a link from our address to any
 * other (RFC 9700 4.11.2). So where its user has not been asked, they see where it leads. */
static bool is_led_by_strangers(const struct authorize *a)
{
        return a->client != NULL && a->client->kind != CLIENT_STATIC &&
               redirect_kind(str_from(a->ar.redirect)) == REDIRECT_WEB;
}

static void show_way_back(struct authorize *a, const char *location, const char *why)
{
        struct buf body;

        buf_init(&body, PAGE_MAX_BYTES);
        (void)page_add_between(&body, "<p>The program says what is not taken here: ", why,
                               ".</p>\n");
        (void)page_add_between(&body, "<p><a class=\"button\" href=\"", location, "\">Go back to ");
        (void)page_add_text(&body, redirect_host(str_from(a->ar.redirect)));
        (void)buf_add_str(&body, STR("</a></p>\n<p class=\"soft\">Do not, if you do not know it: "
                                     "this gateway does not either.</p>\n"));
        page_reply(release(a), 400, "The program cannot be let in like this", buf_bytes(&body),
                   NULL, NULL);
        buf_finish(&body);
        authorize_free(a);
}

static void log_it(const struct authorize *a, const char *error, const char *what)
{
        char address[64];

        str_to_text(a->req->in->head.remote_addr, address, sizeof(address));
        if (share_may_log(a->req->share, address))
                log_info(LOG_FIELDS({"user", a->identity != NULL ? a->identity->user->email : NULL},
                                    {"client", a->ar.client_key != NULL ? a->ar.client_key
                                               : a->client != NULL      ? a->client->key
                                                                        : NULL},
                                    {"error", error}, {"address", address}),
                         "[OAuth] %s", what);
}

static void decide(const struct authorize *a, const char *kind, const char *outcome,
                   const char *reason)
{
        decision_tell(a->authority->context, a->req,
                      DECISION(.kind = kind, .outcome = outcome, .reason = reason,
                               .user = a->identity != NULL ? a->identity->user->email : NULL,
                               .client = a->ar.client_key != NULL ? a->ar.client_key
                                         : a->client != NULL      ? a->client->key
                                                                  : NULL,
                               .is_strangers = a->identity == NULL));
}

static void refuse(struct authorize *a, const char *error, const char *why)
{
        char *location = make_location(a, "error", error, why);

        log_it(a, error, why);
        decide(a, "authorization", "refused", why);
        if (location != NULL && is_led_by_strangers(a))
                show_way_back(a, location, why);
        else
                lead_to(a, location);
        free(location);
}

/* No login outlives what its user has signed in with. */
static int64_t login_ends_ms(const struct authorize *a, int64_t now_ms)
{
        int64_t ends_ms = now_ms + a->authority->context->config->login.login_ms;

        return ends_ms < a->identity->expires_ms ? ends_ms : a->identity->expires_ms;
}

/* A new family begins. */
static void give_code(struct authorize *a)
{
        const struct identity *identity = a->identity;
        int64_t now_ms = clock_wall_ms();
        char family[RAND_TEXT_SIZE(FAMILY_BYTES)], *text;
        struct code code = {
                .authorization = {.family = family,
                                  .client = a->ar.client_key,
                                  .email = identity->user->email,
                                  .subject = identity->subject,
                                  .domain = identity->domain,
                                  .groups = identity->groups,
                                  .scopes = a->ar.scopes,
                                  .resource = a->ar.resource,
                                  .is_of_file = identity->source == IDENTITY_FILE,
                                  .ends_ms = login_ends_ms(a, now_ms)},
                .redirect = a->ar.redirect,
                .challenge = a->ar.challenge,
        };

        rand_text(family, FAMILY_BYTES);
        text = code_make(&a->authority->keys, &code, now_ms);
        if (text == NULL) {
                refuse(a, "server_error", "the code would be too long");
                return;
        }
        log_info(LOG_FIELDS({"user", identity->user->email}, {"client", a->ar.client_key},
                            {"login", family}),
                 "[OAuth] a client is let in");
        decide(a, "authorization", "ok", NULL);
        lead_back(a, "code", text, NULL);
        free(text);
}

/* Each is a record for as long as it may last. false: it has been refused. */
static bool takes_login(struct authorize *a)
{
        struct share *share =
                share_of(a->authority->context, a->identity->user, a->req->in->head.remote_addr);
        bool takes = share_takes_login(share);

        share_let_go(share);
        if (!takes)
                refuse(a, "temporarily_unavailable", "its user has let in too many clients today");
        return takes;
}

static void let_in(struct authorize *a)
{
        if (takes_login(a))
                give_code(a);
}

/* ---- is the user asked? ---- */

static void ask(struct authorize *a)
{
        if (a->ar.asks_none) {
                refuse(a, "consent_required", "the user has to be asked");
                return;
        }
        consent_reply_page(release(a), a->client, a->identity->user->email, &a->ar);
        authorize_free(a);
}

static void on_consent_read(struct store_op *op)
{
        struct authorize *a = container_of(op, struct authorize, op);

        if (op->result == 0 && consent_covers(op->records[0].value, &a->ar))
                let_in(a);
        else
                ask(a);
}

static void judge_consent(struct authorize *a)
{
        char *key;

        if (a->client->kind == CLIENT_STATIC && !a->ar.asks_consent) {
                let_in(a);
                return;
        }
        if (a->ar.asks_consent || !consent_may_be_kept(&a->ar)) {
                ask(a);
                return;
        }
        key = consent_key(a->identity->user->email, &a->ar);
        if (key == NULL) {
                ask(a);
                return;
        }
        a->op.on_done = on_consent_read;
        store_get(a->authority->context->store, &a->op, str_from(key));
        free(key);
}

/* ---- who is it? ---- */

/* The same request, where it leads back to; without what has been done by then. */
static void sign_in(struct authorize *a)
{
        struct str rest = a->req->in->head.query;
        char *path = alloc_text("/oauth/authorize");
        char between = '?';

        while (rest.n > 0) {
                struct str one = str_cut(&rest, '&');
                char *longer;

                if (one.n == 0 || (a->ar.asks_login && str_has_prefix(one, STR("prompt="))))
                        continue;
                longer = alloc_format("%s%c%.*s", path, between, STR_ARG(one));
                free(path);
                path = longer;
                between = '&';
        }
        browser_sign_in(release(a), path);
        authorize_free(a);
        free(path);
}

static void judge_user(struct authorize *a)
{
        if (!a->ar.asks_login)
                a->identity = browser_identity(a->req);
        if (a->identity != NULL && a->identity->source == IDENTITY_JWT)
                refuse(a, "access_denied", "a token of an issuer is good for its own client alone");
        else if (a->identity != NULL)
                judge_consent(a);
        else if (a->ar.asks_none)
                refuse(a, "login_required", "the user has to sign in");
        else
                sign_in(a);
}

/* ---- what is asked for? ---- */

static void on_client_known(struct authorize *a)
{
        struct authorization_fault fault;

        a->client = a->find.client;
        a->find.client = NULL;
        if (a->client == NULL) {
                log_it(a, "invalid_client", a->find.fault);
                decide(a, "authorization", "refused", a->find.fault);
                fail(a, a->find.is_fault_of_network ? 502 : 400,
                     "This gateway does not know the program that has sent you here.",
                     a->find.is_fault_of_network
                             ? "Its description cannot be fetched: try again in a minute."
                             : "Remove the gateway from the program and add it again, so that the "
                               "program registers anew.");
        } else if (!authorization_request_read_redirect(&a->ar, a->form, a->client)) {
                log_it(a, "invalid_request", "the redirect_uri is none of the client's");
                decide(a, "authorization", "refused", "the redirect_uri is none of the client's");
                fail(a, 400, "The program wants you to be led to an address that is not its own.",
                     "Do not go on, if a link has brought you here. If the program itself has, "
                     "tell who has made it: the redirect_uri is not one that it has registered.");
        } else if (!authorization_request_read(&a->ar, a->form, a->client, a->authority->context,
                                               &fault)) {
                refuse(a, fault.error, fault.why);
        } else {
                judge_user(a);
        }
}

static void on_found(struct client_find *find)
{
        on_client_known(container_of(find, struct authorize, find));
}

void authorize_on_get(struct request *req)
{
        struct authority *authority = oauth_answer_authority(req);
        struct authorize *a;
        const char *id;

        if (authority == NULL || !oauth_answer_may_ask(req))
                return;
        a = authorize_new(req, authority);
        a->find.on_found = on_found;
        if (form_read(&a->form, req->in->head.query) != 0) {
                fail(a, 400, "The address that has brought you here is broken.",
                     "Begin again in the program that you want to use.");
                return;
        }
        id = form_get(a->form, "client_id");
        if (id == NULL || id[0] == '\0')
                fail(a, 400, "The address that has brought you here names no program (client_id).",
                     "Begin again in the program that you want to use.");
        else if (client_find_start(authority, &a->find, req->share, id))
                on_client_known(a);
}

/* ---- the user's answer ---- */

static void on_consent_kept(struct store_op *op)
{
        struct authorize *a = container_of(op, struct authorize, op);

        if (op->result == 0)
                give_code(a);
        else
                refuse(a, "temporarily_unavailable", "what you allowed cannot be written down");
}

static void allow(struct authorize *a)
{
        char *key, *scopes;

        if (!takes_login(a))
                return;
        key = consent_may_be_kept(&a->ar) ? consent_key(a->identity->user->email, &a->ar) : NULL;
        log_it(a, NULL, "a user has allowed a client what it asks for");
        decide(a, "consent", "ok", NULL);
        if (key == NULL) {
                give_code(a);
                return;
        }
        scopes = scope_text(a->ar.scopes);
        a->op.on_done = on_consent_kept;
        store_put(a->authority->context->store, &a->op, str_from(key), str_from(scopes),
                  consent_expires_ms(), STORE_ANY);
        free(key);
        free(scopes);
}

static void deny(struct authorize *a)
{
        decide(a, "consent", "refused", NULL);
        refuse(a, "access_denied", "the user has not allowed it");
}

/* Is it what this user was asked? Sealed for them, ten minutes ago at most. */
static bool read_asked(struct authorize *a)
{
        struct str text = str_from(form_get(a->form, "request"));
        json_t *asked;
        const char *email;
        bool is_theirs;

        if (sealed_open(&a->authority->keys, SEALED_CONSENT, clock_wall_ms(), text, &asked) != 0)
                return false;
        email = json_string_value(json_object_get(asked, "u"));
        is_theirs = authorization_request_from_json(&a->ar, asked) && a->identity != NULL &&
                    email != NULL && strcmp(email, a->identity->user->email) == 0;
        json_decref(asked);
        return is_theirs;
}

void authorize_on_consent(struct request *req)
{
        struct authority *authority = oauth_answer_authority(req);
        struct form *form = NULL;
        struct authorize *a;
        const char *decision;

        if (authority == NULL || !oauth_answer_may_ask(req))
                return;
        (void)form_read(&form, buf_bytes(&req->in->body));
        if (!browser_check_form(req, str_from(form != NULL ? form_get(form, "csrf") : NULL))) {
                form_destroy(form);
                return;
        }
        a = authorize_new(req, authority);
        a->form = form;
        a->identity = browser_identity(req);
        if (!read_asked(a)) {
                fail(a, 400, "This page is too old, or was made for someone else.",
                     "Begin again in the program that you want to use.");
                return;
        }
        decision = form_get(form, "decision");
        if (decision != NULL && strcmp(decision, "allow") == 0)
                allow(a);
        else
                deny(a);
}
