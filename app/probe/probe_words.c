/* Sentences of findings: what, how it is known, what to do. */
#include "probe_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A watch in which every usual keep-alive has come several times. */
#define ENOUGH_S 120

/* Appends; what does not fit is left out. */
__attribute__((format(printf, 2, 3))) static void say(char text[PROBE_WORDS_MAX], const char *fmt,
                                                      ...)
{
        size_t n = strlen(text);
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text + n, PROBE_WORDS_MAX - n, fmt, ap);
        va_end(ap);
}

const char *probe_words_time(int64_t ms, char text[PROBE_TIME_SIZE])
{
        if (ms < 1000)
                snprintf(text, PROBE_TIME_SIZE, "%lld ms", (long long)ms);
        else if (ms < INT64_C(1000) * 1000)
                snprintf(text, PROBE_TIME_SIZE, "%.1f s", (double)ms / 1000);
        else
                snprintf(text, PROBE_TIME_SIZE, "%.1f min", (double)ms / 60000);
        return text;
}

/* A time on a way whose timeouts are shorter is told as it would be elsewhere, too. */
static void say_time(char text[PROBE_WORDS_MAX], int64_t ms, const struct probe_view *view)
{
        char number[PROBE_TIME_SIZE];

        say(text, "%s", probe_words_time(ms, number));
        if (view->scale > 1)
                say(text, " (%.1f s at --scale %g)", (double)ms * view->scale / 1000, view->scale);
}

/* ---- beats ---- */

static void say_head(const struct probe_record *r, char *what)
{
        char number[PROBE_TIME_SIZE];

        if (r->head_ms < 0)
                say(what, "no head came");
        else
                say(what, "head after %s", probe_words_time(r->head_ms, number));
}

static void say_keep_alives(const struct probe_record *r, const struct probe_finding *f, char *what)
{
        char median[PROBE_TIME_SIZE], jitter[PROBE_TIME_SIZE];

        if (f->n_intervals == 1)
                say(what, ", a keep-alive %s later", probe_words_time(f->interval_ms, median));
        else if (f->n_intervals > 1)
                say(what, ", %u keep-alives, one every %s (jitter %s)", f->n_keep_alives,
                    probe_words_time(f->interval_ms, median),
                    probe_words_time(f->jitter_ms, jitter));
        else
                say(what, ", no keep-alive");
        if (r->n_events > 0)
                say(what, ", %u event%s", r->n_events, r->n_events == 1 ? "" : "s");
}

static void say_life(const struct probe_record *r, const struct probe_finding *f, char *what)
{
        char number[PROBE_TIME_SIZE];

        say_head(r, what);
        say_keep_alives(r, f, what);
        if (r->end == PROBE_END_ANSWERED)
                say(what, "; answered after %s", probe_words_time(r->ended_ms, number));
        else if (r->end == PROBE_END_ORDERLY)
                say(what, "; closed after %s by the server, which told when to come back",
                    probe_words_time(r->ended_ms, number));
        else
                say(what, "; open to the end");
}

/* ---- cut ---- */

static void say_end(const struct probe_record *r, const struct probe_view *view,
                    const struct probe_finding *f, char *what)
{
        static const char *const ends[] = {
                [PROBE_END_ORDERLY] = "closed in order",
                [PROBE_END_BROKEN] = "closed in the middle",
                [PROBE_END_RESET] = "reset",
                [PROBE_END_FAILED] = "broken off",
        };
        char number[PROBE_TIME_SIZE];

        if (r->end == PROBE_END_REFUSED)
                say(what, "answered with HTTP %u", r->status);
        else
                say(what, "%s", ends[r->end]);
        say(what, " after ");
        say_time(what, f->is_total ? r->ended_ms : probe_record_silence_ms(r), view);
        if (f->is_total)
                say(what, ", though something had come %s before",
                    probe_words_time(probe_record_silence_ms(r), number));
        else
                say(what, " of silence%s", r->head_ms < 0 ? ", before a head" : "");
}

static void say_cut(const struct probe_record *r, const struct probe_view *view,
                    const struct probe_finding *f, char *what)
{
        say_end(r, view, f, what);
        if (f->n_suspects > 0)
                say(what, ": as %s does", f->suspects[0]->who);
        else
                say(what, ": no timeout that is usual");
}

static void say_mark(const struct probe_limit *limit, const struct probe_record *r,
                     const struct probe_view *view, char *how)
{
        size_t n = 0;
        const char *mark = probe_party_mark(limit->party, r->lines, &n);

        if (mark != NULL)
                say(how, "its head says \"%.*s\"", (int)(n < 80 ? n : 80), mark);
        else if (view->seen & 1u << limit->party)
                say(how, "other answers on this way bear its mark");
        else if (probe_limit_is_marked(limit))
                say(how, "its usual mark in heads was not seen, so that it may be another");
        else
                say(how, "it leaves no mark in heads");
}

static void say_suspects(const struct probe_record *r, const struct probe_view *view,
                         const struct probe_finding *f, char *how)
{
        if (f->n_suspects == 0)
                return;
        say(how, "by the time, %u s, and ", f->suspects[0]->seconds);
        say_mark(f->suspects[0], r, view, how);
        for (size_t i = 1; i < f->n_suspects; i++)
                say(how, "; or %s (%u s)", f->suspects[i]->who, f->suspects[i]->seconds);
}

static void say_cure_of_cut(const struct probe_record *r, const struct probe_view *view,
                            const struct probe_finding *f, char *cure)
{
        char number[PROBE_TIME_SIZE];

        if (f->n_suspects > 0) {
                say(cure, "%s", f->suspects[0]->cure);
                return;
        }
        if (f->is_total)
                say(cure,
                    "look into the server's log at that moment, and for a limit of %s of a "
                    "whole answer",
                    probe_words_time(r->ended_ms, number));
        else
                say(cure,
                    "look for a timeout of %s, or have the server send a keep-alive more often "
                    "than that",
                    probe_words_time(probe_record_silence_ms(r), number));
        for (size_t i = 0; i < probe_party_count(); i++)
                if (view->seen & 1u << i)
                        say(cure, "; on the way is %s", probe_party_name(i));
}

/* ---- held back ---- */

static void say_clumps(const struct probe_record *r, char *how)
{
        const struct probe_beat *most = r->beats;
        char number[PROBE_TIME_SIZE];

        for (size_t i = 1; i < r->n_beats; i++)
                if (r->beats[i].n_comments > most->n_comments)
                        most = &r->beats[i];
        say(how,
            "servers send keep-alives one at a time, and %u of them came at once, %s after the "
            "request",
            most->n_comments, probe_words_time(most->at_ms, number));
}

static void say_held(const struct probe_record *r, const struct probe_view *view,
                     const struct probe_finding *f, char *how)
{
        char answer[PROBE_TIME_SIZE], number[PROBE_TIME_SIZE];

        probe_words_time(view->answer_ms, answer);
        switch (f->held) {
        case PROBE_HELD_CLUMPS:
                say_clumps(r, how);
                break;
        case PROBE_HELD_PROGRESS:
                say(how,
                    "servers tell of progress as it is made, and all of it came at once, with the "
                    "head and the answer");
                break;
        case PROBE_HELD_HEAD:
                say(how,
                    "the server answers other requests within %s, and no head of this one came "
                    "in %s",
                    answer, probe_words_time(r->ended_ms, number));
                break;
        case PROBE_HELD_OPENING:
                say(how, "the protocol opens such a stream with %s, and it ",
                    r->kind == PROBE_KIND_SSE ? "the event \"endpoint\"" : "an acknowledgement");
                if (r->opening_ms < 0)
                        say(how, "did not come");
                else
                        say(how, "came %s after the head",
                            probe_words_time(r->opening_ms - r->head_ms, number));
                break;
        case PROBE_HELD_ECHO:
                say(how, "a request was taken, and its answer ");
                if (r->echo_ms < 0)
                        say(how, "did not come on this stream");
                else
                        say(how, "came %s later", probe_words_time(r->echo_ms, number));
                break;
        case PROBE_HELD_NOT:
                break;
        }
}

static void say_cure_of_held(const struct probe_view *view, char *cure)
{
        bool is_known = false;

        for (size_t i = 0; i < probe_party_count(); i++)
                if (view->seen & 1u << i && probe_party_unbuffer(i) != NULL) {
                        say(cure, "%s%s: %s", is_known ? "; " : "", probe_party_name(i),
                            probe_party_unbuffer(i));
                        is_known = true;
                }
        if (!is_known)
                say(cure, "switch response buffering off in each proxy before the server: "
                          "docs/operations/proxies.md");
}

/* ---- silent ---- */

static void say_silence(const struct probe_record *r, const struct probe_view *view,
                        const struct probe_finding *f, struct probe_words *w)
{
        char number[PROBE_TIME_SIZE];

        say(w->what, "; silent for ");
        say_time(w->what, probe_record_longest_ms(r), view);
        if (f->n_suspects > 0)
                say(w->how, "%s cuts what is silent for %u s", f->suspects[0]->who,
                    f->suspects[0]->seconds);
        else
                say(w->how, "another stream of this server has a keep-alive every %s",
                    probe_words_time(view->interval_ms, number));
        say(w->cure, "have the server send a keep-alive, such as a comment line every 30 s "
                     "(mgw: keepalive_s)");
}

/* ---- unclear ---- */

/* As --for takes it: two minutes, on a way that is not scaled. */
static void say_longer(const struct probe_view *view, char *cure)
{
        if (view->scale > 1)
                say(cure, "--for %gs", ENOUGH_S / view->scale);
        else
                say(cure, "--for %dm", ENOUGH_S / 60);
}

static void say_unclear(const struct probe_record *r, const struct probe_view *view,
                        struct probe_words *w)
{
        char number[PROBE_TIME_SIZE];

        say(w->how,
            "nothing was cut in %s, and no keep-alive came: servers send one every 15 or 30 s, "
            "timeouts that are usual begin at 50 s",
            probe_words_time(r->ended_ms, number));
        say(w->cure, "watch for longer: ");
        say_longer(view, w->cure);
        if (r->end == PROBE_END_ANSWERED)
                say(w->cure, ", and --call a tool that takes so long");
}

static void say_notes(const struct probe_record *r, const struct probe_finding *f,
                      struct probe_words *w)
{
        char number[PROBE_TIME_SIZE];

        if (f->is_packed)
                say(w->what,
                    "; it came compressed (%s), by which events may wait in the compressor",
                    r->encoding);
        if (f->is_packed && w->cure[0] == '\0')
                say(w->cure, "leave text/event-stream out of what is compressed");
        if (f->is_head_late && f->held == PROBE_HELD_NOT)
                say(w->what,
                    "; its head came only after %s: something, or the server, holds it back until "
                    "there is a body",
                    probe_words_time(r->head_ms, number));
}

void probe_words_of(const struct probe_record *r, const struct probe_view *view,
                    const struct probe_finding *f, struct probe_words *w)
{
        w->what[0] = w->how[0] = w->cure[0] = '\0';
        switch (f->verdict) {
        case PROBE_VERDICT_NONE:
                if (r->is_offered)
                        say(w->what, "refused: HTTP %u %s", r->status, r->media_type);
                else
                        say(w->what, "%s", r->not_offered);
                return;
        case PROBE_VERDICT_CUT:
                say_cut(r, view, f, w->what);
                say_suspects(r, view, f, w->how);
                say_cure_of_cut(r, view, f, w->cure);
                break;
        case PROBE_VERDICT_BUFFERED:
                say_life(r, f, w->what);
                say_held(r, view, f, w->how);
                say_cure_of_held(view, w->cure);
                break;
        case PROBE_VERDICT_SILENT:
                say_life(r, f, w->what);
                say_silence(r, view, f, w);
                break;
        case PROBE_VERDICT_UNCLEAR:
                say_life(r, f, w->what);
                say_unclear(r, view, w);
                break;
        case PROBE_VERDICT_LIVED:
        case PROBE_VERDICT_CLOSED:
                say_life(r, f, w->what);
                break;
        }
        say_notes(r, f, w);
}
