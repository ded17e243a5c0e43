#include "mgw/gate/gate.h"

json_t *gate_implementation(void)
{
        return json_pack("{s:s, s:s, s:s}", "name", "mgw", "title", "mgw, the MCP gateway",
                         "version", MGW_VERSION);
}
