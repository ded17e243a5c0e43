#include "mgw/base/log_budget.h"
#include "mgw/base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int out_fd;

static void set_up(void)
{
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        out_fd = fds[0];
        log_setup(fds[1], LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
}

TestSuite(log_budget, .init = set_up);

static const char *told(void)
{
        static char text[4096];
        ssize_t n = read(out_fd, text, sizeof(text) - 1);

        text[n > 0 ? n : 0] = '\0';
        return text;
}

static unsigned take_all(struct log_budget *budget, unsigned n)
{
        unsigned n_taken = 0;

        for (unsigned i = 0; i < n; i++)
                n_taken += log_budget_take(budget, "ada@example.com", 1000);
        return n_taken;
}

Test(log_budget, what_is_over_is_left_out_and_told_when_there_is_room)
{
        struct log_budget budget = {0};

        cr_assert_eq(take_all(&budget, 1000), LOG_BUDGET_BURST);
        log_budgets_tell(1000);
        cr_assert_str_eq(told(), "");
        log_budgets_tell(1000 + 2 * 1000 / LOG_BUDGET_A_SECOND);
        cr_assert_not_null(strstr(told(), "WARN [log] ada@example.com: 700 lines were left out"));
        cr_assert(log_budget_take(&budget, "", 2000));
}

Test(log_budget, one_party_leaves_room_for_another)
{
        struct log_budget ada = {0}, bob = {0};

        take_all(&ada, 1000);
        cr_assert(log_budget_take(&bob, "bob@example.com", 1000));
        log_budget_finish(&ada);
        cr_assert_not_null(strstr(told(), "700 lines"));
        log_budgets_tell(INT32_MAX);
        cr_assert_str_eq(told(), "");
}
