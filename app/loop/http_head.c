/* The head of a request on a connection of our own, as curl would write it (RFC 9112 3). */
#include "http_pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char *put(char *to, struct str s)
{
        return (char *)memcpy(to, s.p, s.n) + s.n;
}

#define AGENT "User-Agent: mgw/" MGW_VERSION "\r\n"

static bool line_is(struct str line, struct str name)
{
        return line.n > name.n && line.p[name.n] == ':' &&
               str_eq_nocase((struct str){line.p, name.n}, name);
}

/* The lines of the caller, and those of ours that it has not. */
static char *put_lines(char *to, const struct http_request *request)
{
        bool has_agent = false, has_accept = false;
        struct str line;

        for (line = str_from(request->lines); line.n > 0; line = str_from(line.p + line.n + 1)) {
                has_agent = has_agent || line_is(line, STR("User-Agent"));
                has_accept = has_accept || line_is(line, STR("Accept"));
                to = put(to, line);
                to = put(to, STR("\r\n"));
        }
        if (!has_agent)
                to = put(to, STR(AGENT));
        return has_accept ? to : put(to, STR("Accept: */*\r\n"));
}

/* The host as the URL has it, without a port that goes without saying. */
static char *put_host(char *to, const struct http_request *request)
{
        const char *host = strstr(http_request_url(request), "://") + 3;
        struct str name = {host, strcspn(host, "/?")};

        if (request->server->port == 80 && name.n > 3 && memcmp(host + name.n - 3, ":80", 3) == 0)
                name.n -= 3;
        to = put(to, STR("Host: "));
        to = put(to, name);
        return put(to, STR("\r\n"));
}

int http_head_write(const struct http_request *request, struct str target, struct buf *head)
{
        size_t n_lines = (size_t)(request->url - request->lines);
        size_t n_max = strlen(request->method) + target.n + strlen(http_request_url(request)) +
                       2 * n_lines + sizeof(AGENT) + 128;
        uint8_t *mem;
        char *to;

        buf_init(head, UINT32_MAX);
        if (n_max > UINT32_MAX / 2 || buf_reserve(head, n_max, &mem) != 0)
                return -ENOMEM;
        to = put((char *)mem, str_from(request->method));
        to = put(to, STR(" "));
        to = put(to, target);
        to = put(to, STR(" HTTP/1.1\r\n"));
        if (!request->has_host)
                to = put_host(to, request);
        to = put_lines(to, request);
        /* Of POST also that there is none (RFC 9110 8.6). */
        if (request->body.n > 0 || !request->is_repeatable)
                to += snprintf(to, 64, "Content-Length: %zu\r\n", request->body.n);
        to = put(to, STR("\r\n"));
        buf_commit(head, (size_t)(to - (char *)mem));
        return 0;
}
