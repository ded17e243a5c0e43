#include "disk.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 8

/* What a file held where it has been written since it was last waited for. */
struct undo {
        struct undo *next; /* what was written before */
        sqlite3_int64 offset;
        sqlite3_int64 size; /* of the file, before */
        int n;              /* of the bytes that it held there */
        char bytes[];
};

struct volume {
        char name[256];
        struct undo *undo;
};

struct disk_file {
        sqlite3_file base;
        struct volume *volume; /* NULL: not a file that is to last */
        sqlite3_file *real;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct volume volumes[FILES_MAX];
static bool is_failing;
static sqlite3_vfs disk;
static sqlite3_vfs *real_disk;

static sqlite3_file *real_of(sqlite3_file *file)
{
        return ((struct disk_file *)file)->real;
}

/* ---- what is remembered ---- */

static struct volume *volume_of(const char *name)
{
        struct volume *vacant = NULL;

        for (size_t i = 0; i < FILES_MAX; i++) {
                if (strcmp(volumes[i].name, name) == 0)
                        return &volumes[i];
                if (volumes[i].name[0] == '\0')
                        vacant = &volumes[i];
        }
        cr_assert_not_null(vacant, "more files than were thought of");
        snprintf(vacant->name, sizeof(vacant->name), "%s", name);
        return vacant;
}

static void forget(struct volume *volume)
{
        while (volume->undo != NULL) {
                struct undo *undo = volume->undo;

                volume->undo = undo->next;
                free(undo);
        }
}

static void remember(struct disk_file *file, sqlite3_int64 offset, sqlite3_int64 n)
{
        struct undo *undo = malloc(sizeof(*undo) + (size_t)n);

        undo->offset = offset;
        real_of(&file->base)->pMethods->xFileSize(real_of(&file->base), &undo->size);
        undo->n = 0;
        if (offset < undo->size) {
                undo->n = (int)(undo->size - offset < n ? undo->size - offset : n);
                real_of(&file->base)
                        ->pMethods->xRead(real_of(&file->base), undo->bytes, undo->n, offset);
        }
        pthread_mutex_lock(&mutex);
        undo->next = file->volume->undo;
        file->volume->undo = undo;
        pthread_mutex_unlock(&mutex);
}

/* ---- a file ---- */

static bool is_failing_now(void)
{
        bool fails;

        pthread_mutex_lock(&mutex);
        fails = is_failing;
        pthread_mutex_unlock(&mutex);
        return fails;
}

static int disk_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
        struct disk_file *f = (struct disk_file *)file;

        if (is_failing_now())
                return SQLITE_IOERR_WRITE;
        if (f->volume != NULL)
                remember(f, offset, n);
        return f->real->pMethods->xWrite(f->real, bytes, n, offset);
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        struct disk_file *f = (struct disk_file *)file;
        sqlite3_int64 before = 0;

        f->real->pMethods->xFileSize(f->real, &before);
        if (f->volume != NULL && before > size)
                remember(f, size, before - size);
        return f->real->pMethods->xTruncate(f->real, size);
}

static int disk_sync(sqlite3_file *file, int flags)
{
        struct disk_file *f = (struct disk_file *)file;
        int r = is_failing_now() ? SQLITE_IOERR_FSYNC : f->real->pMethods->xSync(f->real, flags);

        if (r == SQLITE_OK && f->volume != NULL) {
                pthread_mutex_lock(&mutex);
                forget(f->volume);
                pthread_mutex_unlock(&mutex);
        }
        return r;
}

static int disk_close(sqlite3_file *file)
{
        struct disk_file *f = (struct disk_file *)file;
        int r = f->real->pMethods->xClose(f->real);

        pthread_mutex_lock(&mutex);
        if (f->volume != NULL) {
                forget(f->volume);
                f->volume->name[0] = '\0';
        }
        pthread_mutex_unlock(&mutex);
        free(f->real);
        return r;
}

static int disk_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 offset)
{
        return real_of(file)->pMethods->xRead(real_of(file), bytes, n, offset);
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *sizep)
{
        return real_of(file)->pMethods->xFileSize(real_of(file), sizep);
}

static int disk_lock(sqlite3_file *file, int lock)
{
        return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int disk_unlock(sqlite3_file *file, int lock)
{
        return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int disk_check_lock(sqlite3_file *file, int *isp)
{
        return real_of(file)->pMethods->xCheckReservedLock(real_of(file), isp);
}

static int disk_control(sqlite3_file *file, int op, void *arg)
{
        return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int disk_sector_size(sqlite3_file *file)
{
        return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int disk_traits(sqlite3_file *file)
{
        return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int disk_shm_map(sqlite3_file *file, int page, int size, int extends, void volatile **pp)
{
        return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extends, pp);
}

static int disk_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
        return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void disk_shm_barrier(sqlite3_file *file)
{
        real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int disk_shm_unmap(sqlite3_file *file, int deletes)
{
        return real_of(file)->pMethods->xShmUnmap(real_of(file), deletes);
}

static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = disk_close,
        .xRead = disk_read,
        .xWrite = disk_write,
        .xTruncate = disk_truncate,
        .xSync = disk_sync,
        .xFileSize = disk_size,
        .xLock = disk_lock,
        .xUnlock = disk_unlock,
        .xCheckReservedLock = disk_check_lock,
        .xFileControl = disk_control,
        .xSectorSize = disk_sector_size,
        .xDeviceCharacteristics = disk_traits,
        .xShmMap = disk_shm_map,
        .xShmLock = disk_shm_lock,
        .xShmBarrier = disk_shm_barrier,
        .xShmUnmap = disk_shm_unmap,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
        struct disk_file *f = (struct disk_file *)file;
        int r;

        (void)vfs;
        f->real = calloc(1, (size_t)real_disk->szOsFile);
        pthread_mutex_lock(&mutex);
        f->volume = name != NULL ? volume_of(name) : NULL;
        pthread_mutex_unlock(&mutex);
        r = real_disk->xOpen(real_disk, name, f->real, flags, out_flags);
        file->pMethods = r == SQLITE_OK ? &methods : NULL;
        if (r != SQLITE_OK)
                free(f->real);
        return r;
}

/* ---- all of it ---- */

void disk_install(void)
{
        if (real_disk != NULL)
                return;
        real_disk = sqlite3_vfs_find(NULL);
        disk = *real_disk;
        disk.szOsFile = sizeof(struct disk_file);
        disk.zName = "disk";
        disk.xOpen = disk_open;
        cr_assert_eq(sqlite3_vfs_register(&disk, 1), SQLITE_OK);
}

void disk_fail(int fails)
{
        pthread_mutex_lock(&mutex);
        is_failing = fails;
        pthread_mutex_unlock(&mutex);
}

static void copy(const char *from, const char *to)
{
        char command[600];

        snprintf(command, sizeof(command), "cp %s %s", from, to);
        cr_assert_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

/* The last write first. */
static void undo_all(const struct volume *volume, const char *path)
{
        int fd = open(path, O_RDWR);

        cr_assert_geq(fd, 0);
        for (const struct undo *undo = volume->undo; undo != NULL; undo = undo->next) {
                cr_assert_eq(pwrite(fd, undo->bytes, (size_t)undo->n, undo->offset), undo->n);
                cr_assert_eq(ftruncate(fd, undo->size), 0);
        }
        close(fd);
}

void disk_copy_after_power_cut(const char *from, const char *to)
{
        static const char *const names[] = {"state.db", "state.db-wal"};

        pthread_mutex_lock(&mutex);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char old[256], new[256];

                snprintf(old, sizeof(old), "%s/%s", from, names[i]);
                snprintf(new, sizeof(new), "%s/%s", to, names[i]);
                copy(old, new);
                undo_all(volume_of(old), new);
        }
        pthread_mutex_unlock(&mutex);
}
