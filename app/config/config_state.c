/* Where that is kept which outlives mgw: in state_dir, or, where people sign in or connect, beside
 * the tokens. Whether it can be written is told before anybody signs in. */
#include "config_inside.h"
#include "mgw/base/alloc.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool connects(const struct config_account *account)
{
        return account->oauth != NULL && account->oauth->connects;
}

static bool any_connects(const struct config_server *server)
{
        bool any = connects(&server->account);

        for (size_t i = 0; !any && i < server->n_users; i++)
                any = connects(&server->users[i]);
        return any;
}

bool config_needs_state(const struct config *config)
{
        bool needs = config_has_login(config);

        for (size_t i = 0; !needs && i < config->n_servers; i++)
                needs = any_connects(config->servers[i]);
        return needs;
}

/* 0; -errno: no files can be made in it. */
static int check_writable(const char *dir)
{
        struct stat st;

        if (stat(dir, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        return access(dir, R_OK | W_OK | X_OK) < 0 ? -errno : 0;
}

/* mgw makes it when it starts, where only that is missing. */
static void check_dir(struct loading *l, const char *dir)
{
        int r = check_writable(dir);
        char *copy = alloc_text(dir);

        if (r == -ENOENT)
                r = check_writable(dirname(copy));
        if (r < 0)
                config_fault(l, "gateway.state_dir", "%s cannot be written: %s", dir, strerror(-r));
        free(copy);
}

void config_state_check(struct loading *l)
{
        struct config *config = l->config;

        if (config->state_dir[0] == '\0' && config->auth_tokens_file[0] != '\0' &&
            config_needs_state(config)) {
                char *file = alloc_text(config->auth_tokens_file);

                free(config->state_dir);
                config->state_dir = alloc_text(dirname(file));
                free(file);
        }
        if (config->state_dir[0] != '\0')
                check_dir(l, config->state_dir);
}
