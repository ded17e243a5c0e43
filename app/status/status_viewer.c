/* Who may look. By the inside port: an operator, who has shown HAProxy its secret, and is a user of
 * their own to the policy. Outside: who is signed in (login/browser), and a member of a group that
 * the policy lists; nobody is by a group that a token names alone. */
#include "status_inside.h"

#include "mgw/auth/policy.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/login/browser.h"

/* What a viewer has begun goes on so long without another request of theirs. */
#define VIEWER_STAYS_MS (INT64_C(3600) * 1000)

bool status_is_there(const struct request *req)
{
        const struct config *config = request_context(req)->config;

        return req->in->head.is_inside ||
               (config->policy != NULL &&
                config_policy_group_find(config->policy, STATUS_GROUP) != NULL);
}

static struct identity *operator_identity(struct context *context)
{
        struct user *user = user_of_email(context->users, STR(STATUS_OPERATOR), INT64_MAX);
        struct identity *identity;

        if (user == NULL)
                return NULL;
        identity = identity_create(IDENTITY_FILE, user);
        user_let_go(user);
        identity->has_all_scopes = true;
        identity->expires_ms = INT64_MAX;
        return identity;
}

/* Their user may have no token: what they run is not to end for that. Who came by one of the file
 * has it. */
static void let_stay(struct context *context, const struct identity *identity)
{
        int64_t until_ms = clock_wall_ms() + VIEWER_STAYS_MS;

        if (identity->source == IDENTITY_FILE)
                return;
        user_let_go(
                user_of_email(context->users, str_from(identity->user->email),
                              until_ms < identity->expires_ms ? until_ms : identity->expires_ms));
}

static struct identity *admin_identity(struct request *req)
{
        struct context *context = request_context(req);
        struct identity *identity = browser_identity(req);

        if (identity == NULL)
                return NULL;
        if (!identity->user->is_anonymous &&
            policy_has_member(context->policy, STATUS_GROUP, identity)) {
                let_stay(context, identity);
                return identity;
        }
        identity_let_go(identity);
        return NULL;
}

/* Who looks by the inside port has shown the secret with this connection. */
bool status_viewer_may_stay(const struct context *context, const struct identity *identity)
{
        return identity->browser_login == NULL ||
               (browser_may_stay(context, identity) &&
                policy_has_member(context->policy, STATUS_GROUP, identity));
}

/* A browser says where a request comes from (Fetch Metadata); no page of another site asks for
 * anything here but by a link to the page itself. */
static bool is_of_own_page(const struct request *req)
{
        struct str site = cgi_param(&req->in->params, "HTTP_SEC_FETCH_SITE");

        return site.n == 0 || str_eq(site, STR("same-origin")) || str_eq(site, STR("none"));
}

static bool is_page(const struct request *req)
{
        return str_eq(req->in->head.path, STR("/"));
}

static bool is_signed_in(struct request *req)
{
        struct identity *identity = browser_identity(req);

        identity_let_go(identity);
        return identity != NULL;
}

bool status_viewer_find(struct request *req)
{
        if (req->is_cross_origin || (!is_page(req) && !is_of_own_page(req)))
                return false;
        req->in->identity = req->in->head.is_inside ? operator_identity(request_context(req))
                                                    : admin_identity(req);
        if (req->in->identity != NULL)
                return true;
        return is_page(req) && !req->in->head.is_inside && !is_signed_in(req);
}
