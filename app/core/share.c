/* A user's share lives as long as the user. An address's is made when it is first seen. It lives on
 * for a while when nothing is held any more, so that what it may do a second is remembered, and so
 * does a user that was made. */
#include "mgw/core/share.h"

#include "mgw/base/alloc.h"
#include "mgw/core/back_off.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who holds nothing is forgotten after this; by then its rate is full again. */
#define FORGOTTEN_AFTER_MS 10000
/* What may be saved up of calls a second, in seconds. */
#define BURST_S 5
#define DAY_S 86400
#define LOGINS_A_DAY 200
#define SIGNATURES_A_SECOND 5
#define SIGNATURES_BURST 50

static bool share_may_go(const struct share *share)
{
        return share->n_holders == 0 &&
               (share->is_address || (share->user != NULL && user_may_go(share->user)));
}

static void share_on_due(struct timer *timer);

static void share_init(struct share *share, struct context *context, uint64_t max_bytes)
{
        share->context = context;
        share->memory = (struct ledger_payer){.ledger = &context->ledger, .max_bytes = max_bytes};
        replay_owner_init(&share->replay, &share->memory);
        share->expiry.on_due = share_on_due;
        list_init(&share->idle_sessions);
        list_init(&share->children);
        list_init(&share->back_offs);
        list_init(&share->work);
}

static struct share *share_new(struct context *context)
{
        struct share *share = alloc_zeroed(sizeof(*share));

        share_init(share, context, context->memory_per_user_max_bytes);
        return share;
}

void share_context_init(struct context *context)
{
        list_init(&context->idle_shares);
        context->own_share = share_new(context);
        context->own_share->memory.max_bytes = 0;
}

void share_destroy(struct share *share)
{
        if (share == NULL)
                return;
        back_off_forget_all(share);
        list_unlink(&share->busy_node);
        log_budget_finish(&share->log);
        free(share);
}

static void share_free(void *object)
{
        share_destroy(object);
}

static void share_forget(struct share *share)
{
        timer_disarm(share->context->loop, &share->expiry);
        if (share->user != NULL)
                user_forget(share->user);
        else
                HASH_DEL(share->context->shares, share);
        loop_bury(share->context->loop, share, share_free);
}

void share_context_finish(struct context *context)
{
        struct share *share, *next;

        HASH_ITER(hh, context->shares, share, next)
        {
                share_forget(share);
        }
        if (context->own_share != NULL)
                loop_bury(context->loop, context->own_share, share_free);
        context->own_share = NULL;
}

static void share_on_due(struct timer *timer)
{
        struct share *share = container_of(timer, struct share, expiry);

        if (share_may_go(share))
                share_forget(share);
        else
                share->context->on_idle_due(share);
}

/* IPv4 as IPv6 maps it, of IPv6 the network; what is none (a unix socket's client) is one of all
 * zeros. */
static void read_address(uint8_t address[16], struct str text)
{
        char copy[INET6_ADDRSTRLEN];

        memset(address, 0, 16);
        if (text.n == 0 || text.n >= sizeof(copy))
                return;
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        if (inet_pton(AF_INET, copy, address + 12) == 1)
                memset(address + 10, 0xff, 2);
        else if (inet_pton(AF_INET6, copy, address) == 1)
                memset(address + 8, 0, 8);
}

static struct share *find_or_make(struct context *context, struct str text)
{
        uint8_t address[16];
        struct share *share;

        read_address(address, text);
        HASH_FIND(hh, context->shares, address, sizeof(address), share);
        if (share != NULL)
                return share;
        share = share_new(context);
        share->is_address = true;
        memcpy(share->address, address, sizeof(address));
        HASH_ADD(hh, context->shares, address, sizeof(address), share);
        return share;
}

/* An IPv4 address stands in the last bytes of one that is mapped. */
void share_address(const struct share *share, char text[SHARE_ADDRESS_SIZE])
{
        struct in6_addr address;
        bool is_v4;

        memcpy(&address, share->address, sizeof(address));
        is_v4 = IN6_IS_ADDR_V4MAPPED(&address);
        (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, share->address + (is_v4 ? 12 : 0), text,
                        SHARE_ADDRESS_SIZE);
}

struct share *share_of_address(struct context *context, struct str text)
{
        return share_hold(find_or_make(context, text));
}

struct share *share_of(struct context *context, struct user *user, struct str address)
{
        if (user->is_anonymous)
                return share_of_address(context, address);
        if (user->share == NULL) {
                user->share = share_new(context);
                user->share->user = user;
        }
        return share_hold(user->share);
}

struct share *share_hold(struct share *share)
{
        if (share != NULL)
                share->n_holders++;
        return share;
}

void share_let_go(struct share *share)
{
        if (share != NULL && --share->n_holders == 0)
                share_watch_end(share);
}

/* What it may do a day is remembered for as long as that tells it from who is new. */
void share_watch_end(struct share *share)
{
        struct loop *loop = share->context->loop;
        int64_t ms;

        if (!share_may_go(share))
                return;
        ms = rate_full_in_ms(&share->logins, loop_now_ms(loop));
        timer_arm(loop, &share->expiry, ms > FORGOTTEN_AFTER_MS ? ms : FORGOTTEN_AFTER_MS);
}

bool share_may_log(struct share *share, const char *whose)
{
        return log_budget_take(&share->log, whose, loop_now_ms(share->context->loop));
}

unsigned share_refuses_calls(struct share *share, unsigned n, unsigned n_calls)
{
        const struct share_limits *limits = &share->context->per_user;
        uint32_t per_s = limits->calls_per_s;

        if (n_calls > 0 && limits->calls_max > 0 && share->n_calls + n_calls > limits->calls_max)
                return 429;
        return rate_take(&share->calls, per_s, per_s * BURST_S, n,
                         loop_now_ms(share->context->loop))
                       ? 0
                       : 429;
}

bool share_takes_login(struct share *share)
{
        return rate_take(&share->logins, 1, DAY_S, DAY_S / LOGINS_A_DAY,
                         loop_now_ms(share->context->loop));
}

bool share_takes_signature(struct share *share)
{
        return rate_take(&share->signatures, SIGNATURES_A_SECOND, SIGNATURES_BURST, 1,
                         loop_now_ms(share->context->loop));
}

unsigned share_refuses_stream(const struct share *share)
{
        const struct context *context = share->context;
        uint32_t max = context->per_user.streams_max;

        if (context->stats.n_streams >= context->streams_max)
                return 429;
        return max > 0 && share->n_streams >= max ? 429 : 0;
}
