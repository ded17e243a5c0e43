/* The audit: one line of JSON for each call and each decision, in a file or on standard output. A
 * call takes the room for its line before it begins, and has its line when it ends, however that
 * is: answered, cancelled, or lost with the process (docs/audit.md). */
#pragma once

#include "mgw/core/context.h"
#include "mgw/observe/call_record.h"

/* The call is to be refused: */
#define AUDIT_E_UNWRITABLE 1
#define AUDIT_E_USER 2 /* its user has too many that wait to be written */

struct audit_entry;

/* What has been decided of somebody, by them, or for the gateway as a whole. Texts are borrowed for
 * the call; NULL: nothing is to be said of it. */
struct audit_decision {
        const char *kind;    /* "sign_in", "token", "consent", ... (docs/audit.md) */
        const char *outcome; /* "ok", "refused", "failed" */
        const char *user;
        const char *client; /* of OAuth */
        const char *server;
        const char *reason;    /* of a refusal or failure */
        struct str address;    /* of whom it came from */
        struct str request_id; /* the proxy's */
        bool is_strangers;     /* anybody can cause it without end: past some a second they are
                                  counted, and the next line tells how many */
};

/* For a call that begins, of what record says by then. 0: *entryp is for record->audit when it
 * ends (NULL: no line is kept of it). AUDIT_E_UNWRITABLE, AUDIT_E_USER. */
int audit_begin(struct context *context, const struct call_record *record,
                struct audit_entry **entryp);
/* Its call has ended, or what it asks for has begun and may last for ever. No other does: a line is
 * written once. */
void audit_end(struct context *context, const struct call_record *record);
void audit_decide(struct context *context, const struct audit_decision *decision);

struct audit_stats {
        uint64_t lines;   /* that have been written */
        uint64_t refused; /* calls, since lines could not be written */
        uint64_t missing; /* lines that there was no room for */
        unsigned n_waiting;
        bool is_unwritable;
};

/* NULL: there is no audit. */
const struct audit_stats *audit_stats(struct context *context);
