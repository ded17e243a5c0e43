#include "visitor.h"

#include "gateway.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET_COOKIE "Set-Cookie: "

static size_t slot_of(const struct visitor *v, const char *name)
{
        size_t free_slot = VISITOR_COOKIES_MAX;

        for (size_t i = 0; i < VISITOR_COOKIES_MAX; i++) {
                if (v->names[i] != NULL && strcmp(v->names[i], name) == 0)
                        return i;
                if (v->names[i] == NULL && free_slot == VISITOR_COOKIES_MAX)
                        free_slot = i;
        }
        cr_assert_lt(free_slot, VISITOR_COOKIES_MAX);
        return free_slot;
}

static void take_cookie(struct visitor *v, char *line)
{
        char *value = strchr(line, '='), *rest = strchr(line, ';');
        size_t slot;

        *value++ = '\0';
        *rest++ = '\0';
        slot = slot_of(v, line);
        free(v->names[slot]);
        free(v->values[slot]);
        v->names[slot] = v->values[slot] = NULL;
        if (v->keeps_no_cookies || strstr(rest, "Max-Age=0;") != NULL)
                return;
        v->names[slot] = strdup(line);
        v->values[slot] = strdup(value);
}

static void take_cookies(struct visitor *v)
{
        struct str all = buf_bytes(&v->page->bytes), body = answer_body(v->page);
        char *head = strndup(all.p, all.n - body.n), *rest = head, *line;

        while ((line = strsep(&rest, "\n")) != NULL) {
                line[strcspn(line, "\r")] = '\0';
                if (strncmp(line, SET_COOKIE, strlen(SET_COOKIE)) == 0)
                        take_cookie(v, line + strlen(SET_COOKIE));
        }
        free(head);
}

static struct answer *go(struct visitor *v, struct client_request *r)
{
        static char cookie[32768];
        size_t n = 0;

        for (size_t i = 0; i < VISITOR_COOKIES_MAX; i++)
                if (v->names[i] != NULL)
                        n += (size_t)snprintf(cookie + n, sizeof(cookie) - n, "%s%s=%s",
                                              n > 0 ? "; " : "", v->names[i], v->values[i]);
        r->cookie = n > 0 ? cookie : NULL;
        r->address = v->address;
        v->page = client_send(r);
        gateway_settle();
        if (answer_status(v->page) != 0)
                take_cookies(v);
        return v->page;
}

struct answer *visitor_open(struct visitor *v, const char *uri)
{
        return go(v, &(struct client_request){.method = "GET", .uri = uri});
}

struct answer *visitor_send(struct visitor *v, const char *uri, const char *form)
{
        return go(v, &(struct client_request){.uri = uri,
                                              .body = form,
                                              .origin = v->origin,
                                              .content_type = "application/x-www-form-urlencoded"});
}

const char *visitor_field(const struct visitor *v, const char *name)
{
        static char value[16384];
        struct str body = answer_body(v->page);
        char mark[128];
        const char *at, *end;

        snprintf(mark, sizeof(mark), "name=\"%s\" value=\"", name);
        at = memmem(body.p, body.n, mark, strlen(mark));
        if (at == NULL)
                return "";
        at += strlen(mark);
        end = memchr(at, '"', body.n - (size_t)(at - body.p));
        snprintf(value, sizeof(value), "%.*s", (int)(end - at), at);
        return value;
}

const char *visitor_cookie(const struct visitor *v, const char *name)
{
        for (size_t i = 0; i < VISITOR_COOKIES_MAX; i++)
                if (v->names[i] != NULL && strcmp(v->names[i], name) == 0)
                        return v->values[i];
        return NULL;
}

bool visitor_sees(const struct visitor *v, const char *text)
{
        struct str body = answer_body(v->page);

        return memmem(body.p, body.n, text, strlen(text)) != NULL;
}

void visitor_finish(struct visitor *v)
{
        for (size_t i = 0; i < VISITOR_COOKIES_MAX; i++) {
                free(v->names[i]);
                free(v->values[i]);
        }
        *v = (struct visitor){.page = NULL};
}
