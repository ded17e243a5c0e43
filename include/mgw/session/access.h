/* What a caller may: here alone session asks auth/policy. Without a policy all may all, and nothing
 * is looked at. */
#pragma once

#include "mgw/auth/policy.h"
#include "mgw/mcp/catalog.h"
#include "mgw/session/session.h"
#include "mgw/upstream/upstream_session.h"

/* Is there anything of that server that they may see? */
bool access_to_server(struct identity *identity, const struct upstream *upstream);
/* The session's upstream session with the server of that index. NULL: there is none, or nothing of
 * it is for them: to them it is not there. */
struct upstream_session *access_upstream_session(const struct session *session,
                                                 struct identity *identity, size_t index);

/* Of a tool (LIST_TOOLS) or prompt; theirs, shown: its name there, and as clients see it. */
struct policy_verdict access_to_name(struct identity *identity, const struct upstream_session *us,
                                     enum list_kind list, const char *theirs, const char *shown);
struct policy_verdict access_to_builtin(const struct context *context, struct identity *identity,
                                        const char *name);
/* Of what a URI leads to there: what is listed so; or a resource by each template that gives it, of
 * which none may be denied. */
struct policy_verdict access_to_uri(struct identity *identity, const struct upstream_session *us,
                                    const char *theirs);
/* Of all tools there: what a task was begun by is not known any more. */
struct policy_verdict access_to_all_tools(struct identity *identity,
                                          const struct upstream_session *us);
/* May they be told that by the server? Of a list: when they see any of that. */
bool access_to_notice(struct identity *identity, const struct upstream_session *us,
                      const json_t *msg);
/* Can such a question be answered without another look at what the server lists? */
bool access_is_known(const struct upstream_session *us, enum list_kind list, const char *theirs);

/* For catalog_merge(): what they may see. NULL: all. */
struct access_filter {
        struct catalog_filter base;
        const struct context *context;
        struct identity *identity;
        enum list_kind list;
};
const struct catalog_filter *access_filter_init(struct access_filter *filter,
                                                const struct context *context,
                                                struct identity *identity, enum list_kind list);
/* Do both see the same? */
bool access_is_alike(const struct context *context, const struct identity_rules *rules,
                     struct identity *identity);
/* Which rules are for them; where there is no policy, all are alike. */
struct identity_rules access_rules_of(const struct context *context, struct identity *identity);
