/* How a message of ours, or the opening of an upstream session, failed: in words for those whom it
 * concerns, in more words for the log, and whose failure it is. */
#pragma once

#include "mgw/loop/http.h"
#include "mgw/upstream/breaker.h"

/* What is known of the upstream's part, and so: may the message be sent once more? */
enum pending_request_fault {
        FAULT_UNSENT, /* it has not seen the message: yes */
        FAULT_CUT,    /* it may have acted upon it: where that does no harm */
        FAULT_FINAL,  /* it would end the same way: no */
        FAULT_OURS,   /* the account's, or ours: no, and says nothing of the server at all */
        FAULT_GRANT,  /* likewise: its user has to connect the account, or to grant more */
};

struct failure {
        const char *why; /* for clients: words of ours alone, no address, path or text of others */
        const char *detail; /* for the log, with the origin; NULL: why says it all */
        enum pending_request_fault fault;
        enum breaker_sign sign;
        bool was_silent; /* it was, for longer than it may be */
        char text[80];   /* of why, where it is made */
};

/* The words of FAULT_GRANT. */
extern const char failure_of_grant[];
/* detail is borrowed from http. */
void failure_of_http(struct failure *f, const struct http_failure *http);
/* An HTTP status that is no answer. retry_after_s: up to 0, it said none. */
void failure_of_status(struct failure *f, unsigned status, int64_t retry_after_s);
/* Does a status say that the server itself is not well? */
static inline bool failure_status_is_unwell(unsigned status)
{
        return status >= 502 && status <= 504;
}
/* Does it speak of the account alone? Other users of the upstream may fare better. */
static inline bool failure_status_is_accounts(unsigned status)
{
        return (status >= 401 && status <= 403) || status == 407 || status == 429;
}
