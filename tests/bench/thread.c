/* The usual way with libfcgi: FCGX_Accept_r() and a thread for each stream. Sixteen threads wait in
 * accept; one that gets a stream keeps it, and starts another to wait in its place.
 *
 *   thread SOCKET KEEPALIVE_MS */
#include "app.h"

#include <errno.h>
#include <fcgiapp.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N_WAITING 16
/* Less than the usual 8 MiB, so that address space does not limit it; none of it is touched. */
#define STACK_BYTES (256 * 1024)

struct event {
        unsigned n_owners;
        size_t n;
        char text[];
};

struct stream {
        struct list node;
        pthread_cond_t wake;
        struct event *event;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the streams and their events */
static struct list streams;
static int listen_fd;
static long keep_alive_ms;

static void start_thread(void);

static void put(FCGX_Request *request, const char *text, size_t n)
{
        FCGX_PutStr(text, (int)n, request->out);
        FCGX_FFlush(request->out);
}

static bool stream_is_lost(const FCGX_Request *request)
{
        return FCGX_GetError(request->out) != 0;
}

static struct timespec due_in(long ms)
{
        struct timespec at;

        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += ms / 1000;
        at.tv_nsec += ms % 1000 * 1000000;
        if (at.tv_nsec >= 1000000000) {
                at.tv_sec++;
                at.tv_nsec -= 1000000000;
        }
        return at;
}

/* The event that came, or NULL when it is time for a keep-alive. */
static struct event *stream_wait(struct stream *s)
{
        struct timespec due = due_in(keep_alive_ms);
        struct event *event;
        int r = 0;

        pthread_mutex_lock(&lock);
        while (s->event == NULL && r == 0)
                r = pthread_cond_timedwait(&s->wake, &lock, &due);
        event = s->event;
        s->event = NULL;
        pthread_mutex_unlock(&lock);
        return event;
}

static void event_release(struct event *event)
{
        bool is_last;

        pthread_mutex_lock(&lock);
        is_last = --event->n_owners == 0;
        pthread_mutex_unlock(&lock);
        if (is_last)
                free(event);
}

static void run_stream(FCGX_Request *request)
{
        struct stream s = {0};
        pthread_condattr_t attr;

        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&s.wake, &attr);
        pthread_mutex_lock(&lock);
        list_append(&streams, &s.node);
        pthread_mutex_unlock(&lock);
        put(request, APP_STREAM_HEAD APP_STREAM_OPEN, sizeof(APP_STREAM_HEAD APP_STREAM_OPEN) - 1);
        while (!stream_is_lost(request)) {
                struct event *event = stream_wait(&s);

                if (event == NULL) {
                        put(request, APP_KEEP_ALIVE, sizeof(APP_KEEP_ALIVE) - 1);
                } else {
                        put(request, event->text, event->n);
                        event_release(event);
                }
        }
        pthread_mutex_lock(&lock);
        list_unlink(&s.node);
        pthread_mutex_unlock(&lock);
        if (s.event != NULL)
                event_release(s.event);
        pthread_cond_destroy(&s.wake);
}

static void stream_give(struct stream *s, struct event *event)
{
        if (s->event != NULL) /* its client is behind: it loses this one */
                return;
        s->event = event;
        event->n_owners++;
        pthread_cond_signal(&s->wake);
}

static void announce(struct str announcement)
{
        struct event *event = calloc(1, sizeof(*event) + 32768);

        if (event == NULL)
                die("out of memory");
        event->n = app_event(event->text, 32768, announcement);
        event->n_owners = 1;
        pthread_mutex_lock(&lock);
        list_for_each (it, &streams) {
                stream_give(container_of(it, struct stream, node), event);
                if (app_is_for_one(announcement))
                        break;
        }
        pthread_mutex_unlock(&lock);
        event_release(event);
}

/* True: it was a stream, and is over. */
static bool run_request(FCGX_Request *request)
{
        const char *length = FCGX_GetParam("CONTENT_LENGTH", request->envp);
        char body[32768];
        int n = length == NULL ? 0 : FCGX_GetStr(body, sizeof(body), request->in);

        switch (app_route(str_from(FCGX_GetParam("REQUEST_URI", request->envp)), n > 0)) {
        case APP_ROUTE_READY:
                FCGX_PutS(APP_READY, request->out);
                return false;
        case APP_ROUTE_STREAM:
                start_thread();
                run_stream(request);
                return true;
        case APP_ROUTE_ANNOUNCE:
                announce((struct str){body, (size_t)n});
                FCGX_PutS(APP_ANNOUNCED, request->out);
                return false;
        case APP_ROUTE_CALL:
                FCGX_PutS(APP_ECHO, request->out);
                return false;
        }
        return false;
}

static void *run_thread(void *unused)
{
        FCGX_Request request;
        bool is_over = false;

        (void)unused;
        FCGX_InitRequest(&request, listen_fd, 0);
        while (!is_over) {
                if (FCGX_Accept_r(&request) < 0)
                        die("FCGX_Accept_r failed");
                is_over = run_request(&request);
                FCGX_Finish_r(&request);
        }
        FCGX_Free(&request, 1);
        return NULL;
}

static void start_thread(void)
{
        pthread_attr_t attr;
        pthread_t thread;
        int r;

        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        r = pthread_create(&thread, &attr, run_thread, NULL);
        if (r != 0)
                die("no more threads: %s", strerror(r));
        pthread_attr_destroy(&attr);
}

int main(int argc, char **argv)
{
        if (argc != 3)
                die("usage: thread SOCKET KEEPALIVE_MS");
        keep_alive_ms = number(argv[2]);
        signal(SIGPIPE, SIG_IGN);
        list_init(&streams);
        FCGX_Init();
        listen_fd = FCGX_OpenSocket(argv[1], 4096);
        for (int i = 0; i < N_WAITING; i++)
                start_thread();
        for (;;)
                pause();
}
