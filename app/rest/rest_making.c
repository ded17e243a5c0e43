/* What is to be sent, while it is made: its headers, and what is told when it cannot be made. */
#include "rest_inside.h"

#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <stdio.h>

int rest_making_refuse(const struct making *m, const char *what, const char *reason)
{
        snprintf(m->why, m->why_size, "%s: %s", what, reason);
        return REST_E_CALL;
}

int rest_making_outcome(const struct making *m, const char *what, int r, const char *reason)
{
        if (r == 0 || r == -ENOMEM)
                return r;
        return rest_making_refuse(m, what, r == BUF_E_FULL ? "it would be too long" : reason);
}

int rest_making_header(const struct making *m, const char *name, const char *value)
{
        char ***linesp = &m->request->headers, *line;

        if (hdr_lines_have((const char *const *)*linesp, name))
                return 0;
        return asprintf(&line, "%s: %s", name, value) < 0 ? -ENOMEM : strv_add_take(linesp, line);
}
