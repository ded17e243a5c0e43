/* Only what the older revision's schema refuses is changed: objects may have members that it does
 * not know. */
#include "bridge_inside.h"

#include <stdbool.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

/* The file stays whole, in a form that every revision has. */
static json_t *resource_of_audio(const json_t *audio)
{
        return json_pack("{s:s, s:{s:s, s:O?, s:O?}}", "type", "resource", "resource", "uri",
                         "mgw:audio", "mimeType", json_object_get(audio, "mimeType"), "blob",
                         json_object_get(audio, "data"));
}

static json_t *text_of_link(const json_t *link)
{
        const char *title = text_of(link, "title");
        const char *name = text_of(link, "name");
        const char *uri = text_of(link, "uri");
        const char *description = text_of(link, "description");

        if (title == NULL)
                title = name != NULL ? name : "resource";
        return json_pack("{s:s, s:o}", "type", "text", "text",
                         json_sprintf("%s: %s%s%s", title, uri != NULL ? uri : "",
                                      description != NULL ? "\n" : "",
                                      description != NULL ? description : ""));
}

static json_t *block_for_session(era_revision client, json_t *block)
{
        const char *type = text_of(block, "type");
        const json_t *annotations = json_object_get(block, "annotations");
        json_t *other;

        if (type != NULL && strcmp(type, "audio") == 0 && !era_has_audio(client))
                other = resource_of_audio(block);
        else if (type != NULL && strcmp(type, "resource_link") == 0 &&
                 !era_has_resource_links(client))
                other = text_of_link(block);
        else
                return json_incref(block);
        if (other != NULL && annotations != NULL)
                json_object_set(other, "annotations", (json_t *)annotations);
        return other;
}

/* An array of what change() makes of each element, or the same array when nothing differs. */
static json_t *map(json_t *array, json_t *(*change)(era_revision, json_t *), era_revision client)
{
        json_t *changed = json_array();
        bool is_same = true;
        json_t *old;
        size_t i;

        json_array_foreach (array, i, old) {
                json_t *new = change(client, old);

                is_same &= new == old;
                if (new == NULL || json_array_append_new(changed, new) < 0) {
                        json_decref(changed);
                        return NULL;
                }
        }
        if (!is_same)
                return changed;
        json_decref(changed);
        return json_incref(array);
}

json_t *bridge_contents_for_session(era_revision client, json_t *blocks)
{
        return map(blocks, block_for_session, client);
}

static json_t *message_for_session(era_revision client, json_t *message)
{
        json_t *old = json_object_get(message, "content");
        json_t *new = old == NULL ? NULL : block_for_session(client, old);
        json_t *copy;

        if (new == old) {
                json_decref(new);
                return json_incref(message);
        }
        copy = new == NULL ? NULL : json_copy(message);
        if (copy != NULL)
                json_object_set(copy, "content", new);
        json_decref(new);
        return copy;
}

json_t *bridge_messages_for_session(era_revision client, json_t *messages)
{
        return map(messages, message_for_session, client);
}

static bool has_boolean(const json_t *properties)
{
        const char *key;
        json_t *property;

        json_object_foreach ((json_t *)properties, key, property)
                if (json_is_boolean(property))
                        return true;
        return false;
}

/* In the eras with sessions each property of a tool has a schema that is an object; in the
 * stateless era it may be true or false. */
static json_t *schema_for_session(json_t *schema)
{
        json_t *properties = json_object_get(schema, "properties");
        json_t *copy;
        const char *key;
        json_t *property;

        if (!has_boolean(properties))
                return json_incref(schema);
        copy = json_copy(schema);
        json_object_set_new(copy, "properties", json_object());
        json_object_foreach (properties, key, property) {
                if (json_is_boolean(property))
                        property =
                                json_is_true(property) ? json_object() : json_pack("{s:{}}", "not");
                else
                        json_incref(property);
                json_object_set_new(json_object_get(copy, "properties"), key, property);
        }
        return copy;
}

static json_t *tool_for_session(era_revision client, json_t *tool)
{
        json_t *input = json_object_get(tool, "inputSchema");
        json_t *output = json_object_get(tool, "outputSchema");
        const char *type = text_of(output, "type");
        bool keeps_output = type != NULL && strcmp(type, "object") == 0;
        json_t *copy;

        (void)client;
        if ((output == NULL ||
             (keeps_output && !has_boolean(json_object_get(output, "properties")))) &&
            !has_boolean(json_object_get(input, "properties")))
                return json_incref(tool);
        copy = json_copy(tool);
        if (input != NULL)
                json_object_set_new(copy, "inputSchema", schema_for_session(input));
        if (keeps_output)
                json_object_set_new(copy, "outputSchema", schema_for_session(output));
        else
                json_object_del(copy, "outputSchema");
        return copy;
}

json_t *bridge_tools_for_session(json_t *tools)
{
        return map(tools, tool_for_session, era_newest());
}
