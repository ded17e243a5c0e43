/* Files of MCP clients: where their entries stand, and whose file it is.
 *
 * A file is mgw's own when it has "gateway" or "policy", or when one of its entries has a key that
 * mgw alone knows; there an unknown key is a fault, and a fault in it keeps mgw from starting. Any
 * other is a client's, with keys that are that client's business: they are named and ignored, but
 * for those that look like a slip in one of ours; and an entry that is faulty is left out, with a
 * word. */
#include "config_inside.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- where the entries stand ---- */

/* The first that is there is meant. Dots lead into objects. */
static const struct place {
        const char *at;
        bool may_be_others; /* who keep other things under such a word */
} places[] = {
        {"mcpServers", false}, /* Claude Desktop and Code, Cursor, Cline, Roo, Windsurf, Gemini CLI,
                                  LibreChat */
        {"servers", false},    /* VS Code: mcp.json */
        {"mcp.servers", false},                       /* VS Code: settings.json */
        {"settings.mcp.servers", false},              /* VS Code: *.code-workspace */
        {"customizations.vscode.mcp.servers", false}, /* devcontainer.json */
        {"amp.mcpServers", false},                    /* Amp */
        {"context_servers", false},                   /* Zed */
        {"mcp_servers", false},
        {"mcp.mcpServers", false},
        {"mcp", true},        /* opencode, Crush */
        {"extensions", true}, /* Goose */
        {"", true},           /* all of the file: Warp, plugins of Claude Code */
};

static bool is_entry(const json_t *value)
{
        static const char *const keys[] = {"command", "url", "cmd", "uri"};

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (json_object_get(value, keys[i]) != NULL)
                        return true;
        return false;
}

static bool holds_entries(const json_t *object)
{
        const char *key;
        json_t *value;

        json_object_foreach ((json_t *)object, key, value)
                if (is_entry(value))
                        return true;
        return false;
}

static json_t *member_at(json_t *root, const char *place)
{
        const char *dot = strchr(place, '.');
        char head[16];

        if (place[0] == '\0')
                return root;
        if (dot == NULL || json_object_get(root, place) != NULL)
                return json_object_get(root, place);
        snprintf(head, sizeof(head), "%.*s", (int)(dot - place), place);
        return member_at(json_object_get(root, head), dot + 1);
}

/* VS Code's stand beside its servers. */
static json_t *inputs_beside(json_t *root, const char *place)
{
        const char *dot = strrchr(place, '.');
        char *parent = alloc_format("%.*s", dot != NULL ? (int)(dot - place) : 0, place);
        json_t *inputs = json_object_get(member_at(root, parent), "inputs");

        free(parent);
        return inputs;
}

static bool is_at(const char *place, const char *key)
{
        size_t n = strcspn(place, ".");

        return n == 0 || strcmp(place, key) == 0 || (strncmp(place, key, n) == 0 && key[n] == '\0');
}

bool config_client_holds_servers(const struct loading *l, const char *key)
{
        return is_at(l->servers_at, key) || strcmp(key, "inputs") == 0;
}

/* Continue's entries are a list, each with its name. */
static json_t *list_to_object(const json_t *list)
{
        json_t *object = json_object(), *entry;
        size_t i;

        json_array_foreach ((json_t *)list, i, entry) {
                const char *name = json_string_value(json_object_get(entry, "name"));
                char number[32];

                snprintf(number, sizeof(number), "server-%zu", i + 1);
                if (name == NULL || json_object_get(object, name) != NULL)
                        name = number;
                json_object_set(object, name, entry);
        }
        return object;
}

/* ---- whose it is ---- */

/* Keys of entries that clients have too. */
static const char *const shared_keys[] = {"type", "url",   "headers", "command",  "args",  "env",
                                          "cwd",  "oauth", "tools",   "disabled", "scope", NULL};

static bool entry_is_ours(const json_t *entry)
{
        const json_t *oauth = json_object_get(entry, "oauth");
        const char *key;
        json_t *value;

        json_object_foreach ((json_t *)entry, key, value)
                if (config_server_knows(key) && !strv_has(shared_keys, key))
                        return true;
        return json_object_get(oauth, "refresh_token") != NULL ||
               json_object_get(oauth, "refresh_token_file") != NULL;
}

static bool file_is_ours(const json_t *root, const json_t *servers)
{
        const char *name;
        json_t *entry;

        if (json_object_get(root, "gateway") != NULL || json_object_get(root, "policy") != NULL)
                return true;
        json_object_foreach ((json_t *)servers, name, entry)
                if (entry_is_ours(entry))
                        return true;
        return false;
}

/* ---- the file ---- */

static bool has_others_alone(const json_t *root)
{
        const char *key;
        json_t *value;

        json_object_foreach ((json_t *)root, key, value)
                if (strcmp(key, "$schema") != 0)
                        return true;
        return false;
}

json_t *config_client_open(struct loading *l, json_t *root)
{
        json_t *found = NULL, *servers;

        for (size_t i = 0; found == NULL && i < sizeof(places) / sizeof(places[0]); i++) {
                l->servers_at = places[i].at;
                found = member_at(root, places[i].at);
                if (places[i].may_be_others && !holds_entries(found))
                        found = NULL;
        }
        if (found == NULL)
                l->servers_at = places[0].at;
        servers = json_is_array(found) ? list_to_object(found) : json_incref(found);
        l->is_ours = file_is_ours(root, servers);
        l->inputs = inputs_beside(root, l->servers_at);
        if (found != NULL && !json_is_object(servers)) {
                config_fault(l, l->servers_at, "must be an object");
        } else if (found == NULL && !l->is_ours && has_others_alone(root)) {
                const char *key;
                json_t *value;

                json_object_foreach (root, key, value)
                        if (config_is_slip(key, "mcpServers") || config_is_slip(key, "gateway") ||
                            config_is_slip(key, "policy"))
                                return servers; /* told with the key */
                config_fault(l, "", "holds no \"mcpServers\", \"servers\" or \"context_servers\"");
        } else {
                return servers;
        }
        json_decref(servers);
        return NULL;
}

/* ---- what is not for us ---- */

void config_client_ignore(struct loading *l, const char *key)
{
        if (l->ignored == NULL)
                l->ignored = json_object();
        json_object_set_new(l->ignored, key, json_true());
}

void config_client_tell(struct loading *l)
{
        const char *key, *between = "";
        json_t *value;
        size_t n = 0;

        if (json_object_size(l->ignored) == 0)
                return;
        fprintf(l->err, "%s: not for mgw, ignored: ", l->path);
        json_object_foreach (l->ignored, key, value) {
                if (n++ == 30)
                        break;
                fprintf(l->err, "%s%.60s", between, key);
                between = ", ";
        }
        if (json_object_size(l->ignored) > 30)
                fprintf(l->err, " and %zu more", json_object_size(l->ignored) - 30);
        fputc('\n', l->err);
        json_decref(l->ignored);
        l->ignored = NULL;
}

/* ---- names ---- */

/* Runs of other characters become one '-'. */
static void make_safe(const char *name, char safe[64])
{
        size_t n = 0;

        for (; *name != '\0' && n < 56; name++) {
                if (isalnum((unsigned char)*name) || *name == '-')
                        safe[n++] = *name;
                else if (n > 0 && safe[n - 1] != '-')
                        safe[n++] = '-';
        }
        while (n > 0 && safe[n - 1] == '-')
                n--;
        safe[n] = '\0';
        if (n == 0)
                snprintf(safe, 64, "server");
}

char *config_client_name(const char *name, bool (*is_taken)(const void *owner, const char *name),
                         const void *owner)
{
        char safe[64];

        if (config_is_name(name, 63) && !is_taken(owner, name))
                return alloc_text(name);
        make_safe(name, safe);
        if (!is_taken(owner, safe))
                return alloc_text(safe);
        for (unsigned i = 2; i < 1000000; i++) {
                char *one = alloc_format("%s-%u", safe, i);

                if (!is_taken(owner, one))
                        return one;
                free(one);
        }
        return NULL;
}
