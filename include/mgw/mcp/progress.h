/* Progress that always grows (utilities/progress): an upstream's own values, and the gateway's
 * heartbeats in its silence. */
#pragma once

/* Zeroed is a call that has made no progress yet. */
struct progress {
        double last; /* the value last sent to the client */
        unsigned n_sent;
};

/* The value of the next heartbeat: a tiny step above what was sent last. */
double progress_beat(struct progress *p);
/* The upstream's own value as it is to be sent: itself, or the least above what was sent last. */
double progress_pass(struct progress *p, double theirs);
