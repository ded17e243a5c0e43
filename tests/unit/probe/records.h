/* Streams as they would be seen, written down beat by beat. */
#pragma once

#include "../check.h"

#include "../../../app/probe/probe_judge.h"
#include "../../../app/probe/probe_words.h"

#include <stdlib.h>

/* An open stream whose head came after 20 ms. */
static inline struct probe_record record_of(enum probe_kind kind)
{
        struct probe_record r;

        probe_record_init(&r, kind);
        r.is_offered = true;
        r.status = 200;
        r.head_ms = r.last_ms = r.gap_ms = 20;
        r.opening_ms = 30;
        return r;
}

/* Keep-alives at this interval, to the time given. */
static inline void record_keep_alives(struct probe_record *r, int64_t interval_ms, int64_t to_ms)
{
        for (int64_t at_ms = r->last_ms + interval_ms; at_ms <= to_ms; at_ms += interval_ms)
                probe_record_beat(r, at_ms, 1);
}

static inline void record_end(struct probe_record *r, enum probe_end end, int64_t at_ms)
{
        r->end = end;
        r->ended_ms = at_ms;
}

static inline void record_head(struct probe_record *r, const char *lines)
{
        free(r->lines);
        r->lines = strdup(lines);
}

static inline struct probe_finding record_judge(const struct probe_record *r)
{
        struct probe_view view = {.scale = 1, .answer_ms = 15, .seen = probe_party_seen(r->lines)};

        return probe_judge(r, &view);
}

static inline struct probe_words record_words(const struct probe_record *r)
{
        struct probe_view view = {.scale = 1, .answer_ms = 15, .seen = probe_party_seen(r->lines)};
        struct probe_finding f = probe_judge(r, &view);
        struct probe_words words;

        probe_words_of(r, &view, &f, &words);
        return words;
}

#define check_has(text, part)                                                                      \
        cr_assert_not_null(strstr(text, part), "\"%s\" lacks \"%s\"", text, part)
