/* As whom child processes run, and what they are kept from. */
#pragma once

#include "mgw/loop/child.h"
#include "mgw/upstream/upstream_session.h"

struct confine;

/* Reads the configuration; tells the log what holds, and what does not. 0; -EINVAL: what is wrong
 * is in the log; -errno. */
int confine_open(struct context *context);
/* The configuration is another: its secrets are to be kept from children, too. */
void confine_follow(struct context *context);
void confine_close(struct context *context);
/* Fills in fence, uid and limits for the child of that upstream session. 0; -EAGAIN with a sentence
 * in why. */
int confine_child(struct upstream_session *us, struct child_options *options, char *why,
                  size_t why_size);
/* What holds of us and of our children, in one line. */
void confine_describe(const struct context *context, char *text, size_t size);
