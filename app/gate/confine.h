/* As whom child processes run, and what they are kept from. */
#pragma once

#include "mgw/gate/link.h"
#include "mgw/loop/child.h"

struct confine;

/* Reads the configuration of gate; tells the log what holds, and what does not. 0; -EINVAL: what is
 * wrong is in the log; -errno. */
int confine_open(struct gate *gate);
void confine_close(struct gate *gate);
/* Fills in fence, uid and limits for the child of that link. 0; -EAGAIN with a sentence in why. */
int confine_child(struct link *link, struct child_options *options, char *why, size_t why_size);
/* What holds of us and of our children, in one line. */
void confine_describe(const struct gate *gate, char *text, size_t size);
