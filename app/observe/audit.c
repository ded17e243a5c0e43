/* Lines are made here, by the loop: that of a call in two parts, since the room for all of it is
 * taken when the call begins. The writer gets what has ended once a turn. */
#include "audit_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTANCE_BYTES 6
#define STOP_MS 5000
#define STRANGERS_PER_S 100
#define STRANGERS_BURST 1000

/* ---- who pays ---- */

/* So many blocks are to be left: those for decisions, and to others as many as who pays has. So
 * whoever takes all that they may leaves room. */
static uint32_t n_kept(enum audit_state state, const struct share *share)
{
        if (state != AUDIT_STATE_OPEN)
                return 0;
        return AUDIT_BLOCKS_KEPT + (share != NULL ? share->n_audit : 0);
}

static struct audit_entry *take_paid(struct audit *audit, struct share *share,
                                     enum audit_state state, struct str text, size_t n_tail)
{
        struct audit_journal *journal = &audit->journal;
        uint32_t n_free = journal->n_free;
        struct audit_entry *entry =
                audit_journal_take(journal, state, text, n_tail, n_kept(state, share));

        if (entry != NULL && share != NULL) {
                share->n_audit += n_free - journal->n_free;
                audit->payers[entry - journal->blocks] = share_hold(share);
        }
        return entry;
}

static void give_back(struct audit *audit, uint32_t block)
{
        struct audit_journal *journal = &audit->journal;
        struct share *share = audit->payers[block];
        uint32_t n_free = journal->n_free;

        audit_journal_free(journal, &journal->blocks[block]);
        if (share == NULL)
                return;
        audit->payers[block] = NULL;
        share->n_audit -= journal->n_free - n_free;
        share_let_go(share);
}

/* ---- to the writer ---- */

static void exchange(struct audit *audit)
{
        uint32_t n;

        audit_writer_exchange(&audit->writer, audit->ended, audit->n_ended, audit->done, &n);
        audit->n_ended = 0;
        for (uint32_t i = 0; i < n; i++)
                give_back(audit, audit->done[i]);
        audit->stats.lines += n;
        audit->stats.n_waiting -= n;
}

static void on_hand_over(struct loop_task *task)
{
        exchange(container_of(task, struct audit, hand_over));
}

/* What has been written in the meantime makes room. */
static struct audit_entry *take(struct audit *audit, struct share *share, enum audit_state state,
                                struct str text, size_t n_tail)
{
        struct audit_entry *entry = take_paid(audit, share, state, text, n_tail);

        if (entry == NULL) {
                exchange(audit);
                entry = take_paid(audit, share, state, text, n_tail);
        }
        return entry;
}

/* ---- lines cannot be written ---- */

static bool refuses(const struct audit *audit)
{
        return audit->context->config->audit_when_unwritable == CONFIG_AUDIT_REFUSE;
}

static const char *place(const struct audit *audit)
{
        return audit->writer.path != NULL ? audit->writer.path : "standard output";
}

static const char *why_not_open(const char *path, int error)
{
        struct stat st;

        return error == ENXIO && stat(path, &st) == 0 && S_ISFIFO(st.st_mode)
                       ? "nobody reads this FIFO: its reader is to be there first"
                       : strerror(error);
}

static void tell_reopen(struct audit *audit)
{
        int error = atomic_exchange_explicit(&audit->writer.reopen_error, 0, memory_order_relaxed);

        if (error != 0)
                log_error(NULL, "[audit] %s cannot be made anew: %s: lines go where they went",
                          place(audit), why_not_open(audit->writer.path, error));
}

/* Is told once, and when it is over. */
static bool is_unwritable(struct audit *audit)
{
        int error = atomic_load_explicit(&audit->writer.error, memory_order_relaxed);

        tell_reopen(audit);
        if ((error != 0) == audit->is_told)
                return error != 0;
        audit->is_told = error != 0;
        audit->stats.is_unwritable = error != 0;
        if (error != 0)
                log_error(NULL, "[audit] %s cannot be written: %s: calls %s", place(audit),
                          strerror(error), refuses(audit) ? "are refused" : "go on");
        else
                log_info(NULL, "[audit] %s is written again", place(audit));
        return error != 0;
}

static void miss(struct audit *audit)
{
        audit->n_missing++;
        audit->stats.missing++;
}

/* There is room for calls again: so that this takes none that is kept for decisions. */
static void tell_missing(struct audit *audit)
{
        if (audit->n_missing > 0)
                audit_decide(audit->context,
                             &(const struct audit_decision){.kind = "missing", .outcome = "ok"});
}

/* ---- calls ---- */

/* For a call of who has nothing there. */
static bool has_room(const struct audit *audit)
{
        return audit->journal.n_free > AUDIT_BLOCKS_KEPT + AUDIT_LINE_MAX / AUDIT_BLOCK_TEXT;
}

int audit_begin(struct context *context, const struct call_record *record,
                struct audit_entry **entryp)
{
        struct audit *audit = context->audit;
        struct json_text t;

        *entryp = NULL;
        if (audit == NULL)
                return 0;
        if (is_unwritable(audit) && refuses(audit)) {
                audit->stats.refused++;
                return AUDIT_E_UNWRITABLE;
        }
        audit_line_call(audit, &t, record);
        *entryp = take(audit, record->share, AUDIT_STATE_OPEN, (struct str){t.p, t.n},
                       AUDIT_TAIL_MAX);
        if (*entryp != NULL) {
                tell_missing(audit);
                return 0;
        }
        if (refuses(audit) && has_room(audit))
                return AUDIT_E_USER;
        if (refuses(audit)) {
                audit->stats.refused++;
                return AUDIT_E_UNWRITABLE;
        }
        miss(audit);
        return 0;
}

void audit_end(struct context *context, const struct call_record *record)
{
        struct audit *audit = context->audit;
        struct audit_entry *entry = record->audit;
        char tail[AUDIT_TAIL_MAX];
        struct json_text t;

        if (audit == NULL || entry == NULL)
                return;
        json_text_init(&t, tail, sizeof(tail));
        t.needs_comma = true;
        audit_line_outcome(&t, record);
        audit_journal_put(&audit->journal, entry, entry->n_head, (struct str){tail, t.n});
        entry->n_tail = (uint32_t)t.n;
        atomic_store_explicit(&entry->state, AUDIT_STATE_ENDED, memory_order_release);
        audit_queue(audit, entry);
}

/* ---- decisions ---- */

void audit_decide(struct context *context, const struct audit_decision *decision)
{
        struct audit *audit = context->audit;
        struct audit_entry *entry;
        struct json_text t;

        if (audit == NULL)
                return;
        if (decision->is_strangers && !rate_take(&audit->strangers, STRANGERS_PER_S,
                                                 STRANGERS_BURST, 1, loop_now_ms(context->loop))) {
                audit->n_left_out++;
                return;
        }
        audit_line_decision(audit, &t, decision);
        entry = take(audit, NULL, AUDIT_STATE_ENDED, (struct str){t.p, t.n}, 0);
        if (entry == NULL) {
                miss(audit);
                return;
        }
        audit->n_missing = 0;
        if (decision->is_strangers)
                audit->n_left_out = 0;
        audit_queue(audit, entry);
}

const struct audit_stats *audit_stats(struct context *context)
{
        if (context->audit == NULL)
                return NULL;
        exchange(context->audit);
        (void)is_unwritable(context->audit);
        return &context->audit->stats;
}

/* ---- its life ---- */

static bool is_device(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Where the disk is full already, and calls are to go on, lines wait in memory alone. */
static int open_journal(struct audit *audit, const char *path)
{
        bool is_file = path != NULL && !is_device(path);
        int r = audit_journal_open(&audit->journal, is_file ? path : NULL);

        if (r < 0 && is_file && !refuses(audit)) {
                log_error(NULL, "[audit] lines that wait for %s are lost with mgw: %s", path,
                          strerror(-r));
                return audit_journal_open(&audit->journal, NULL);
        }
        if (r == 0 && is_file)
                audit_recover(audit, path);
        return r;
}

int audit_open(struct context *context)
{
        const char *file = context->config->audit_file;
        const char *path = strcmp(file, "-") != 0 ? file : NULL;
        struct audit *audit;
        int r;

        if (file[0] == '\0')
                return 0;
        audit = alloc_zeroed(sizeof(*audit));
        audit->context = context;
        audit->hand_over.on_run = on_hand_over;
        rand_text(audit->instance, INSTANCE_BYTES);
        r = open_journal(audit, path);
        if (r == 0) {
                r = audit_writer_start(&audit->writer, &audit->journal, path);
                if (r < 0)
                        audit_journal_close(&audit->journal);
        }
        if (r < 0) {
                log_error(NULL, "[audit] %s: %s", file, why_not_open(file, -r));
                loop_task_cancel(&audit->hand_over);
                free(audit);
                return -EINVAL;
        }
        context->audit = audit;
        audit_decide(context, &(const struct audit_decision){.kind = "start", .outcome = "ok"});
        return 0;
}

void audit_close(struct context *context)
{
        struct audit *audit = context->audit;

        if (audit == NULL)
                return;
        audit_decide(context, &(const struct audit_decision){.kind = "stop", .outcome = "ok"});
        context->audit = NULL;
        exchange(audit);
        loop_task_cancel(&audit->hand_over);
        if (!audit_writer_stop(&audit->writer, STOP_MS)) {
                log_error(NULL, "[audit] %s takes nothing: %u lines wait", place(audit),
                          audit->stats.n_waiting);
                return; /* with the process the thread ends, and what it has */
        }
        exchange(audit);
        if (audit->stats.n_waiting > 0)
                log_error(NULL, "[audit] %u lines wait in %s until mgw can write them",
                          audit->stats.n_waiting,
                          audit->journal.path != NULL ? audit->journal.path : "no file");
        audit_writer_finish(&audit->writer);
        audit_journal_close(&audit->journal);
        free(audit);
}

/* A FIFO's reader would take it for the end. */
int audit_check(const struct context *context, const struct config *next, FILE *err)
{
        const char *file = next->audit_file;
        int fd;

        if (context->audit != NULL || file[0] != '/' || is_device(file))
                return 0;
        fd = audit_writer_open(file);
        if (fd >= 0) {
                close(fd);
                return 0;
        }
        fprintf(err, "gateway.audit.file: %s: %s\n", file, why_not_open(file, -fd));
        return -EINVAL;
}

/* Files that have been moved away are made anew. */
int audit_reload(struct context *context, bool is_taken)
{
        struct audit *audit = context->audit;

        if (audit != NULL)
                audit_writer_reopen(&audit->writer);
        else if (audit_open(context) < 0)
                return -EINVAL;
        audit_decide(context, &(const struct audit_decision){
                                      .kind = "reload",
                                      .outcome = is_taken ? "ok" : "refused",
                                      .reason = is_taken ? NULL : "the configuration has a fault"});
        return 0;
}
