#include "mgw/mcp/progress.h"

#include "../check.h"

#include <math.h>

Test(progress, beats_are_tiny_and_grow)
{
        struct progress p = {0};
        double last = 0;

        for (int i = 0; i < 1000; i++) {
                double beat = progress_beat(&p);

                cr_assert(beat > last && beat < 0.01);
                last = beat;
        }
}

Test(progress, their_values_pass_as_they_are_while_they_grow)
{
        struct progress p = {0};

        cr_assert(progress_pass(&p, 0) == 0);
        cr_assert(progress_pass(&p, 0.5) == 0.5);
        double beat = progress_beat(&p);
        cr_assert(beat > 0.5 && beat < 0.50001);
        cr_assert(progress_pass(&p, 1) == 1);
}

Test(progress, it_grows_whatever_comes)
{
        static const double theirs[] = {5, 5, 3, -1, NAN, INFINITY, 1e300, 1e300, 1e17, -INFINITY};
        struct progress p = {0};
        double last = -1;

        for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
                double sent = progress_pass(&p, theirs[i]);

                cr_assert(isfinite(sent) && sent > last, "%zu: %g after %g", i, sent, last);
                last = sent;
                sent = progress_beat(&p);
                cr_assert(isfinite(sent) && sent > last, "%zu: beat %g after %g", i, sent, last);
                last = sent;
        }
}
