/* Sums, and nothing else. The payer's, the whole's and the kind's move together, so that each
 * release finds what was charged. */
#include "mgw/base/ledger.h"

#include <assert.h>

static const char *const kind_names[LEDGER_N_KINDS] = {
        [LEDGER_BODY] = "body",     [LEDGER_CALL] = "call",
        [LEDGER_ANSWER] = "answer", [LEDGER_SESSION] = "session",
        [LEDGER_REPLAY] = "replay", [LEDGER_SUBSCRIPTION] = "subscription",
        [LEDGER_LIST] = "list",     [LEDGER_MESSAGE] = "message",
};

const char *ledger_kind_name(enum ledger_kind kind)
{
        return kind_names[kind];
}

static bool passes(uint64_t bytes, size_t n, uint64_t max_bytes)
{
        return max_bytes > 0 && bytes + n > max_bytes;
}

int ledger_check(const struct ledger_payer *payer, size_t n)
{
        const struct ledger *ledger = payer->ledger;

        if (passes(payer->bytes, n, payer->max_bytes))
                return LEDGER_E_PAYER;
        return ledger->is_tight || passes(ledger->bytes, n, ledger->max_bytes) ? LEDGER_E_WHOLE : 0;
}

static void tell_move(struct ledger *ledger)
{
        void (*on_move)(struct ledger * ledger) = ledger->on_move;

        ledger->on_move = NULL;
        if (on_move != NULL)
                on_move(ledger);
}

void ledger_charge_past(struct ledger_payer *payer, enum ledger_kind kind, size_t n)
{
        payer->bytes += n;
        payer->ledger->bytes += n;
        payer->ledger->by_kind[kind] += n;
        tell_move(payer->ledger);
}

int ledger_charge(struct ledger_payer *payer, enum ledger_kind kind, size_t n)
{
        int r = ledger_check(payer, n);

        if (r == 0)
                ledger_charge_past(payer, kind, n);
        else
                payer->ledger->refused++;
        return r;
}

int ledger_charge_spare(struct ledger_payer *payer, enum ledger_kind kind, size_t n)
{
        return passes(payer->bytes, n, payer->max_bytes / 2) ? LEDGER_E_PAYER
                                                             : ledger_charge(payer, kind, n);
}

void ledger_release(struct ledger_payer *payer, enum ledger_kind kind, size_t n)
{
        assert(n <= payer->bytes && n <= payer->ledger->by_kind[kind]);
        payer->bytes -= n;
        payer->ledger->bytes -= n;
        payer->ledger->by_kind[kind] -= n;
        tell_move(payer->ledger);
}

int ledger_hold_set(struct ledger_hold *hold, size_t n)
{
        if (n > hold->bytes) {
                int r = ledger_charge(hold->payer, hold->kind, n - hold->bytes);

                if (r != 0)
                        return r;
                hold->bytes = n;
        } else {
                ledger_hold_set_past(hold, n);
        }
        return 0;
}

void ledger_hold_set_past(struct ledger_hold *hold, size_t n)
{
        if (n > hold->bytes)
                ledger_charge_past(hold->payer, hold->kind, n - hold->bytes);
        else if (n < hold->bytes)
                ledger_release(hold->payer, hold->kind, hold->bytes - n);
        hold->bytes = n;
}
