/* What mgw says of itself, to clients and to servers. */
#include "mgw/core/context.h"

json_t *context_implementation(void)
{
        return json_pack("{s:s, s:s, s:s}", "name", "mgw", "title", "mgw, the MCP gateway",
                         "version", MGW_VERSION);
}
