#include "load.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

uint16_t tls_port;
static SSL_CTX *tls;

/* The certificate may be anybody's: what is measured is on loopback. */
static SSL_CTX *tls_of_all(void)
{
        if (tls != NULL)
                return tls;
        tls = SSL_CTX_new(TLS_client_method());
        if (tls == NULL)
                die("OpenSSL gives no client");
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
        return tls;
}

static void shake_hands(struct line *line)
{
        struct pollfd waits = {.fd = line->source.fd};
        int outcome;

        line->ssl = SSL_new(tls_of_all());
        if (line->ssl == NULL || SSL_set_fd(line->ssl, line->source.fd) != 1)
                die("OpenSSL gives no connection");
        while ((outcome = SSL_connect(line->ssl)) != 1) {
                int error = SSL_get_error(line->ssl, outcome);

                if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
                        die("no TLS: %s", ERR_error_string(ERR_get_error(), NULL));
                waits.events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
                poll(&waits, 1, -1);
        }
}

void line_open(struct line *line, uint16_t port)
{
        line->source.fd = connect_tcp(port);
        line->ssl = NULL;
        if (port == tls_port)
                shake_hands(line);
        source_add(&line->source, EPOLLIN);
}

void line_close(struct line *line)
{
        SSL_free(line->ssl);
        source_remove(&line->source);
}

ssize_t line_recv(struct line *line, void *in, size_t size)
{
        size_t n;

        if (line->ssl == NULL)
                return recv(line->source.fd, in, size, 0);
        if (SSL_read_ex(line->ssl, in, size, &n) == 1)
                return (ssize_t)n;
        if (SSL_get_error(line->ssl, 0) != SSL_ERROR_WANT_READ)
                return 0;
        errno = EAGAIN;
        return -1;
}

bool line_has_more(const struct line *line)
{
        return line->ssl != NULL && SSL_pending(line->ssl) > 0;
}

void line_send(struct line *line, const char *text, size_t n)
{
        if (line->ssl != NULL ? SSL_write(line->ssl, text, (int)n) != (int)n
                              : send(line->source.fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
                die("cannot send a request: %s", strerror(errno));
}
