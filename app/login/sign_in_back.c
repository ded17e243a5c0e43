/* From the provider: what the browser brings, and the exchange of the code. */
#include "mgw/auth/oauth_flow.h"
#include "mgw/base/alloc.h"
#include "mgw/core/share.h"
#include "mgw/login/page.h"
#include "mgw/wire/hdr.h"
#include "sign_in_inside.h"

#include <stdlib.h>
#include <string.h>

#define CODE_MAX_BYTES 4096
#define ERROR_MAX_BYTES 64
/* Who has a state may bring any code: a provider that is asked too often refuses all. */
#define EXCHANGES_A_SECOND 5
#define EXCHANGES_BURST 100

/* ---- the code ---- */

/* What the token endpoint says of it (RFC 6749 5.2). */
static void refuse_code(struct sign_in *in, const struct oauth_tokens *tokens)
{
        const char *error = tokens->error != NULL ? tokens->error : "";

        if (strcmp(error, "invalid_grant") == 0)
                sign_in_refuse(in, &(struct sign_in_fault){
                                           .status = 400,
                                           .what = "This sign-in is not good any more",
                                           .what_to_do = "It was used before, or it took too "
                                                         "long. Begin anew.",
                                           .detail = tokens->fault,
                                           .again = in->state.path,
                                   });
        else if (tokens->is_theirs)
                sign_in_refuse_for_good(in, tokens->fault);
        else
                sign_in_refuse_for_now(in, tokens->fault);
}

static void on_tokens(void *owner, const struct oauth_tokens *tokens)
{
        struct sign_in *in = owner;

        in->exchange = NULL;
        if (tokens->fault != NULL) {
                refuse_code(in, tokens);
        } else if (tokens->id_token == NULL) {
                sign_in_refuse_for_good(in, "its answer holds no ID token");
        } else {
                in->id_token = alloc_text(tokens->id_token);
                in->access_token = alloc_text(tokens->access_token);
                sign_in_read_id_token(in);
        }
}

static bool may_exchange(const struct sign_in *in)
{
        return rate_take(&in->share->exchanges, EXCHANGES_A_SECOND, EXCHANGES_BURST, 1,
                         loop_now_ms(in->browser->context->loop));
}

static void exchange_code(struct sign_in *in, const char *code)
{
        static const struct sign_in_fault too_often = {
                .status = 429,
                .what = "Too many sign in from your address at this moment",
                .what_to_do = "Wait a few seconds, and begin anew.",
        };
        char *redirect;
        struct buf form;

        if (!may_exchange(in)) {
                sign_in_refuse(in, &too_often);
                return;
        }
        redirect = sign_in_redirect_uri(in);

        buf_init(&form, FORM_MAX_BYTES);
        (void)form_add(&form, "grant_type", "authorization_code");
        (void)form_add(&form, "code", code);
        (void)form_add(&form, "redirect_uri", redirect);
        (void)form_add(&form, "code_verifier", in->state.verifier);
        in->exchange = oauth_flow_tokens(&in->http, &in->party, &form, on_tokens, in);
        free(redirect);
}

/* ---- what the browser brings ---- */

/* Is it the issuer that it was sent to (RFC 9207 2.4)? */
static bool issuer_fits(const struct sign_in *in)
{
        const struct issuer_metadata *metadata = issuer_metadata(in->browser->issuer);
        const char *iss = form_get(in->answer, "iss");

        if (iss == NULL)
                return metadata != NULL && !metadata->tells_issuer;
        return strcmp(iss, sign_in_login(in)->issuer) == 0;
}

/* RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6. */
static void refuse_error(struct sign_in *in, const char *error)
{
        bool is_denied = strcmp(error, "access_denied") == 0;

        if (strcmp(error, "temporarily_unavailable") == 0)
                sign_in_refuse_for_now(in, error);
        else
                sign_in_refuse(in,
                               &(struct sign_in_fault){
                                       .status = is_denied ? 403 : 502,
                                       .what = "You have not been signed in",
                                       .what_to_do = is_denied ? "You, or your organization's "
                                                                 "sign-in service, said no."
                                                               : "Your organization's sign-in "
                                                                 "service reports an error. If it "
                                                                 "stays so, tell the administrator "
                                                                 "of this gateway.",
                                       .detail = hdr_is_visible(str_from(error), ERROR_MAX_BYTES)
                                                         ? error
                                                         : "an error that is no code",
                                       .again = in->state.path,
                               });
}

static void come_back(struct sign_in *in)
{
        const char *error = form_get(in->answer, "error"), *code = form_get(in->answer, "code");

        if (!sign_in_read_party(in))
                return;
        if (!issuer_fits(in))
                sign_in_refuse_for_good(in, "the answer is not of the issuer that was asked (iss)");
        else if (error != NULL)
                refuse_error(in, error);
        else if (code == NULL || !hdr_is_visible(str_from(code), CODE_MAX_BYTES))
                sign_in_refuse_for_good(in, "the answer has neither code nor error");
        else
                exchange_code(in, code);
}

static struct sign_in_fault state_fault(int r)
{
        static const struct sign_in_fault faults[] = {
                {.status = 400,
                 .what = "This is not a sign-in that began here",
                 .what_to_do = "The address is damaged, or somebody else made it. Begin anew.",
                 .detail = "the state is not ours"},
                {.status = 400,
                 .what = "This sign-in took too long",
                 .what_to_do = "It has to be done within ten minutes. Begin anew.",
                 .detail = "the state is too old"},
                {.status = 400,
                 .what = "This sign-in is none of this browser",
                 .what_to_do = "It began in another one, or it is over already. If somebody sent "
                               "you this link, do not go on. Else begin anew.",
                 .detail = "the state is another browser's, or it has been used"},
                {.status = 400,
                 .what = "This browser keeps no cookies",
                 .what_to_do = "The cookie that was set when you began has not come back. Let "
                               "this site set cookies, and begin anew.",
                 .detail = "no cookie came with the state"},
                {.status = 400,
                 .what = "This sign-in began before the sign-in service was another one",
                 .what_to_do = "People sign in elsewhere now. Begin anew.",
                 .detail = "the state is of another issuer, which was configured before"},
        };

        switch (r) {
        case SEAL_E_EXPIRED:
                return faults[1];
        case SIGN_IN_STATE_E_BROWSER:
                return faults[2];
        case SIGN_IN_STATE_E_NO_COOKIES:
                return faults[3];
        case SIGN_IN_STATE_E_ISSUER:
                return faults[4];
        default:
                return faults[0];
        }
}

void sign_in_on_callback(struct request *req)
{
        struct sign_in *in;
        struct form *answer;
        int r;

        if (request_context(req)->browser->issuer == NULL) {
                page_fault(req, 404, "Nothing is here",
                           "People sign in at this gateway by a token.");
                return;
        }
        if (form_read(&answer, req->in->head.query) != 0 || form_repeated(answer) != NULL) {
                form_destroy(answer);
                page_fault(req, 400, "This address cannot be read", "Begin anew.");
                return;
        }
        in = sign_in_begin(req);
        if (in == NULL) {
                form_destroy(answer);
                return;
        }
        in->answer = answer;
        r = sign_in_state_open(req, &in->cookies, &in->state, str_from(form_get(answer, "state")));
        if (r == 0) {
                sign_in_require_metadata(in, come_back);
        } else {
                const struct sign_in_fault fault = state_fault(r);

                sign_in_refuse(in, &fault);
        }
}
