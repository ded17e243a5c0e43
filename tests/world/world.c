/* What is ours in place of the system's (-Wl,--wrap, as meson.build lists them). */
#include "world.h"

#include "mgw/base/clock.h"
#include "mgw/fastcgi/fcgi_server.h"
#include "mgw/loop/watchdog.h"
#include "mgw/server/server.h"
#include "mgw/store/store.h"
#include "require.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define WALL_MS INT64_C(1800000000000)

struct world world;

static void world_on_idle(struct loop_io *io, uint32_t events)
{
        (void)io;
        (void)events;
        world.events->on_idle();
}

void world_begin(const struct world_events *events)
{
        memset(&world, 0, sizeof(world));
        world.events = events;
        world.now_ms = 1000000;
        world.next_timer_ms = -1;
        world.seed = 1;
        world.idle = (struct loop_io){.fd = -1, .on_io = world_on_idle};
}

int world_run(struct config *config)
{
        return server_run(config);
}

void world_end(void)
{
        world_http_forget();
        world_child_forget();
}

void world_signal(int signo)
{
        world.signals->on_signal(world.signals, signo);
}

int64_t __wrap_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void)
{
        return world.now_ms;
}

int64_t __wrap_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_us(void)
{
        return 1000 * world.now_ms;
}

int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void)
{
        return WALL_MS + world.now_ms;
}

int64_t __wrap_clock_wall_us(void);
int64_t __wrap_clock_wall_us(void)
{
        return 1000 * (WALL_MS + world.now_ms);
}

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
        uint8_t *at = p;

        (void)flags;
        for (size_t i = 0; i < n; i++) {
                world.seed = world.seed * 1664525 + 1013904223;
                at[i] = (uint8_t)(world.seed >> 24);
        }
        return (ssize_t)n;
}

int __wrap_signal_watch_open(struct loop *loop, struct signal_watch *watch, const int *signos);
int __wrap_signal_watch_open(struct loop *loop, struct signal_watch *watch, const int *signos)
{
        (void)signos;
        world.loop = loop;
        world.signals = watch;
        return 0;
}

/* A thread of each gateway would cost more than the rest of it. */
int __wrap_watchdog_start(struct loop *loop, int64_t slow_ms, int64_t limit_ms,
                          struct watchdog **watchdogp);
int __wrap_watchdog_start(struct loop *loop, int64_t slow_ms, int64_t limit_ms,
                          struct watchdog **watchdogp)
{
        (void)loop;
        (void)slow_ms;
        (void)limit_ms;
        *watchdogp = NULL;
        return 0;
}

/* A thread of its own would not know when the gateway has nothing left to do. */
int __real_store_open(struct store **storep, struct loop *loop, const struct store_options *options,
                      FILE *err);
int __wrap_store_open(struct store **storep, struct loop *loop, const struct store_options *options,
                      FILE *err);
int __wrap_store_open(struct store **storep, struct loop *loop, const struct store_options *options,
                      FILE *err)
{
        struct store_options in_memory = *options;

        in_memory.dir = NULL;
        return __real_store_open(storep, loop, &in_memory, err);
}

int __real_fcgi_server_create(struct context *context, int fd,
                              const struct fcgi_server_events *events,
                              struct fcgi_server **fcgi_serverp);
int __wrap_fcgi_server_create(struct context *context, int fd,
                              const struct fcgi_server_events *events,
                              struct fcgi_server **fcgi_serverp);
int __wrap_fcgi_server_create(struct context *context, int fd,
                              const struct fcgi_server_events *events,
                              struct fcgi_server **fcgi_serverp)
{
        world.context = context;
        return __real_fcgi_server_create(context, fd, events, fcgi_serverp);
}

int __real_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
        int n = __real_epoll_wait(fd, events, max, 0);

        if (n != 0 || timeout_ms == 0 || max < 1)
                return n;
        world.next_timer_ms = timeout_ms;
        events[0] = (struct epoll_event){.events = EPOLLIN, .data.ptr = &world.idle};
        return 1;
}
