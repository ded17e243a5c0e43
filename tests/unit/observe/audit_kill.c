/* A program that calls is killed (SIGKILL) at moments of all kinds. Each call that it has told of
 * has one line, true or "lost". */
#include "audit_world.h"
#include "mgw/base/alloc.h"
#include "mgw/observe/audit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 40
#define OPEN_AT_ONCE 16

static struct audit_world w;

struct told {
        uint32_t no;
        bool has_ended;
};

static void tell(int fd, uint32_t no, bool has_ended)
{
        const struct told told = {no, has_ended};

        if (write(fd, &told, sizeof(told)) != sizeof(told))
                _exit(1);
}

static struct audit_entry *begin(uint32_t no)
{
        char tool[32];
        struct call_record record;
        struct audit_entry *entry;

        snprintf(tool, sizeof(tool), "t-%u", no);
        record = audit_world_call(&w, tool);
        while (audit_begin(&w.context, &record, &entry) != 0) /* no room: more is to be written */
                usleep(100);
        return entry;
}

/* Some are under way at any moment. */
static void call_for_ever(uint32_t no, int fd)
{
        struct audit_entry *entries[OPEN_AT_ONCE] = {0};
        uint32_t nos[OPEN_AT_ONCE];

        audit_world_start(&w);
        for (;; no++) {
                unsigned i = (unsigned)rand() % OPEN_AT_ONCE;

                if (entries[i] != NULL) {
                        struct call_record record = audit_world_call(&w, NULL);

                        record.audit = entries[i];
                        observe_call(&w.context, &record);
                        tell(fd, nos[i], true);
                }
                entries[i] = begin(no);
                nos[i] = no;
                tell(fd, no, false);
                if (no % 7 == 0 && loop_turn(w.context.loop, 0) < 0)
                        _exit(1);
        }
}

enum { BEGUN = 1, ENDED = 2 };

static uint32_t run_and_kill(uint32_t first, unsigned us, uint8_t *told)
{
        int fds[2], status;
        uint32_t last = first;
        struct told one;
        pid_t pid;

        cr_assert_eq(pipe(fds), 0);
        pid = fork();
        if (pid == 0) {
                srand(first);
                call_for_ever(first, fds[1]);
        }
        close(fds[1]);
        cr_assert_eq(read(fds[0], &one, sizeof(one)), sizeof(one));
        told[one.no] |= BEGUN;
        usleep(us);
        kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status));
        while (read(fds[0], &one, sizeof(one)) == sizeof(one)) {
                told[one.no] |= one.has_ended ? ENDED : BEGUN;
                last = one.no > last ? one.no : last;
        }
        close(fds[0]);
        return last + 1;
}

#define CALLS_MAX (1u << 20)

Test(audit, each_call_has_one_line_however_it_ends)
{
        uint8_t *told = calloc(CALLS_MAX, 1), *seen = calloc(CALLS_MAX, 1);
        uint32_t n = 1, n_lost = 0;
        const json_t *line;
        json_t *lines;
        size_t i;

        audit_world_open(&w);
        for (unsigned round = 0; round < ROUNDS; round++)
                /* the last call that was begun may not have been told of */
                n = run_and_kill(n,
                                 round % 2 == 0 ? round * 137 % 5000 : 20000 + round * 613 % 20000,
                                 told) +
                    1;
        audit_world_start(&w);
        audit_world_stop(&w);
        lines = audit_world_lines(w.file);
        json_array_foreach (lines, i, line) {
                const char *tool = json_string_value(json_object_get(line, "tool"));
                const char *outcome = json_string_value(json_object_get(line, "outcome"));
                unsigned no;

                if (tool == NULL)
                        continue;
                cr_assert_eq(sscanf(tool, "t-%u", &no), 1);
                cr_assert(seen[no]++ == 0, "%s has two lines", tool);
                cr_assert((told[no] & ENDED) == 0 || strcmp(outcome, "ok") == 0, "%s: %s", tool,
                          outcome);
                n_lost += strcmp(outcome, "lost") == 0;
        }
        for (uint32_t no = 0; no < n; no++)
                cr_assert(told[no] == 0 || seen[no] == 1, "t-%u has no line", no);
        cr_assert_gt(n_lost, ROUNDS, "some were under way");
        cr_assert_geq(audit_world_count(lines, "kind", "start"), ROUNDS);
        json_decref(lines);
        free(told);
        free(seen);
        audit_world_close(&w);
}

/* Two processes with one file, as when one takes over from the other. */
Test(audit, two_processes_share_a_file)
{
        struct audit_world other;
        json_t *lines;

        audit_world_open(&w);
        audit_world_start(&w);
        other = w;
        other.context.audit = NULL;
        audit_world_start(&other);
        for (int i = 0; i < 100; i++) {
                cr_assert(audit_world_run(&w, "one"));
                cr_assert(audit_world_run(&other, "two"));
                cr_assert_eq(loop_turn(w.context.loop, 0), 0);
                cr_assert_eq(loop_turn(other.context.loop, 0), 0);
        }
        audit_world_stop(&w);
        audit_world_stop(&other);
        lines = audit_world_lines(w.file);
        check_int(audit_world_count(lines, "tool", "one"), 100);
        check_int(audit_world_count(lines, "tool", "two"), 100);
        check_int(audit_world_count(lines, "outcome", "lost"), 0);
        json_decref(lines);
        audit_world_close(&w);
}

Test(audit, what_stands_in_an_old_journal_is_not_believed)
{
        char name[128], junk[4096];
        FILE *file;
        json_t *lines;

        audit_world_open(&w);
        snprintf(name, sizeof(name), "%s.open.3", w.file);
        for (size_t i = 0; i < sizeof(junk); i++)
                junk[i] = (char)(i * 7 % 5);
        file = fopen(name, "w");
        for (int i = 0; i < 8; i++)
                fwrite(junk, 1, sizeof(junk), file);
        fclose(file);
        audit_world_start(&w);
        cr_assert_lt(access(name, F_OK), 0);
        audit_world_stop(&w);
        lines = audit_world_lines(w.file);
        check_int(json_array_size(lines), 2);
        json_decref(lines);
        audit_world_close(&w);
}

/* As the machine may leave it that lost its power: pages of a line are there, and others are not.
 */
Test(audit, a_line_of_which_a_part_is_missing_spoils_no_other)
{
        char name[128], *big = alloc_zeroed(4000);
        struct audit_entry *entry;
        struct call_record record;
        json_t *lines;
        int fd;

        audit_world_open(&w);
        w.config.audit_arguments = true;
        audit_world_start(&w);
        memset(big, 'x', 3999);
        record = audit_world_call(&w, "torn");
        record.params = json_pack("{s:{s:s}}", "arguments", "text", big);
        cr_assert_eq(audit_begin(&w.context, &record, &entry), 0);
        json_decref((json_t *)record.params);
        record = audit_world_call(&w, "whole");
        cr_assert_eq(audit_begin(&w.context, &record, &entry), 0);
        audit_world_stop(&w); /* both are under way, and stay in its journal */
        snprintf(name, sizeof(name), "%s.open.0", w.file);
        fd = open(name, O_RDWR);
        cr_assert_geq(fd, 0);
        for (off_t at = 0; at < 64 * 1024; at += 1024) {
                char byte;

                /* an 'x' in the middle of a block that has nothing else */
                if (pread(fd, &byte, 1, at + 600) == 1 && byte == 'x')
                        cr_assert_eq(pwrite(fd, "", 1, at + 600), 1);
        }
        close(fd);
        audit_world_start(&w);
        audit_world_stop(&w);
        lines = audit_world_lines(w.file);
        check_int(audit_world_count(lines, "tool", "torn"), 0);
        audit_world_line(lines, "tool", "whole");
        json_decref(lines);
        free(big);
        audit_world_close(&w);
}
