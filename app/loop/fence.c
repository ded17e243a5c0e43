/* A rule allows what lies beneath a folder, and none can take a part of that back. So the way to
 * each hidden file is walked down from the root: folders on it have no rule, what stands beside it
 * has one. */
#include "mgw/loop/fence.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/base/strv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Before version 2 no file could be moved from one folder to another, which programs do. */
#define ABI_MIN 2
#define ABI_TRUNCATE 3
#define ABI_NET 4
#define ABI_SCOPE 6
/* Debian 12's header ends at version 2. */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14)
#define SCOPE_ABSTRACT_SOCKETS (UINT64_C(1) << 0)
#define SCOPE_SIGNALS (UINT64_C(1) << 1)

#define ACCESS_OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define ACCESS_OF_FOLDERS                                                                          \
        (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                          \
         LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |                              \
         LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                              \
         LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                            \
         LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

struct ruleset_attributes {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
};

/* A folder on the way to a hidden file, as it was when it was read. */
struct passed {
        char *path;
        struct stat st;
};

struct fence {
        int abi;
        char **hidden; /* absolute, without links; NULL: none */
        int fd;        /* the ruleset; -1: none yet */
        struct passed *passed;
        unsigned n_passed;
        unsigned n_entries;
};

int fence_abi(void)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi >= ABI_MIN ? (int)abi : 0;
}

static uint64_t file_access(const struct fence *fence)
{
        return ACCESS_OF_FILES | (fence->abi >= ABI_TRUNCATE ? ACCESS_TRUNCATE : 0);
}

static int ruleset_create(const struct fence *fence)
{
        struct ruleset_attributes attributes = {
                .fs = file_access(fence) | ACCESS_OF_FOLDERS,
                .scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS,
        };
        size_t size = fence->abi >= ABI_SCOPE ? sizeof(attributes)
                      : fence->abi >= ABI_NET ? offsetof(struct ruleset_attributes, scoped)
                                              : offsetof(struct ruleset_attributes, net);
        long fd;

        if (fence->abi < ABI_SCOPE)
                attributes.scoped = 0;
        fd = syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
        return fd < 0 ? -errno : (int)fd;
}

/* ---- what is hidden ---- */

/* Its name with a point and more is what shall take its place (file_replace()). */
static bool is_hidden(const struct fence *fence, const char *path)
{
        for (char *const *one = fence->hidden; one != NULL && *one != NULL; one++) {
                size_t n = strlen(*one);

                if (strncmp(*one, path, n) == 0 && (path[n] == '\0' || path[n] == '.'))
                        return true;
        }
        return false;
}

static bool leads_to_hidden(const struct fence *fence, const char *path)
{
        size_t n = strlen(path);

        for (char *const *one = fence->hidden; one != NULL && *one != NULL; one++)
                if (strncmp(*one, path, n) == 0 && (*one)[n] == '/')
                        return true;
        return false;
}

/* Its folder without links, and its name: the file itself may be a link, be replaced, or come
 * later. NULL: errno says why. */
static char *path_in_folder(const char *path)
{
        const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
        char *folder = slash == NULL ? alloc_text(".")
                                     : alloc_str((struct str){path, (size_t)(slash - path) + 1});
        char *real = realpath(folder, NULL), *whole = NULL;

        if (real != NULL)
                whole = alloc_format("%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
        free(folder);
        free(real);
        return whole;
}

/* The target of a link too. */
static int hide(struct fence *fence, const char *path)
{
        char *whole = path_in_folder(path), *target;
        int r = whole == NULL ? -errno : strv_add_take(&fence->hidden, whole);

        if (r == -ENOENT || r == -ENOTDIR)
                return 0; /* without its folder there is nothing to hide */
        if (r < 0)
                return r;
        target = realpath(path, NULL);
        return target != NULL ? strv_add_take(&fence->hidden, target) : 0;
}

/* ---- what is allowed ---- */

static void passed_forget(struct fence *fence)
{
        for (unsigned i = 0; i < fence->n_passed; i++)
                free(fence->passed[i].path);
        free(fence->passed);
        fence->passed = NULL;
        fence->n_passed = 0;
}

static void passed_add(struct fence *fence, const char *path, const struct stat *st)
{
        fence->passed = alloc_again(fence->passed, fence->n_passed + 1, sizeof(*fence->passed));
        fence->passed[fence->n_passed++] = (struct passed){.path = alloc_text(path), .st = *st};
}

/* What cannot be opened, or have a rule, stays out of reach. */
static void allow(const struct fence *fence, int ruleset, int folder, const char *name)
{
        struct landlock_path_beneath_attr rule = {
                .parent_fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC),
        };
        struct stat st;

        if (rule.parent_fd < 0)
                return;
        if (fstat(rule.parent_fd, &st) == 0 && !S_ISLNK(st.st_mode)) {
                rule.allowed_access = file_access(fence);
                if (S_ISDIR(st.st_mode))
                        rule.allowed_access |= ACCESS_OF_FOLDERS;
                (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
        }
        close(rule.parent_fd);
}

static int pass(struct fence *fence, int ruleset, const char *path);

static int pass_entry(struct fence *fence, int ruleset, int folder, const char *path,
                      const char *name)
{
        char full[PATH_MAX];

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            fence->n_entries >= FENCE_ENTRIES_MAX ||
            snprintf(full, sizeof(full), "%s/%s", strcmp(path, "/") == 0 ? "" : path, name) >=
                    (int)sizeof(full))
                return 0;
        if (++fence->n_entries == FENCE_ENTRIES_MAX)
                log_warn(NULL,
                         "[mgw] too many names up to %s: child processes cannot use some of them. "
                         "Give the configuration and its secrets a folder of their own",
                         path);
        if (is_hidden(fence, full))
                return 0;
        if (leads_to_hidden(fence, full))
                return pass(fence, ruleset, full);
        allow(fence, ruleset, folder, name);
        return 0;
}

/* Recurses as deep as the path of a hidden file. */
static int pass(struct fence *fence, int ruleset, const char *path)
{
        DIR *dir = opendir(path);
        const struct dirent *entry;
        struct stat st;
        int r = 0;

        /* What cannot be listed stays out of reach, with all that lies beneath. */
        if (dir == NULL && errno == EACCES) {
                log_warn(NULL,
                         "[mgw] %s cannot be listed: child processes can use nothing beneath it. "
                         "Let mgw read it, or put the configuration and its secrets elsewhere",
                         path);
                return 0;
        }
        if (dir == NULL)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        if (fstat(dirfd(dir), &st) < 0)
                r = -errno;
        if (r == 0)
                passed_add(fence, path, &st);
        while (r == 0 && (entry = readdir(dir)) != NULL)
                r = pass_entry(fence, ruleset, dirfd(dir), path, entry->d_name);
        closedir(dir);
        return r;
}

static int fence_build(struct fence *fence)
{
        int ruleset = ruleset_create(fence), r;

        if (ruleset < 0)
                return ruleset;
        passed_forget(fence);
        fence->n_entries = 0;
        r = pass(fence, ruleset, "/");
        if (r < 0) {
                close(ruleset);
                return r;
        }
        fence->fd = ruleset;
        return 0;
}

static bool is_as_it_was(const struct passed *passed)
{
        struct stat st;

        return stat(passed->path, &st) == 0 && st.st_ino == passed->st.st_ino &&
               st.st_dev == passed->st.st_dev && st.st_mtim.tv_sec == passed->st.st_mtim.tv_sec &&
               st.st_mtim.tv_nsec == passed->st.st_mtim.tv_nsec;
}

int fence_ruleset(struct fence *fence)
{
        int r;

        for (unsigned i = 0; i < fence->n_passed && fence->fd >= 0; i++)
                if (!is_as_it_was(&fence->passed[i])) {
                        close(fence->fd);
                        fence->fd = -1;
                }
        r = fence->fd < 0 ? fence_build(fence) : 0;
        return r < 0 ? r : fence->fd;
}

int fence_create(const char *const *hidden, struct fence **fencep)
{
        struct fence *fence = alloc_zeroed(sizeof(*fence));
        int r = 0;

        fence->fd = -1;
        fence->abi = fence_abi();
        if (fence->abi == 0)
                r = -EOPNOTSUPP;
        for (; r == 0 && *hidden != NULL; hidden++)
                r = hide(fence, *hidden);
        if (r == 0)
                r = fence_build(fence);
        if (r < 0)
                fence_destroy(fence);
        else
                *fencep = fence;
        return r;
}

void fence_destroy(struct fence *fence)
{
        if (fence == NULL)
                return;
        if (fence->fd >= 0)
                close(fence->fd);
        passed_forget(fence);
        strv_free(fence->hidden);
        free(fence);
}
