/* What is sent is always more than what was sent last, by the least that a double can tell if the
 * upstream's own value is not. It is finite, since JSON knows no other numbers. */
#include "mgw/mcp/progress.h"

#include <math.h>

#define STEP 1e-6

static double send_at_least(struct progress *p, double value)
{
        double least = p->n_sent == 0 && p->last == 0 ? 0 : nextafter(p->last, INFINITY);

        p->n_sent++;
        p->last = isfinite(value) && (value > least || (p->n_sent == 1 && value >= 0)) ? value
                                                                                       : least;
        if (isinf(p->last))
                p->last = value > 0 ? 1.7976931348623157e308 : 0;
        return p->last;
}

double progress_beat(struct progress *p)
{
        return send_at_least(p, p->last + STEP);
}

double progress_pass(struct progress *p, double theirs)
{
        return send_at_least(p, theirs);
}
