/* From what the transport saw to what is told, and to whose failure it is. */
#include "failure.h"

#include <inttypes.h>
#include <stdio.h>

const char failure_of_grant[] = "the user has not connected an account that it takes";

static enum breaker_sign sign_of(const struct http_failure *http)
{
        switch (http->fault) {
        case HTTP_FAULT_AWAY:
        case HTTP_FAULT_TLS:
        case HTTP_FAULT_TRUST:
                return BREAKER_AWAY;
        case HTTP_FAULT_CUT:
                return BREAKER_UNWELL;
        default:
                return BREAKER_NO_SIGN;
        }
}

void failure_of_http(struct failure *f, const struct http_failure *http)
{
        /* Where we do not go, we do not go the second time either. */
        bool is_final = http->fault == HTTP_FAULT_ELSEWHERE || http->fault == HTTP_FAULT_BARRED;

        *f = (struct failure){
                .why = http_fault_text(http->fault),
                .detail = http->why,
                .fault = is_final          ? FAULT_FINAL
                         : !http->was_sent ? FAULT_UNSENT
                                           : FAULT_CUT,
                .sign = sign_of(http),
        };
}

void failure_of_status(struct failure *f, unsigned status, int64_t retry_after_s)
{
        bool is_unwell = failure_status_is_unwell(status);

        *f = (struct failure){
                .why = f->text,
                .fault = is_unwell && retry_after_s <= 0 ? FAULT_CUT : FAULT_FINAL,
                .sign = is_unwell ? BREAKER_UNWELL : BREAKER_NO_SIGN,
        };
        if (failure_status_is_accounts(status))
                f->fault = FAULT_OURS;
        if (retry_after_s > 0)
                snprintf(f->text, sizeof(f->text), "it answered HTTP %u (Retry-After: %" PRId64 ")",
                         status, retry_after_s);
        else
                snprintf(f->text, sizeof(f->text), "it answered HTTP %u", status);
}
