/* The entries of a file, one by one: each is put in our spelling, named, read, checked, and added.
 * In a file of ours a fault keeps mgw from starting; in a client's the entry is left out. */
#include "config_inside.h"

#include "mgw/base/alloc.h"

#include <string.h>

/* Two servers whose names could be mistaken for each other's. */
static void check_prefix(struct loading *l, const char *full, const struct config_server *s)
{
        if (s->prefix == NULL || s->prefix[0] == '\0')
                return;
        for (size_t i = 0; i < l->config->n_servers; i++)
                if (strcmp(l->config->servers[i]->prefix, s->prefix) == 0)
                        config_fault(l, full, "has the prefix of %s: \"%s\"",
                                     l->config->servers[i]->name, s->prefix);
}

static void add_server_take(struct loading *l, struct config_server *s)
{
        struct config *config = l->config;

        config->servers = alloc_again((void *)config->servers, config->n_servers + 1,
                                      sizeof(struct config_server *));
        config->servers[config->n_servers++] = s;
}

static bool is_taken(const void *owner, const char *name)
{
        const struct loading *l = owner;

        for (size_t i = 0; i < l->config->n_servers; i++)
                if (strcmp(l->config->servers[i]->name, name) == 0)
                        return true;
        return json_object_get(l->imported, name) != NULL;
}

static bool load_entry(struct loading *l, const char *full, json_t *entry, struct config_server *s)
{
        unsigned n_faults = l->n_faults;

        if (!json_is_object(entry))
                config_fault(l, full,
                             "must be an object with \"url\", \"command\", \"rest\" or "
                             "\"openapi\"");
        s->kind = config_server_kind(entry);
        config_server_read(l, full, entry, s);
        config_account_check(l, full, s);
        config_tls_check(l, full, s);
        check_prefix(l, full, s);
        return l->n_faults == n_faults;
}

static void import(struct loading *l, const char *full, const char *name, json_t *entry)
{
        json_t *settled = config_settle_entry(l, full, entry);

        if (settled != NULL)
                json_object_set_new(l->imported, name, settled);
}

/* Both are consumed: its name here, and the entry in our spelling. */
static void take_entry(struct loading *l, const char *full, char *name, json_t *entry)
{
        struct config_server *s = config_server_new_take(name);
        bool is_disabled = json_is_true(json_object_get(entry, "disabled"));
        bool is_whole = name != NULL;

        if (is_whole)
                s->prefix = alloc_format("%s_", name);
        else
                l->n_faults++;
        if (is_whole && !is_disabled)
                is_whole = load_entry(l, full, entry, s) || (l->is_ours && l->imported == NULL);
        if (is_whole && l->imported != NULL)
                import(l, full, name, entry);
        if (is_whole && !is_disabled)
                add_server_take(l, s);
        else
                config_server_let_go(s);
        json_decref(entry);
}

void config_servers_add(struct loading *l, const char *name, json_t *entry)
{
        unsigned n_faults = l->n_faults;
        char full[CONFIG_KEY_SIZE];
        char *here = config_client_name(name, is_taken, l);

        config_key(full, l->servers_at, name);
        if (here != NULL && strcmp(here, name) != 0)
                config_note(l, full, "is called \"%s\" here%s", here,
                            config_is_name(name, 63) ? ", as another has its name"
                                                     : ", of letters, digits and '-'");
        take_entry(l, full, here,
                   json_is_object(entry) ? config_client_adopt(l, entry) : json_incref(entry));
        if ((l->is_ours && l->imported == NULL) || l->n_faults == n_faults)
                return;
        config_note(l, full, "is left out, for what is said above");
        l->n_faults = n_faults;
        l->config->n_left_out++;
}

static void inherit(int64_t *limit, uint64_t standard)
{
        if (*limit < 0)
                *limit = (int64_t)standard;
}

void config_servers_inherit(struct config *config)
{
        for (size_t i = 0; i < config->n_servers; i++) {
                struct config_server *s = config->servers[i];

                config_tls_inherit(config, s);
                inherit(&s->data_max_bytes, config->children_data_max_bytes);
                inherit(&s->processes_max, config->children_processes_max);
                inherit(&s->files_max, config->children_files_max);
        }
}

/* The entry of that name, where it has not changed; NULL: there is none. */
static struct config_server *find_same(const struct config *config, const struct config_server *s)
{
        for (size_t i = 0; i < config->n_servers; i++)
                if (config_server_is_same(config->servers[i], s))
                        return config->servers[i];
        return NULL;
}

void config_follow(struct config *config, struct config *before, FILE *err)
{
        config_settings_keep(config, before, err);
        for (size_t i = 0; i < config->n_servers; i++) {
                struct config_server *same = find_same(before, config->servers[i]);

                if (same == NULL)
                        continue;
                config_server_let_go(config->servers[i]);
                config->servers[i] = config_server_hold(same);
        }
}
