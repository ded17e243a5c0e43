#include "world.h"

#include "../check.h"
#include "mgw/base/clock.h"
#include "mgw/core/share.h"
#include "mgw/loop/loop.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void open_all(struct world *w)
{
        const struct store_options options = {
                .dir = w->dir[0] != '\0' ? w->dir : NULL,
                .key = "a secret of at least thirty-two characters",
        };

        w->context = (struct context){.config = &w->config};
        cr_assert_eq(loop_create(&w->context.loop), 0);
        cr_assert_eq(store_open(&w->context.store, w->context.loop, &options, stderr), 0);
        share_context_init(&w->context);
        authority_create(&w->context);
        cr_assert_not_null(w->context.authority);
}

static void close_all(struct world *w)
{
        authority_destroy(w->context.authority);
        store_close(w->context.store);
        share_context_finish(&w->context);
        loop_destroy(w->context.loop);
}

void world_open(struct world *w, bool has_dir)
{
        static char url[] = WORLD_URL, none[] = "";

        *w = (struct world){.config = {.public_url = url, .auth_tokens_file = none}};
        w->config.login.issuer = none;
        w->config.login.has_tokens = true;
        w->config.login.has_registration = true;
        w->config.login.access_token_ms = 3600 * 1000;
        w->config.login.login_ms = INT64_C(86400) * 1000;
        if (has_dir) {
                strcpy(w->dir, "/tmp/mgw-auth-XXXXXX");
                cr_assert_not_null(mkdtemp(w->dir));
        }
        open_all(w);
}

void world_reopen(struct world *w)
{
        close_all(w);
        open_all(w);
}

void world_close(struct world *w)
{
        DIR *dir;

        close_all(w);
        if (w->dir[0] == '\0')
                return;
        dir = opendir(w->dir);
        for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
                unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
        rmdir(w->dir);
}

void world_told(void *owner, int outcome)
{
        struct world *w = owner;

        w->is_told = true;
        w->outcome = outcome;
        loop_stop(w->context.loop);
}

int world_wait(struct world *w)
{
        while (!w->is_told)
                cr_assert_eq(loop_run(w->context.loop), 0);
        w->is_told = false;
        return w->outcome;
}

struct authorization world_authorization(char *family)
{
        static char client[] = "c", email[] = "ada@example.com", subject[] = "7";
        static char domain[] = "example.com";
        static char group[] = "mail", scope[] = "mcp", resource[] = WORLD_URL "/mcp";
        static char *groups[] = {group, NULL}, *scopes[] = {scope, NULL};

        return (struct authorization){
                .family = family,
                .client = client,
                .email = email,
                .subject = subject,
                .domain = domain,
                .groups = groups,
                .scopes = scopes,
                .resource = resource,
                .ends_ms = clock_wall_ms() + INT64_C(86400) * 1000,
        };
}

int world_use(struct world *w, const struct authorization *of, unsigned generation)
{
        (void)family_use(w->context.authority, of, generation, world_told, w);
        return world_wait(w);
}

int world_end(struct world *w, const struct authorization *of)
{
        (void)family_end(w->context.authority, of, world_told, w);
        return world_wait(w);
}

struct put {
        struct store_op op;
        struct world *w;
};

static void on_put(struct store_op *op)
{
        world_told(container_of(op, struct put, op)->w, op->result);
}

void world_put(struct world *w, const char *key, const char *value)
{
        struct put put = {.op.on_done = on_put, .w = w};

        store_put(w->context.store, &put.op, str_from(key), str_from(value), INT64_MAX, STORE_ANY);
        cr_assert_eq(world_wait(w), 0);
}
