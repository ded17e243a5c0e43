/* Pages for people: one frame (title, style sheet of our own at /oauth/style.css, dark and light by
 * prefers-color-scheme, fits a phone), no script, a Content-Security-Policy without 'unsafe-', not
 * to be framed (RFC 9700 4.16), no referrer, not to be kept. */
#pragma once

#include "mgw/fastcgi/request.h"

/* Appends text with the five characters of HTML escaped. 0, BUF_E_FULL, -ENOMEM. */
int page_add_text(struct buf *out, struct str text);
/* Answers with a page; body is HTML, ready. form_action: origins beside our own that a form's
 * answer may lead to ("https://idp.example"), NULL: none. headers: more of them; NULL: none. */
void page_reply(struct request *req, unsigned status, const char *title, struct str body,
                const char *form_action, const struct cgi_header *headers);
/* A page that says what went wrong and what to do. */
void page_fault(struct request *req, unsigned status, const char *what, const char *what_to_do);
