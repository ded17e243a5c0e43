/* The page: all that a client says of itself is escaped and told as such; where it leads is what
 * counts. The form carries what was asked for, sealed for this user. */
#include "consent.h"

#include "mgw/auth/authority.h"
#include "mgw/auth/scope.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/strv.h"
#include "mgw/login/browser.h"
#include "mgw/login/page.h"
#include "mgw/wire/redirect.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX_BYTES (64u << 10)
#define ASKED_MAX_BYTES (16u << 10)
/* For reading it. */
#define PAGE_LIFE_MS (INT64_C(600) * 1000)
#define KEPT_MS (INT64_C(180) * 86400 * 1000)

/* ---- kept ---- */

bool consent_may_be_kept(const struct authorization_request *ar)
{
        return redirect_kind(str_from(ar->redirect)) == REDIRECT_WEB;
}

char *consent_key(const char *email, const struct authorization_request *ar)
{
        struct str origin = redirect_origin(str_from(ar->redirect));
        char *text = alloc_format("%s\n%.*s", ar->client_id, STR_ARG(origin));
        uint8_t digest[32] = {0};
        char hex[2 * sizeof(digest) + 1], *key;

        (void)EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
        for (size_t i = 0; i < sizeof(digest); i++)
                snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        key = store_key("consent", email, hex, NULL);
        free(text);
        return key;
}

bool consent_covers(struct str value, const struct authorization_request *ar)
{
        char *asked = scope_text(ar->scopes);
        char **list = NULL;
        struct str rest = value;
        bool covers;

        while (rest.n > 0)
                (void)strv_add_take(&list, alloc_str(str_cut(&rest, ' ')));
        covers = scope_has_all(list, asked);
        strv_free(list);
        free(asked);
        return covers;
}

int64_t consent_expires_ms(void)
{
        return clock_wall_ms() + KEPT_MS;
}

/* ---- the page ---- */

/* Each ends the text where there is no more room, which page_reply() is spared then. */
struct page {
        struct buf out;
        int r;
};

static void add(struct page *page, const char *html)
{
        if (page->r == 0)
                page->r = buf_add_str(&page->out, str_from(html));
}

static void add_text(struct page *page, struct str text)
{
        if (page->r == 0)
                page->r = page_add_text(&page->out, text);
}

static void add_client(struct page *page, const struct client *client)
{
        struct str host = redirect_host(str_from(client->id));

        add(page, "<p><strong>");
        add_text(page, client->name[0] != '\0' ? str_from(client->name)
                                               : STR("A program without a name"));
        add(page, "</strong> asks to use this gateway in your name.</p>\n<p class=\"soft\">");
        if (client->kind == CLIENT_DOCUMENT) {
                add(page, "It calls itself so. Its description stands at <strong>");
                add_text(page, host);
                add(page, "</strong>.</p>\n");
        } else {
                add(page, "It calls itself so: nobody has checked it.</p>\n");
        }
}

static void add_redirect(struct page *page, const struct authorization_request *ar)
{
        struct str redirect = str_from(ar->redirect);
        enum redirect_kind kind = redirect_kind(redirect);

        add(page, "<p>If you allow it, you are led to <strong>");
        add_text(page, redirect_host(redirect));
        add(page, "</strong>.</p>\n");
        if (kind == REDIRECT_LOOPBACK)
                add(page, "<p class=\"warn\">That is a program on your own computer, and any "
                          "program there can say that it is this one. Allow it only if you have "
                          "just begun to sign in from it.</p>\n");
        else if (kind == REDIRECT_APP)
                add(page, "<p class=\"warn\">That is an application on your own device, and any "
                          "application there can say that it is this one. Allow it only if you "
                          "have just begun to sign in from it.</p>\n");
}

static void add_scopes(struct page *page, const struct authorization_request *ar)
{
        add(page, "<h2>It may then</h2>\n<ul>\n");
        if (ar->scopes == NULL)
                add(page, "<li>nothing but know who you are</li>\n");
        for (char **scope = ar->scopes; scope != NULL && *scope != NULL; scope++) {
                const char *words = scope_in_words(*scope);

                add(page, "<li>");
                add_text(page, str_from(words != NULL ? words : *scope));
                add(page, "</li>\n");
        }
        add(page, "</ul>\n<p class=\"soft\">until you sign it out, or for as long as a login "
                  "lasts here.</p>\n");
}

/* The form of the answer. False: what was asked for is too long for it. */
static bool add_form(struct page *page, struct request *req, const char *email,
                     const struct authorization_request *ar)
{
        const struct authority *authority = request_context(req)->authority;
        char *csrf = browser_form_token(req, "/oauth/consent"), *sealed;
        json_t *asked = authorization_request_to_json(ar);

        json_object_set_new(asked, "u", json_string(email));
        sealed = sealed_close(&authority->keys, SEALED_CONSENT, clock_wall_ms() + PAGE_LIFE_MS,
                              asked, ASKED_MAX_BYTES);
        json_decref(asked);
        add(page, "<form method=\"post\" action=\"/oauth/consent\">\n");
        if (page->r == 0 && csrf != NULL)
                page->r = page_add_field(&page->out, "csrf", csrf);
        if (page->r == 0 && sealed != NULL)
                page->r = page_add_field(&page->out, "request", sealed);
        add(page, "<p class=\"actions\">"
                  "<button name=\"decision\" value=\"allow\">Allow</button>\n"
                  "<button class=\"other\" name=\"decision\" value=\"deny\">Do not allow</button>"
                  "</p>\n</form>\n");
        page->r = csrf == NULL || sealed == NULL ? BUF_E_FULL : page->r;
        free(csrf);
        free(sealed);
        return page->r == 0;
}

static void add_user(struct page *page, struct request *req, const char *email)
{
        add(page, "<h2>You are ");
        add_text(page, str_from(email));
        add(page, "</h2>\n<p>Not you?</p>\n");
        if (page->r == 0)
                page->r = browser_add_sign_out(&page->out, req);
}

/* As a policy can name it: it knows no addresses in brackets. The caller frees it. */
static char *form_action(const struct authorization_request *ar)
{
        struct str origin = redirect_origin(str_from(ar->redirect));

        return memchr(origin.p, '[', origin.n) != NULL ? alloc_text("http: https:")
                                                       : alloc_str(origin);
}

void consent_reply_page(struct request *req, const struct client *client, const char *email,
                        const struct authorization_request *ar)
{
        struct page page = {.r = 0};
        char *action = form_action(ar);

        buf_init(&page.out, PAGE_MAX_BYTES);
        add_client(&page, client);
        add_redirect(&page, ar);
        add_scopes(&page, ar);
        add_form(&page, req, email, ar);
        add_user(&page, req, email);
        if (page.r == 0)
                page_reply(req, 200, "Allow this program?", buf_bytes(&page.out), action, NULL);
        else
                page_fault(req, 400, "The program asks for too much.",
                           "Its address is too long: tell who has made it.");
        buf_finish(&page.out);
        free(action);
}
