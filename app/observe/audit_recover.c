/* A journal that nobody has locked is of a process that was killed, or could not write. What stood
 * at the disk's mercy is compared with the end of the file: a line is there, or in part, or not. */
#include "audit_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the writer had under its hands is nearer to the end than this, also where several write. */
#define END_BYTES (4u << 20)
/* So much of a line is no other's: its time and its id. */
#define MARK_MAX_BYTES 96

/* A journal of another process. It is no more than bytes: of what stands in it nothing is believed.
 */
struct old {
        struct audit_entry *blocks;
        size_t bytes;
        uint32_t n_blocks;
        int fd;
        uint32_t *order; /* first blocks of its entries, as their numbers have it */
        uint32_t n;
};

/* The end of the file that lines go to. */
struct end {
        char *text;
        size_t n;
        int fd;
};

/* ---- the end of the file ---- */

static void end_read(struct end *end, const char *path)
{
        struct stat st;
        off_t from;
        ssize_t n;

        *end = (struct end){.fd = open(path, O_RDWR | O_CLOEXEC)};
        if (end->fd < 0 || fstat(end->fd, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        from = st.st_size > (off_t)END_BYTES ? st.st_size - (off_t)END_BYTES : 0;
        end->text = alloc_array(END_BYTES, 1);
        n = pread(end->fd, end->text, END_BYTES, from);
        end->n = n > 0 ? (size_t)n : 0;
}

static void end_forget(struct end *end)
{
        free(end->text);
        if (end->fd >= 0)
                close(end->fd);
}

/* Behind the last whole line. */
static struct str end_torn(const struct end *end)
{
        const char *last = end->n > 0 ? memrchr(end->text, '\n', end->n) : NULL;
        size_t whole = last != NULL ? (size_t)(last + 1 - end->text) : 0;

        return (struct str){end->text + whole, end->n - whole};
}

/* Up to the end of its id. */
static struct str mark_of(struct str line)
{
        size_t max = line.n < MARK_MAX_BYTES ? line.n : MARK_MAX_BYTES;
        const char *p = memmem(line.p, max, STR("\",\"kind\"").p, 8);

        return (struct str){line.p, p != NULL ? (size_t)(p - line.p) + 1 : 0};
}

static bool end_has(const struct end *end, struct str line)
{
        struct str mark = mark_of(line), torn = end_torn(end);

        return mark.n > 0 && end->n > torn.n &&
               memmem(end->text, end->n - torn.n, mark.p, mark.n) != NULL;
}

/* The part of a line that is to come whole. */
static void end_cut(struct end *end, struct str line)
{
        struct str torn = end_torn(end);
        struct stat st;

        if (torn.n == 0 || torn.n > line.n || memcmp(torn.p, line.p, torn.n) != 0 ||
            fstat(end->fd, &st) < 0 || ftruncate(end->fd, st.st_size - (off_t)torn.n) < 0)
                return;
        end->n -= torn.n;
}

/* ---- an old journal ---- */

static bool old_open(struct old *old, const char *path)
{
        struct stat st;
        void *p;

        *old = (struct old){.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
        if (old->fd < 0)
                return false;
        /* without a name: another has taken it over meanwhile */
        if (flock(old->fd, LOCK_EX | LOCK_NB) < 0 || fstat(old->fd, &st) < 0 ||
            !S_ISREG(st.st_mode) || st.st_nlink == 0) {
                close(old->fd);
                return false;
        }
        old->n_blocks = (uint32_t)((size_t)st.st_size / AUDIT_BLOCK_BYTES);
        old->n_blocks = old->n_blocks < AUDIT_BLOCKS ? old->n_blocks : AUDIT_BLOCKS;
        old->bytes = (size_t)old->n_blocks * AUDIT_BLOCK_BYTES;
        if (old->bytes == 0)
                return true;
        p = mmap(NULL, old->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, old->fd, 0);
        old->blocks = p != MAP_FAILED ? p : NULL;
        old->n_blocks = old->blocks != NULL ? old->n_blocks : 0;
        return true;
}

static void old_close(struct old *old)
{
        if (old->blocks != NULL)
                munmap(old->blocks, old->bytes);
        close(old->fd);
        free(old->order);
}

static int by_number(const void *a, const void *b, void *arg)
{
        const struct audit_entry *blocks = arg;
        uint64_t x = blocks[*(const uint32_t *)a].no, y = blocks[*(const uint32_t *)b].no;

        return x < y ? -1 : x > y;
}

static void old_sort(struct old *old)
{
        if (old->blocks == NULL)
                return;
        old->order = alloc_array(old->n_blocks, sizeof(*old->order));
        for (uint32_t i = 0; i < old->n_blocks; i++)
                if (old->blocks[i].state - 1 < AUDIT_STATE_WRITING)
                        old->order[old->n++] = i;
        if (old->n > 0)
                qsort_r(old->order, old->n, sizeof(*old->order), by_number, old->blocks);
}

/* So many bytes of the entry's text; 0: it is none. */
static size_t old_text(const struct old *old, uint32_t block, size_t n, char *out)
{
        size_t left = n;

        while (left > 0 && block < old->n_blocks) {
                size_t part = left < AUDIT_BLOCK_TEXT ? left : AUDIT_BLOCK_TEXT;

                memcpy(out + (n - left), old->blocks[block].text, part);
                left -= part;
                block = old->blocks[block].next;
        }
        return left == 0 ? n : 0;
}

/* A line of ours, and no more than one. */
static bool is_line(struct str s)
{
        for (size_t i = 0; i + 1 < s.n; i++)
                if ((unsigned char)s.p[i] < ' ')
                        return false;
        return s.n > 0 && s.p[0] == '{' && s.p[s.n - 1] == '\n' && mark_of(s).n > 0;
}

/* The line that is to be written of it. Empty: none. */
static struct str old_line(const struct old *old, uint32_t block, char *text)
{
        const struct audit_entry *entry = &old->blocks[block];
        bool is_open = entry->state == AUDIT_STATE_OPEN;
        size_t n = (size_t)entry->n_head + (is_open ? 0 : entry->n_tail);
        struct json_text t;

        if (n == 0 || n > AUDIT_LINE_MAX - AUDIT_TAIL_MAX)
                return STR("");
        json_text_init(&t, text, AUDIT_LINE_MAX);
        t.n = old_text(old, block, n, text);
        t.needs_comma = true;
        if (is_open)
                audit_line_lost(&t);
        return is_line((struct str){text, t.n}) ? (struct str){text, t.n} : STR("");
}

/* What has been taken over is forgotten there: who is killed at it leaves none to be taken twice.
 * false: there is no room for all of it. */
static bool take_over(struct audit *audit, struct old *old, struct end *end)
{
        for (uint32_t i = 0; i < old->n; i++) {
                struct str line = old_line(old, old->order[i], audit->line);
                bool is_unsure = old->blocks[old->order[i]].state == AUDIT_STATE_WRITING;
                struct audit_entry *entry;

                if (line.n == 0 || (is_unsure && end_has(end, line)))
                        continue;
                if (is_unsure)
                        end_cut(end, line);
                entry = audit_journal_take(&audit->journal, AUDIT_STATE_ENDED, line, 0, 0);
                if (entry == NULL)
                        return false;
                audit_queue(audit, entry);
                old->blocks[old->order[i]].state = AUDIT_STATE_FREE;
        }
        return true;
}

static void recover(struct audit *audit, const char *name, struct end *end)
{
        uint32_t before = audit->n_ended;
        struct old old;
        bool is_all;

        if (!old_open(&old, name))
                return;
        old_sort(&old);
        is_all = take_over(audit, &old, end);
        if (audit->n_ended > before)
                log_warn(NULL, "[audit] %u lines of a former process are written now",
                         audit->n_ended - before);
        if (is_all)
                unlink(name);
        else
                log_error(NULL, "[audit] %s holds more lines than there is room for", name);
        old_close(&old);
}

void audit_recover(struct audit *audit, const char *path)
{
        struct end end;

        end_read(&end, path);
        for (unsigned i = 0; i < AUDIT_JOURNALS_MAX; i++) {
                char *name = audit_journal_name(path, i);

                if (strcmp(name, audit->journal.path) != 0)
                        recover(audit, name, &end);
                free(name);
        }
        end_forget(&end);
}
