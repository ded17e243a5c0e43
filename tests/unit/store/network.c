/* A folder on a file system of the network: its database is for one process alone, and shares no
 * memory with others. */
#include "../check.h"
#include "world.h"

#include <linux/magic.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static struct world w;
static bool is_network;

/* In the place of libc's: there is no such file system here. */
int statfs(const char *path, struct statfs *fs)
{
        int r = (int)syscall(SYS_statfs, path, fs);

        if (r == 0 && is_network)
                fs->f_type = NFS_SUPER_MAGIC;
        return r;
}

static void set_up(void)
{
        is_network = true;
        world_open(&w, true);
}

static void tear_down(void)
{
        world_close(&w);
}

TestSuite(store_network, .init = set_up, .fini = tear_down, .timeout = 60);

static bool is_there(const char *name)
{
        return access(world_path(&w, name), F_OK) == 0;
}

/* What another process is told that wants to read. */
static int read_as_another(void)
{
        sqlite3 *db;
        int r;

        cr_assert_eq(sqlite3_open(world_path(&w, "state.db"), &db), SQLITE_OK);
        r = sqlite3_exec(db, "SELECT count(*) FROM records", NULL, NULL, NULL);
        sqlite3_close(db);
        return r;
}

Test(store_network, shares_no_memory)
{
        cr_assert_eq(world_put(&w, "key", "value"), 0);
        cr_assert(is_there("state.db-wal"));
        cr_assert_not(is_there("state.db-shm"));
        world_reopen(&w);
        cr_assert_eq(world_get(&w, "key"), 0);
        cr_assert_str_eq(w.last.text, "key=value ");
}

Test(store_network, is_for_one_process_alone)
{
        pid_t pid;
        int status;

        cr_assert_eq(world_put(&w, "key", "value"), 0);
        /* Locks are a process's. */
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0)
                _exit(read_as_another() == SQLITE_BUSY ? 0 : 1);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(store_network, what_was_written_is_there_after_a_kill)
{
        int told[2], status;
        char c;
        pid_t pid;

        world_shut(&w);
        cr_assert_eq(pipe(told), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                world_open_again(&w);
                if (world_put(&w, "key", "value") != 0 || write(told[1], "", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(told[1]);
        cr_assert_eq(read(told[0], &c, 1), 1);
        close(told[0]);
        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        world_open_again(&w);
        cr_assert_eq(world_get(&w, "key"), 0);
}

Test(store_network, a_local_disk_is_shared_with_readers)
{
        is_network = false;
        world_reopen(&w);
        cr_assert_eq(world_put(&w, "key", "value"), 0);
        cr_assert(is_there("state.db-shm"));
        cr_assert_eq(read_as_another(), SQLITE_OK);
}
