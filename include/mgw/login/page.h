/* Pages for people: one frame (title, which is the heading too; style sheet of our own at
 * /oauth/style.css, dark and light by prefers-color-scheme, fits a phone), no script, a
 * Content-Security-Policy without 'unsafe-', not to be framed (RFC 9700 4.16), no referrer for
 * others, not to be kept.
 *
 * What the style sheet knows beside the elements: p.warn; .soft, .good, .bad of texts; .button of
 * links; .other (the lesser one) and .end (it destroys) of buttons; p.actions around several of
 * them; ul.plain, a list with lines between. Headings within a page begin at h2. */
#pragma once

#include "mgw/fastcgi/request.h"

#define PAGE_HEADERS_MAX 8

/* Appends text with the five characters of HTML escaped. 0, BUF_E_FULL, -ENOMEM. */
int page_add_text(struct buf *out, struct str text);
/* Appends markup, text, escaped, and markup. Likewise. */
int page_add_between(struct buf *out, const char *before, const char *text, const char *after);
/* Appends a hidden field of a form. Likewise. */
int page_add_field(struct buf *out, const char *name, const char *value);
/* Answers with a page; body is HTML, ready. form_action: origins beside our own that a form's
 * answer may lead to ("https://idp.example"), with spaces between, NULL: none. headers: a few
 * more of them; NULL: none. */
void page_reply(struct request *req, unsigned status, const char *title, struct str body,
                const char *form_action, const struct cgi_header *headers);
/* A page that says what went wrong and what to do. */
void page_fault(struct request *req, unsigned status, const char *what, const char *what_to_do);
/* GET /oauth/style.css */
void page_on_style(struct request *req);
