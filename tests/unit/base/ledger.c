#include "mgw/base/ledger.h"

#include "../check.h"

#include <string.h>

Test(ledger, sums_what_payers_hold)
{
        struct ledger ledger = {0};
        struct ledger_payer ada = {.ledger = &ledger}, bob = {.ledger = &ledger};

        check_int(ledger_charge(&ada, LEDGER_BODY, 100), 0);
        check_int(ledger_charge(&bob, LEDGER_CALL, 50), 0);
        check_int(ledger_charge(&bob, LEDGER_BODY, 7), 0);
        cr_assert_eq(ada.bytes, 100);
        cr_assert_eq(bob.bytes, 57);
        cr_assert_eq(ledger.bytes, 157);
        cr_assert_eq(ledger.by_kind[LEDGER_BODY], 107);
        ledger_release(&ada, LEDGER_BODY, 100);
        ledger_release(&bob, LEDGER_BODY, 7);
        ledger_release(&bob, LEDGER_CALL, 50);
        cr_assert_eq(ledger.bytes, 0);
        cr_assert_eq(ledger.by_kind[LEDGER_BODY] + ledger.by_kind[LEDGER_CALL], 0);
}

Test(ledger, says_whose_cap_is_passed_and_charges_nothing_then)
{
        struct ledger ledger = {.max_bytes = 150};
        struct ledger_payer ada = {.ledger = &ledger, .max_bytes = 100}, bob = {.ledger = &ledger};

        check_int(ledger_charge(&ada, LEDGER_BODY, 101), LEDGER_E_PAYER);
        check_int(ledger_charge(&ada, LEDGER_BODY, 100), 0);
        check_int(ledger_charge(&bob, LEDGER_BODY, 51), LEDGER_E_WHOLE);
        check_int(ledger_charge(&bob, LEDGER_BODY, 50), 0);
        check_int(ledger_check(&bob, 1), LEDGER_E_WHOLE);
        cr_assert_eq(ledger.bytes, 150);
        cr_assert_eq(ledger.refused, 2);
        ledger_charge_past(&ada, LEDGER_ANSWER, 10);
        cr_assert_eq(ada.bytes, 110);
}

Test(ledger, takes_nothing_more_while_the_process_is_over_its_cap)
{
        struct ledger ledger = {.is_tight = true};
        struct ledger_payer ada = {.ledger = &ledger};

        check_int(ledger_charge(&ada, LEDGER_BODY, 1), LEDGER_E_WHOLE);
}

Test(ledger, a_hold_grows_and_shrinks)
{
        struct ledger ledger = {0};
        struct ledger_payer ada = {.ledger = &ledger, .max_bytes = 100};
        struct ledger_hold hold;

        ledger_hold_init(&hold, &ada, LEDGER_REPLAY);
        check_int(ledger_hold_set(&hold, 60), 0);
        check_int(ledger_hold_set(&hold, 101), LEDGER_E_PAYER);
        cr_assert_eq(hold.bytes, 60);
        check_int(ledger_hold_set(&hold, 100), 0);
        ledger_hold_set_past(&hold, 130);
        cr_assert_eq(ada.bytes, 130);
        check_int(ledger_hold_set(&hold, 110), 0);
        check_int(ledger_hold_set(&hold, 0), 0);
        cr_assert_eq(ada.bytes, 0);
        cr_assert_eq(ledger.by_kind[LEDGER_REPLAY], 0);
}

static int n_moves;

static void count_move(struct ledger *ledger)
{
        (void)ledger;
        n_moves++;
}

Test(ledger, a_move_is_told_once)
{
        struct ledger ledger = {.on_move = count_move};
        struct ledger_payer ada = {.ledger = &ledger};

        check_int(ledger_charge(&ada, LEDGER_BODY, 2), 0);
        ledger_release(&ada, LEDGER_BODY, 1);
        check_int(n_moves, 1);
        ledger.on_move = count_move;
        ledger_release(&ada, LEDGER_BODY, 1);
        check_int(n_moves, 2);
}

Test(ledger, each_kind_has_a_name)
{
        for (enum ledger_kind a = 0; a < LEDGER_N_KINDS; a++)
                for (enum ledger_kind b = 0; b < a; b++)
                        cr_assert_str_neq(ledger_kind_name(a), ledger_kind_name(b));
}
