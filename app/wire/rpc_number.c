/* Numbers that a double does not hold stay as they were written. Who asks for their value gets the
 * nearest double. */
#include "mgw/wire/rpc_number.h"

#include <math.h>
#include <stdlib.h>

json_t *rpc_number_as_written(struct str digits)
{
        return json_marked(JSON_MARK_NUMBER, digits);
}

double rpc_number_value(const json_t *value)
{
        struct str text = rpc_number_text(value);

        return text.p != NULL ? strtod(text.p, NULL) : json_number_value(value);
}

bool rpc_is_integral(const json_t *value)
{
        double number = rpc_number_value(value);

        return json_is_integer(value) || (rpc_is_number(value) && trunc(number) == number);
}
