/* Whose a failure is: what may be sent once more, and what opens a breaker. */
#include "../../../app/upstream/failure.h"

#include <criterion/criterion.h>

static struct failure of(enum http_fault fault, bool was_sent)
{
        struct failure failure;

        failure_of_http(&failure, &(const struct http_failure){.fault = fault,
                                                               .was_sent = was_sent,
                                                               .why = "for the log"});
        cr_assert_str_eq(failure.why, http_fault_text(fault));
        return failure;
}

Test(failure, what_was_not_sent_may_be_sent_once_more)
{
        struct failure failure = of(HTTP_FAULT_AWAY, false);

        cr_assert_eq(failure.fault, FAULT_UNSENT);
        cr_assert_eq(failure.sign, BREAKER_AWAY);
}

Test(failure, where_we_do_not_go_is_not_tried_again_and_says_nothing_of_the_server)
{
        cr_assert_eq(of(HTTP_FAULT_BARRED, false).fault, FAULT_FINAL);
        cr_assert_eq(of(HTTP_FAULT_BARRED, false).sign, BREAKER_NO_SIGN);
        cr_assert_eq(of(HTTP_FAULT_ELSEWHERE, true).fault, FAULT_FINAL);
        cr_assert_eq(of(HTTP_FAULT_ELSEWHERE, true).sign, BREAKER_NO_SIGN);
}

Test(failure, an_answer_that_is_cut_is_the_servers)
{
        cr_assert_eq(of(HTTP_FAULT_CUT, true).fault, FAULT_CUT);
        cr_assert_eq(of(HTTP_FAULT_CUT, true).sign, BREAKER_UNWELL);
        cr_assert_eq(of(HTTP_FAULT_BROKEN, true).sign, BREAKER_NO_SIGN);
}
