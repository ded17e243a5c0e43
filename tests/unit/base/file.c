#include "mgw/base/file.h"

#include "../check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/mgw-file-XXXXXX";
static char path[64];

static void start(void)
{
        cr_assert_not_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/token", dir);
}

static void finish(void)
{
        unlink(path);
        cr_assert_eq(rmdir(dir), 0, "something was left in %s", dir);
}

static void check_holds(const char *want)
{
        char text[64] = "";
        FILE *f = fopen(path, "r");

        cr_assert_not_null(f);
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
        cr_assert_str_eq(text, want);
}

TestSuite(file, .init = start, .fini = finish);

Test(file, is_made_for_its_owner_alone)
{
        struct stat st;

        umask(0);
        check_int(file_replace(path, STR("new\n")), 0);
        check_holds("new\n");
        cr_assert_eq(stat(path, &st), 0);
        check_int(st.st_mode & 0777, 0600);
        cr_assert_not(file_is_open_to_others(path));
}

Test(file, takes_the_place_of_what_was_there)
{
        FILE *f = fopen(path, "w");
        char before[8] = "";

        fputs("old", f);
        fclose(f);
        chmod(path, 0644);
        cr_assert(file_is_open_to_others(path));
        f = fopen(path, "r");
        check_int(file_replace(path, STR("new")), 0);
        check_holds("new");
        cr_assert_not(file_is_open_to_others(path));
        cr_assert_eq(fread(before, 1, sizeof(before) - 1, f),
                     3); /* who reads the old one goes on */
        cr_assert_str_eq(before, "old");
        fclose(f);
}

Test(file, that_cannot_be_written_leaves_nothing)
{
        check_int(file_replace("/nowhere/at/all", STR("x")), -ENOENT);
        cr_assert_eq(mkdir(path, 0700), 0);
        cr_assert(file_replace(path, STR("x")) < 0); /* a folder stands there */
        cr_assert_eq(rmdir(path), 0);                /* finish() finds what else is left */
        cr_assert_not(file_is_open_to_others(path));
}

Test(file, is_read_without_blanks_at_its_end)
{
        char *text;

        cr_assert_null(file_read(path, 10), "it is not there");
        check_int(file_replace(path, STR("a token \r\n")), 0);
        cr_assert_null(file_read(path, 9), "it is longer");
        text = file_read(path, 10);
        cr_assert_str_eq(text, "a token");
        free(text);
        check_int(file_replace(path, STR(" \n")), 0);
        text = file_read(path, 10);
        cr_assert_str_eq(text, "");
        free(text);
        unlink(path);
        cr_assert_eq(mkdir(path, 0700), 0);
        cr_assert_null(file_read(path, 10), "a folder stands there");
        cr_assert_eq(rmdir(path), 0);
}
