/* A page, not a redirect, leads on from a sign-in: a browser counts the redirects after a form as
 * its answer, and holds them to the policy of the page that had the form. */
#include "sign_in_inside.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/core/share.h"
#include "mgw/login/decision.h"
#include "mgw/login/page.h"
#include "return_path.h"

#include <stdlib.h>
#include <string.h>

#define SIGN_INS_MAX 256
/* Who has a state may have a provider asked for any code: nobody is to be in the way of all by it.
 */
#define SIGN_INS_PER_ADDRESS_MAX 32

/* ---- how it ends ---- */

void sign_in_log(struct request *req, const char *what, const char *email, const char *detail)
{
        char *address = alloc_str(req->in->head.remote_addr);
        char *id = alloc_str(req->in->head.request_id);

        if (share_may_log(req->share, "sign-ins"))
                log_info(LOG_FIELDS({"user", email}, {"why", detail}, {"client", address},
                                    {"request", id}),
                         "[login] %s", what);
        free(id);
        free(address);
}

/* With the header a browser goes on by itself, the link is for who looks. */
static void lead_on(struct request *req, struct cookies *cookies, const char *email,
                    const char *path)
{
        struct cgi_header headers[COOKIES_MAX + 2];
        struct buf body;
        char *refresh = alloc_format("0;url=%s", path);

        memcpy(headers, cookies->headers, sizeof(cookies->headers));
        headers[cookies->n] = (struct cgi_header){"Refresh", refresh};
        headers[cookies->n + 1] = (struct cgi_header){NULL, NULL};
        buf_init(&body, ALLOC_SMALL_BYTES);
        page_add_between(&body, "<p>You are signed in as <strong>", email, "</strong>.</p>\n");
        page_add_between(&body, "<p><a class=\"button\" href=\"", path, "\">Continue</a></p>\n");
        page_reply(req, 200, "Signed in", buf_bytes(&body), NULL, headers);
        buf_finish(&body);
        free(refresh);
}

/* The end of each is remembered until its time (browser_sign_out). */
static bool may_sign_in(struct request *req, const struct person *person)
{
        struct context *context = request_context(req);
        struct user *user = person->source != IDENTITY_ANONYMOUS
                                    ? user_of_email(context->users, str_from(person->email), 0)
                                    : NULL;
        struct share *share;
        bool may;

        if (user == NULL)
                return true;
        share = share_of(context, user, req->in->head.remote_addr);
        may = share_takes_login(share);
        share_let_go(share);
        user_let_go(user);
        return may;
}

void sign_in_succeed(struct request *req, struct cookies *cookies, const struct person *person,
                     const char *path)
{
        static const struct sign_in_fault too_often = {
                .status = 429,
                .what = "You have signed in too often today",
                .what_to_do = "Try again in a few minutes.",
        };
        static const struct sign_in_fault too_big = {
                .status = 403,
                .what = "This account cannot be signed in",
                .what_to_do = "It is in more groups than a browser can keep: the provider should "
                              "name only those that this gateway looks at.",
        };

        if (!may_sign_in(req, person)) {
                sign_in_fail(req, cookies, &too_often);
                return;
        }
        if (!browser_add_login(cookies, request_context(req)->browser, person)) {
                sign_in_fail(req, cookies, &too_big);
                return;
        }
        sign_in_log(req, "signed in", person->email, NULL);
        decision_tell(request_context(req), req,
                      DECISION(.kind = "sign_in", .outcome = "ok", .user = person->email));
        lead_on(req, cookies, person->email, path != NULL ? path : RETURN_PATH_STANDARD);
        cookies_finish(cookies);
}

void sign_in_fail(struct request *req, struct cookies *cookies, const struct sign_in_fault *fault)
{
        const char *again = fault->again != NULL ? fault->again : SIGN_IN_PATH;
        struct buf body;

        sign_in_log(req, fault->what, fault->user, fault->detail);
        decision_tell(request_context(req), req,
                      DECISION(.kind = "sign_in", .outcome = "refused", .user = fault->user,
                               .reason = fault->detail != NULL ? fault->detail : fault->what,
                               .is_strangers = true));
        buf_init(&body, ALLOC_SMALL_BYTES);
        page_add_between(&body, "<p>", fault->what_to_do, "</p>\n");
        page_add_between(&body, "<p><a class=\"button\" href=\"", again, "\">Try again</a></p>\n");
        page_reply(req, fault->status, fault->what, buf_bytes(&body), NULL, cookies->headers);
        buf_finish(&body);
        cookies_finish(cookies);
}

/* ---- its life ---- */

const struct config_login *sign_in_login(const struct sign_in *in)
{
        return &in->browser->context->config->login;
}

static void sign_in_free(void *object)
{
        struct sign_in *in = object;

        sign_in_state_finish(&in->state);
        cookies_finish(&in->cookies);
        form_destroy(in->answer);
        oauth_party_finish(&in->party);
        free(in->id_token);
        free(in->access_token);
        json_decref(in->claims);
        person_finish(&in->person);
        free(in);
}

void sign_in_end(struct sign_in *in)
{
        struct context *context = in->browser->context;

        issuer_leave(&in->wait);
        oauth_flow_cancel(in->exchange);
        http_document_cancel(in->user_info);
        store_cancel(&in->used);
        list_unlink(&in->node);
        in->browser->n_sign_ins--;
        in->share->n_sign_ins--;
        share_let_go(in->share);
        context->stats.n_calls--;
        loop_bury(context->loop, in, sign_in_free);
        if (context->is_draining)
                context->on_calm(context);
}

static void on_gone(struct request *req)
{
        sign_in_end(req->owner);
}

static const struct request_events events = {.on_gone = on_gone};

struct sign_in *sign_in_begin(struct request *req)
{
        struct context *context = request_context(req);
        struct browser *browser = context->browser;
        struct sign_in *in;

        if (browser->n_sign_ins >= SIGN_INS_MAX ||
            req->share->n_sign_ins >= SIGN_INS_PER_ADDRESS_MAX) {
                page_fault(req, 503, "Too many people sign in at this moment",
                           "Wait a few seconds, and load this page again.");
                return NULL;
        }
        in = alloc_zeroed(sizeof(*in));
        in->browser = browser;
        in->req = req;
        list_append(&browser->sign_ins, &in->node);
        browser->n_sign_ins++;
        in->share = share_hold(req->share);
        in->share->n_sign_ins++;
        context->stats.n_calls++;
        request_own(req, &events, in);
        return in;
}

void sign_in_refuse(struct sign_in *in, const struct sign_in_fault *fault)
{
        request_own(in->req, NULL, NULL);
        sign_in_fail(in->req, &in->cookies, fault);
        sign_in_end(in);
}

void sign_in_refuse_for_now(struct sign_in *in, const char *detail)
{
        sign_in_refuse(in, &(struct sign_in_fault){
                                   .status = 503,
                                   .what = "The sign-in service cannot be reached",
                                   .what_to_do = "Your organization's sign-in service does not "
                                                 "answer this gateway. Try again in a minute.",
                                   .detail = detail,
                                   .again = in->state.path,
                           });
}

void sign_in_refuse_for_good(struct sign_in *in, const char *detail)
{
        sign_in_refuse(in, &(struct sign_in_fault){
                                   .status = 502,
                                   .what = "This gateway and the sign-in service do not agree",
                                   .what_to_do = "Tell the administrator of this gateway: its log "
                                                 "says why, at this time.",
                                   .detail = detail,
                                   .again = in->state.path,
                           });
}

/* ---- what the issuer says of itself ---- */

static void on_issuer_ready(struct issuer_wait *wait)
{
        struct sign_in *in = container_of(wait, struct sign_in, wait);

        in->on_known(in);
}

void sign_in_require_metadata(struct sign_in *in, void (*on_known)(struct sign_in *in))
{
        struct issuer *issuer = in->browser->issuer;

        in->on_known = on_known;
        in->wait.on_ready = on_issuer_ready;
        if (issuer_metadata(issuer) != NULL || !issuer_wait(issuer, &in->wait, in->share))
                on_known(in);
}

bool sign_in_read_party(struct sign_in *in)
{
        const struct config_login *login = sign_in_login(in);
        const struct issuer_metadata *metadata = issuer_metadata(in->browser->issuer);
        struct oauth_party *party = &in->party;

        if (metadata == NULL) {
                sign_in_refuse_for_now(in, "nothing is known of the issuer");
                return false;
        }
        if (metadata->authorization_endpoint == NULL || metadata->token_endpoint == NULL) {
                sign_in_refuse_for_good(in, "its metadata name no endpoints to sign in at");
                return false;
        }
        party->authorization_url = alloc_text(metadata->authorization_endpoint);
        party->token_url = alloc_text(metadata->token_endpoint);
        party->client_id = alloc_text(login->client_id);
        party->client_secret = alloc_text(login->client_secret);
        party->auth = login->client_secret[0] == '\0' ? OAUTH_CLIENT_PUBLIC
                      : metadata->has_basic           ? OAUTH_CLIENT_BASIC
                                                      : OAUTH_CLIENT_POST;
        in->http = (struct oauth_http){
                .client = in->browser->context->http,
                .source = &in->browser->source,
                .homes = {login->issuer},
                .timeout_ms = SIGN_IN_STEP_MS,
                .allows_private = in->browser->context->config->allow_private_documents,
        };
        return true;
}

char *sign_in_redirect_uri(const struct sign_in *in)
{
        return alloc_format("%s/oauth/callback", in->browser->context->config->public_url);
}
