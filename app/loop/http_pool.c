/* Servers that our own connections lead to, and the connections to them that are kept.
 *
 * No name is resolved here: curl goes first, and where it got to is known for as long as curl
 * itself would keep an address. Connections are shared by who asks for the same host and port, but
 * not between who may reach link-local addresses and who may not.
 *
 * An idle connection is watched: what comes by it, an end or bytes that nobody has asked for, ends
 * it. One timer looks after all. */
#include "http_pool.h"
#include "http_memory.h"

#include "mgw/base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_PER_SERVER_MAX 64u
#define IDLE_MAX 256u
#define SERVERS_MAX 1024u
/* As curl's CURLOPT_DNS_CACHE_TIMEOUT. */
#define ADDRESS_KNOWN_MS 60000
/* A server that curl alone can read is asked by our own way again after this. */
#define CURLS_MS 3600000
/* Between two looks at what is idle: what one more look finds may be so much older. */
#define SWEEP_MS 500
#define HOST_MAX 255
#define KEY_BYTES (1 + HOST_MAX + sizeof(":65535"))

/* ---- URLs ---- */

struct location {
        struct str host; /* in brackets where it is an address of IPv6 */
        uint16_t port;
        struct str target; /* path and query */
};

static struct str url_field(const char *url, const struct http_parser_url *u, unsigned field)
{
        if ((u->field_set & 1u << field) == 0)
                return STR("");
        return (struct str){url + u->field_data[field].off, u->field_data[field].len};
}

static bool is_plain(struct str url)
{
        static const bool others[256] = {
                ['"'] = true, ['#'] = true, ['<'] = true, ['>'] = true, ['@'] = true, ['\\'] = true,
                ['^'] = true, ['`'] = true, ['{'] = true, ['|'] = true, ['}'] = true};

        for (size_t i = 0; i < url.n; i++) {
                uint8_t c = (uint8_t)url.p[i];

                if (c <= ' ' || c >= 0x7f || others[c])
                        return false;
        }
        return true;
}

/* What curl would write in another way, or takes for more than it is, is left to it: other schemes,
 * users, fragments, "..", backslashes, bytes to be escaped. */
static bool url_read(const char *url, struct location *to)
{
        size_t n = strlen(url);
        struct http_parser_url u;
        struct str path, query;

        http_parser_url_init(&u);
        if (n > UINT16_MAX || !is_plain((struct str){url, n}) || strstr(url, "/.") != NULL ||
            http_parser_parse_url(url, n, 0, &u) != 0)
                return false;
        path = url_field(url, &u, UF_PATH);
        query = url_field(url, &u, UF_QUERY);
        if (!str_eq_nocase(url_field(url, &u, UF_SCHEMA), STR("http")) ||
            (u.field_set & (1u << UF_USERINFO | 1u << UF_FRAGMENT)) != 0 ||
            ((u.field_set & 1u << UF_PORT) != 0 && u.port == 0) || (path.n == 0 && query.n > 0))
                return false;
        to->host = url_field(url, &u, UF_HOST);
        to->port = u.port != 0 ? u.port : 80;
        to->target = path.n > 0 ? (struct str){path.p, (size_t)(url + n - path.p)} : STR("/");
        return to->host.n > 0 && to->host.n <= HOST_MAX;
}

/* ---- addresses ---- */

static bool address_set(union http_address *address, const char *ip, uint16_t port)
{
        memset(address, 0, sizeof(*address));
        if (inet_pton(AF_INET, ip, &address->v4.sin_addr) == 1) {
                address->v4.sin_family = AF_INET;
                address->v4.sin_port = htons(port);
                return true;
        }
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        return inet_pton(AF_INET6, ip, &address->v6.sin6_addr) == 1;
}

/* A name whose last label begins with a digit may be an address in one of the older ways. */
static bool name_may_be_number(const char *name)
{
        const char *dot = strrchr(name, '.');
        char first = dot != NULL ? dot[1] : name[0];

        return first == '\0' || (first >= '0' && first <= '9');
}

/* name: the host, without brackets. False: curl knows better what it is. */
static bool server_name_read(struct http_server *server, const char *name, bool is_v6)
{
        if (address_set(&server->address, name, server->port)) {
                server->known_until_ms = INT64_MAX;
                return true;
        }
        return !is_v6 && !name_may_be_number(name);
}

bool http_server_is_number(const struct http_server *server)
{
        return server->known_until_ms == INT64_MAX;
}

void http_server_learn(struct http_client *client, struct http_server *server, const char *ip)
{
        bool is_known = address_set(&server->address, ip, server->port);

        server->known_until_ms = is_known ? loop_now_ms(client->loop) + ADDRESS_KNOWN_MS : 0;
}

void http_server_forget(struct http_server *server)
{
        server->known_until_ms = 0;
}

void http_server_leave_to_curl(struct http_server *server, int64_t now_ms)
{
        server->curls_until_ms = now_ms + CURLS_MS;
}

/* ---- servers ---- */

static void pool_on_sweep(struct timer *timer);

static void pool_watch(struct http_client *client, int64_t delay_ms)
{
        if (!timer_is_armed(&client->pool.sweep))
                timer_arm(client->loop, &client->pool.sweep, delay_ms);
}

static struct http_server *server_create(struct http_client *client, struct str host, uint16_t port,
                                         struct str key)
{
        struct http_server *server;
        bool is_v6 = memchr(host.p, ':', host.n) != NULL;
        char name[HOST_MAX + 1];

        memcpy(name, host.p, host.n);
        name[host.n] = '\0';
        if (HASH_COUNT(client->pool.servers) >= SERVERS_MAX)
                return NULL;
        pool_watch(client, HTTP_IDLE_S * 1000);
        server = alloc_zeroed(sizeof(*server) + key.n);
        server->port = port;
        if (!server_name_read(server, name, is_v6)) {
                free(server);
                return NULL;
        }
        list_init(&server->idle);
        server->n_key = (uint16_t)key.n;
        memcpy(server->key, key.p, key.n);
        HASH_ADD(hh, client->pool.servers, key, key.n, server);
        return server;
}

static void server_free(struct http_client *client, struct http_server *server)
{
        HASH_DEL(client->pool.servers, server);
        free(server);
}

static size_t key_make(char key[KEY_BYTES], enum http_reach reach, const struct location *to)
{
        size_t n = 0;
        unsigned divisor = 10000;

        key[n++] = (char)('0' + reach);
        for (size_t i = 0; i < to->host.n; i++) {
                char c = to->host.p[i];

                key[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        key[n++] = ':';
        for (; divisor > 0; divisor /= 10)
                key[n++] = (char)('0' + to->port / divisor % 10);
        return n;
}

struct http_server *http_pool_server(struct http_request *request, struct str *target)
{
        struct http_client *client = request->client;
        struct http_server *server;
        struct location to;
        char key[KEY_BYTES];
        size_t n;

        if (!url_read(http_request_url(request), &to))
                return NULL;
        *target = to.target;
        n = key_make(key, request->source->reach, &to);
        HASH_FIND(hh, client->pool.servers, key, n, server);
        if (server == NULL)
                server = server_create(client, to.host, to.port, (struct str){key, n});
        if (server != NULL)
                server->n_users++;
        return server;
}

/* ---- connections ---- */

struct http_connection *http_connection_create(struct http_client *client,
                                               struct http_server *server, int fd)
{
        struct http_connection *connection = http_object_create(sizeof(*connection), 0);

        connection->fd = connection->io.fd = fd;
        connection->client = client;
        connection->server = server;
        server->n_users++;
        client->n_sockets++;
        return connection;
}

static void connection_leave_pool(struct http_connection *connection)
{
        if (list_is_empty(&connection->by_age))
                return;
        list_unlink(&connection->by_age);
        list_unlink(&connection->by_server);
        connection->client->pool.n_idle--;
        connection->server->n_idle--;
}

void http_connection_close(struct http_connection *connection)
{
        struct http_client *client = connection->client;

        connection_leave_pool(connection);
        timer_disarm(client->loop, &connection->deadline);
        loop_io_remove(client->loop, &connection->io);
        close(connection->fd);
        client->n_sockets--;
        http1_response_finish(&connection->answer);
        buf_finish(&connection->head);
        buf_finish(&connection->held);
        http_server_release(connection->server);
        loop_bury(client->loop, connection, http_object_free);
}

/* Its end, or bytes that belong to no answer, may have come in this turn. */
static bool connection_is_quiet(const struct http_connection *connection)
{
        char byte;

        return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
               (errno == EAGAIN || errno == EWOULDBLOCK);
}

struct http_connection *http_pool_take(struct http_client *client, struct http_server *server)
{
        int64_t now_ms = loop_now_ms(client->loop);
        struct list *last;

        while ((last = list_last(&server->idle)) != NULL) {
                struct http_connection *connection =
                        container_of(last, struct http_connection, by_server);

                connection_leave_pool(connection);
                if (connection->idle_until_ms > now_ms && connection_is_quiet(connection))
                        return connection;
                http_connection_close(connection);
        }
        return NULL;
}

void http_pool_put(struct http_connection *connection)
{
        struct http_client *client = connection->client;
        struct http_pool *pool = &client->pool;
        struct http_server *server = connection->server;

        if (server->n_idle == IDLE_PER_SERVER_MAX ||
            loop_io_set(client->loop, &connection->io, LOOP_IN) < 0) {
                http_connection_close(connection);
                return;
        }
        pool_watch(client, HTTP_IDLE_S * 1000);
        if (pool->n_idle == IDLE_MAX)
                http_connection_close(
                        container_of(list_first(&pool->idle), struct http_connection, by_age));
        connection->idle_until_ms = loop_now_ms(client->loop) + HTTP_IDLE_S * 1000;
        list_append(&pool->idle, &connection->by_age);
        list_append(&server->idle, &connection->by_server);
        pool->n_idle++;
        server->n_idle++;
}

/* ---- the end of what is idle ---- */

static void servers_sweep(struct http_client *client, int64_t now_ms)
{
        struct http_server *server, *next;

        HASH_ITER(hh, client->pool.servers, server, next)
        if (server->n_users == 0 && !http_server_is_curls(server, now_ms) &&
            (http_server_is_number(server) || !http_server_is_known(server, now_ms)))
                server_free(client, server);
}

static void pool_on_sweep(struct timer *timer)
{
        struct http_client *client = container_of(timer, struct http_client, pool.sweep);
        struct http_pool *pool = &client->pool;
        int64_t now_ms = loop_now_ms(client->loop), wait_ms = HTTP_IDLE_S * 1000;
        struct list *first;

        while ((first = list_first(&pool->idle)) != NULL) {
                struct http_connection *connection =
                        container_of(first, struct http_connection, by_age);

                if (connection->idle_until_ms > now_ms) {
                        wait_ms = connection->idle_until_ms - now_ms;
                        break;
                }
                http_connection_close(connection);
        }
        servers_sweep(client, now_ms);
        if (pool->servers != NULL)
                pool_watch(client, wait_ms > SWEEP_MS ? wait_ms : SWEEP_MS);
}

void http_pool_init(struct http_client *client)
{
        list_init(&client->pool.idle);
        client->pool.sweep.on_due = pool_on_sweep;
}

void http_pool_finish(struct http_client *client)
{
        struct http_server *server, *next;
        struct list *first;

        while ((first = list_first(&client->pool.idle)) != NULL)
                http_connection_close(container_of(first, struct http_connection, by_age));
        HASH_ITER(hh, client->pool.servers, server, next)
        server_free(client, server);
        timer_disarm(client->loop, &client->pool.sweep);
}
