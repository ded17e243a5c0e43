/* Intrusive, circular, doubly linked list. A head and a link are the same struct.
 * The list owns nothing: who embeds the link owns the object. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
        struct list *prev;
        struct list *next;
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
        l->prev = l;
        l->next = l;
}

/* True for an empty head, for a link that stands on no list, and for a zeroed one. */
static inline bool list_is_empty(const struct list *l)
{
        return l->next == NULL || l->next == l;
}

/* Takes the link off its list; harmless when it is on none, or zeroed. */
static inline void list_unlink(struct list *node)
{
        if (node->next != NULL) {
                node->prev->next = node->next;
                node->next->prev = node->prev;
        }
        list_init(node);
}

/* Puts an unlinked link at the tail. */
static inline void list_append(struct list *head, struct list *node)
{
        node->prev = head->prev;
        node->next = head;
        head->prev->next = node;
        head->prev = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
        list_append(head->next, node);
}

/* Moves a link from where it stands (or from nowhere) to the tail. */
static inline void list_move_to_tail(struct list *head, struct list *node)
{
        list_unlink(node);
        list_append(head, node);
}

/* Moves all links of from to the empty list to. */
static inline void list_take_all(struct list *to, struct list *from)
{
        list_init(to);
        if (list_is_empty(from))
                return;
        *to = *from;
        to->next->prev = to;
        to->prev->next = to;
        list_init(from);
}

static inline struct list *list_first(const struct list *head)
{
        return list_is_empty(head) ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
        return list_is_empty(head) ? NULL : head->prev;
}

#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* The body may unlink `it` itself, but no other link. */
#define list_for_each_safe(it, head)                                                               \
        for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
             it = it##_next, it##_next = it->next)
