/* Where the POST has that one message its status tells too, as clients and proxies act upon it. */
#include "mgw/session/call_admit.h"

#include "mgw/auth/policy_limit.h"
#include "mgw/base/buf.h"
#include "mgw/base/log.h"
#include "mgw/core/share.h"
#include "mgw/session/post_response.h"

#include <stdlib.h>
#include <string.h>

#define CALL_E_REFUSED (-32000)
#define SCOPES_MAX_BYTES 4096

static bool is_alone(const struct call *call)
{
        return call->post != NULL && !call->post->is_batch;
}

static void add_scope(struct buf *out, const char *scope)
{
        (void)buf_addf(out, "%s%s", buf_bytes(out).n > 0 ? " " : "", scope);
}

/* What it has, and what it lacks: a token for the latter alone would lose the former. The caller
 * frees it. */
static char *wanted_scopes(const struct identity *identity, const struct config_policy_rule *rule)
{
        struct buf out;
        char *scopes;

        buf_init(&out, SCOPES_MAX_BYTES);
        for (char *const *it = identity->scopes; it != NULL && *it != NULL; it++)
                if (strpbrk(*it, "\"\\ \r\n") == NULL)
                        add_scope(&out, *it);
        for (char *const *it = rule->scopes; *it != NULL; it++)
                if (!identity_has_scope(identity, *it))
                        add_scope(&out, *it);
        scopes = str_dup(buf_bytes(&out));
        buf_finish(&out);
        return scopes;
}

static void refuse_scope(struct call *call, const struct config_policy_rule *rule)
{
        char *scopes = wanted_scopes(call->identity, rule);

        if (is_alone(call) && scopes != NULL) {
                call->post->status = 403;
                post_response_challenge_take(call->post, strdup(scopes));
        }
        if (share_may_log(call->share, call->session->client.user->email))
                log_info(LOG_FIELDS({"user", call->session->client.user->email},
                                    {"name", call->name}, {"scope", scopes}),
                         "[policy] %s: the token lacks a scope", call->method->name);
        call_answer_take(call,
                         rpc_error_take(call->id, CALL_E_REFUSED,
                                        "insufficient_scope: the access token lacks a scope for "
                                        "this",
                                        json_pack("{s:s, s:s}", "error", "insufficient_scope",
                                                  "scope", scopes != NULL ? scopes : "")));
        free(scopes);
}

static void refuse_rate(struct call *call, int64_t wait_s)
{
        char why[200];

        if (is_alone(call)) {
                call->post->status = 429;
                call->post->retry_after_s = (uint32_t)wait_s;
        }
        if (share_may_log(call->share, call->session->client.user->email))
                log_info(LOG_FIELDS({"user", call->session->client.user->email},
                                    {"name", call->name}),
                         "[policy] too many calls: room in %lld s", (long long)wait_s);
        snprintf(why, sizeof(why), "too many calls of this tool: call it again in %lld seconds",
                 (long long)wait_s);
        call_answer_take(
                call, rpc_error_take(call->id, CALL_E_REFUSED, why,
                                     json_pack("{s:I}", "retryAfterSeconds", (json_int_t)wait_s)));
}

bool call_admit(struct call *call, struct policy_verdict verdict)
{
        const struct context *context = session_context(call->session);
        int64_t wait_s;

        if (verdict.outcome == POLICY_NEEDS_SCOPE) {
                call->error_outcome = CALL_OUTCOME_DENIED;
                refuse_scope(call, verdict.rule);
                return false;
        }
        if (verdict.rule == NULL || call->method->class != METHOD_BY_NAME ||
            strcmp(call->method->name, "tools/call") != 0)
                return true;
        call->result_max_bytes = verdict.rule->result_max_bytes;
        if (call->is_counted) /* it begins again */
                return true;
        call->is_counted = true;
        wait_s = policy_limit_take(context->policy_counts, call->session->client.user->email,
                                   call->name, verdict.rule->calls_per_minute,
                                   verdict.rule->calls_per_day, loop_now_ms(context->loop));
        if (wait_s == 0)
                return true;
        call->error_outcome = CALL_OUTCOME_DENIED;
        refuse_rate(call, wait_s);
        return false;
}
