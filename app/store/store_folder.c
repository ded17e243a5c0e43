/* The folder that a store lives in: made when it is missing, held by one process at a time
 * (flock(2) on a file of its own, which ends with the process), and its files for our eyes alone.
 */
#include "mgw/base/alloc.h"
#include "store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const store_file_names[] = {
        "state.db", "state.db-wal", "state.db-shm", "state.db-journal", "state.key", "state.lock",
        NULL};

static int fault(FILE *err, const char *path, const char *what, int error)
{
        fprintf(err, "%s: %s: %s\n", path, what, strerror(error));
        return -EINVAL;
}

/* Whoever may write there may put another file in the place of ours. */
static int check_dir(const char *dir, FILE *err)
{
        struct stat st;

        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
                return fault(err, dir, "cannot be made (state_dir)", errno);
        if (stat(dir, &st) < 0)
                return fault(err, dir, "cannot be used (state_dir)", errno);
        if (!S_ISDIR(st.st_mode))
                return fault(err, dir, "cannot be used (state_dir)", ENOTDIR);
        if ((st.st_mode & S_IWOTH) == 0)
                return 0;
        fprintf(err, "%s: everybody can write there (state_dir): chmod o-w, or choose another\n",
                dir);
        return -EINVAL;
}

/* What others could read they cannot from now on. */
static int open_own_file(const char *path, int flags, FILE *err, int *fdp)
{
        int fd = open(path, flags | O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct stat st;

        if (fd < 0)
                return fault(err, path, "cannot be opened", errno);
        if (fstat(fd, &st) == 0 && (st.st_mode & 077) != 0 && fchmod(fd, 0600) < 0)
                fprintf(err, "%s: is open to others: chmod 600\n", path);
        *fdp = fd;
        return 0;
}

int store_folder_take(struct store_folder *folder, FILE *err)
{
        const char *dir = folder->dir;
        char *path = alloc_format("%s/state.lock", dir);
        int r = open_own_file(path, 0, err, &folder->lock_fd);

        if (r == 0 && flock(folder->lock_fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno == EWOULDBLOCK)
                        fprintf(err,
                                "%s: another mgw uses this folder (state_dir): each needs its "
                                "own\n",
                                dir);
                else
                        (void)fault(err, path, "cannot be locked", errno);
                store_folder_leave(folder);
                r = -EINVAL;
        }
        free(path);
        return r;
}

void store_folder_leave(struct store_folder *folder)
{
        if (folder->lock_fd >= 0)
                close(folder->lock_fd);
        folder->lock_fd = -1;
}

int store_folder_open(struct store_folder *folder, const char *dir, FILE *err)
{
        struct stat st;
        int r;

        *folder = (struct store_folder){.lock_fd = -1};
        r = check_dir(dir, err);
        if (r < 0)
                return r;
        folder->dir = alloc_text(dir);
        folder->database = alloc_format("%s/state.db", dir);
        folder->key = alloc_format("%s/state.key", dir);
        r = store_folder_take(folder, err);
        folder->has_database = stat(folder->database, &st) == 0 && st.st_size > 0;
        return r;
}

/* SQLite gives the files beside it the rights that it has. The folder is written down too: who
 * finds a record must find its file. */
int store_folder_make_database(const struct store_folder *folder, FILE *err)
{
        int fd = -1, r = open_own_file(folder->database, 0, err, &fd);

        if (fd >= 0)
                close(fd);
        fd = r == 0 ? open(folder->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (r == 0 && (fd < 0 || fsync(fd) < 0))
                r = fault(err, folder->dir, "cannot be written", errno);
        if (fd >= 0)
                close(fd);
        return r;
}

void store_folder_finish(struct store_folder *folder)
{
        store_folder_leave(folder);
        free(folder->dir);
        free(folder->database);
        free(folder->key);
        *folder = (struct store_folder){.lock_fd = -1};
}
