#include "world.h"

#include "../check.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- its life ---- */

static int try_to_open(struct world *w, char *said, size_t size)
{
        FILE *err = fmemopen(said, size, "w");
        int r;

        cr_assert_not_null(err);
        said[0] = '\0';
        r = store_open(&w->store, w->loop, &w->options, err);
        fclose(err);
        return r;
}

static void open_store(struct world *w)
{
        char said[1024] = "";
        int r = try_to_open(w, said, sizeof(said));

        cr_assert_eq(r, 0, "cannot open: %d, %s", r, said);
        cr_assert_str_empty(said);
}

void world_open(struct world *w, bool has_dir)
{
        *w = (struct world){.options.key = WORLD_SECRET};
        if (has_dir) {
                strcpy(w->dir, "/tmp/mgw-store-XXXXXX");
                cr_assert_not_null(mkdtemp(w->dir));
                w->options.dir = w->dir;
        }
        cr_assert_eq(loop_create(&w->loop), 0);
        open_store(w);
}

void world_shut(struct world *w)
{
        store_close(w->store);
        w->store = NULL;
}

void world_reopen(struct world *w)
{
        world_shut(w);
        open_store(w);
}

void world_open_again(struct world *w)
{
        int r = try_to_open(w, w->warned, sizeof(w->warned));

        cr_assert_eq(r, 0, "cannot open: %d, %s", r, w->warned);
}

int world_cannot_open(struct world *w)
{
        int r;

        world_shut(w);
        told_init(&w->last);
        r = try_to_open(w, w->last.text, sizeof(w->last.text));
        cr_assert_lt(r, 0);
        cr_assert_null(w->store);
        return r;
}

const char *world_path(const struct world *w, const char *name)
{
        static char path[512];

        snprintf(path, sizeof(path), "%s/%s", w->dir, name);
        return path;
}

void world_close(struct world *w)
{
        DIR *dir;

        store_close(w->store);
        loop_destroy(w->loop);
        if (w->dir[0] == '\0')
                return;
        dir = opendir(w->dir);
        for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
                unlink(world_path(w, entry->d_name));
        closedir(dir);
        rmdir(w->dir);
}

/* ---- what is told ---- */

static void on_done(struct store_op *op)
{
        struct told *told = container_of(op, struct told, op);
        size_t n = 0;

        cr_assert_not(told->is_told);
        told->is_told = true;
        told->result = op->result;
        told->n_records = op->n_records;
        for (size_t i = 0; i < op->n_records && n < sizeof(told->text); i++)
                n += (size_t)snprintf(told->text + n, sizeof(told->text) - n, "%.*s=%.*s ",
                                      STR_ARG(op->records[i].key), STR_ARG(op->records[i].value));
        if (op->n_records > 0) {
                told->version = op->records[0].version;
                told->expires_ms = op->records[0].expires_ms;
        }
}

void told_init(struct told *told)
{
        memset(told, 0, sizeof(*told));
        told->op.on_done = on_done;
}

void world_wait(struct world *w, struct told *told)
{
        while (!told->is_told)
                cr_assert_eq(loop_turn(w->loop, -1), 0);
}

static struct store_op *begin(struct world *w)
{
        told_init(&w->last);
        return &w->last.op;
}

static int end(struct world *w)
{
        cr_assert_not(w->last.is_told, "told from within the call");
        world_wait(w, &w->last);
        return w->last.result;
}

int world_put_at(struct world *w, const char *key, const char *value, int64_t expires_ms,
                 uint64_t expected)
{
        store_put(w->store, begin(w), str_from(key), str_from(value), expires_ms, expected);
        return end(w);
}

int world_put(struct world *w, const char *key, const char *value)
{
        return world_put_at(w, key, value, INT64_MAX, STORE_ANY);
}

int world_get(struct world *w, const char *key)
{
        store_get(w->store, begin(w), str_from(key));
        return end(w);
}

int world_delete(struct world *w, const char *key, uint64_t expected)
{
        store_delete(w->store, begin(w), str_from(key), expected);
        return end(w);
}

int world_list(struct world *w, const char *prefix, const char *after, size_t max)
{
        store_list(w->store, begin(w), str_from(prefix), str_from(after), max);
        return end(w);
}
