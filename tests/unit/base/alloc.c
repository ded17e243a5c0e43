/* What ends the process and what is told to who asks. */
#include "mgw/base/alloc.h"

#include "../check.h"
#include "mgw/base/hash.h"
#include "mgw/base/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Under a limit the heap's last pieces are soon taken: some hundred kilobytes, or with
 * AddressSanitizer some megabytes. */
#define TRIES 200000
#define PIECE 512
#define LINE "ERROR [mgw] out of memory: the system gives no "

/* AddressSanitizer ends the process itself unless it is told not to. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "allocator_may_return_null=1";
}

static char line[1024];

/* Of a child that does this: its exit code; what it logged stands in line. */
static int code_of(void (*act)(void))
{
        int fds[2], status;
        ssize_t n;
        pid_t pid;

        cr_assert_eq(pipe(fds), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                log_setup(fds[1], LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
                act();
                _exit(0);
        }
        close(fds[1]);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        n = read(fds[0], line, sizeof(line) - 1);
        close(fds[0]);
        line[n > 0 ? n : 0] = '\0';
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* With one line that begins so, and no other. */
static void check_ends(void (*act)(void), const char *words)
{
        check_int(code_of(act), ALLOC_EXIT_CODE);
        cr_assert_not_null(strstr(line, words), "%s", line);
        cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1, "%s", line);
}

/* From here on the system gives nothing, and of what the heap has left the big pieces are taken: a
 * table that grows could do with one. */
static void limit(void)
{
        const struct rlimit none = {1, 1};
        void *volatile taken;

        if (setrlimit(RLIMIT_AS, &none) < 0)
                _exit(1);
        for (size_t n = 1 << 20; n > PIECE; n /= 2)
                do
                        taken = malloc(n);
                while (taken != NULL);
}

static void ask_for_objects(void)
{
        limit();
        for (int i = 0; i < TRIES; i++)
                (void)alloc_zeroed(PIECE);
}

static void ask_for_texts(void)
{
        char text[PIECE] = "";

        memset(text, 'x', sizeof(text) - 1);
        limit();
        for (int i = 0; i < TRIES; i++)
                (void)alloc_text(text);
}

static void ask_for_formats(void)
{
        limit();
        for (int i = 0; i < TRIES; i++)
                (void)alloc_format("%511d", i);
}

static void ask_for_values(void)
{
        char text[PIECE] = "";

        memset(text, 'x', sizeof(text) - 1);
        json_set_alloc_funcs(alloc_for_library, free);
        limit();
        for (int i = 0; i < TRIES; i++)
                (void)json_stringn_nocheck(text, sizeof(text) - 1);
}

static void grow_a_table(void)
{
        struct entry {
                UT_hash_handle hh;
                int key;
        } *all = calloc(TRIES, sizeof(*all)), *table = NULL;

        limit();
        for (int i = 0; i < TRIES; i++) {
                all[i].key = i;
                HASH_ADD_INT(table, key, &all[i]);
        }
}

Test(alloc, a_small_one_that_fails_ends_the_process_with_one_line)
{
        check_ends(ask_for_objects, LINE "512 bytes more. Lower memory_max_bytes, or raise");
        check_ends(ask_for_texts, LINE "512 bytes more. Lower memory_max_bytes, or raise");
        check_ends(ask_for_formats, LINE "512 bytes more. Lower memory_max_bytes, or raise");
}

Test(alloc, so_does_a_small_value_of_jansson_and_a_table_of_uthash)
{
        check_ends(ask_for_values, LINE);
        check_ends(grow_a_table, LINE);
}

static void ask_for_too_many(void)
{
        (void)alloc_array(SIZE_MAX / 2, 4);
}

static void ask_again_for_too_many(void)
{
        (void)alloc_again(NULL, SIZE_MAX / 2 + 1, 2);
}

Test(alloc, an_array_of_more_than_there_can_be_ends_the_process)
{
        check_ends(ask_for_too_many,
                   LINE "18446744073709551615 bytes more. Lower memory_max_bytes, or raise");
        check_ends(ask_again_for_too_many,
                   LINE "18446744073709551615 bytes more. Lower memory_max_bytes, or raise");
}

static void ask_for_big_ones(void)
{
        char *text = calloc(1, 4 * ALLOC_SMALL_BYTES);
        const void *kept;

        json_set_alloc_funcs(alloc_for_library, free);
        limit();
        for (int i = 0; i < TRIES; i++) {
                kept = alloc_for_library(ALLOC_SMALL_BYTES);
                if (kept == NULL)
                        break;
        }
        if (kept == NULL && json_stringn_nocheck(text, 4 * ALLOC_SMALL_BYTES) == NULL)
                _exit(3);
}

Test(alloc, a_big_one_that_fails_is_told_to_who_asks)
{
        check_int(code_of(ask_for_big_ones), 3);
        check_str(str_from(line), STR(""));
        cr_assert_null(alloc_for_library(SIZE_MAX / 2));
}

Test(alloc, gives_what_is_asked_for)
{
        char *object = alloc_zeroed(8), *none = alloc_array(0, 8), *text = alloc_text("abc");
        char *cut = alloc_str((struct str){"abcdef", 3}), *format = alloc_format("%d-%s", 7, "x");

        cr_assert_arr_eq(object, "\0\0\0\0\0\0\0", 8);
        object = alloc_again(object, 3, 8);
        cr_assert_arr_eq(object, "\0\0\0\0\0\0\0", 8);
        cr_assert_not_null(none);
        check_str(str_from(text), STR("abc"));
        check_str(str_from(cut), STR("abc"));
        check_str(str_from(format), STR("7-x"));
        free(object);
        free(none);
        free(text);
        free(cut);
        free(format);
}
