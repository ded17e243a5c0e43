/* The report of a probe: for people, and as JSON with the same facts. */
#include "probe_report.h"

#include "mgw/base/alloc.h"
#include "mgw/probe/probe.h"
#include "mgw/wire/rpc.h"
#include "probe_words.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 96
/* That a server may say it speaks. */
#define REVISIONS_MAX 32

/* ---- the server and the way ---- */

static bool is_among(const json_t *all, const json_t *one)
{
        json_t *other;
        size_t i;

        json_array_foreach (all, i, other)
                if (json_equal(other, one))
                        return true;
        return false;
}

json_t *probe_report_revisions(const struct probe_peer *peer)
{
        json_t *supported = json_object_get(peer->discovered, "supportedVersions"), *name;
        json_t *revisions = json_array();
        size_t i;

        name = json_object_get(peer->hello, "protocolVersion");
        if (json_is_string(name))
                json_array_append(revisions, name);
        json_array_foreach (supported, i, name) {
                if (json_array_size(revisions) == REVISIONS_MAX)
                        break;
                if (json_is_string(name) && !is_among(revisions, name))
                        json_array_append(revisions, name);
        }
        return revisions;
}

static const json_t *server_info(const struct probe_peer *peer)
{
        const json_t *info = json_object_get(peer->hello, "serverInfo");

        return info != NULL ? info
                            : json_object_get(json_object_get(peer->discovered, "_meta"),
                                              "io.modelcontextprotocol/serverInfo");
}

void probe_report_server(const struct probe_peer *peer, char text[PROBE_SERVER_SIZE])
{
        const json_t *info = server_info(peer);
        const char *name = rpc_text(info, "name"), *version = rpc_text(info, "version");
        char *whole = alloc_format("%s %s", name != NULL ? name : "without a name",
                                   version != NULL ? version : "");

        str_to_text(str_trim(str_from(whole)), text, PROBE_SERVER_SIZE);
        free(whole);
}

/* The head in which a party was seen; NULL: in none of the streams'. */
static const char *lines_with(const struct probe_report *report, size_t party, size_t *np)
{
        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
                const char *mark = probe_party_mark(party, report->results[kind].record->lines, np);

                if (mark != NULL)
                        return mark;
        }
        return NULL;
}

static void print_way(const struct probe_report *report, FILE *out)
{
        const char *before = "on the way  ";
        size_t n = 0;

        for (size_t i = 0; i < probe_party_count(); i++) {
                const char *mark;

                if (!(report->view->seen & 1u << i))
                        continue;
                mark = lines_with(report, i, &n);
                fprintf(out, "%s%s", before, probe_party_name(i));
                if (mark != NULL)
                        fprintf(out, " (%.*s)", (int)(n < 60 ? n : 60), mark);
                before = ", ";
        }
        fputs(report->view->seen != 0 ? "\n" : "on the way  nobody who leaves a mark in heads\n",
              out);
}

static void print_server(const struct probe_report *report, FILE *out)
{
        char text[PROBE_SERVER_SIZE], number[PROBE_TIME_SIZE];
        json_t *revisions = probe_report_revisions(report->peer), *name;
        size_t i;

        probe_report_server(report->peer, text);
        fprintf(out, "server      %s; ", text);
        json_array_foreach (revisions, i, name) {
                str_to_text(str_from(json_string_value(name)), text, sizeof(text));
                fprintf(out, "%s%s", i == 0 ? "speaks " : ", ", text);
        }
        fprintf(out, "%sanswers in %s\n", i > 0 ? "; " : "",
                probe_words_time(report->view->answer_ms, number));
        json_decref(revisions);
}

/* ---- for people ---- */

/* Lines broken between words, all but the first indented. */
static void print_wrapped(FILE *out, const char *label, const char *text, int indent)
{
        int column = fprintf(out, "%*s%s", indent, "", label);
        int left = column;

        while (*text != '\0') {
                int n = (int)strcspn(text, " ");

                if (column > left && column + 1 + n > WIDTH) {
                        fprintf(out, "\n%*s", left, "");
                        column = left;
                }
                column += fprintf(out, "%s%.*s", column > left ? " " : "", n, text);
                text += n;
                text += strspn(text, " ");
        }
        fputc('\n', out);
}

/* How it is known is told where it differs from what was told last. */
static void print_result(const struct probe_report *report, const struct probe_result *result,
                         char told[PROBE_WORDS_MAX], FILE *out)
{
        const struct probe_record *r = result->record;
        struct probe_words words;

        probe_words_of(r, report->view, &result->finding, &words);
        fprintf(out, "\n%s: %s\n", probe_record_title(r->kind),
                result->finding.verdict == PROBE_VERDICT_NONE
                        ? "not offered"
                        : probe_verdict_word(result->finding.verdict));
        print_wrapped(out, "", words.what, 2);
        if (words.how[0] != '\0' && strcmp(words.how, told) != 0) {
                print_wrapped(out, "known by: ", words.how, 2);
                memcpy(told, words.how, sizeof(words.how));
        }
}

/* Each cure once. */
static void print_cures(const struct probe_report *report, FILE *out)
{
        struct probe_words words[PROBE_N_KINDS];

        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
                const struct probe_result *result = &report->results[kind];
                bool is_new;

                probe_words_of(result->record, report->view, &result->finding, &words[kind]);
                is_new = words[kind].cure[0] != '\0';
                for (int other = 0; other < kind; other++)
                        is_new = is_new && strcmp(words[other].cure, words[kind].cure) != 0;
                if (is_new)
                        print_wrapped(out, "what to do: ", words[kind].cure, 0);
        }
}

struct tally {
        unsigned n[PROBE_VERDICT_CUT + 1];
        unsigned n_streams, n_bad;
        enum probe_exit exit;
};

static struct tally tally_of(const struct probe_report *report)
{
        struct tally t = {0};

        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
                enum probe_verdict verdict = report->results[kind].finding.verdict;

                t.n[verdict]++;
                t.n_streams += verdict != PROBE_VERDICT_NONE;
                t.n_bad += probe_verdict_is_bad(verdict);
        }
        if (t.n_bad > 0)
                t.exit = PROBE_EXIT_BADLY;
        else if (t.n[PROBE_VERDICT_UNCLEAR] > 0)
                t.exit = PROBE_EXIT_UNCLEAR;
        return t;
}

/* "all 5 streams were cut", "of 5 streams 1 was cut, 2 were buffered and 2 lived". */
static void print_tally(const struct tally *t, FILE *out)
{
        static const struct {
                const char *one, *many;
        } fates[] = {
                [PROBE_VERDICT_LIVED] = {"lived", "lived"},
                [PROBE_VERDICT_CLOSED] = {"was closed by the server", "were closed by the server"},
                [PROBE_VERDICT_UNCLEAR] = {"had no keep-alive yet", "had no keep-alive yet"},
                [PROBE_VERDICT_SILENT] = {"was silent", "were silent"},
                [PROBE_VERDICT_BUFFERED] = {"was buffered", "were buffered"},
                [PROBE_VERDICT_CUT] = {"was cut", "were cut"},
        };
        unsigned left = t->n_streams;

        for (int verdict = PROBE_VERDICT_CUT; verdict > PROBE_VERDICT_NONE; verdict--) {
                unsigned n = t->n[verdict];
                const char *fate = n == 1 ? fates[verdict].one : fates[verdict].many;

                if (n == 0)
                        continue;
                if (n == t->n_streams && n == 1)
                        fprintf(out, "its only stream %s", fate);
                else if (n == t->n_streams)
                        fprintf(out, "all %u streams %s", n, fate);
                else if (left == t->n_streams)
                        fprintf(out, "of %u streams %u %s", left, n, fate);
                else
                        fprintf(out, "%s%u %s", left == n ? " and " : ", ", n, fate);
                left -= n;
        }
}

static void print_verdict(const struct probe_report *report, FILE *out)
{
        static const char *const verdicts[] = {
                [PROBE_EXIT_WELL] = "this way keeps streams alive",
                [PROBE_EXIT_BADLY] = "this way does NOT keep streams alive",
                [PROBE_EXIT_UNCLEAR] = "the watch was too short to tell",
        };
        struct tally t = tally_of(report);
        char number[PROBE_TIME_SIZE];

        fputs("\nverdict: ", out);
        if (t.n_streams == 0) {
                fputs("the server offers no stream that could be cut\n", out);
        } else {
                fprintf(out, "%s: ", verdicts[t.exit]);
                print_tally(&t, out);
                fprintf(out, " (watched for %s)\n", probe_words_time(report->watched_ms, number));
        }
        if (report->peer->options->is_insecure)
                fputs("(--insecure: no certificate was judged)\n", out);
}

void probe_report_print(const struct probe_report *report, FILE *out)
{
        char told[PROBE_WORDS_MAX] = "";

        fprintf(out, "%s\n", report->peer->options->url);
        print_server(report, out);
        print_way(report, out);
        for (int kind = 0; kind < PROBE_N_KINDS; kind++)
                print_result(report, &report->results[kind], told, out);
        print_verdict(report, out);
        print_cures(report, out);
}

/* ---- for scripts ---- */

static json_t *time_or_null(int64_t ms)
{
        return ms < 0 ? json_null() : json_integer(ms);
}

json_t *probe_report_text(const char *text)
{
        char plain[PROBE_WORDS_MAX];

        if (text == NULL || text[0] == '\0')
                return json_null();
        str_to_text(str_from(text), plain, sizeof(plain));
        return json_string(plain);
}

static json_t *suspects_of(const struct probe_finding *f)
{
        json_t *all = json_array();

        for (size_t i = 0; i < f->n_suspects; i++)
                json_array_append_new(all,
                                      json_pack("{s:s, s:s, s:i, s:s}", "who", f->suspects[i]->who,
                                                "party", probe_party_name(f->suspects[i]->party),
                                                "seconds", (int)f->suspects[i]->seconds,
                                                "what_to_do", f->suspects[i]->cure));
        return all;
}

/* When each came. */
static json_t *arrivals_of(const struct probe_record *r)
{
        json_t *all = json_array();

        for (size_t i = 0; i < r->n_beats; i++)
                if (probe_judge_is_keep_alive(r, &r->beats[i]))
                        json_array_append_new(all, json_integer(r->beats[i].at_ms));
        return all;
}

static json_t *keep_alives_of(const struct probe_record *r, const struct probe_finding *f)
{
        json_t *json =
                json_pack("{s:i, s:o}", "count", (int)f->n_keep_alives, "at_ms", arrivals_of(r));

        if (f->n_intervals > 0)
                json_object_update_new(json, json_pack("{s:I, s:I, s:I, s:I}", "interval_ms",
                                                       (json_int_t)f->interval_ms, "least_ms",
                                                       (json_int_t)f->interval_least_ms, "most_ms",
                                                       (json_int_t)f->interval_most_ms, "jitter_ms",
                                                       (json_int_t)f->jitter_ms));
        return json;
}

static json_t *end_of(const struct probe_record *r)
{
        static const char *const words[] = {
                [PROBE_END_NONE] = "open",       [PROBE_END_ANSWERED] = "answered",
                [PROBE_END_ORDERLY] = "orderly", [PROBE_END_BROKEN] = "broken",
                [PROBE_END_RESET] = "reset",     [PROBE_END_REFUSED] = "refused",
                [PROBE_END_FAILED] = "failed",
        };

        return json_pack("{s:s, s:o, s:I, s:o}", "how", words[r->end], "after_ms",
                         time_or_null(r->ended_ms), "silent_ms",
                         (json_int_t)probe_record_silence_ms(r), "why", probe_report_text(r->why));
}

static json_t *held_of(const struct probe_finding *f)
{
        static const char *const words[] = {
                [PROBE_HELD_CLUMPS] = "keep_alives_came_at_once",
                [PROBE_HELD_PROGRESS] = "progress_came_with_the_answer",
                [PROBE_HELD_HEAD] = "no_head",
                [PROBE_HELD_OPENING] = "no_opening_event",
                [PROBE_HELD_ECHO] = "no_answer_on_the_stream",
        };

        return probe_report_text(words[f->held]);
}

static json_t *result_of(const struct probe_report *report, const struct probe_result *result)
{
        const struct probe_record *r = result->record;
        const struct probe_finding *f = &result->finding;
        struct probe_words words;
        json_t *json;

        probe_words_of(r, report->view, f, &words);
        json = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "kind", probe_record_word(r->kind),
                         "verdict", probe_verdict_word(f->verdict), "url",
                         probe_report_text(r->url), "what", probe_report_text(words.what),
                         "known_by", probe_report_text(words.how), "what_to_do",
                         probe_report_text(words.cure));
        if (f->verdict == PROBE_VERDICT_NONE)
                return json;
        json_object_update_new(
                json, json_pack("{s:i, s:o, s:i, s:o, s:I, s:o, s:o, s:o, s:o}", "status",
                                (int)r->status, "head_ms", time_or_null(r->head_ms), "events",
                                (int)r->n_events, "keep_alives", keep_alives_of(r, f),
                                "longest_silence_ms", (json_int_t)probe_record_longest_ms(r),
                                "compressed", probe_report_text(r->encoding), "buffered",
                                held_of(f), "end", end_of(r), "suspects", suspects_of(f)));
        return json;
}

static json_t *way_of(const struct probe_report *report)
{
        json_t *all = json_array();

        for (size_t i = 0; i < probe_party_count(); i++)
                if (report->view->seen & 1u << i)
                        json_array_append_new(all, json_string(probe_party_name(i)));
        return all;
}

void probe_report_print_value(const json_t *value, unsigned indent, FILE *out)
{
        struct str text;

        if (rpc_dump_ascii(value, indent, &text) != 0) /* a terminal may be there */
                return;
        fwrite(text.p, 1, text.n, out);
        free((char *)text.p);
}

void probe_report_print_json_take(json_t *json, FILE *out)
{
        probe_report_print_value(json, 2, out);
        fputc('\n', out);
        json_decref(json);
}

/* null: that is not known. */
static json_t *lived_of(int exit)
{
        return exit == PROBE_EXIT_UNCLEAR ? json_null() : json_boolean(exit == PROBE_EXIT_WELL);
}

void probe_report_print_json(const struct probe_report *report, FILE *out)
{
        char server[PROBE_SERVER_SIZE];
        json_t *streams = json_array();
        json_t *json;

        probe_report_server(report->peer, server);
        for (int kind = 0; kind < PROBE_N_KINDS; kind++)
                json_array_append_new(streams, result_of(report, &report->results[kind]));
        json = json_pack("{s:o, s:s, s:o, s:o, s:I, s:I, s:f, s:o, s:o}", "url",
                         probe_report_text(report->peer->options->url), "server", server,
                         "revisions", probe_report_revisions(report->peer), "on_the_way",
                         way_of(report), "answer_ms", (json_int_t)report->view->answer_ms,
                         "watched_ms", (json_int_t)report->watched_ms, "scale", report->view->scale,
                         "streams", streams, "lived", lived_of(probe_report_exit(report)));
        probe_report_print_json_take(json, out);
}

int probe_report_exit(const struct probe_report *report)
{
        return tally_of(report).exit;
}
