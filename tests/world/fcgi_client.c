#include "fcgi_client.h"

#include "mgw/wire/fcgi.h"
#include "require.h"

#include <fastcgi.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RECORD_MAX 65535

static void add_record(struct buf *out, uint8_t type, struct str content)
{
        uint8_t head[FCGI_HEADER_LEN];

        fcgi_head(head, type, 1, content.n);
        REQUIRE(buf_add(out, head, sizeof(head)) == 0 && buf_add_str(out, content) == 0);
}

static void add_pair(struct buf *out, const char *name, const char *value)
{
        const size_t sizes[] = {strlen(name), strlen(value)};

        for (size_t i = 0; i < 2; i++) {
                uint8_t four[] = {(uint8_t)(0x80 | sizes[i] >> 24), (uint8_t)(sizes[i] >> 16),
                                  (uint8_t)(sizes[i] >> 8), (uint8_t)sizes[i]};

                REQUIRE(buf_add(out, four, sizeof(four)) == 0);
        }
        REQUIRE(buf_add_str(out, str_from(name)) == 0 && buf_add_str(out, str_from(value)) == 0);
}

static void add_params(struct buf *out, const struct fcgi_client_request *r)
{
        struct buf pairs;
        char length[24];

        buf_init(&pairs, RECORD_MAX);
        snprintf(length, sizeof(length), "%zu", r->body.n);
        add_pair(&pairs, "REQUEST_METHOD", r->method);
        add_pair(&pairs, "REQUEST_URI", r->uri);
        add_pair(&pairs, "SERVER_PROTOCOL", "HTTP/1.1");
        add_pair(&pairs, "REMOTE_ADDR", "127.0.0.1");
        add_pair(&pairs, "CONTENT_LENGTH", length);
        add_pair(&pairs, "HTTP_HOST", "localhost");
        for (size_t i = 0; r->params != NULL && r->params[i] != NULL; i += 2)
                add_pair(&pairs, r->params[i], r->params[i + 1]);
        add_record(out, FCGI_PARAMS, buf_bytes(&pairs));
        add_record(out, FCGI_PARAMS, STR(""));
        buf_finish(&pairs);
}

static void add_body(struct buf *out, struct str body)
{
        while (body.n > 0) {
                size_t n = body.n < RECORD_MAX ? body.n : RECORD_MAX;

                add_record(out, FCGI_STDIN, (struct str){body.p, n});
                body = (struct str){body.p + n, body.n - n};
        }
        add_record(out, FCGI_STDIN, STR(""));
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
        add_record(out, FCGI_BEGIN_REQUEST, (struct str){"\0\1\0\0\0\0\0\0", 8});
        add_params(out, request);
        add_body(out, request->body);
}
