/* The configuration, loaded: defaults, over them the file, over that the environment; then what
 * goes together is checked. */
#include "mgw/config/config.h"

#include "config_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void load_others(struct loading *l, json_t *root)
{
        const char *key;
        json_t *value;

        json_object_foreach (root, key, value) {
                if (strcmp(key, "$schema") == 0 || config_client_holds_servers(l, key))
                        continue;
                if (strcmp(key, "gateway") == 0)
                        config_settings_load(l, value);
                else if (strcmp(key, "policy") == 0 && l->is_ours)
                        config_policy_load(l, value);
                else if (l->is_ours || config_is_slip(key, "mcpServers") ||
                         config_is_slip(key, "gateway") || config_is_slip(key, "policy"))
                        config_fault(l, key,
                                     "not known; the keys here are \"mcpServers\", \"gateway\" "
                                     "and \"policy\"");
                else
                        config_client_ignore(l, key);
        }
}

static void load_servers(struct loading *l, json_t *root)
{
        json_t *servers = config_client_open(l, root), *entry;
        const char *name;

        if (l->twice.line > 0) {
                fprintf(l->err, "%s:%d:%d: %s%s\n", l->path, l->twice.line, l->twice.column,
                        l->twice.text, l->is_ours ? "" : ": the last one is taken");
                l->n_faults += l->is_ours;
        }
        json_object_foreach (servers, name, entry)
                config_servers_add(l, name, entry);
        json_decref(servers);
}

static void load_file(struct loading *l)
{
        json_t *root = config_file_read(l, l->path);

        if (root != NULL) {
                load_servers(l, root);
                load_others(l, root);
                config_client_tell(l);
        }
        if (l->config->n_left_out > 0 && l->config->n_servers == 0) {
                fprintf(l->err, "%s: none of its servers can be used\n", l->path);
                l->n_faults++;
        }
        json_decref(root);
}

/* The host's name, reduced to what a session id may begin with. */
static void set_node_from_host(struct config *c)
{
        char host[64] = "", *to = host;

        if (gethostname(host, sizeof(host) - 1) < 0)
                host[0] = '\0';
        for (const char *from = host; *from != '\0'; from++)
                if (isalnum((unsigned char)*from) || *from == '-')
                        *to++ = *from;
        *to = '\0';
        free(c->node);
        c->node = alloc_text(host[0] != '\0' ? host : "mgw");
}

/* Whoever reaches mgw without a proxy of this machine: it is to be known where clients are meant
 * to, since what they say of it themselves (Host) is not believed. */
static void check_is_public(struct loading *l)
{
        const char *listen = l->config->listen;

        if (strncmp(listen, "tcp:", 4) != 0 || l->config->public_url[0] != '\0' ||
            strncmp(listen, "tcp:127.", 8) == 0 || strncmp(listen, "tcp:[::1]:", 10) == 0 ||
            strncmp(listen, "tcp:localhost:", 14) == 0)
                return;
        config_fault_at(l, "gateway.listen", "gateway.public_url",
                        "say at which address clients reach mgw, since it listens beyond this "
                        "machine (%s)",
                        listen);
}

int config_load(struct config *config, const char *path, FILE *err)
{
        struct loading l = {.config = config, .err = err, .path = path};

        memset(config, 0, sizeof(*config));
        config_settings_default(config);
        if (path != NULL) {
                config->path = alloc_text(path);
                load_file(&l);
        }
        config_settings_load_environment(&l);
        config_names_check(&l);
        config_policy_check(&l);
        check_is_public(&l);
        config_oauth_check_public(&l);
        config_oauth_check_exchanges(&l);
        config_tls_check_gateway(&l);
        config_jwt_check(&l);
        config_login_check(&l);
        config_state_check(&l);
        config_servers_inherit(config);
        config_file_forget(&l);
        config->n_allowed_origins = strv_count((const char *const *)config->allowed_origins);
        if (config->node[0] == '\0')
                set_node_from_host(config);
        return l.n_faults > 0 ? -EINVAL : 0;
}

void config_finish(struct config *c)
{
        config_settings_finish(c);
        free(c->path);
        for (size_t i = 0; i < c->n_servers; i++)
                config_server_let_go(c->servers[i]);
        free((void *)c->servers);
        config_policy_finish(c->policy);
        memset(c, 0, sizeof(*c));
}
