/* One mgw takes over from another (`mgw --replace`): docs/replace.md. */
#pragma once

#include "mgw/fastcgi/request.h"

struct handover;
struct server;

/* Sets sv->handover. */
void handover_create(struct server *sv);
/* NULL is fine. */
void handover_destroy(struct handover *handover);
/* Before the store is opened: whoever serves leaves it, and the socket. Waits some seconds at most.
 * 0: so it is, or nobody serves. -EINVAL: it has been told. */
int handover_take(struct handover *handover);
/* The listening socket that was taken; false: none was. */
bool handover_take_socket(struct handover *handover, int *fdp, bool *was_inheritedp);
/* All is open: the other gives its sessions, and ends. Then takers may come here. 0, -EINVAL: it
 * has been told. */
int handover_begin(struct handover *handover);
/* Is somebody about to take over? Then this process drains when it is known whether they have. */
bool handover_is_offering(const struct handover *handover);
/* Is it for the process that takes over, or is about to? Else that is to be done here. */
bool handover_takes_reload(struct handover *handover);
/* In on_head, its user is known: does it wait for a session that the other process has? Where too
 * many do it has been answered. */
bool handover_holds(struct handover *handover, struct request *req);
/* Is nothing to be given any more, and nothing to come? The taker is asked, and tells later. */
bool handover_may_leave(struct handover *handover);
