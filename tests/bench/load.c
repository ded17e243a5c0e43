/* A client of thousands of streams, told on standard input what to do; it answers each command with
 * one line of JSON. It reads its streams all the time.
 *
 *   load PORT ADMIN_PORT [tls]     with MGW_ADMIN_SECRET in its environment; tls: PORT speaks it
 *
 *   open N sse|mcp           stall                    count SECONDS
 *   push one|all TIMES BYTES close                    sessions N TOOL
 *   calls TOOL CLIENTS SECONDS [EVERY_MS]             token TOKEN
 *   attack texts|values|flood SECONDS */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char authorization[1000];
static char input[1024];
static size_t n_input;

void delays_add(struct delays *d, int64_t ns)
{
        if (d->n == d->size) {
                d->size = d->size == 0 ? 4096 : d->size * 2;
                d->ns = reallocarray(d->ns, d->size, sizeof(*d->ns));
                if (d->ns == NULL)
                        die("out of memory");
        }
        d->ns[d->n++] = ns;
}

static int compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

double delays_us(struct delays *d, double q)
{
        if (d->n == 0)
                die("nothing was measured");
        qsort(d->ns, d->n, sizeof(*d->ns), compare);
        return (double)d->ns[(size_t)(q * (double)(d->n - 1) + 0.5)] / 1000;
}

void delays_finish(struct delays *d)
{
        free(d->ns);
        *d = (struct delays){0};
}

static void on_input(struct source *source, uint32_t events)
{
        ssize_t n = read(source->fd, input + n_input, sizeof(input) - 1 - n_input);

        (void)events;
        if (n <= 0) /* whoever started us is gone */
                exit(0);
        n_input += (size_t)n;
}

static void take_token(const char *token)
{
        if (snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s\r\n", token) >=
            (int)sizeof(authorization))
                die("the token is too long");
        puts("{}");
}

static void run(char *line, uint16_t port, uint16_t admin_port)
{
        char *words[5] = {0}, *save = NULL;
        size_t n = 0;

        for (char *w = strtok_r(line, " ", &save); w != NULL && n < 5;
             w = strtok_r(NULL, " ", &save))
                words[n++] = w;
        if (n == 3 && strcmp(words[0], "open") == 0)
                streams_open(port, (unsigned)number(words[1]), strcmp(words[2], "mcp") == 0);
        else if (n == 1 && strcmp(words[0], "stall") == 0)
                streams_stall_one();
        else if (n == 2 && strcmp(words[0], "count") == 0)
                streams_count((unsigned)number(words[1]));
        else if (n == 4 && strcmp(words[0], "push") == 0)
                streams_push(admin_port, strcmp(words[1], "all") == 0, (unsigned)number(words[2]),
                             (unsigned)number(words[3]));
        else if (n >= 4 && strcmp(words[0], "calls") == 0)
                run_calls(port, words[1], (unsigned)number(words[2]), (unsigned)number(words[3]),
                          n == 5 ? (unsigned)number(words[4]) : 0);
        else if (n == 3 && strcmp(words[0], "sessions") == 0)
                run_sessions(port, (unsigned)number(words[1]), words[2]);
        else if (n == 2 && strcmp(words[0], "token") == 0)
                take_token(words[1]);
        else if (n == 3 && strcmp(words[0], "attack") == 0)
                run_attack(port, words[1], (unsigned)number(words[2]));
        else if (n == 1 && strcmp(words[0], "close") == 0)
                streams_close_all();
        else
                die("no such command: %s", words[0] == NULL ? "(nothing)" : words[0]);
        fflush(stdout);
}

int main(int argc, char **argv)
{
        struct source commands = {.fd = STDIN_FILENO, .on_ready = on_input};
        char *end;

        if (argc != 3 && (argc != 4 || strcmp(argv[3], "tls") != 0))
                die("usage: load PORT ADMIN_PORT [tls]");
        if (argc == 4)
                tls_port = (uint16_t)number(argv[1]);
        source_add(&commands, EPOLLIN);
        for (;;) {
                turn(-1);
                /* Not in the handler: commands run turns of their own. */
                while ((end = memchr(input, '\n', n_input)) != NULL) {
                        char line[sizeof(input)];
                        size_t n = (size_t)(end - input);

                        memcpy(line, input, n);
                        line[n] = '\0';
                        n_input -= n + 1;
                        memmove(input, end + 1, n_input);
                        run(line, (uint16_t)number(argv[1]), (uint16_t)number(argv[2]));
                }
        }
}
