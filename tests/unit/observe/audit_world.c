#include "audit_world.h"

#include "mgw/observe/audit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void audit_world_open(struct audit_world *w)
{
        static char email[] = "ann@example.com";

        memset(w, 0, sizeof(*w));
        strcpy(w->dir, "/tmp/mgw-audit-XXXXXX");
        cr_assert_not_null(mkdtemp(w->dir));
        snprintf(w->file, sizeof(w->file), "%s/audit.log", w->dir);
        w->config.audit_file = w->file;
        w->config.traces_url = (char *)"";
        w->context.config = &w->config;
        w->user.email = email;
        w->identity.user = &w->user;
}

void audit_world_start(struct audit_world *w)
{
        cr_assert_eq(loop_create(&w->context.loop), 0);
        cr_assert_eq(observe_open(&w->context), 0);
}

void audit_world_stop(struct audit_world *w)
{
        observe_close(&w->context);
        loop_destroy(w->context.loop);
        w->context.loop = NULL;
}

void audit_world_close(struct audit_world *w)
{
        DIR *dir = opendir(w->dir);
        struct dirent *entry;

        if (w->context.loop != NULL)
                audit_world_stop(w);
        while ((entry = readdir(dir)) != NULL)
                unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
        cr_assert_eq(rmdir(w->dir), 0);
}

struct call_record audit_world_call(struct audit_world *w, const char *tool)
{
        return (struct call_record){.identity = &w->identity,
                                    .client_name = "cursor",
                                    .client_version = "1.2.3",
                                    .revision = "2025-06-18",
                                    .session_id = "s-1",
                                    .method = "tools/call",
                                    .name = tool,
                                    .request_id = "r-1"};
}

bool audit_world_run(struct audit_world *w, const char *tool)
{
        struct call_record record = audit_world_call(w, tool);

        if (audit_begin(&w->context, &record, &record.audit) != 0)
                return false;
        record.server = "weather";
        record.took_us = 1234;
        record.bytes_in = 10;
        record.bytes_out = 20;
        observe_call(&w->context, &record);
        return true;
}

void audit_world_wait_lines(struct audit_world *w, uint64_t n)
{
        struct audit_decision none = {.kind = "look", .outcome = "ok"};
        uint64_t n_looks = 0;

        (void)none;
        while (audit_stats(&w->context)->lines < n) {
                /* the loop hears of what is written when it has more */
                if (n_looks++ % 10 == 0)
                        audit_decide(&w->context, &none);
                cr_assert_eq(loop_turn(w->context.loop, 0), 0);
                usleep(2000);
        }
}

json_t *audit_world_lines(const char *path)
{
        FILE *file = fopen(path, "r");
        json_t *lines = json_array();
        char *line = NULL;
        size_t size = 0;
        ssize_t n;

        cr_assert_not_null(file, "%s", path);
        while ((n = getline(&line, &size, file)) > 0) {
                json_error_t error;
                json_t *object = json_loadb(line, (size_t)n, 0, &error);

                cr_assert(line[n - 1] == '\n', "the last line is torn: %s", line);
                cr_assert(json_is_object(object), "%s: %s", error.text, line);
                json_array_append_new(lines, object);
        }
        free(line);
        fclose(file);
        return lines;
}

size_t audit_world_count(const json_t *lines, const char *key, const char *value)
{
        const json_t *line;
        size_t i, n = 0;

        json_array_foreach ((json_t *)lines, i, line) {
                const char *text = json_string_value(json_object_get(line, key));

                n += text != NULL && strcmp(text, value) == 0;
        }
        return n;
}

const json_t *audit_world_line(const json_t *lines, const char *key, const char *value)
{
        const json_t *line, *found = NULL;
        size_t i, n = 0;

        json_array_foreach ((json_t *)lines, i, line) {
                const char *text = json_string_value(json_object_get(line, key));

                if (text == NULL || strcmp(text, value) != 0)
                        continue;
                found = line;
                n++;
        }
        cr_assert(n == 1, "%zu lines have %s %s", n, key, value);
        return found;
}
