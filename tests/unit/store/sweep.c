/* What is swept, and how much at once: by the database itself, without its thread. */
#include "../../../app/store/store_database.h"
#include "../check.h"
#include "mgw/base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct store_database *database;
static struct store_secrets secrets = {.own = {1}, .old = {2}};
static char path[64];

static void open_database(void)
{
        char said[256] = "";
        FILE *err = fmemopen(said, sizeof(said), "w");

        database = calloc(1, sizeof(*database));
        store_seal_init(&database->seal, &secrets);
        cr_assert_eq(store_database_open(database, path, err), 0, "%s", said);
        fclose(err);
}

static void close_database(void)
{
        store_database_close(database);
        free(database);
}

static void set_up(void)
{
        strcpy(path, "/tmp/mgw-store-sweep-XXXXXX");
        close(mkstemp(path));
        open_database();
}

static void tear_down(void)
{
        close_database();
        unlink(path);
}

TestSuite(store_sweep, .init = set_up, .fini = tear_down, .timeout = 120);

static int64_t count(const char *where)
{
        sqlite3_stmt *statement;
        char sql[128];
        int64_t n;

        snprintf(sql, sizeof(sql), "SELECT count(*) FROM records WHERE %s", where);
        cr_assert_eq(sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL), SQLITE_OK);
        cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
        n = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return n;
}

static void fill(int n, int64_t expires_ms, const char *prefix)
{
        char key[32];

        cr_assert_eq(store_statement_begin(database), 0);
        for (int i = 0; i < n; i++) {
                struct store_record record = {.value = STR("value"),
                                              .version = ++database->last_version,
                                              .expires_ms = expires_ms};

                snprintf(key, sizeof(key), "%s/%06d", prefix, i);
                record.key = str_from(key);
                cr_assert_eq(store_statement_write(database, &record), 0);
        }
        cr_assert_eq(store_statement_commit(database), 0);
}

Test(store_sweep, a_hundred_thousand_go_a_bounded_number_at_a_time)
{
        int64_t before, after = 100000;
        unsigned n_sweeps = 0;
        bool has_more = true;

        fill(100000, clock_wall_ms() - 1, "old");
        fill(1000, clock_wall_ms() + 1000000, "new");
        (void)sqlite3_exec(database->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
        while (has_more) {
                before = after;
                has_more = store_sweep(database);
                after -= sqlite3_changes(database->db);
                cr_assert_leq(before - after, STORE_SWEEP_MAX);
                cr_assert(!has_more || before > after, "more without an end");
                n_sweeps++;
        }
        check_int(n_sweeps, 100000 / STORE_SWEEP_MAX + 1);
        check_int(count("key < x'6f'"), 1000);
        check_int(count("key >= x'6f'"), 0);
}

Test(store_sweep, what_the_old_key_has_sealed_is_sealed_anew_once)
{
        struct store_secrets rotated = {.own = {3}, .old = {1}, .has_old = true};
        unsigned n_sweeps = 1;

        fill(350, INT64_MAX, "a");
        close_database();
        secrets = rotated;
        open_database();
        cr_assert_not(database->is_all_sealed_anew);
        fill(10, INT64_MAX, "b"); /* by the new one already */
        while (store_sweep(database))
                n_sweeps++;
        check_int(n_sweeps, 4);
        cr_assert(database->is_all_sealed_anew);
        cr_assert_not(store_sweep(database));
        close_database();
        secrets.has_old = false;
        open_database();
        for (int i = 0; i < 360; i++) {
                struct store_job *job;
                struct list jobs;
                char key[32];

                snprintf(key, sizeof(key), "%c/%06d", i < 350 ? 'a' : 'b', i < 350 ? i : i - 350);
                job = store_job_new(STORE_JOB_GET, NULL, str_from(key));
                list_init(&jobs);
                list_append(&jobs, &job->node);
                store_batch_do(database, &jobs);
                check_int(job->result, 0);
                check_str(job->records[0].value, STR("value"));
                store_job_destroy(job);
        }
}
