/* The form in a folder: what it keeps, whom it lets in, what it says of a file that is not as it
 * should be. */
#include "../check.h"
#include "mgw/base/clock.h"
#include "mgw/base/file.h"
#include "mgw/base/log.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world w;

static void set_up(void)
{
        world_open(&w, true);
}

static void tear_down(void)
{
        world_close(&w);
}

TestSuite(store_database, .init = set_up, .fini = tear_down, .timeout = 120);

#define check_told(said) cr_assert_not_null(strstr(w.last.text, said), "said: %s", w.last.text)

/* Another program has the file, while the store is shut. The first column of the last row. */
static int64_t run_sql(const char *sql)
{
        sqlite3_stmt *statement = NULL;
        int64_t n = 0;
        sqlite3 *db;

        cr_assert_eq(sqlite3_open(world_path(&w, "state.db"), &db), SQLITE_OK);
        for (const char *rest = sql; *rest != '\0';) {
                cr_assert_eq(sqlite3_prepare_v2(db, rest, -1, &statement, &rest), SQLITE_OK, "%s",
                             sqlite3_errmsg(db));
                while (sqlite3_step(statement) == SQLITE_ROW)
                        n = sqlite3_column_int64(statement, 0);
                cr_assert_eq(sqlite3_finalize(statement), SQLITE_OK, "%s", sqlite3_errmsg(db));
        }
        sqlite3_close(db);
        return n;
}

static unsigned mode_of(const char *name)
{
        struct stat st;

        cr_assert_eq(stat(world_path(&w, name), &st), 0, "%s: %s", name, strerror(errno));
        return st.st_mode & 0777;
}

/* ---- what is kept ---- */

Test(store_database, what_was_put_is_there_after_a_restart)
{
        uint64_t version;

        check_int(world_put(&w, "a", "1"), 0);
        check_int(world_put(&w, "b", "2"), 0);
        version = w.last.version;
        check_int(world_delete(&w, "b", STORE_ANY), 0);
        world_reopen(&w);
        check_int(world_get(&w, "a"), 0);
        check_str(str_from(w.last.text), STR("a=1 "));
        check_int(world_get(&w, "b"), STORE_E_NONE);
        check_int(world_put_at(&w, "b", "3", INT64_MAX, STORE_NEW), 0);
        cr_assert_gt(w.last.version, version);
}

Test(store_database, what_was_begun_is_finished_before_the_end)
{
        struct told told[100];
        char key[16];

        for (int i = 0; i < 100; i++) {
                told_init(&told[i]);
                snprintf(key, sizeof(key), "k/%03d", i);
                store_put(w.store, &told[i].op, str_from(key), STR("v"), INT64_MAX, STORE_NEW);
        }
        world_reopen(&w);
        cr_assert_not(told[0].is_told);
        check_int(world_list(&w, "k/", "", STORE_LIST_MAX), 0);
        check_int(w.last.n_records, 100);
}

Test(store_database, nothing_of_a_value_stands_in_its_files)
{
        static const char *const names[] = {"state.db", "state.db-wal"};

        check_int(world_put(&w, "grant/ada", "a refresh token that nobody reads"), 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                FILE *file = fopen(world_path(&w, names[i]), "r");
                size_t size = 1 << 20, n;
                char *text = malloc(size);

                cr_assert_not_null(file);
                n = fread(text, 1, size, file);
                fclose(file);
                cr_assert_gt(n, 0, "%s", names[i]);
                cr_assert_null(memmem(text, n, "that nobody reads", 17), "%s", names[i]);
                free(text);
        }
}

Test(store_database, its_files_are_for_its_own_eyes)
{
        static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm",
                                            "state.lock"};
        char inner[128];
        struct stat st;

        check_int(world_put(&w, "a", "1"), 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                check_int(mode_of(names[i]), 0600);
        world_shut(&w);
        cr_assert_eq(chmod(world_path(&w, "state.db"), 0666), 0);
        world_open_again(&w);
        check_int(mode_of("state.db"), 0600);

        /* a folder that is missing is made */
        world_shut(&w);
        snprintf(inner, sizeof(inner), "%s/inner", w.dir);
        w.options.dir = inner;
        w.options.key = NULL;
        world_open_again(&w);
        check_int(mode_of("inner"), 0700);
        check_int(mode_of("inner/state.key"), 0600);
        world_shut(&w);
        cr_assert_eq(chmod(world_path(&w, "inner/state.key"), 0644), 0);
        world_open_again(&w);
        check_int(mode_of("inner/state.key"), 0600);
        world_shut(&w);
        for (const char *const *name = store_file_names; *name != NULL; name++) {
                char path[256];

                snprintf(path, sizeof(path), "%s/%s", inner, *name);
                unlink(path);
        }
        cr_assert_eq(rmdir(inner), 0, "no other file: %s", strerror(errno));
        cr_assert_eq(stat(inner, &st), -1);
}

/* ---- keys ---- */

Test(store_database, a_key_of_its_own_is_made_once)
{
        uint8_t a[STORE_SECRET_KEY_BYTES], b[STORE_SECRET_KEY_BYTES];

        world_shut(&w);
        unlink(world_path(&w, "state.db"));
        w.options.key = NULL;
        world_open_again(&w);
        cr_assert_str_empty(w.warned);
        store_secret_key(w.store, "tokens", a);
        check_int(world_put(&w, "a", "1"), 0);
        world_reopen(&w);
        store_secret_key(w.store, "tokens", b);
        cr_assert_eq(memcmp(a, b, sizeof(a)), 0);
        check_int(world_get(&w, "a"), 0);

        /* its text is as good as the file */
        world_shut(&w);
        char text[128] = "";
        FILE *file = fopen(world_path(&w, "state.key"), "r");
        cr_assert_not_null(fgets(text, sizeof(text), file));
        fclose(file);
        cr_assert_geq(strlen(text), STORE_SECRET_MIN);
        cr_assert_eq(unlink(world_path(&w, "state.key")), 0);
        world_cannot_open(&w);
        check_told("state.key: is missing, and the records beside it are sealed by it");
        w.options.key = text;
        world_open_again(&w);
        cr_assert_str_empty(w.warned);
        check_int(world_get(&w, "a"), 0);

        world_shut(&w);
        w.options.key = NULL;
        cr_assert_eq(file_replace(world_path(&w, "state.key"), STR("too short")), 0);
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("state.key: holds no key");
}

Test(store_database, another_key_opens_nothing_and_says_so)
{
        check_int(world_put(&w, "a", "1"), 0);
        check_int(world_put(&w, "b", "2"), 0);
        w.options.key = WORLD_OTHER_SECRET;
        world_shut(&w);
        world_open_again(&w);
        cr_assert_not_null(strstr(w.warned, "2 records of 2 cannot be opened"), "%s", w.warned);
        check_int(world_get(&w, "a"), STORE_E_SEALED);
        check_int((int)w.last.n_records, 0);
        check_int(world_put_at(&w, "a", "new", INT64_MAX, STORE_NEW), STORE_E_CONFLICT);
        check_int(world_put(&w, "a", "new"), 0);
        check_int(world_list(&w, "", "", 10), 0);
        check_str(str_from(w.last.text), STR("a=new "));
        check_int(world_delete(&w, "b", STORE_ANY), 0);
        world_reopen(&w); /* without a word */
}

Test(store_database, two_keys_rotate)
{
        enum { N = 250 };
        char key[16];

        for (int i = 0; i < N; i++) {
                snprintf(key, sizeof(key), "k/%03d", i);
                check_int(world_put(&w, key, "v"), 0);
        }
        w.options.key = WORLD_OTHER_SECRET;
        w.options.old_key = WORLD_SECRET;
        world_shut(&w);
        world_open_again(&w);
        cr_assert_not_null(strstr(w.warned, "250 records are sealed by state_key_old"), "%s",
                           w.warned);
        /* Between two answers it seals a hundred anew. */
        for (int i = 0; i < 6; i++) {
                check_int(world_get(&w, "k/249"), 0);
                check_str(str_from(w.last.text), STR("k/249=v "));
        }
        world_reopen(&w); /* none is left */
        w.options.old_key = NULL;
        world_reopen(&w);
        check_int(world_list(&w, "k/", "", STORE_LIST_MAX), 0);
        check_int(w.last.n_records, N);
}

Test(store_database, what_is_written_is_sealed_by_the_new_key)
{
        check_int(world_put_at(&w, "a", "1", INT64_MAX - 7, STORE_NEW), 0);
        w.options.key = WORLD_OTHER_SECRET;
        w.options.old_key = WORLD_SECRET;
        world_shut(&w);
        world_open_again(&w);
        check_int(world_get(&w, "a"), 0);
        check_int(world_put_at(&w, "a", "2", INT64_MAX - 7, w.last.version), 0);
        w.options.old_key = NULL;
        world_reopen(&w);
        check_int(world_get(&w, "a"), 0);
        check_str(str_from(w.last.text), STR("a=2 "));
}

Test(store_database, a_value_in_anothers_place_is_not_opened)
{
        check_int(world_put(&w, "grant/ada", "ada's"), 0);
        check_int(world_put(&w, "grant/bob", "bob's"), 0);
        check_int(world_put_at(&w, "used/1", "x", clock_wall_ms() + 1000000, STORE_NEW), 0);
        world_shut(&w);
        run_sql("UPDATE records SET value = (SELECT value FROM records WHERE key = x'"
                "6772616e742f616461') WHERE key = x'6772616e742f626f62'");
        run_sql("UPDATE records SET expires_ms = expires_ms + 1 WHERE key = x'757365642f31'");
        world_open_again(&w);
        check_int(world_get(&w, "grant/bob"), STORE_E_SEALED);
        check_int(world_get(&w, "used/1"), STORE_E_SEALED);
        check_int(world_get(&w, "grant/ada"), 0);
}

/* ---- who may have the folder ---- */

Test(store_database, a_folder_is_one_process_own)
{
        struct store *mine = w.store;

        w.store = NULL;
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("another mgw uses this folder (state_dir)");
        w.store = mine;
        check_int(world_put(&w, "a", "1"), 0);
        world_reopen(&w);
}

Test(store_database, a_folder_that_cannot_be_used_is_told)
{
        char path[128];

        world_shut(&w);
        cr_assert_eq(chmod(w.dir, 0707), 0);
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("everybody can write there (state_dir)");
        cr_assert_eq(chmod(w.dir, 0700), 0);

        w.options.dir = "/proc/there/is/none";
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("/proc/there/is/none: cannot be made (state_dir): No such file");
        w.options.dir = "/proc";
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("/proc/state.lock: cannot be opened");
        snprintf(path, sizeof(path), "%s", world_path(&w, "state.db"));
        w.options.dir = path;
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("state.db: cannot be used (state_dir): Not a directory");

        /* a link that leads elsewhere is not followed */
        w.options.dir = w.dir;
        cr_assert_eq(unlink(world_path(&w, "state.db")), 0);
        cr_assert_eq(symlink("/tmp/mgw-store-elsewhere", world_path(&w, "state.db")), 0);
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("state.db: cannot be opened");
}

/* ---- what the file may be ---- */

Test(store_database, an_empty_file_is_filled)
{
        world_shut(&w);
        cr_assert_eq(truncate(world_path(&w, "state.db"), 0), 0);
        world_open_again(&w);
        cr_assert_str_empty(w.warned);
        check_int(world_put(&w, "a", "1"), 0);
        world_shut(&w);
        check_int(run_sql("PRAGMA user_version"), 1);
        check_int(run_sql("PRAGMA application_id"), 0x6d677773);
}

Test(store_database, a_newer_version_is_left_alone)
{
        check_int(world_put(&w, "a", "1"), 0);
        world_shut(&w);
        run_sql("PRAGMA user_version = 2");
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("was made by a newer mgw (version 2, this one knows up to 1)");
        check_int(run_sql("PRAGMA user_version"), 2);
        check_int(run_sql("SELECT count(*) FROM records"), 1);
}

Test(store_database, another_programs_database_is_left_alone)
{
        world_shut(&w);
        unlink(world_path(&w, "state.db"));
        run_sql("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (7)");
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("is a database of another program");
        check_int(run_sql("SELECT count(*) FROM sqlite_schema"), 1);
}

Test(store_database, a_file_with_a_will_of_its_own_is_refused)
{
        world_shut(&w);
        run_sql("CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END");
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("is a database of another program");
}

Test(store_database, a_file_that_is_none_is_told)
{
        world_shut(&w);
        cr_assert_eq(file_replace(world_path(&w, "state.db"),
                                  STR("this is no database, but a text of some length; and as no "
                                      "database has a head of less than a hundred bytes, here "
                                      "are some more of them")),
                     0);
        check_int(world_cannot_open(&w), -EINVAL);
        check_told("file is not a database");
}

/* ---- damage ---- */

#define N_RECORDS 60
static uint8_t *whole;
static size_t whole_size;

static void fill(void)
{
        char key[16], value[64];
        FILE *file;

        log_setup(open("/dev/null", O_WRONLY), LOG_FORMAT_TEXT, LOG_LEVEL_ERROR); /* it is much */
        for (int i = 0; i < N_RECORDS; i++) {
                snprintf(key, sizeof(key), "k/%03d", i);
                snprintf(value, sizeof(value), "value %03d, and as much again of it %03d", i, i);
                check_int(world_put(&w, key, value), 0);
        }
        world_shut(&w);
        file = fopen(world_path(&w, "state.db"), "r");
        whole = malloc(1 << 20);
        whole_size = fread(whole, 1, 1 << 20, file);
        fclose(file);
        cr_assert_gt(whole_size, 10000);
}

static void lay_down(const uint8_t *bytes, size_t n)
{
        unlink(world_path(&w, "state.db-wal"));
        cr_assert_eq(file_replace(world_path(&w, "state.db"), (struct str){(const char *)bytes, n}),
                     0);
}

/* It may open or not; what it tells of a record is true. How many there are. */
static int tell_the_truth(void)
{
        FILE *err = fmemopen(w.warned, sizeof(w.warned), "w");
        int r = store_open(&w.store, w.loop, &w.options, err), n = 0;

        fclose(err);
        if (r < 0) {
                cr_assert_neq(w.warned[0], '\0', "why is to be told");
                return 0;
        }
        for (int i = 0; i < N_RECORDS; i++) {
                char key[16], expected[96];

                snprintf(key, sizeof(key), "k/%03d", i);
                snprintf(expected, sizeof(expected), "%s=value %03d, and as much again of it %03d ",
                         key, i, i);
                r = world_get(&w, key);
                cr_assert(r == 0 || r == STORE_E_NONE || r == STORE_E_SEALED || r == -EIO, "%d", r);
                if (r == 0)
                        check_str(str_from(w.last.text), str_from(expected));
                n += r == 0;
        }
        (void)world_put(&w, "k/000", "whatever becomes of it");
        world_shut(&w);
        return n;
}

Test(store_database, a_file_that_was_cut_is_told_and_never_lies)
{
        fill();
        for (size_t n = 100; n < whole_size; n += 1500) {
                lay_down(whole, n);
                (void)tell_the_truth();
        }
        lay_down(whole, 5000);
        check_int(world_cannot_open(&w), -EINVAL);
        lay_down(whole, whole_size);
        check_int(tell_the_truth(), N_RECORDS);
        free(whole);
}

Test(store_database, a_file_with_bytes_changed_never_lies)
{
        uint8_t *copy;
        uint32_t seed = 7;

        fill();
        copy = malloc(whole_size);
        for (int round = 0; round < 150; round++) {
                memcpy(copy, whole, whole_size);
                for (int i = 0; i <= round % 8; i++) {
                        seed = seed * 1664525 + 1013904223;
                        copy[(seed >> 8) % whole_size] ^= (uint8_t)(1 + (seed >> 3) % 255);
                }
                lay_down(copy, whole_size);
                (void)tell_the_truth();
        }
        free(copy);
        free(whole);
}

/* ---- a disk that is full ---- */

static char *alloc_value(size_t n)
{
        char *value = malloc(n + 1);

        memset(value, 'v', n);
        value[n] = '\0';
        return value;
}

static void bound_files(rlim_t bytes)
{
        struct rlimit limit = {bytes, RLIM_INFINITY};

        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(store_database, a_full_disk_is_told_and_got_over)
{
        char *value = alloc_value(20000);
        char key[16];
        int r = 0;

        check_int(world_put(&w, "before", "1"), 0);
        bound_files(300000);
        for (int i = 0; r == 0 && i < 100; i++) {
                snprintf(key, sizeof(key), "k/%d", i);
                r = world_put(&w, key, value);
        }
        check_int(r, -ENOSPC);
        check_int(world_get(&w, key), STORE_E_NONE);
        check_int(world_get(&w, "before"), 0);
        check_int(world_put(&w, key, value), -ENOSPC);
        bound_files(RLIM_INFINITY);
        check_int(world_put(&w, key, value), 0);
        world_reopen(&w);
        check_int(world_get(&w, key), 0);
        check_int(world_get(&w, "k/0"), 0);
        check_int(world_get(&w, "before"), 0);
        free(value);
}

/* None fails for another's sake. */
Test(store_database, on_a_full_disk_reads_and_small_writes_go_on)
{
        struct told reads[10], writes[10];
        char *value = alloc_value(60000), key[16];

        check_int(world_put(&w, "before", "1"), 0);
        bound_files(200000);
        for (int i = 0; i < 10; i++) {
                told_init(&reads[i]);
                told_init(&writes[i]);
                snprintf(key, sizeof(key), "big/%d", i);
                store_put(w.store, &writes[i].op, str_from(key), str_from(value), INT64_MAX,
                          STORE_ANY);
                store_get(w.store, &reads[i].op, STR("before"));
        }
        for (int i = 0; i < 10; i++) {
                world_wait(&w, &reads[i]);
                world_wait(&w, &writes[i]);
                check_int(reads[i].result, 0);
                check_str(str_from(reads[i].text), STR("before=1 "));
        }
        check_int(writes[9].result, -ENOSPC);
        bound_files(RLIM_INFINITY);
        free(value);
}

static void take_by_another(void)
{
        struct store *other = NULL;
        struct told told;

        cr_assert_eq(store_open(&other, w.loop, &w.options, stderr), 0);
        told_init(&told);
        store_get(other, &told.op, STR("under way"));
        world_wait(&w, &told);
        check_int(told.result, 0);
        store_close(other);
}

Test(store_database, another_process_may_have_it_and_gives_it_back)
{
        struct told told;

        told_init(&told);
        store_put(w.store, &told.op, STR("under way"), STR("1"), INT64_MAX, STORE_NEW);
        store_yield(w.store);
        cr_assert(told.is_told, "what has been started is done and told");
        check_int(told.result, 0);
        told_init(&told);
        store_get(w.store, &told.op, STR("under way"));
        cr_assert(store_is_away(w.store));
        take_by_another();
        cr_assert_not(told.is_told, "it waits until it is known who does it");
        check_int(store_reclaim(w.store, stderr), 0);
        cr_assert_not(store_is_away(w.store));
        world_wait(&w, &told);
        check_int(told.result, 0);
        check_int(world_put(&w, "after", "2"), 0);
        store_yield(w.store); /* and it may be closed so */
}

Test(store_database, what_another_process_has_cannot_be_taken_back)
{
        struct store *other = NULL;

        struct told told;

        store_yield(w.store);
        told_init(&told);
        store_get(w.store, &told.op, STR("a"));
        cr_assert_eq(store_open(&other, w.loop, &w.options, stderr), 0);
        check_int(store_reclaim(w.store, stderr), -EINVAL);
        world_wait(&w, &told);
        check_int(told.result, -EIO);
        check_int(world_get(&w, "a"), -EIO);
        store_close(other);
        check_int(store_reclaim(w.store, stderr), 0);
        check_int(world_get(&w, "a"), STORE_E_NONE);
}

/* ---- errands ---- */

/* Carries errands to a store that has the folder, and back. */
static struct carrier {
        struct store_courier courier;
        struct store *to;
        uint64_t numbers[8];
        struct told told[8];
        size_t n;
} carrier;

static void carry(struct store_courier *courier, uint64_t number, const struct store_errand *errand)
{
        cr_assert_eq(courier, &carrier.courier);
        cr_assert_lt(carrier.n, 8);
        carrier.numbers[carrier.n] = number;
        told_init(&carrier.told[carrier.n]);
        store_run_errand(carrier.to, &carrier.told[carrier.n++].op, errand);
}

static void bring_back(size_t i)
{
        const struct store_record record = {.value = STR("found"), .version = 7, .expires_ms = 8};
        struct told *told = &carrier.told[i];

        world_wait(&w, told);
        store_errand_done(w.store, carrier.numbers[i], told->result,
                          told->result == 0 ? &record : NULL);
}

static void open_other(void)
{
        store_yield(w.store);
        cr_assert_eq(store_open(&carrier.to, w.loop, &w.options, stderr), 0);
        carrier.courier.carry = carry;
        carrier.n = 0;
}

Test(store_database, what_is_asked_while_another_process_has_it_is_done_there)
{
        struct told told[3];

        open_other();
        for (size_t i = 0; i < 3; i++)
                told_init(&told[i]);
        store_put(w.store, &told[0].op, STR("a"), STR("1"), INT64_MAX, STORE_NEW);
        check_int(carrier.n, 0);
        store_send(w.store, &carrier.courier);
        store_put(w.store, &told[1].op, STR("a"), STR("2"), INT64_MAX, STORE_NEW);
        store_delete(w.store, &told[2].op, STR("none"), STORE_ANY);
        check_int(carrier.n, 3);
        cr_assert(store_has_errands(w.store));
        for (size_t i = 0; i < 3; i++) {
                cr_assert_not(told[i].is_told);
                bring_back(i);
                cr_assert(told[i].is_told);
        }
        cr_assert_not(store_has_errands(w.store));
        check_int(told[0].result, 0);
        check_int(told[1].result, STORE_E_CONFLICT);
        check_int(told[2].result, STORE_E_NONE);
        store_errand_done(w.store, 99, 0, NULL); /* nobody has asked for that */
        told_init(&told[0]);
        store_get(w.store, &told[0].op, STR("a"));
        bring_back(3);
        cr_assert_str_eq(told[0].text, "a=found ");
        check_int(told[0].version, 7);
        store_close(carrier.to);
}

Test(store_database, what_cannot_have_become_of_an_errand_is_not_believed)
{
        static const int results[] = {0, 4, 1 << 20};

        open_other();
        store_send(w.store, &carrier.courier);
        for (size_t i = 0; i < 3; i++) {
                struct told told;

                told_init(&told);
                store_get(w.store, &told.op, STR("a"));
                world_wait(&w, &carrier.told[i]);
                store_errand_done(w.store, carrier.numbers[i], results[i], NULL);
                check_int(told.result, -EIO);
        }
        store_close(carrier.to);
}

Test(store_database, errands_fail_where_there_is_nobody_to_do_them)
{
        struct told told[3];

        open_other();
        for (size_t i = 0; i < 3; i++)
                told_init(&told[i]);
        store_get(w.store, &told[0].op, STR("a"));
        store_list(w.store, &told[1].op, STR("a"), STR(""), 1);
        world_wait(&w, &told[1]);
        check_int(told[1].result, -EIO);
        store_send(w.store, &carrier.courier);
        world_wait(&w, &carrier.told[0]);
        store_send(w.store, NULL);
        cr_assert_not(told[0].is_told, "not from within the call");
        store_put(w.store, &told[2].op, STR("a"), STR("1"), INT64_MAX, STORE_NEW);
        world_wait(&w, &told[0]);
        world_wait(&w, &told[2]);
        check_int(told[0].result, -EIO);
        check_int(told[2].result, -EIO);
        store_close(carrier.to);
}
