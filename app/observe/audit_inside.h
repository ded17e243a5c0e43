/* What the files of the audit share. A line waits in the journal from its call's beginning until it
 * stands in the file: */
#pragma once

#include "json_text.h"
#include "mgw/base/rate.h"
#include "mgw/loop/loop.h"
#include "mgw/observe/audit.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- the journal (audit_journal.c) ---- */

/* Of an entry; kept in its first block. By OPEN and ENDED alone the loop moves it, by the others
 * the thread that writes. */
enum audit_state {
        AUDIT_STATE_FREE,
        AUDIT_STATE_OPEN,    /* its call is under way: what is known of it is its head */
        AUDIT_STATE_ENDED,   /* head and tail are the line */
        AUDIT_STATE_WRITING, /* it may stand in the file, or a part of it */
};

#define AUDIT_BLOCK_BYTES 1024
#define AUDIT_BLOCK_TEXT (AUDIT_BLOCK_BYTES - 32)
#define AUDIT_NO_BLOCK UINT32_MAX
#define AUDIT_BLOCKS 16384
/* These are for decisions; calls are refused before. */
#define AUDIT_BLOCKS_KEPT (AUDIT_BLOCKS / 8)

/* A block; of an entry with a long text the first of a chain. The file of the journal is an array
 * of them. */
struct audit_entry {
        _Atomic uint32_t state;
        uint32_t next;
        uint64_t no; /* entries are in this order */
        uint32_t n_head;
        uint32_t n_tail;
        uint64_t spare;
        char text[AUDIT_BLOCK_TEXT];
};

struct audit_journal {
        char *path; /* NULL: in memory alone */
        int fd;     /* locked */
        struct audit_entry *blocks;
        uint32_t free[AUDIT_BLOCKS];
        uint32_t n_free;
        uint64_t last_no;
};

/* Makes a new one beside the file of that path; NULL: in memory. 0, -errno. */
int audit_journal_open(struct audit_journal *journal, const char *beside);
/* Lets go of it, and of its file where nothing waits there. */
void audit_journal_close(struct audit_journal *journal);
/* An entry in that state, with text as its head, and room for n_tail more bytes. NULL: less than
 * n_kept blocks would be left. */
struct audit_entry *audit_journal_take(struct audit_journal *journal, enum audit_state state,
                                       struct str text, size_t n_tail, uint32_t n_kept);
/* Puts s at the offset of the entry's text. */
void audit_journal_put(struct audit_journal *journal, struct audit_entry *entry, size_t at,
                       struct str s);
/* The line into out, of a size that fits. */
size_t audit_journal_line(const struct audit_journal *journal, const struct audit_entry *entry,
                          char *out);
static inline size_t audit_entry_bytes(const struct audit_entry *entry)
{
        return (size_t)entry->n_head + entry->n_tail;
}
void audit_journal_free(struct audit_journal *journal, struct audit_entry *entry);

/* ---- after a kill (audit_recover.c) ---- */

struct audit;

/* So many processes may write to one file at once, or have been killed. */
#define AUDIT_JOURNALS_MAX 8

/* The name of the i-th journal beside a file; the caller frees it. */
char *audit_journal_name(const char *beside, unsigned i);
/* What journals of former processes hold is queued, in order: what stands in the file already is
 * not, and what was under way is lost. Before the thread begins. */
void audit_recover(struct audit *audit, const char *path);

/* ---- lines (audit_line.c, audit_arguments.c) ---- */

#define AUDIT_TAIL_MAX 512
#define AUDIT_ARGUMENTS_MAX (16u << 10)
/* Every line is shorter. */
#define AUDIT_LINE_MAX (32u << 10)

void audit_line_begin(struct audit *audit, struct json_text *t, const char *kind);
void audit_line_call(struct audit *audit, struct json_text *t, const struct call_record *record);
/* What is known at its end, and the end of the line. */
void audit_line_outcome(struct json_text *t, const struct call_record *record);
void audit_line_lost(struct json_text *t);
void audit_line_decision(struct audit *audit, struct json_text *t,
                         const struct audit_decision *decision);
/* "arguments", with what is masked, or how many bytes they have that are too many. */
void audit_arguments_add(struct json_text *t, const json_t *params, char *const *mask);

/* ---- the thread (audit_writer.c) ---- */

struct audit_writer {
        const struct audit_journal *journal;
        char *path; /* NULL: standard output */
        pthread_t thread;
        pthread_mutex_t mutex;
        pthread_cond_t wake;
        /* Under the mutex: entries by number of their first block. */
        uint32_t waiting[AUDIT_BLOCKS]; /* a ring */
        uint32_t first, n_waiting;
        uint32_t done[AUDIT_BLOCKS];
        uint32_t n_done;
        bool must_reopen;
        bool is_stopping;
        int opened; /* 1: not yet; 0, -errno */
        /* Read by the loop: */
        _Atomic int error; /* why lines cannot be written; 0: they can */
        _Atomic int reopen_error;
        /* The thread's: */
        int fd;
        bool is_regular;
        bool is_dirty;
        int64_t synced_ms;
};

/* A FIFO that nobody reads is -ENXIO, and not waited for. The descriptor, -errno. */
int audit_writer_open(const char *path);
/* 0, -errno. */
int audit_writer_start(struct audit_writer *writer, const struct audit_journal *journal,
                       const char *path);
/* Entries that have ended go to it, those that it has written come back: *n of them in done, of
 * AUDIT_BLOCKS. */
void audit_writer_exchange(struct audit_writer *writer, const uint32_t *ended, uint32_t n_ended,
                           uint32_t *done, uint32_t *n_done);
void audit_writer_reopen(struct audit_writer *writer);
/* Has so long to write what waits. false: it is at it still, and nothing of it may be freed. */
bool audit_writer_stop(struct audit_writer *writer, int64_t wait_ms);
void audit_writer_finish(struct audit_writer *writer);

/* ---- the audit (audit.c) ---- */

struct audit {
        struct context *context;
        struct audit_journal journal;
        struct audit_writer writer;
        struct loop_task hand_over; /* at the end of a turn: */
        uint32_t ended[AUDIT_BLOCKS];
        uint32_t n_ended;
        uint32_t done[AUDIT_BLOCKS];
        struct share *payers[AUDIT_BLOCKS]; /* held; of calls, by their first block */
        struct audit_stats stats;
        struct rate strangers;
        uint64_t n_left_out; /* lines of strangers, which have not been told of */
        uint64_t n_missing;  /* likewise lines without room */
        uint64_t last_id;
        char instance[12]; /* ids of lines begin with it */
        bool is_told;      /* that lines cannot be written */
        int64_t second;    /* of the time that stands here: */
        char second_text[20];
        char line[AUDIT_LINE_MAX];
};

/* 0, -errno: told in the log. Where none is configured there is none. */
int audit_open(struct context *context);
void audit_close(struct context *context);
/* 0, -EINVAL: told to err. */
int audit_check(const struct context *context, const struct config *next, FILE *err);
int audit_reload(struct context *context, bool is_taken);
/* An entry has ended: its line is to be written. */
static inline void audit_queue(struct audit *audit, struct audit_entry *entry)
{
        audit->ended[audit->n_ended++] = (uint32_t)(entry - audit->journal.blocks);
        audit->stats.n_waiting++;
        loop_defer(audit->context->loop, &audit->hand_over);
}
