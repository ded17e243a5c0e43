/* Browsers. Each has a random name from the first form on, in a cookie of its own, which its forms
 * are bound to; the login is another cookie, with a name of its own, so that a form of one login is
 * none of the next. */
#include "browser_inside.h"

#include "mgw/auth/caller.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/rand.h"
#include "mgw/core/share.h"
#include "mgw/login/page.h"
#include "mgw/store/store.h"
#include "mgw/wire/form.h"
#include "mgw/wire/json_str.h"

#include <stdlib.h>
#include <string.h>

#define SEALED_LOGIN "browser login 1"
#define SEALED_FORM "form 1"

/* Of the JSON in a cookie: sealed it is a third more, and is to fit COOKIE_VALUE_MAX_BYTES. */
#define LOGIN_MAX_BYTES 2900
#define SIGNED_OUT_MAX 65536
#define FORM_TOKEN_MAX_BYTES 1024
#define FORM_TOKEN_LIFE_MS (INT64_C(8) * 3600 * 1000)

void browser_open_issuer(struct browser *browser)
{
        const struct config *config = browser->context->config;

        if (config->login.issuer[0] == '\0')
                return;
        if (config->upstream_ca_file[0] != '\0')
                browser->ca_file = alloc_text(config->upstream_ca_file);
        browser->source.tls.ca_file = browser->ca_file;
        browser->issuer = issuer_create(browser->context,
                                        &(struct issuer_options){.url = config->login.issuer});
}

void browser_create(struct context *context)
{
        struct browser *browser = alloc_zeroed(sizeof(*browser));

        browser->context = context;
        list_init(&browser->sign_ins);
        store_secret_key(context->store, "browser", browser->keys.key);
        browser->keys.has_old_key =
                store_old_secret_key(context->store, "browser", browser->keys.old_key);
        store_set_open(&browser->signed_out, context->store, "signed-out", SIGNED_OUT_MAX,
                       &context->own_share->memory);
        browser_open_issuer(browser);
        context->browser = browser;
}

/* What was asked for, and cancelled, names its source until the turn ends. */
static void browser_free(void *object)
{
        struct browser *browser = object;

        free(browser->ca_file);
        free(browser);
}

void browser_destroy(struct browser *browser)
{
        if (browser == NULL)
                return;
        issuer_destroy(browser->issuer);
        store_set_close(&browser->signed_out);
        loop_bury(browser->context->loop, browser, browser_free);
}

/* ---- which browser ---- */

static bool is_id(struct str text)
{
        for (size_t i = 0; i < text.n; i++)
                if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                           text.p[i]) == NULL)
                        return false;
        return text.n == BROWSER_ID_SIZE - 1;
}

struct str browser_id_brought(const struct request *req)
{
        struct str id = cookie_find(req, COOKIE_BROWSER);

        return is_id(id) ? id : STR("");
}

const char *browser_id(struct request *req)
{
        struct str id = browser_id_brought(req);
        char *kept = req->in->browser_id;

        _Static_assert(sizeof(req->in->browser_id) == BROWSER_ID_SIZE, "its size");
        if (kept[0] == '\0' && id.n > 0)
                memcpy(kept, id.p, id.n);
        else if (kept[0] == '\0')
                rand_text(kept, 16);
        return kept;
}

/* ---- who is signed in ---- */

/* What its cookie says; id may be NULL. false: nobody is. */
static bool read_login(const struct request *req, struct person *person, char id[BROWSER_ID_SIZE])
{
        const struct browser *browser = request_context(req)->browser;
        json_t *content;
        bool is_sound;

        memset(person, 0, sizeof(*person));
        if (sealed_open(&browser->keys, SEALED_LOGIN, clock_wall_ms(),
                        cookie_find(req, COOKIE_LOGIN), &content) != 0)
                return false;
        is_sound =
                person_from_json(person, content) && is_id(json_str(json_object_get(content, "i")));
        if (is_sound)
                memcpy(id, json_string_value(json_object_get(content, "i")), BROWSER_ID_SIZE);
        else
                person_finish(person);
        json_decref(content);
        return is_sound;
}

/* Whose token of the file is gone is not let in by what they did with it. */
static struct user *user_of_person(const struct context *context, const struct person *person)
{
        if (person->source == IDENTITY_FILE &&
            !user_is_listed(context->users, person->email, clock_wall_ms()))
                return NULL;
        return user_of_email(context->users, str_from(person->email), 0);
}

static struct identity *identity_of_person(struct request *req, struct person *person)
{
        const struct context *context = request_context(req);
        struct user *user;
        struct identity *identity;

        if (person->source == IDENTITY_ANONYMOUS)
                return caller_is_anybody(context->config) &&
                                       caller_may_be_anybody(context->config,
                                                             req->in->head.remote_addr)
                               ? identity_hold(user_table_anonymous(context->users))
                               : NULL;
        user = user_of_person(context, person);
        if (user == NULL)
                return NULL;
        identity = identity_create(person->source, user);
        user_let_go(user);
        identity->has_all_scopes = true;
        identity->subject = person->subject;
        identity->domain = person->domain;
        identity->groups = person->groups;
        identity->expires_ms = person->ends_ms;
        person->subject = person->domain = NULL;
        person->groups = NULL;
        return identity;
}

static bool is_signed_out(const struct browser *browser, const char *id)
{
        return store_set_is_lost(&browser->signed_out) || store_set_has(&browser->signed_out, id);
}

struct identity *browser_identity(struct request *req)
{
        const struct context *context = request_context(req);
        char id[BROWSER_ID_SIZE];
        struct identity *identity = NULL;
        struct person person;

        if (!read_login(req, &person, id))
                return NULL;
        if (!is_signed_out(context->browser, id) &&
            person_is_refused(&person, &context->config->login) == NULL)
                identity = identity_of_person(req, &person);
        if (identity != NULL && identity->source != IDENTITY_ANONYMOUS)
                identity->browser_login = alloc_text(id);
        person_finish(&person);
        return identity;
}

bool browser_may_stay(const struct context *context, const struct identity *identity)
{
        const struct config_login *login = &context->config->login;
        int64_t now_ms = clock_wall_ms();

        if (identity->expires_ms <= now_ms ||
            is_signed_out(context->browser, identity->browser_login))
                return false;
        switch (identity->source) {
        case IDENTITY_FILE:
                return user_is_listed(context->users, identity->user->email, now_ms);
        case IDENTITY_LOGIN:
                return caller_is_kept_out(login, identity->domain, identity->groups) == NULL;
        default:
                return true;
        }
}

bool browser_add_login(struct cookies *cookies, const struct browser *browser,
                       const struct person *person)
{
        int64_t now_ms = clock_wall_ms(), life_ms = browser->context->config->login.browser_ms;
        json_t *content = person_to_json(person);
        char id[BROWSER_ID_SIZE], *text;
        bool is_kept;

        if (person->ends_ms - now_ms < life_ms)
                life_ms = person->ends_ms - now_ms;
        rand_text(id, 16);
        json_object_set_new(content, "i", json_string(id));
        text = sealed_close(&browser->keys, SEALED_LOGIN, now_ms + life_ms, content,
                            LOGIN_MAX_BYTES);
        json_decref(content);
        is_kept = text != NULL && life_ms > 0;
        if (is_kept)
                cookies_add(cookies, browser->context, COOKIE_LOGIN, str_from(text), life_ms);
        free(text);
        return is_kept;
}

/* ---- forms ---- */

static json_t *form_content(const char *browser_id, const char *login_id, const char *path)
{
        return json_pack("{s:s, s:s, s:s}", "b", browser_id, "l", login_id, "p", path);
}

void browser_login_id(const struct request *req, char id[BROWSER_ID_SIZE])
{
        struct person person;

        id[0] = '\0';
        if (read_login(req, &person, id))
                person_finish(&person);
}

char *browser_form_token(struct request *req, const char *path)
{
        const struct context *context = request_context(req);
        char login_id[BROWSER_ID_SIZE];
        json_t *content;
        char *token;

        browser_login_id(req, login_id);
        content = form_content(browser_id(req), login_id, path);
        token = sealed_close(&context->browser->keys, SEALED_FORM,
                             clock_wall_ms() + FORM_TOKEN_LIFE_MS, content, FORM_TOKEN_MAX_BYTES);
        json_decref(content);
        return token;
}

/* NULL, or what to do. */
static const char *form_fault(struct request *req, struct str token)
{
        char login_id[BROWSER_ID_SIZE];
        json_t *content, *expected;
        char *path = alloc_str(req->in->head.path);
        bool is_ours;

        if (sealed_open(&request_context(req)->browser->keys, SEALED_FORM, clock_wall_ms(), token,
                        &content) != 0) {
                free(path);
                return "It is too old, or none of this gateway. Go back, load the page again, and "
                       "send it once more.";
        }
        browser_login_id(req, login_id);
        expected = form_content(browser_id(req), login_id, path);
        is_ours = json_equal(content, expected);
        json_decref(expected);
        json_decref(content);
        free(path);
        return is_ours ? NULL
                       : "It was made for another browser or another user. Go back, load the page "
                         "again, and send it once more.";
}

bool browser_check_form(struct request *req, struct str token)
{
        const char *fault = browser_id_brought(req).n == 0
                                    ? "This browser did not bring back the cookie of this page: "
                                      "let this site set cookies, and try again."
                                    : form_fault(req, token);

        if (fault == NULL)
                return true;
        page_fault(req, 403, "This form cannot be taken", fault);
        return false;
}

struct form *browser_require_form(struct request *req)
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
