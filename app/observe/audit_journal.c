/* Lines that have not been written, in a file that outlives a kill: it is mapped, so that the
 * kernel has what stands there. All of its room is taken from the disk at once, since a page for
 * which there is none is a signal. The loop alone takes and frees; a state is stored when all else
 * of its entry is in place. */
#include "audit_inside.h"
#include "mgw/base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAP_BYTES ((size_t)AUDIT_BLOCKS * sizeof(struct audit_entry))

static_assert(sizeof(struct audit_entry) == AUDIT_BLOCK_BYTES, "blocks are of one size");

char *audit_journal_name(const char *beside, unsigned i)
{
        return alloc_format("%s.open.%u", beside, i);
}

/* ---- its life ---- */

/* A name that nobody has. 0, -errno. */
static int make_file(struct audit_journal *journal, const char *beside)
{
        for (unsigned i = 0; i < AUDIT_JOURNALS_MAX; i++) {
                journal->path = audit_journal_name(beside, i);
                journal->fd = open(journal->path,
                                   O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (journal->fd >= 0 && flock(journal->fd, LOCK_EX | LOCK_NB) == 0)
                        return -posix_fallocate(journal->fd, 0, (off_t)MAP_BYTES);
                if (journal->fd < 0 && errno != EEXIST)
                        return -errno;
                if (journal->fd >= 0) /* another mgw that starts has it for an old one */
                        close(journal->fd);
                journal->fd = -1;
                free(journal->path);
                journal->path = NULL;
        }
        return -EMFILE;
}

static int map_blocks(struct audit_journal *journal)
{
        int flags = journal->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
        void *p = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, flags, journal->fd, 0);

        if (p == MAP_FAILED)
                return -errno;
        journal->blocks = p;
        journal->n_free = AUDIT_BLOCKS;
        for (uint32_t i = 0; i < AUDIT_BLOCKS; i++) /* the first ones are taken first, and again */
                journal->free[i] = AUDIT_BLOCKS - 1 - i;
        return 0;
}

int audit_journal_open(struct audit_journal *journal, const char *beside)
{
        int r;

        journal->path = NULL;
        journal->fd = -1;
        journal->blocks = NULL;
        journal->last_no = 0;
        r = beside != NULL ? make_file(journal, beside) : 0;
        if (r == 0)
                r = map_blocks(journal);
        if (r < 0)
                audit_journal_close(journal);
        return r;
}

void audit_journal_close(struct audit_journal *journal)
{
        bool is_empty = journal->blocks == NULL || journal->n_free == AUDIT_BLOCKS;

        if (journal->path != NULL && is_empty)
                unlink(journal->path);
        if (journal->blocks != NULL)
                munmap(journal->blocks, MAP_BYTES);
        if (journal->fd >= 0)
                close(journal->fd);
        free(journal->path);
        journal->path = NULL;
        journal->fd = -1;
        journal->blocks = NULL;
}

/* ---- entries ---- */

static size_t n_blocks_for(size_t n)
{
        return n == 0 ? 1 : (n + AUDIT_BLOCK_TEXT - 1) / AUDIT_BLOCK_TEXT;
}

struct audit_entry *audit_journal_take(struct audit_journal *journal, enum audit_state state,
                                       struct str text, size_t n_tail, uint32_t n_kept)
{
        size_t n = n_blocks_for(text.n + n_tail);
        uint32_t next = AUDIT_NO_BLOCK;
        struct audit_entry *entry;

        if (n + n_kept > journal->n_free)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                uint32_t block = journal->free[--journal->n_free];

                journal->blocks[block].next = next;
                next = block;
        }
        entry = &journal->blocks[next];
        entry->no = ++journal->last_no;
        entry->n_head = (uint32_t)text.n;
        entry->n_tail = 0;
        audit_journal_put(journal, entry, 0, text);
        atomic_store_explicit(&entry->state, state, memory_order_release);
        return entry;
}

void audit_journal_put(struct audit_journal *journal, struct audit_entry *entry, size_t at,
                       struct str s)
{
        for (; at >= AUDIT_BLOCK_TEXT; at -= AUDIT_BLOCK_TEXT)
                entry = &journal->blocks[entry->next];
        while (s.n > 0) {
                size_t room = AUDIT_BLOCK_TEXT - at, n = s.n < room ? s.n : room;

                memcpy(entry->text + at, s.p, n);
                s = (struct str){s.p + n, s.n - n};
                if (s.n > 0)
                        entry = &journal->blocks[entry->next];
                at = 0;
        }
}

size_t audit_journal_line(const struct audit_journal *journal, const struct audit_entry *entry,
                          char *out)
{
        size_t left = audit_entry_bytes(entry), n_all = left;

        for (;;) {
                size_t n = left < AUDIT_BLOCK_TEXT ? left : AUDIT_BLOCK_TEXT;

                memcpy(out, entry->text, n);
                left -= n;
                if (left == 0)
                        return n_all;
                out += n;
                entry = &journal->blocks[entry->next];
        }
}

void audit_journal_free(struct audit_journal *journal, struct audit_entry *entry)
{
        uint32_t block = (uint32_t)(entry - journal->blocks);

        atomic_store_explicit(&entry->state, AUDIT_STATE_FREE, memory_order_release);
        while (block != AUDIT_NO_BLOCK) {
                journal->free[journal->n_free++] = block;
                block = journal->blocks[block].next;
        }
}
