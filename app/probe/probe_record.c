/* Arrivals become beats. What is kept is bounded; what is counted goes on. */
#include "probe_record.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BEATS_FIRST 32

static const struct {
        const char *title;
        const char *word;
} kinds[] = {
        [PROBE_KIND_GET] = {"GET of Streamable HTTP", "get"},
        [PROBE_KIND_SSE] = {"HTTP+SSE", "sse"},
        [PROBE_KIND_CALL] = {"a slow tools/call", "call"},
        [PROBE_KIND_CALL_STATELESS] = {"a slow tools/call of 2026-07-28", "call_stateless"},
        [PROBE_KIND_LISTEN] = {"subscriptions/listen", "listen"},
};

const char *probe_record_title(enum probe_kind kind)
{
        return kinds[kind].title;
}

const char *probe_record_word(enum probe_kind kind)
{
        return kinds[kind].word;
}

void probe_record_init(struct probe_record *r, enum probe_kind kind)
{
        *r = (struct probe_record){
                .kind = kind,
                .head_ms = -1,
                .ended_ms = -1,
                .opening_ms = -1,
                .echo_ms = -1,
        };
}

void probe_record_finish(struct probe_record *r)
{
        free(r->url);
        free(r->lines);
        free(r->beats);
}

static bool is_power_of_two(size_t n)
{
        return (n & (n - 1)) == 0;
}

/* NULL: no more are kept. */
static struct probe_beat *beat_add(struct probe_record *r)
{
        if (r->n_beats == PROBE_BEATS_MAX) {
                r->n_more++;
                return NULL;
        }
        if (r->n_beats == 0)
                r->beats = alloc_array(BEATS_FIRST, sizeof(*r->beats));
        else if (r->n_beats >= BEATS_FIRST && is_power_of_two(r->n_beats))
                r->beats = alloc_again(r->beats, 2 * r->n_beats, sizeof(*r->beats));
        return &r->beats[r->n_beats++];
}

static void record_note(struct probe_record *r, int64_t at_ms)
{
        if (at_ms - r->last_ms > r->gap_ms)
                r->gap_ms = at_ms - r->last_ms;
        r->last_ms = at_ms;
}

void probe_record_beat(struct probe_record *r, int64_t at_ms, unsigned n_comments)
{
        struct probe_beat *last = r->n_beats > 0 ? &r->beats[r->n_beats - 1] : NULL;

        record_note(r, at_ms);
        r->n_comments += n_comments;
        if (last == NULL || at_ms - last->at_ms > PROBE_BEAT_MS) {
                last = beat_add(r);
                if (last == NULL)
                        return;
                *last = (struct probe_beat){.at_ms = at_ms};
        }
        last->n_comments += n_comments;
}

int64_t probe_record_silence_ms(const struct probe_record *r)
{
        return r->ended_ms < 0 ? 0 : r->ended_ms - r->last_ms;
}

int64_t probe_record_longest_ms(const struct probe_record *r)
{
        int64_t silence_ms = probe_record_silence_ms(r);

        return silence_ms > r->gap_ms ? silence_ms : r->gap_ms;
}

void probe_record_take_lines(struct probe_record *r, const char *lines, size_t n)
{
        free(r->lines);
        r->lines = alloc_str((struct str){lines, n});
        for (char *c = r->lines; *c != '\0'; c++)
                if (*c != '\n' && (*c < 0x20 || *c >= 0x7f))
                        *c = '?';
}

const char *probe_record_header(const char *lines, const char *name, const char *after, size_t *np)
{
        size_t n_name = strlen(name);
        const char *line = after != NULL ? strchr(after, '\n') : lines;

        if (line != NULL && after != NULL)
                line++;
        for (; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1)
                if (strncasecmp(line, name, n_name) == 0 && line[n_name] == ':') {
                        line += n_name + 1;
                        line += strspn(line, " ");
                        *np = strcspn(line, "\n");
                        return line;
                }
        return NULL;
}
