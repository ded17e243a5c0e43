/* A child has a user of its own where a range of them is configured: one for each server and user
 * of ours, for as long as we run, since what a child leaves behind (files, processes that hide)
 * belongs to that user. And where the kernel has Landlock it is fenced by that. */
#include "mgw/upstream/confine.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/base/privilege.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/loop/fence.h"
#include "mgw/store/store.h"
#include "upstream_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct confine {
        struct fence *fence; /* NULL: none */
        char **owners;       /* of the uids, by place; NULL: free. NULL: no uids */
        bool has_children;
};

/* ---- users of their own ---- */

static uint32_t hash(const char *text)
{
        uint32_t h = 2166136261u; /* FNV-1a */

        for (; *text != '\0'; text++)
                h = (h ^ (unsigned char)*text) * 16777619u;
        return h;
}

/* The place that a name has, or gets: the same after a restart, unless another name has come first.
 * Walks what is taken behind it, at most all. -1: all are taken. */
static int64_t uid_place(char **owners, uint32_t n, const char *owner)
{
        uint32_t at = hash(owner) % n;

        for (uint32_t tried = 0; tried < n; tried++, at = (at + 1) % n) {
                if (owners[at] == NULL)
                        owners[at] = alloc_text(owner);
                if (strcmp(owners[at], owner) == 0)
                        return at;
        }
        return -1;
}

static int give_uid(const struct upstream_session *us, struct child_options *options, char *why,
                    size_t why_size)
{
        const struct context *context = upstream_session_context(us);
        const struct config *config = context->config;
        char *owner = alloc_format("%s %s", upstream_name(us->upstream), us->client->user->email);
        int64_t place = uid_place(context->confine->owners, config->children_uid_count, owner);

        free(owner);
        if (place < 0) {
                snprintf(why, why_size,
                         "no user of the system is left for it (children_uid_count)");
                return -EAGAIN;
        }
        options->uid = config->children_uid_first + (uid_t)place;
        return 0;
}

/* ---- the fence ---- */

static void add_secret(char ***secrets, const char *path)
{
        if (path != NULL && path[0] != '\0')
                (void)strv_add_take(secrets, alloc_text(path));
}

static void add_account(char ***secrets, const struct config_account *account)
{
        if (account->oauth != NULL)
                add_secret(secrets, account->oauth->refresh_token_file);
}

static void add_server(char ***secrets, const struct config_server *server)
{
        add_secret(secrets, server->client_key_file);
        add_account(secrets, &server->account);
        for (size_t i = 0; i < server->n_users; i++)
                add_account(secrets, &server->users[i]);
}

/* The files that no child has any business with; also the socket, which it could put its own in
 * the place of. Ended by NULL; NULL: there are none. */
static char **secret_files(const struct config *config)
{
        char **secrets = NULL;

        add_secret(&secrets, config->path);
        add_secret(&secrets, config->auth_tokens_file);
        add_secret(&secrets, config->upstream_client_key_file);
        for (const char *const *name = store_file_names;
             config->state_dir[0] != '\0' && *name != NULL; name++)
                (void)strv_add_take(&secrets, alloc_format("%s/%s", config->state_dir, *name));
        if (strncmp(config->listen, "unix:", 5) == 0)
                add_secret(&secrets, config->listen + 5);
        for (size_t i = 0; i < config->n_servers; i++)
                add_server(&secrets, config->servers[i]);
        return secrets;
}

static int open_fence(struct context *context, char **secrets)
{
        static const char *const none[] = {NULL};
        int r;

        if (!context->config->has_children_landlock || fence_abi() == 0)
                return 0;
        r = fence_create(secrets != NULL ? (const char *const *)secrets : none,
                         &context->confine->fence);
        if (r < 0)
                log_error(NULL, "[mgw] child processes cannot be fenced by Landlock: %s",
                          strerror(-r));
        return r;
}

/* ---- what is told ---- */

static void warn_of_readable(char **secrets)
{
        struct stat st;

        for (char **path = secrets; path != NULL && *path != NULL; path++)
                if (stat(*path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0)
                        log_warn(NULL,
                                 "[mgw] %s can be read by everybody, child processes included: "
                                 "chmod o-r",
                                 *path);
}

static void warn_of_children(const struct context *context, char **secrets)
{
        const struct confine *confine = context->confine;

        if (confine->fence == NULL && confine->owners != NULL)
                warn_of_readable(secrets);
        if (confine->owners != NULL)
                return;
        if (geteuid() == 0)
                log_warn(NULL, "[mgw] child processes run as root: run mgw as another user, or "
                               "give them users of their own (children_uid_first)");
        if (confine->fence == NULL)
                log_warn(NULL,
                         "[mgw] nothing keeps child processes from the configuration, the tokens "
                         "and each other's environment: give them users of their own "
                         "(children_uid_first), or a kernel with Landlock");
}

static void describe_children(const struct context *context, char *text, size_t size)
{
        const struct config *config = context->config;
        const struct confine *confine = context->confine;
        char users[64] = "mgw's user";

        if (confine->owners != NULL)
                snprintf(users, sizeof(users), "uids %u-%u", config->children_uid_first,
                         config->children_uid_first + config->children_uid_count - 1);
        if (confine->fence != NULL)
                snprintf(text, size, "%s, Landlock %d", users, fence_abi());
        else
                snprintf(text, size, "%s, no Landlock", users);
}

void confine_describe(const struct context *context, char *text, size_t size)
{
        char own[160], children[96] = "none";

        privilege_describe(own, sizeof(own));
        if (context->confine->has_children)
                describe_children(context, children, sizeof(children));
        snprintf(text, size, "%s; children: %s", own, children);
}

/* ---- all of it ---- */

static bool has_children(const struct config *config)
{
        for (size_t i = 0; i < config->n_servers; i++)
                if (config->servers[i]->kind == CONFIG_SERVER_STDIO)
                        return true;
        return false;
}

static int open_uids(struct context *context)
{
        const struct config *config = context->config;

        if (config->children_uid_first == 0)
                return 0;
        /* Below the first it wraps, and is more than any count. */
        if (geteuid() - config->children_uid_first < config->children_uid_count) {
                log_error(NULL, "[mgw] children_uid_first: mgw's own user is one of those uids");
                return -EINVAL;
        }
        if (!privilege_has_uids()) {
                log_error(NULL, "[mgw] children_uid_first needs the capabilities CAP_SETUID, "
                                "CAP_SETGID and CAP_KILL");
                return -EINVAL;
        }
        context->confine->owners = calloc(config->children_uid_count, sizeof(char *));
        return context->confine->owners == NULL ? -ENOMEM : 0;
}

static int open_for_children(struct context *context)
{
        char **secrets = secret_files(context->config);
        int r = open_uids(context);

        if (r == 0)
                r = open_fence(context, secrets);
        if (r == 0)
                r = children_adopt(context->children);
        if (r == 0)
                warn_of_children(context, secrets);
        strv_free(secrets);
        return r;
}

int confine_open(struct context *context)
{
        char text[256];
        int r = 0;

        context->confine = alloc_zeroed(sizeof(*context->confine));
        context->confine->has_children = has_children(context->config);
        if (context->confine->has_children)
                r = open_for_children(context);
        if (r < 0)
                return r;
        confine_describe(context, text, sizeof(text));
        log_info(NULL, "[mgw] privileges: %s", text);
        return 0;
}

/* Of a child that is started from now on. What cannot be had leaves the old fence in force. */
void confine_follow(struct context *context)
{
        struct confine *confine = context->confine;
        struct fence *former = confine->fence;
        char **secrets = secret_files(context->config);
        bool had_children = confine->has_children;

        confine->has_children = has_children(context->config);
        if (confine->has_children && !had_children && former == NULL && confine->owners == NULL) {
                (void)open_for_children(context);
        } else if (confine->has_children) {
                confine->fence = NULL;
                if (open_fence(context, secrets) < 0)
                        confine->fence = former;
                else
                        fence_destroy(former);
        }
        strv_free(secrets);
}

void confine_close(struct context *context)
{
        struct confine *confine = context->confine;

        if (confine == NULL)
                return;
        fence_destroy(confine->fence);
        for (uint32_t i = 0; confine->owners != NULL && i < context->config->children_uid_count;
             i++)
                free(confine->owners[i]);
        free(confine->owners);
        free(confine);
        context->confine = NULL;
}

int confine_child(struct upstream_session *us, struct child_options *options, char *why,
                  size_t why_size)
{
        const struct context *context = upstream_session_context(us);
        const struct config_server *server = us->upstream->server;

        options->fence = context->confine->fence;
        options->data_max_bytes = (uint64_t)server->data_max_bytes;
        options->processes_max = (uint64_t)server->processes_max;
        options->files_max = (uint64_t)server->files_max;
        return context->confine->owners == NULL ? 0 : give_uid(us, options, why, why_size);
}
