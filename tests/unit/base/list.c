#include "mgw/base/list.h"

#include "../check.h"

struct item {
        int number;
        struct list node;
};

/* The numbers on the list, as decimal digits. */
static long digits(struct list *head)
{
        long n = 0;

        list_for_each (it, head)
                n = n * 10 + container_of(it, struct item, node)->number;
        return n;
}

static void fill(struct list *head, struct item items[3])
{
        list_init(head);
        for (int i = 0; i < 3; i++) {
                items[i].number = i + 1;
                list_init(&items[i].node);
                list_append(head, &items[i].node);
        }
}

Test(list, keeps_the_order_of_appending)
{
        struct list head;
        struct item items[3];

        fill(&head, items);
        check_int(digits(&head), 123);
        cr_assert_eq(list_first(&head), &items[0].node);
        cr_assert_eq(list_last(&head), &items[2].node);
}

Test(list, unlinks_once_twice_and_zeroed)
{
        struct list head;
        struct list zeroed = {NULL, NULL};
        struct item items[3];

        fill(&head, items);
        list_unlink(&items[1].node);
        list_unlink(&items[1].node);
        list_unlink(&zeroed);
        check_int(digits(&head), 13);
        cr_assert(list_is_empty(&items[1].node));
        cr_assert(list_is_empty(&zeroed));
        list_unlink(&items[0].node);
        list_unlink(&items[2].node);
        cr_assert(list_is_empty(&head));
        cr_assert_null(list_first(&head));
        cr_assert_null(list_last(&head));
}

Test(list, moves_to_the_tail_from_anywhere)
{
        struct list head;
        struct item items[3];

        fill(&head, items);
        list_move_to_tail(&head, &items[0].node);
        check_int(digits(&head), 231);
        list_move_to_tail(&head, &items[0].node);
        check_int(digits(&head), 231);
        list_unlink(&items[2].node);
        list_move_to_tail(&head, &items[2].node);
        check_int(digits(&head), 213);
}

Test(list, the_safe_walk_lets_each_leave)
{
        struct list head;
        struct item items[3];
        int n = 0;

        fill(&head, items);
        list_for_each_safe (it, &head) {
                list_unlink(it);
                n++;
        }
        check_int(n, 3);
        cr_assert(list_is_empty(&head));
}
