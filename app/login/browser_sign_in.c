/* Signing in: at the provider, or, where there is none, by a token that is pasted. */
#include "mgw/auth/caller.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/core/share.h"
#include "mgw/login/decision.h"
#include "mgw/login/page.h"
#include "mgw/wire/form.h"
#include "return_path.h"
#include "sign_in.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX_BYTES 8192

/* Of one address. */
#define TRIES_A_SECOND 1
#define TRIES_BURST 10

static const char sign_in_path[] = SIGN_IN_PATH;

/* ---- by a token ---- */

/* fault: of the last try, or NULL. */
static void show_form(struct request *req, unsigned status, const char *path, const char *fault)
{
        char *csrf = browser_form_token(req, sign_in_path);
        struct buf body;

        buf_init(&body, ALLOC_SMALL_BYTES);
        if (fault != NULL)
                page_add_between(&body, "<p class=\"warn\" role=\"alert\">", fault, "</p>\n");
        (void)buf_addf(&body,
                       "<p>Paste your token of this gateway: the one that your MCP client sends, "
                       "or that the administrator has given you.</p>\n"
                       "<form method=\"post\" action=\"%s\">\n",
                       sign_in_path);
        (void)page_add_field(&body, "csrf", csrf);
        (void)page_add_field(&body, "to", path);
        (void)buf_add_str(&body, STR("<label for=\"token\">Token</label>\n"
                                     "<input type=\"password\" id=\"token\" name=\"token\" "
                                     "required autocomplete=\"off\" spellcheck=\"false\">\n"
                                     "<button>Sign in</button>\n</form>\n"));
        page_reply(req, status, "Sign in", buf_bytes(&body), NULL, NULL);
        buf_finish(&body);
        free(csrf);
}

/* Where there are no users: so that forms and what is connected belong to one browser's login. */
static void sign_in_anybody(struct request *req, const char *path)
{
        const struct context *context = request_context(req);
        struct cookies cookies = {.n = 0};
        struct person person = {
                .source = IDENTITY_ANONYMOUS,
                .email = user_table_anonymous(context->users)->user->email,
                .domain = "",
                .ends_ms = INT64_MAX,
        };

        if (caller_may_be_anybody(context->config, req->in->head.remote_addr))
                sign_in_succeed(req, &cookies, &person, path);
        else
                page_fault(req, 403, "Nobody can sign in here",
                           "This gateway has no users (auth.tokens_file, auth.jwt or auth.login "
                           "in its configuration), so only browsers of its own machine are let "
                           "in.");
}

static void begin(struct request *req, const char *path, bool asks_who)
{
        const struct config *config = request_context(req)->config;
        char *to = return_path_read(str_from(path));

        if (to == NULL)
                page_fault(req, 400, "This address is not one of this gateway",
                           "It is too long, or leads to no page that people sign in for. Begin "
                           "again where you found it.");
        else if (config->login.issuer[0] != '\0')
                sign_in_go_away(req, alloc_text(to), asks_who);
        else if (caller_is_anybody(config))
                sign_in_anybody(req, to);
        else
                show_form(req, 200, to, NULL);
        free(to);
}

void browser_sign_in(struct request *req, const char *path)
{
        begin(req, path, false);
}

void browser_on_sign_in(struct request *req)
{
        char to[RETURN_PATH_MAX_BYTES + 1], as[8];

        if (cgi_query_get(req->in->head.query, STR("to"), to, sizeof(to)) != 0)
                memcpy(to, RETURN_PATH_STANDARD, sizeof(RETURN_PATH_STANDARD));
        begin(req, to,
              cgi_query_get(req->in->head.query, STR("as"), as, sizeof(as)) == 0 &&
                      strcmp(as, "another") == 0);
}

/* What a client was given for itself is not good for all that its user may do here. */
static bool takes(enum identity_source source)
{
        return source == IDENTITY_FILE || source == IDENTITY_JWT;
}

/* NULL: it is good, and *identityp is held for the caller. Else what is wrong with it. */
static const char *read_token(struct request *req, const char *token, struct identity **identityp)
{
        struct buf authorization;
        enum user_verdict verdict = USER_BAD_TOKEN;
        const char *why = NULL; /* the page has words of its own */

        buf_init(&authorization, TOKEN_MAX_BYTES);
        if (buf_addf(&authorization, "Bearer %s", token) == 0)
                verdict = caller_find(request_context(req), str_trim(buf_bytes(&authorization)),
                                      req->in->head.remote_addr, clock_wall_ms(), NULL, identityp,
                                      &why);
        buf_finish(&authorization);
        switch (verdict) {
        case USER_OK:
                return takes((*identityp)->source)
                               ? NULL
                               : "This token was given to an MCP client, for itself alone.";
        case USER_EXPIRED:
                return "This token has expired.";
        case USER_NOT_ALLOWED:
                return "The user of this token may not use this gateway.";
        case USER_WAIT:
        case USER_UNSURE:
                return "It is not known yet whether this token is good: try again in a moment.";
        case USER_TOO_MANY:
                return "There are too many users at the moment: try again later.";
        default:
                return "This token is not known here.";
        }
}

static struct person person_of(const struct identity *identity)
{
        return (struct person){
                .source = identity->source,
                .email = identity->user->email,
                .subject = identity->subject,
                .domain = "",
                .groups = identity->groups,
                .ends_ms = identity->expires_ms,
        };
}

static void try_token(struct request *req, const char *token, const char *path)
{
        struct cookies cookies = {.n = 0};
        struct identity *identity = NULL;
        const char *fault;

        if (!rate_take(&req->share->sign_ins, TRIES_A_SECOND, TRIES_BURST, 1,
                       loop_now_ms(request_context(req)->loop))) {
                show_form(req, 429, path, "Too many tries: wait a few seconds.");
                return;
        }
        fault = read_token(req, token, &identity);
        if (fault == NULL) {
                struct person person = person_of(identity);

                sign_in_succeed(req, &cookies, &person, path);
        } else {
                sign_in_log(req, "a token was refused at the sign-in page", NULL, fault);
                decision_tell(request_context(req), req,
                              DECISION(.kind = "sign_in", .outcome = "refused", .reason = fault,
                                       .is_strangers = true));
                show_form(req, 403, path, fault);
        }
        identity_let_go(identity);
}

void browser_on_sign_in_form(struct request *req)
{
        struct form *form = browser_require_form(req);
        const char *to, *token;
        char *path;

        if (form == NULL)
                return;
        to = form_get(form, "to");
        token = form_get(form, "token");
        path = return_path_read(str_from(to));
        if (request_context(req)->config->login.issuer[0] != '\0')
                browser_sign_in(req, RETURN_PATH_STANDARD);
        else
                try_token(req, token != NULL ? token : "",
                          path != NULL ? path : RETURN_PATH_STANDARD);
        free(path);
        form_destroy(form);
}
