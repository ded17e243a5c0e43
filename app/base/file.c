/* A file is replaced by rename(2): the new text is on the disk, under another name in the same
 * folder, before the old one goes. */
#include "mgw/base/file.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, struct str text)
{
        while (text.n > 0) {
                ssize_t n = write(fd, text.p, text.n);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        text = (struct str){text.p + n, text.n - (size_t)n};
        }
        return fsync(fd) < 0 ? -errno : 0;
}

int file_replace(const char *path, struct str text)
{
        char *temp = alloc_format("%s.XXXXXX", path);
        int fd = mkostemp(temp, O_CLOEXEC); /* mode 0600 */
        int r;

        if (fd < 0) {
                r = -errno;
                free(temp);
                return r;
        }
        r = write_all(fd, text);
        if (close(fd) < 0 && r == 0)
                r = -errno;
        if (r == 0 && rename(temp, path) < 0)
                r = -errno;
        if (r < 0)
                unlink(temp);
        free(temp);
        return r;
}

char *file_read(const char *path, size_t max_bytes)
{
        char *text = alloc_zeroed(max_bytes + 2);
        FILE *file = fopen(path, "re");
        size_t n = file != NULL ? fread(text, 1, max_bytes + 1, file) : 0;
        bool is_read = file != NULL && !ferror(file) && n <= max_bytes;

        if (file != NULL)
                fclose(file);
        while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
                text[--n] = '\0';
        if (is_read)
                return text;
        free(text);
        return NULL;
}

bool file_is_open_to_others(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && (st.st_mode & 077) != 0;
}
