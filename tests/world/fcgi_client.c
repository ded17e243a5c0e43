#include "fcgi_client.h"

#include "mgw/wire/fcgi.h"
#include "require.h"

#include <fastcgi.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void add_pair(struct buf *out, const char *name, const char *value)
{
        REQUIRE(fcgi_add_pair(out, str_from(name), str_from(value)) == 0);
}

static void add_stream(struct buf *out, uint8_t type, struct str content)
{
        REQUIRE(fcgi_add_stream(out, type, 1, content) == 0 &&
                fcgi_add_stream_end(out, type, 1) == 0);
}

static void add_params(struct buf *out, const struct fcgi_client_request *r)
{
        struct buf pairs;
        char length[24];

        buf_init(&pairs, FCGI_MAX_LENGTH);
        snprintf(length, sizeof(length), "%zu", r->body.n);
        add_pair(&pairs, "REQUEST_METHOD", r->method);
        add_pair(&pairs, "REQUEST_URI", r->uri);
        add_pair(&pairs, "SERVER_PROTOCOL", "HTTP/1.1");
        add_pair(&pairs, "REMOTE_ADDR", "127.0.0.1");
        add_pair(&pairs, "CONTENT_LENGTH", length);
        add_pair(&pairs, "HTTP_HOST", "localhost");
        for (size_t i = 0; r->params != NULL && r->params[i] != NULL; i += 2)
                add_pair(&pairs, r->params[i], r->params[i + 1]);
        add_stream(out, FCGI_PARAMS, buf_bytes(&pairs));
        buf_finish(&pairs);
}

int fcgi_client_connect(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        REQUIRE(fd >= 0 && strlen(path) < sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
                return fd;
        close(fd);
        return -1;
}

void fcgi_client_write(struct buf *out, const struct fcgi_client_request *request)
{
        REQUIRE(fcgi_add_begin(out, 1, false) == 0);
        add_params(out, request);
        add_stream(out, FCGI_STDIN, request->body);
}
