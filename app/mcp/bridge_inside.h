/* What the files of the bridge share. */
#pragma once

#include "mgw/mcp/bridge.h"

#define BRIDGE_KEY(name) "io.modelcontextprotocol/" name

/* A shallow copy, or a new object for what is none. NULL: out of memory. */
json_t *bridge_copy(const json_t *object);
/* An object's _meta without that key, and the object without an empty _meta. What it changes is
 * copied but for the object itself. */
void bridge_drop_meta(json_t *object, const char *key);

/* Has it a name and a version? */
bool bridge_is_implementation(const json_t *info);

/* Content, messages and tools for a session client; a new reference, to the same when it may stay.
 * NULL: out of memory. */
json_t *bridge_contents_for_session(era_revision client, json_t *blocks);
json_t *bridge_messages_for_session(era_revision client, json_t *messages);
json_t *bridge_tools_for_session(json_t *tools);
