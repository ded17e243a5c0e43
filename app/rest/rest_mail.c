/* A mail as APIs take it (Gmail's "raw"): RFC 5322 with a text in base64, and all of it in
 * base64url (RFC 4648 5). */
#include "rest_inside.h"

#include "mgw/base/base64.h"
#include "mgw/wire/json_str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAIL_MAX_BYTES (8u << 20)
/* Bytes of text in one encoded word (RFC 2047 2: 75 characters in all). */
#define WORD_BYTES 45
/* Bytes of text in one line of 76 characters (RFC 2045 6.8). */
#define LINE_BYTES 57

static const struct {
        const char *key, *header;
} headers[] = {
        {"to", "To"},
        {"cc", "Cc"},
        {"bcc", "Bcc"},
        {"subject", "Subject"},
        {"in_reply_to", "In-Reply-To"},
        {"references", "References"},
};

/* The longest beginning of at most max bytes that ends with a whole character. */
static struct str whole_characters(struct str s, size_t max)
{
        size_t n = s.n < max ? s.n : max;

        while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
                n--;
        return (struct str){s.p, n};
}

/* Words in base64, on lines of their own (RFC 2047). */
static int add_encoded(struct buf *out, struct str s)
{
        bool is_first = true;
        int r = 0;

        while (r == 0 && s.n > 0) {
                struct str word = whole_characters(s, WORD_BYTES);

                r = buf_add_str(out, is_first ? STR("=?UTF-8?B?") : STR("\r\n =?UTF-8?B?"));
                if (r == 0)
                        r = base64_encode(out, BASE64_STANDARD, word);
                if (r == 0)
                        r = buf_add_str(out, STR("?="));
                s.p += word.n;
                s.n -= word.n;
                is_first = false;
        }
        return r;
}

/* 0, REST_E_CALL. */
static int check_line(const char *key, struct str s, char *why, size_t why_size)
{
        bool is_subject = strcmp(key, "subject") == 0;

        for (size_t i = 0; i < s.n; i++) {
                unsigned char c = (unsigned char)s.p[i];

                if (iscntrl(c)) {
                        snprintf(why, why_size, "%s: must be one line", key);
                        return REST_E_CALL;
                }
                if (c >= 0x80 && !is_subject) {
                        snprintf(why, why_size, "%s: must be ASCII: addresses without names", key);
                        return REST_E_CALL;
                }
        }
        /* RFC 5322 2.1.1 */
        if (s.n > 900) {
                snprintf(why, why_size, "%s: must have at most 900 bytes", key);
                return REST_E_CALL;
        }
        return 0;
}

static bool is_ascii(struct str s)
{
        for (size_t i = 0; i < s.n; i++)
                if ((unsigned char)s.p[i] >= 0x80)
                        return false;
        return true;
}

/* Addresses may be a string or an array of them. */
static int add_value(struct buf *out, const char *key, const json_t *value, char *why,
                     size_t why_size)
{
        size_t n = json_is_array(value) ? json_array_size(value) : 1;
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
                struct str s = json_str(one);

                if (s.p == NULL) {
                        snprintf(why, why_size, "%s: must be a string or an array of them", key);
                        return REST_E_CALL;
                }
                r = check_line(key, s, why, why_size);
                if (r == 0 && i > 0)
                        r = buf_add_str(out, STR(",\r\n "));
                if (r == 0)
                        r = is_ascii(s) ? buf_add_str(out, s) : add_encoded(out, s);
        }
        return r;
}

static int add_headers(struct buf *out, const json_t *parts, char *why, size_t why_size)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(headers) / sizeof(headers[0]); i++) {
                const json_t *value = json_object_get(parts, headers[i].key);

                if (value == NULL || json_is_null(value))
                        continue;
                r = buf_addf(out, "%s: ", headers[i].header);
                if (r == 0)
                        r = add_value(out, headers[i].key, value, why, why_size);
                if (r == 0)
                        r = buf_add_str(out, STR("\r\n"));
        }
        return r;
}

static int add_text(struct buf *out, struct str text)
{
        int r = buf_add_str(out, STR("MIME-Version: 1.0\r\n"
                                     "Content-Type: text/plain; charset=UTF-8\r\n"
                                     "Content-Transfer-Encoding: base64\r\n\r\n"));

        while (r == 0 && text.n > 0) {
                struct str line = {text.p, text.n < LINE_BYTES ? text.n : LINE_BYTES};

                r = base64_encode(out, BASE64_STANDARD, line);
                if (r == 0)
                        r = buf_add_str(out, STR("\r\n"));
                text.p += line.n;
                text.n -= line.n;
        }
        return r;
}

int rest_mail_encode(const json_t *parts, json_t **textp, char *why, size_t why_size)
{
        const json_t *text = json_object_get(parts, "text");
        struct buf mail, raw;
        int r;

        if (json_object_get(parts, "to") == NULL || (text != NULL && !json_is_string(text))) {
                snprintf(why, why_size, "a mail needs \"to\", and its text must be a string");
                return REST_E_CALL;
        }
        buf_init(&mail, MAIL_MAX_BYTES);
        buf_init(&raw, MAIL_MAX_BYTES * 2);
        r = add_headers(&mail, parts, why, why_size);
        if (r == 0)
                r = add_text(&mail, json_str(text));
        if (r == 0)
                r = base64_encode(&raw, BASE64_URL, buf_bytes(&mail));
        if (r == 0) {
                struct str all = buf_bytes(&raw);

                *textp = json_stringn(all.p, all.n);
                r = *textp != NULL ? 0 : -ENOMEM;
        }
        if (r == BUF_E_FULL) {
                snprintf(why, why_size, "the mail is over %u MB", MAIL_MAX_BYTES >> 20);
                r = REST_E_CALL;
        }
        buf_finish(&mail);
        buf_finish(&raw);
        return r;
}
