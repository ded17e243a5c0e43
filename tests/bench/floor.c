/* The floor: a bare epoll program that does nothing but FastCGI and write. It knows no HTTP, no
 * JSON, no sessions, no users, no queues and no log: what it costs, any gateway costs.
 *
 *   floor SOCKET KEEPALIVE_MS */
#include "app.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

static struct list streams;
static uint8_t keep_alive[64];
static size_t n_keep_alive;

static void open_stream(struct conn *c)
{
        uint8_t out[512];
        size_t n = app_record(out, sizeof(out), STR(APP_STREAM_HEAD));

        n += app_record(out + n, sizeof(out) - n, STR(APP_STREAM_OPEN));
        app_send(c, out, n);
        list_append(&streams, &c->node);
}

static void announce(struct str announcement)
{
        bool is_for_one = app_is_for_one(announcement);
        char event[32768];
        uint8_t out[sizeof(event) + 8];
        struct str text = {event, app_event(event, sizeof(event), announcement)};
        size_t n = app_record(out, sizeof(out), text);

        list_for_each (it, &streams) {
                app_send(container_of(it, struct conn, node), out, n);
                if (is_for_one)
                        break;
        }
}

static void on_request(struct conn *c, const struct app_request *request)
{
        switch (app_route(request->uri, request->body.n > 0)) {
        case APP_ROUTE_READY:
                app_answer(c, STR(APP_READY));
                break;
        case APP_ROUTE_STREAM:
                open_stream(c);
                break;
        case APP_ROUTE_ANNOUNCE:
                announce(request->body);
                app_answer(c, STR(APP_ANNOUNCED));
                break;
        case APP_ROUTE_CALL:
                app_answer(c, STR(APP_ECHO));
                break;
        }
}

static void on_tick(struct source *source, uint32_t events)
{
        uint64_t n_ticks;

        (void)events;
        if (read(source->fd, &n_ticks, sizeof(n_ticks)) < 0)
                return;
        list_for_each (it, &streams)
                app_send(container_of(it, struct conn, node), keep_alive, n_keep_alive);
}

int main(int argc, char **argv)
{
        struct app app = {.on_request = on_request};
        struct source ticks = {.on_ready = on_tick};
        long ms;
        struct itimerspec every = {0};

        if (argc != 3)
                die("usage: floor SOCKET KEEPALIVE_MS");
        ms = number(argv[2]);
        every.it_interval.tv_sec = ms / 1000;
        every.it_interval.tv_nsec = ms % 1000 * 1000000;
        every.it_value = every.it_interval;
        list_init(&streams);
        n_keep_alive = app_record(keep_alive, sizeof(keep_alive), STR(APP_KEEP_ALIVE));
        app_open(&app, argv[1]);
        ticks.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        timerfd_settime(ticks.fd, 0, &every, NULL);
        source_add(&ticks, EPOLLIN);
        for (;;)
                turn(-1);
}
