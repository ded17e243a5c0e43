#include "gateway.h"
#include "mgw/config/config.h"

#include "../../world/world.h"
#include "client.h"
#include "mgw/base/log.h"
#include "servers.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What does not come to rest never will. */
#define MOVES_MAX 20000
#define STACK_BYTES (1u << 20)

static struct config config;
static bool replaces;
static pthread_t thread;
static sem_t may_move, stands;
static bool is_over;
static int exit_code;
static int log_to = -1;
#define FOLDER "/tmp/mgw_unit.XXXXXX"
static char folder[] = FOLDER;
static bool has_folder;
static char socket_path[sizeof(folder) + 8];

static void on_idle(void)
{
        sem_post(&stands);
        while (sem_wait(&may_move) != 0)
                ;
}

static const struct world_events events = {.on_idle = on_idle, .on_sent = servers_on_sent};

static void *run(void *arg)
{
        (void)arg;
        exit_code = world_run(&config);
        is_over = true;
        sem_post(&stands);
        return NULL;
}

static void write_quoted(FILE *file, const char *text)
{
        for (; *text != '\0'; text++)
                fputc(*text == '\'' ? '"' : *text, file);
}

static void need_folder(void)
{
        if (!has_folder)
                cr_assert_not_null(mkdtemp(folder));
        has_folder = true;
}

const char *gateway_file(const char *name, const char *text)
{
        static char path[sizeof(folder) + 64];
        FILE *file;

        need_folder();
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "w");
        cr_assert_not_null(file);
        write_quoted(file, text);
        cr_assert_eq(fclose(file), 0);
        chmod(path, 0600);
        return path;
}

/* A flat one. */
static void remove_folder(void)
{
        DIR *dir = opendir(folder);
        const struct dirent *entry;

        while (dir != NULL && (entry = readdir(dir)) != NULL)
                if (entry->d_name[0] != '.')
                        unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
        rmdir(folder);
        strcpy(folder, FOLDER);
        has_folder = false;
}

static char config_path[sizeof(folder) + 8];

static void write_config(const char *servers, const char *settings)
{
        FILE *file = fopen(config_path, "w");

        cr_assert_not_null(file);
        fprintf(file, "{\"mcpServers\":{");
        write_quoted(file, servers);
        fprintf(file, "},\"gateway\":{\"listen\":\"unix:%s\",\"node\":\"n\"%s", socket_path,
                settings[0] != '\0' ? "," : "");
        write_quoted(file, settings);
        fprintf(file, "}}");
        cr_assert_eq(fclose(file), 0);
}

static void load(const char *servers, const char *settings)
{
        snprintf(socket_path, sizeof(socket_path), "%s/s", folder);
        snprintf(config_path, sizeof(config_path), "%s/c", folder);
        write_config(servers, settings);
        cr_assert_eq(config_load(&config, config_path, stderr), 0);
        config.replaces = replaces;
}

static void until_it_stands(void)
{
        while (sem_wait(&stands) != 0)
                ;
}

void gateway_start(const char *servers, const char *settings)
{
        pthread_attr_t attr;

        need_folder();
        load(servers, settings);
        signal(SIGPIPE, SIG_IGN);
        log_to = memfd_create("log", MFD_CLOEXEC);
        log_setup(log_to, LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
        is_over = false;
        sem_init(&may_move, 0, 0);
        sem_init(&stands, 0, 0);
        servers_begin();
        world_begin(&events);
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        cr_assert_eq(pthread_create(&thread, &attr, run, NULL), 0);
        pthread_attr_destroy(&attr);
        until_it_stands();
        cr_assert_not(is_over, "%s", gateway_log());
}

void gateway_start_over(const char *servers, const char *settings)
{
        replaces = true;
        gateway_start(servers, settings);
        replaces = false;
}

void gateway_settle(void)
{
        bool has_moved = true;

        for (size_t left = MOVES_MAX; has_moved; left--) {
                cr_assert(left > 0, "it does not come to rest: %s", gateway_log());
                if (!is_over) {
                        sem_post(&may_move);
                        until_it_stands();
                }
                has_moved = clients_move();
                if (!is_over && servers_answer())
                        has_moved = true;
        }
}

void gateway_pass_ms(int64_t ms)
{
        int64_t until = world.now_ms + ms;

        gateway_settle();
        while (world.now_ms < until && !is_over) {
                int64_t step = world.next_timer_ms;

                if (step < 0 || step > until - world.now_ms)
                        step = until - world.now_ms;
                world.now_ms += step > 0 ? step : 1;
                gateway_settle();
        }
}

void gateway_reload(const char *servers, const char *settings)
{
        write_config(servers, settings);
        gateway_signal(SIGHUP);
}

void gateway_signal(int signo)
{
        world_signal(signo);
        gateway_settle();
}

bool gateway_is_over(void)
{
        return is_over;
}

int gateway_stop(void)
{
        for (int i = 0; i < 2 && !is_over; i++)
                world_signal(SIGTERM);
        gateway_settle();
        cr_assert(is_over);
        pthread_join(thread, NULL);
        clients_end();
        servers_end();
        world_end();
        config_finish(&config);
        remove_folder();
        close(log_to);
        return exit_code;
}

const char *gateway_log(void)
{
        static char text[1 << 20];
        ssize_t n = pread(log_to, text, sizeof(text) - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        return text;
}

const char *gateway_socket(void)
{
        return socket_path;
}
