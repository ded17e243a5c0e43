/* The signs, and what they are signs of.
 *
 * Held back: servers send keep-alives one at a time, seconds apart. Where several arrive at once,
 * and that is the rule, something has gathered them. So has it where the server answers requests at
 * once, but what it owes on a stream at once does not come.
 *
 * Cut: a timeout of silence strikes after a silence that is longer than all before it. Its length,
 * the marks of those on the way and the status tell whose it is. */
#include "probe_judge.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>

/* A silence from which on somebody's default cuts: HAProxy's usual 50 s is the shortest that
 * is common. */
#define SILENT_S 50
/* What is owed at once is late after ten times what a small answer takes, and this. */
#define LATE_MS 2000
/* Refusals come at once; later ones are a gateway's that has waited. */
#define REFUSAL_AT_ONCE_MS 1000

static bool is_late(int64_t ms, const struct probe_view *view)
{
        return ms < 0 || ms > LATE_MS + 10 * view->answer_ms;
}

static bool is_call(const struct probe_record *r)
{
        return r->kind == PROBE_KIND_CALL || r->kind == PROBE_KIND_CALL_STATELESS;
}

static bool has_opening(const struct probe_record *r)
{
        return r->kind == PROBE_KIND_SSE || r->kind == PROBE_KIND_LISTEN;
}

/* ---- keep-alives ---- */

static int compare_times(const void *a, const void *b)
{
        int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

        return (one > other) - (one < other);
}

/* Of a call its progress is as good as a comment; not so its answer. */
bool probe_judge_is_keep_alive(const struct probe_record *r, const struct probe_beat *beat)
{
        if (beat->at_ms <= r->head_ms + PROBE_BEAT_MS)
                return false;
        if (!is_call(r))
                return beat->n_comments > 0;
        return r->end != PROBE_END_ANSWERED || beat->at_ms + PROBE_BEAT_MS < r->ended_ms;
}

/* Those between keep-alives, and from the head to the first. */
static size_t intervals(const struct probe_record *r, int64_t *ms)
{
        int64_t before_ms = r->head_ms;
        size_t n = 0;

        for (size_t i = 0; i < r->n_beats; i++)
                if (probe_judge_is_keep_alive(r, &r->beats[i])) {
                        ms[n++] = r->beats[i].at_ms - before_ms;
                        before_ms = r->beats[i].at_ms;
                }
        return n;
}

int64_t probe_judge_interval_ms(const struct probe_record *r)
{
        int64_t before_ms = r->head_ms, longest_ms = 0;

        for (size_t i = 0; i < r->n_beats; i++) {
                if (r->beats[i].n_comments == 0 || !probe_judge_is_keep_alive(r, &r->beats[i]))
                        continue;
                if (r->beats[i].at_ms - before_ms > longest_ms)
                        longest_ms = r->beats[i].at_ms - before_ms;
                before_ms = r->beats[i].at_ms;
        }
        return longest_ms;
}

static void judge_intervals(const struct probe_record *r, struct probe_finding *f)
{
        int64_t *ms = alloc_array(r->n_beats + 1, sizeof(*ms));
        size_t n = intervals(r, ms);

        f->n_intervals = (unsigned)n;
        if (n > 0) {
                qsort(ms, n, sizeof(*ms), compare_times);
                f->interval_ms = ms[n / 2];
                f->interval_least_ms = ms[0];
                f->interval_most_ms = ms[n - 1];
                f->jitter_ms = f->interval_most_ms - f->interval_ms;
                if (f->interval_ms - f->interval_least_ms > f->jitter_ms)
                        f->jitter_ms = f->interval_ms - f->interval_least_ms;
        }
        for (size_t i = 0; i < r->n_beats; i++)
                if (probe_judge_is_keep_alive(r, &r->beats[i]))
                        f->n_keep_alives += r->beats[i].n_comments > 0 ? r->beats[i].n_comments : 1;
        free(ms);
}

/* ---- held back ---- */

/* At least two, and every other one, came in the company of another. */
static bool has_clumps(const struct probe_record *r)
{
        unsigned n = 0;

        for (size_t i = 0; i < r->n_beats; i++)
                if (r->beats[i].n_comments > 1)
                        n += r->beats[i].n_comments - 1;
        return n >= 2 && 2 * n >= r->n_comments;
}

/* Head, progress and answer of a call, all at once in the end. */
static bool has_late_progress(const struct probe_record *r)
{
        return is_call(r) && r->end == PROBE_END_ANSWERED && r->n_beats == 1 &&
               10 * r->head_ms >= 9 * r->ended_ms && r->n_events + r->n_comments > 3;
}

static bool opening_is_late(const struct probe_record *r, const struct probe_view *view)
{
        if (!has_opening(r) || r->head_ms < 0 || r->end == PROBE_END_REFUSED)
                return false;
        if (r->opening_ms < 0)
                return is_late(r->ended_ms - r->head_ms, view);
        return is_late(r->opening_ms - r->head_ms, view);
}

static enum probe_held held(const struct probe_record *r, const struct probe_view *view)
{
        if (has_clumps(r))
                return PROBE_HELD_CLUMPS;
        if (has_late_progress(r))
                return PROBE_HELD_PROGRESS;
        if (r->head_ms < 0 && r->end == PROBE_END_NONE && !is_call(r) && is_late(r->ended_ms, view))
                return PROBE_HELD_HEAD;
        if (opening_is_late(r, view))
                return PROBE_HELD_OPENING;
        if (r->is_asked && r->end == PROBE_END_NONE && is_late(r->echo_ms, view))
                return PROBE_HELD_ECHO;
        return PROBE_HELD_NOT;
}

/* ---- whose timeout ---- */

/* 0 is the likeliest. */
static int rank_of(const struct probe_limit *limit, const struct probe_record *r,
                   const struct probe_view *view)
{
        bool is_seen = (view->seen & 1u << limit->party) != 0;

        if (is_seen || (limit->status == 524 && r->status == 524))
                return 0;
        return probe_limit_is_marked(limit) ? 2 : 1;
}

/* An earlier silence that was as long has cut nothing. */
static bool may_be_silence(const struct probe_record *r)
{
        return 10 * r->gap_ms < 9 * probe_record_silence_ms(r);
}

static int64_t distance_of(const struct probe_limit *limit, const struct probe_record *r,
                           const struct probe_view *view)
{
        if (limit->is_total)
                return probe_limit_distance(limit, r->ended_ms, view->scale);
        return may_be_silence(r)
                       ? probe_limit_distance(limit, probe_record_silence_ms(r), view->scale)
                       : -1;
}

struct suspicion {
        const struct probe_limit *limit;
        int rank;
        int64_t distance;
};

static bool is_likelier(const struct suspicion *a, const struct suspicion *b)
{
        if (b->limit == NULL || a->rank != b->rank)
                return b->limit == NULL || a->rank < b->rank;
        return a->distance < b->distance;
}

/* Keeps the likeliest, in order. */
static void suspect(struct suspicion best[PROBE_SUSPECTS_MAX], struct suspicion next)
{
        for (size_t i = 0; i < PROBE_SUSPECTS_MAX; i++)
                if (is_likelier(&next, &best[i])) {
                        struct suspicion pushed = best[i];

                        best[i] = next;
                        if (pushed.limit == NULL)
                                return;
                        next = pushed;
                }
}

static void take_suspects(struct probe_finding *f, const struct suspicion *best)
{
        while (f->n_suspects < PROBE_SUSPECTS_MAX && best[f->n_suspects].limit != NULL) {
                f->suspects[f->n_suspects] = best[f->n_suspects].limit;
                f->n_suspects++;
        }
        f->is_total = f->n_suspects > 0 ? f->suspects[0]->is_total : false;
}

static void find_who_cut(const struct probe_record *r, const struct probe_view *view,
                         struct probe_finding *f)
{
        struct suspicion best[PROBE_SUSPECTS_MAX] = {0};
        const struct probe_limit *limit;

        for (size_t i = 0; (limit = probe_limit_at(i)) != NULL; i++) {
                int64_t distance = distance_of(limit, r, view);

                if (distance >= 0)
                        suspect(best, (struct suspicion){limit, rank_of(limit, r, view), distance});
        }
        take_suspects(f, best);
        if (f->n_suspects == 0)
                f->is_total = !may_be_silence(r);
}

/* Those whose default is shorter than this silence, the shortest first. */
static void find_who_would_cut(const struct probe_record *r, const struct probe_view *view,
                               struct probe_finding *f)
{
        struct suspicion best[PROBE_SUSPECTS_MAX] = {0};
        const struct probe_limit *limit;

        for (size_t i = 0; (limit = probe_limit_at(i)) != NULL; i++) {
                int64_t limit_ms = (int64_t)(limit->seconds * 1000.0 / view->scale);
                int rank = rank_of(limit, r, view);

                if (!limit->is_total && limit_ms <= probe_record_longest_ms(r) && rank < 2)
                        suspect(best, (struct suspicion){limit, rank, limit_ms});
        }
        take_suspects(f, best);
}

/* ---- the verdict ---- */

/* A head that is no stream's: of a gateway that has waited, or the server's own. */
static bool is_late_refusal(const struct probe_record *r, const struct probe_view *view)
{
        return r->end == PROBE_END_REFUSED && (r->status >= 500 || r->status == 408) &&
               (double)r->ended_ms > REFUSAL_AT_ONCE_MS / view->scale + (double)view->answer_ms;
}

static bool is_cut(const struct probe_record *r, const struct probe_view *view)
{
        switch (r->end) {
        case PROBE_END_BROKEN:
        case PROBE_END_RESET:
        case PROBE_END_FAILED:
                return true;
        case PROBE_END_ORDERLY:
                return !r->has_retry || is_call(r);
        case PROBE_END_REFUSED:
                return is_late_refusal(r, view);
        case PROBE_END_NONE:
        case PROBE_END_ANSWERED:
                break;
        }
        return false;
}

/* Where another stream has keep-alives this one ought to have had one, too. */
static bool lacks_keep_alives(const struct probe_record *r, const struct probe_view *view)
{
        return view->interval_ms > 0 && 2 * probe_record_longest_ms(r) > 3 * view->interval_ms;
}

/* An answer ends a call: what would have become of a longer one other streams tell, or nobody. */
static enum probe_verdict verdict_of_quiet(const struct probe_record *r,
                                           const struct probe_view *view)
{
        if (r->end == PROBE_END_NONE && r->n_beats <= 1)
                return lacks_keep_alives(r, view) ? PROBE_VERDICT_SILENT : PROBE_VERDICT_UNCLEAR;
        if (r->end == PROBE_END_ANSWERED && view->interval_ms == 0)
                return PROBE_VERDICT_UNCLEAR;
        return PROBE_VERDICT_LIVED;
}

static enum probe_verdict verdict_of(const struct probe_record *r, const struct probe_view *view,
                                     const struct probe_finding *f)
{
        if (!r->is_offered)
                return PROBE_VERDICT_NONE;
        if (is_cut(r, view))
                return PROBE_VERDICT_CUT;
        if (r->end == PROBE_END_REFUSED)
                return PROBE_VERDICT_NONE;
        if (f->held != PROBE_HELD_NOT)
                return PROBE_VERDICT_BUFFERED;
        if ((double)probe_record_longest_ms(r) >= SILENT_S * 1000.0 / view->scale)
                return PROBE_VERDICT_SILENT;
        if (r->end == PROBE_END_ORDERLY)
                return PROBE_VERDICT_CLOSED;
        return f->n_keep_alives > 0 ? PROBE_VERDICT_LIVED : verdict_of_quiet(r, view);
}

struct probe_finding probe_judge(const struct probe_record *r, const struct probe_view *view)
{
        struct probe_finding f = {0};

        if (r->is_offered) {
                judge_intervals(r, &f);
                f.held = held(r, view);
                f.is_head_late = r->head_ms >= 0 && !is_call(r) && is_late(r->head_ms, view);
                f.is_packed = r->encoding[0] != '\0';
        }
        f.verdict = verdict_of(r, view, &f);
        if (f.verdict == PROBE_VERDICT_CUT)
                find_who_cut(r, view, &f);
        else if (f.verdict == PROBE_VERDICT_SILENT)
                find_who_would_cut(r, view, &f);
        return f;
}

bool probe_verdict_is_bad(enum probe_verdict verdict)
{
        return verdict >= PROBE_VERDICT_SILENT;
}

const char *probe_verdict_word(enum probe_verdict verdict)
{
        static const char *const words[] = {
                [PROBE_VERDICT_NONE] = "none",     [PROBE_VERDICT_LIVED] = "lived",
                [PROBE_VERDICT_CLOSED] = "closed", [PROBE_VERDICT_UNCLEAR] = "unclear",
                [PROBE_VERDICT_SILENT] = "silent", [PROBE_VERDICT_BUFFERED] = "buffered",
                [PROBE_VERDICT_CUT] = "cut",
        };

        return words[verdict];
}
