/* Signing in by a token that is pasted, where there is no provider; and signing out. A page, not a
 * redirect, leads on from a sign-in: a browser counts the redirects after a form as its answer, and
 * holds them to the policy of the page that had the form. */
#include "sign_in.h"

#include "mgw/auth/caller.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/core/share.h"
#include "mgw/login/page.h"
#include "mgw/wire/form.h"
#include "return_path.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX_BYTES 8192

/* Of one address. */
#define TRIES_A_SECOND 1
#define TRIES_BURST 10

static const char sign_in_path[] = "/oauth/sign-in";
static const char sign_out_path[] = "/oauth/sign-out";

/* ---- how it ends ---- */

static void log_outcome(struct request *req, const char *what, const char *email,
                        const char *detail)
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

static void add_escaped(struct buf *out, const char *before, const char *text, const char *after)
{
        (void)buf_add_str(out, str_from(before));
        (void)page_add_text(out, str_from(text));
        (void)buf_add_str(out, str_from(after));
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
        add_escaped(&body, "<p>You are signed in as <strong>", email, "</strong>.</p>\n");
        add_escaped(&body, "<p><a class=\"button\" href=\"", path, "\">Continue</a></p>\n");
        page_reply(req, 200, "Signed in", buf_bytes(&body), NULL, headers);
        buf_finish(&body);
        free(refresh);
}

void sign_in_succeed(struct request *req, struct cookies *cookies, const struct person *person,
                     const char *path)
{
        static const struct sign_in_fault too_big = {
                .status = 403,
                .what = "This account cannot be signed in",
                .what_to_do = "It is in more groups than a browser can keep: the provider should "
                              "name only those that this gateway looks at.",
        };

        if (!browser_add_login(cookies, request_context(req)->browser, person)) {
                sign_in_fail(req, cookies, &too_big);
                return;
        }
        log_outcome(req, "signed in", person->email, NULL);
        lead_on(req, cookies, person->email, path != NULL ? path : RETURN_PATH_STANDARD);
        cookies_finish(cookies);
}

void sign_in_fail(struct request *req, struct cookies *cookies, const struct sign_in_fault *fault)
{
        const char *again = fault->again != NULL ? fault->again : sign_in_path;
        struct buf body;

        log_outcome(req, fault->what, fault->user, fault->detail);
        buf_init(&body, ALLOC_SMALL_BYTES);
        add_escaped(&body, "<p>", fault->what_to_do, "</p>\n");
        add_escaped(&body, "<p><a class=\"button\" href=\"", again, "\">Try again</a></p>\n");
        page_reply(req, fault->status, fault->what, buf_bytes(&body), NULL, cookies->headers);
        buf_finish(&body);
        cookies_finish(cookies);
}

/* ---- by a token ---- */

/* fault: of the last try, or NULL. */
static void show_form(struct request *req, unsigned status, const char *path, const char *fault)
{
        char *csrf = browser_form_token(req, sign_in_path);
        struct buf body;

        buf_init(&body, ALLOC_SMALL_BYTES);
        if (fault != NULL)
                add_escaped(&body, "<p class=\"warn\" role=\"alert\">", fault, "</p>\n");
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
                sign_in_provider_begin(req, alloc_text(to), asks_who);
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

        buf_init(&authorization, TOKEN_MAX_BYTES);
        if (buf_addf(&authorization, "Bearer %s", token) == 0)
                verdict = caller_find(request_context(req), str_trim(buf_bytes(&authorization)),
                                      clock_wall_ms(), identityp);
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
                log_outcome(req, "a token was refused at the sign-in page", NULL, fault);
                show_form(req, 403, path, fault);
        }
        identity_let_go(identity);
}

/* The form that the body is; NULL: the request has been answered. */
static struct form *require_form(struct request *req)
{
        struct form *form;
        const char *csrf;

        if (form_read(&form, buf_bytes(&req->in->body)) != 0 || form_repeated(form) != NULL) {
                form_destroy(form);
                page_fault(req, 400, "This form cannot be read", "Go back, and try again.");
                return NULL;
        }
        csrf = form_get(form, "csrf");
        if (browser_check_form(req, str_from(csrf)))
                return form;
        form_destroy(form);
        return NULL;
}

void browser_on_sign_in_form(struct request *req)
{
        struct form *form = require_form(req);
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

/* ---- signing out ---- */

/* Waits until the end of the login is written. */
struct sign_out {
        struct request *req;
        struct store_op op;
};

static void sign_out_on_gone(struct request *req)
{
        struct sign_out *out = req->owner;

        store_cancel(&out->op);
        free(out);
}

static const struct request_events sign_out_events = {.on_gone = sign_out_on_gone};

static void reply_signed_out(struct request *req, bool is_written)
{
        static const struct sign_in_fault not_written = {
                .status = 500,
                .what = "Not quite signed out",
                .what_to_do = "This browser is signed out, but the gateway could not write that "
                              "down.",
        };
        static const char body[] =
                "<p>This browser is signed out of the gateway. MCP clients that were let in before "
                "still are, and so are you at your provider.</p>\n"
                "<p><a class=\"button\" href=\"/oauth/sign-in\">Sign in again</a></p>\n";
        struct cookies cookies = {.n = 0};

        cookies_add(&cookies, request_context(req), COOKIE_LOGIN, STR(""), 0);
        if (is_written)
                page_reply(req, 200, "Signed out", STR(body), NULL, cookies.headers);
        else
                sign_in_fail(req, &cookies, &not_written);
        cookies_finish(&cookies);
}

static void sign_out_on_written(struct store_op *op)
{
        struct sign_out *out = container_of(op, struct sign_out, op);

        request_own(out->req, NULL, NULL);
        reply_signed_out(out->req, op->result == 0);
        free(out);
}

void browser_on_sign_out(struct request *req)
{
        struct context *context = request_context(req);
        struct form *form = require_form(req);
        char id[BROWSER_ID_SIZE];
        struct sign_out *out;

        if (form == NULL)
                return;
        form_destroy(form);
        browser_login_id(req, id);
        if (id[0] == '\0') {
                reply_signed_out(req, true);
                return;
        }
        out = alloc_zeroed(sizeof(*out));
        out->req = req;
        out->op.on_done = sign_out_on_written;
        request_own(req, &sign_out_events, out);
        store_set_add(&context->browser->signed_out, &out->op, id,
                      clock_wall_ms() + context->config->login.browser_ms);
        log_outcome(req, "signed out", NULL, NULL);
}

int browser_add_sign_out(struct buf *out, struct request *req)
{
        char *csrf = browser_form_token(req, sign_out_path);
        int r = buf_addf(out, "<form method=\"post\" action=\"%s\">\n", sign_out_path);

        if (r == 0)
                r = page_add_field(out, "csrf", csrf);
        free(csrf);
        return r != 0 ? r
                      : buf_add_str(out, STR("<button class=\"other\">Sign out</button>\n"
                                             "</form>\n"));
}
