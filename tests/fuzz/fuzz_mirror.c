/* A header value and, after the first newline, a message with an inputSchema beside its params.
 * Any text comes back from the header value made of it, and the headers that we make of a message
 * are those that we accept for it. */
#include "fuzz.h"
#include "mgw/base/strv.h"
#include "mgw/mcp/mirror.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"

#include <ctype.h>
#include <stdbool.h>

#define MAX_BYTES (1u << 20)

static void check_value(struct str value)
{
        struct buf text, again;

        buf_init(&text, MAX_BYTES);
        buf_init(&again, MAX_BYTES);
        REQUIRE(hdr_value_encode(&again, value) == 0);
        for (size_t i = 0; i < buf_bytes(&again).n; i++)
                REQUIRE(buf_bytes(&again).p[i] == '\t' ||
                        isprint((unsigned char)buf_bytes(&again).p[i]));
        REQUIRE(hdr_value_decode(&text, buf_bytes(&again)) == 0);
        REQUIRE(str_eq(buf_bytes(&text), value));
        buf_finish(&text);
        buf_finish(&again);
        if (hdr_value_decode(&text, value) == 0) {
                REQUIRE(hdr_value_encode(&again, buf_bytes(&text)) == 0);
                buf_finish(&text);
                REQUIRE(hdr_value_decode(&text, buf_bytes(&again)) == 0);
        }
        buf_finish(&text);
        buf_finish(&again);
}

static char cgi_char(char c)
{
        return isalnum((unsigned char)c) ? (char)toupper((unsigned char)c) : '_';
}

static bool name_is(const char *line, const char *cgi)
{
        if (strncmp(cgi, "HTTP_", 5) != 0)
                return false;
        for (cgi += 5; *line != ':'; line++, cgi++)
                if (cgi_char(*line) != *cgi)
                        return false;
        return *cgi == '\0';
}

static struct str get_line(const void *from, const char *name)
{
        for (char *const *line = from; *line != NULL; line++)
                if (name_is(*line, name))
                        return str_from(strchr(*line, ':') + 2);
        return STR("");
}

/* Without other signs than '-' in a name no two fall together in CGI. */
static bool names_are_plain(const json_t *schema)
{
        const char *key;
        json_t *property;

        json_object_foreach (json_object_get(schema, "properties"), key, property) {
                const char *name = json_string_value(json_object_get(property, "x-mcp-header"));

                for (; name != NULL && *name != '\0'; name++)
                        if (!isalnum((unsigned char)*name) && *name != '-')
                                return false;
                if (!names_are_plain(property))
                        return false;
        }
        return true;
}

static struct str get_any(const void *from, const char *name)
{
        (void)name;
        return *(const struct str *)from;
}

static void check_message(const json_t *message, struct str value)
{
        const json_t *params = json_object_get(message, "params");
        const json_t *schema = json_object_get(params, "inputSchema");
        const json_t *arguments = json_object_get(params, "arguments");
        struct mirror_headers any = {get_any, &value};
        char why[200] = "";
        char **lines;
        bool is_sound = mirror_check_tool(params, why, sizeof(why)) == 0;

        REQUIRE(is_sound == (why[0] == '\0'));
        mirror_check(&any, message, why, sizeof(why));
        mirror_check_params(&any, arguments, schema, why, sizeof(why));
        if (mirror_lines_make(message, is_sound ? schema : NULL, &lines) != 0)
                return;
        if (names_are_plain(schema))
                REQUIRE(mirror_check_params(&(struct mirror_headers){get_line, lines}, arguments,
                                            schema, why, sizeof(why)) == 0);
        strv_free(lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        struct str rest = {copy, size};
        struct str value = str_cut(&rest, '\n');
        char why[160];
        json_t *message;

        check_value(value);
        if (rpc_parse(rest, NULL, &message, why, sizeof(why)) == 0) {
                check_message(message, value);
                json_decref(message);
        }
        free(copy);
        return 0;
}
