/* Lines: what each has first (time, id, kind), what a call has when it begins, and when it ends.
 * Texts of clients are cut where nobody needs more of them. */
#include "audit_inside.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/wire/rpc.h"

#include <string.h>
#include <time.h>

#define SECOND_TEXT_BYTES (sizeof("2026-11-30T08:34:00") - 1)
#define TEXT_MAX 128
#define NAME_MAX_BYTES 256
#define URI_MAX_BYTES 1024
#define REASON_MAX_BYTES 256

/* RFC 3339; the second is made once. */
static void add_time(struct audit *audit, struct json_text *t)
{
        int64_t now = clock_wall_us(), second = now / 1000000;
        time_t seconds = (time_t)second;
        struct tm tm;

        if (second != audit->second) {
                audit->second = second;
                gmtime_r(&seconds, &tm);
                strftime(audit->second_text, sizeof(audit->second_text), "%Y-%m-%dT%H:%M:%S", &tm);
        }
        json_text_raw(t, STR("\"time\":\""));
        json_text_raw(t, (struct str){audit->second_text, SECOND_TEXT_BYTES});
        json_text_raw(t, STR("."));
        json_text_digits(t, (uint64_t)(now % 1000000), 6);
        json_text_raw(t, STR("Z\""));
}

/* audit_recover() knows a line by this much of it. */
void audit_line_begin(struct audit *audit, struct json_text *t, const char *kind)
{
        json_text_init(t, audit->line, sizeof(audit->line) - AUDIT_TAIL_MAX);
        json_text_open(t, '{');
        add_time(audit, t);
        json_text_raw(t, STR(",\"id\":\""));
        json_text_raw(t, (struct str){audit->instance, strlen(audit->instance)});
        json_text_raw(t, STR("-"));
        json_text_digits(t, ++audit->last_id, 1);
        json_text_raw(t, STR("\""));
        t->needs_comma = true;
        JSON_TEXT_STRING(t, "kind", kind, TEXT_MAX);
}

static void add_client(struct json_text *t, const struct call_record *record)
{
        JSON_TEXT_STRING(t, "client", record->client_name, TEXT_MAX);
        JSON_TEXT_STRING(t, "client_version", record->client_version, TEXT_MAX);
        if (record->identity != NULL)
                JSON_TEXT_STRING(t, "oauth_client", record->identity->client, TEXT_MAX);
        JSON_TEXT_STRING(t, "revision", record->revision, TEXT_MAX);
        JSON_TEXT_STRING(t, "session", record->session_id, TEXT_MAX);
}

void audit_line_call(struct audit *audit, struct json_text *t, const struct call_record *record)
{
        const struct config *config = audit->context->config;

        audit_line_begin(audit, t, "call");
        if (record->identity != NULL)
                JSON_TEXT_STRING(t, "user", record->identity->user->email, NAME_MAX_BYTES);
        add_client(t, record);
        JSON_TEXT_STRING(t, "method", record->method, TEXT_MAX);
        JSON_TEXT_STRING(t, "tool", record->name, NAME_MAX_BYTES);
        JSON_TEXT_STRING(t, "uri", rpc_text(record->params, "uri"), URI_MAX_BYTES);
        JSON_TEXT_STRING(t, "request_id", record->request_id, TEXT_MAX);
        if (config->audit_arguments)
                audit_arguments_add(t, record->params, config->audit_mask);
}

/* What behind it is bounded: AUDIT_TAIL_MAX holds it. */
void audit_line_outcome(struct json_text *t, const struct call_record *record)
{
        JSON_TEXT_STRING(t, "server", record->server, TEXT_MAX);
        JSON_TEXT_STRING(t, "outcome", call_record_outcome_name(record->outcome), TEXT_MAX);
        if (record->code != 0)
                JSON_TEXT_INT(t, "code", record->code);
        JSON_TEXT_INT(t, "duration_us", record->took_us);
        JSON_TEXT_INT(t, "bytes_in", (int64_t)record->bytes_in);
        JSON_TEXT_INT(t, "bytes_out", (int64_t)record->bytes_out);
        json_text_raw(t, STR("}\n"));
}

void audit_line_lost(struct json_text *t)
{
        JSON_TEXT_STRING(t, "outcome", "lost", TEXT_MAX);
        json_text_raw(t, STR("}\n"));
}

void audit_line_decision(struct audit *audit, struct json_text *t,
                         const struct audit_decision *decision)
{
        audit_line_begin(audit, t, decision->kind);
        JSON_TEXT_STRING(t, "user", decision->user, NAME_MAX_BYTES);
        JSON_TEXT_STRING(t, "oauth_client", decision->client, NAME_MAX_BYTES);
        JSON_TEXT_STRING(t, "server", decision->server, TEXT_MAX);
        JSON_TEXT_STRING(t, "outcome", decision->outcome, TEXT_MAX);
        JSON_TEXT_STRING(t, "reason", decision->reason, REASON_MAX_BYTES);
        if (decision->address.n > 0)
                json_text_str(t, "address", decision->address, TEXT_MAX);
        if (decision->request_id.n > 0)
                json_text_str(t, "request_id", decision->request_id, TEXT_MAX);
        if (decision->is_strangers && audit->n_left_out > 0)
                JSON_TEXT_INT(t, "left_out", (int64_t)audit->n_left_out);
        if (audit->n_missing > 0)
                JSON_TEXT_INT(t, "missing", (int64_t)audit->n_missing);
        json_text_raw(t, STR("}\n"));
}
