#include "cookie.h"

#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/core/context.h"
#include "mgw/wire/hdr.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE 64

static bool is_by_tls(const struct context *context)
{
        return str_has_prefix(str_from(context->config->public_url), STR("https://"));
}

static void whole_name(char whole[NAME_SIZE], const struct context *context, const char *name)
{
        snprintf(whole, NAME_SIZE, "%s%s", is_by_tls(context) ? "__Host-" : "", name);
}

struct str cookie_find(const struct request *req, const char *name)
{
        char whole[NAME_SIZE];

        whole_name(whole, request_context(req), name);
        return hdr_cookie(cgi_param(&req->in->params, "HTTP_COOKIE"), whole);
}

void cookies_add(struct cookies *cookies, const struct context *context, const char *name,
                 struct str value, int64_t life_ms)
{
        char whole[NAME_SIZE];

        assert(cookies->n < COOKIES_MAX);
        whole_name(whole, context, name);
        cookies->headers[cookies->n++] = (struct cgi_header){
                "Set-Cookie",
                alloc_format("%s=%.*s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Lax%s",
                             whole, STR_ARG(value), life_ms / 1000,
                             is_by_tls(context) ? "; Secure" : ""),
        };
}

void cookies_finish(struct cookies *cookies)
{
        for (size_t i = 0; i < cookies->n; i++)
                free((char *)cookies->headers[i].value);
        cookies->n = 0;
}
