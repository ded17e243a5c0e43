#include "mgw/auth/token.h"

#include "../check.h"
#include "mgw/auth/code.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/core/user.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1800000000000)

static struct world w;
static char family[] = "fam-1";
static struct authorization of, got;
static int64_t expires_ms;
static unsigned generation;

static void begin(void)
{
        world_open(&w, false);
        while (!store_set_is_read(&w.context.authority->ended))
                cr_assert_eq(loop_turn(w.context.loop, 1000), 0);
        of = world_authorization(family);
        of.ends_ms = NOW + 1000000;
}

static int read_access(const char *text, int64_t now_ms)
{
        authorization_finish(&got);
        return token_read_access(w.context.authority, str_from(text), now_ms, &got, &expires_ms);
}

static int read_refresh(const char *text, int64_t now_ms)
{
        authorization_finish(&got);
        return token_read_refresh(w.context.authority, str_from(text), now_ms, &got, &generation);
}

static void end(void)
{
        authorization_finish(&got);
        world_close(&w);
}

Test(token, says_what_was_sealed_into_it)
{
        char *text;

        begin();
        text = token_make_access(w.context.authority, &of, NOW + 1000);
        check_int(read_access(text, NOW), 0);
        check_int(expires_ms, NOW + 1000);
        cr_assert_str_eq(got.family, family);
        cr_assert_str_eq(got.email, "ada@example.com");
        cr_assert_str_eq(got.subject, "7");
        cr_assert_str_eq(got.domain, "example.com");
        cr_assert_str_eq(got.client, "c");
        cr_assert_str_eq(got.groups[0], "mail");
        cr_assert_str_eq(got.scopes[0], "mcp");
        cr_assert_str_eq(got.resource, WORLD_URL "/mcp");
        check_int(read_access(text, NOW + 1000), TOKEN_E_EXPIRED);
        free(text);
        text = token_make_refresh(w.context.authority, &of, 7);
        check_int(read_refresh(text, NOW), 0);
        check_int(generation, 7);
        check_int(read_refresh(text, of.ends_ms), TOKEN_E_EXPIRED);
        free(text);
        end();
}

Test(token, is_good_when_it_is_known_which_logins_have_ended)
{
        char *text;

        world_open(&w, false);
        of = world_authorization(family);
        text = token_make_access(w.context.authority, &of, NOW + 1000);
        check_int(read_access(text, NOW), TOKEN_E_UNSURE);
        free(text);
        end();
}

Test(token, of_who_signed_in_by_the_file_is_good_while_they_stand_there)
{
        static const char listed[] =
                "{\"users\": [{\"email\": \"ada@example.com\", \"sha256\": \""
                "0000000000000000000000000000000000000000000000000000000000000000\"}]}";
        char path[] = "/tmp/mgw-users-XXXXXX", *access, *refresh;
        int fd = mkstemp(path);

        begin();
        of.is_of_file = true;
        access = token_make_access(w.context.authority, &of, NOW + 1000);
        refresh = token_make_refresh(w.context.authority, &of, 1);
        check_int((int)write(fd, listed, strlen(listed)), (int)strlen(listed));
        check_int(user_table_create(&w.context.users, path, stderr), 0);
        check_int(read_access(access, NOW), 0);
        check_int(read_refresh(refresh, NOW), 0);
        check_int(ftruncate(fd, 0), 0);
        check_int((int)pwrite(fd, "{\"users\": []}", 13, 0), 13);
        check_int(user_table_reload(w.context.users, path, stderr), 0);
        check_int(read_access(access, NOW), TOKEN_E_OVER);
        check_int(read_refresh(refresh, NOW), TOKEN_E_OVER);
        free(access);
        free(refresh);
        user_table_destroy(w.context.users);
        close(fd);
        unlink(path);
        end();
}

Test(token, each_kind_is_good_as_that_kind_alone)
{
        static char redirect[] = "https://a.example/cb", challenge[] = "x";
        struct code code = {.redirect = redirect, .challenge = challenge}, other;
        char *texts[3];

        begin();
        code.authorization = of;
        texts[0] = token_make_access(w.context.authority, &of, NOW + 1000);
        texts[1] = token_make_refresh(w.context.authority, &of, 1);
        texts[2] = code_make(&w.context.authority->keys, &code, NOW);
        for (int i = 0; i < 3; i++) {
                check_int(read_access(texts[i], NOW), i == 0 ? 0 : TOKEN_E_BAD);
                check_int(read_refresh(texts[i], NOW), i == 1 ? 0 : TOKEN_E_BAD);
                check_int(code_read(&w.context.authority->keys, &other, str_from(texts[i]), NOW),
                          i == 2 ? 0 : SEAL_E_BAD);
                code_finish(&other);
        }
        check_int(code_read(&w.context.authority->keys, &other, str_from(texts[2]),
                            NOW + CODE_LIFE_MS),
                  SEAL_E_EXPIRED);
        code_finish(&other);
        for (int i = 0; i < 3; i++)
                free(texts[i]);
        end();
}

Test(token, none_that_was_changed_is_good)
{
        char *text;

        begin();
        text = token_make_access(w.context.authority, &of, NOW + 1000);
        for (size_t i = 0; i < strlen(text); i++) {
                text[i] ^= 1;
                check_int(read_access(text, NOW), TOKEN_E_BAD);
                text[i] ^= 1;
        }
        text[strlen(text) - 1] = '\0';
        check_int(read_access(text, NOW), TOKEN_E_BAD);
        check_int(read_access("", NOW), TOKEN_E_BAD);
        check_int(read_access("mgw1.", NOW), TOKEN_E_BAD);
        free(text);
        end();
}

Test(token, is_good_while_its_key_is_the_old_one)
{
        struct sealed_keys *keys;
        char *text;

        begin();
        keys = &w.context.authority->keys;
        text = token_make_access(w.context.authority, &of, NOW + 1000);
        memcpy(keys->old_key, keys->key, sizeof(keys->key));
        keys->key[0] ^= 1;
        check_int(read_access(text, NOW), TOKEN_E_BAD);
        keys->has_old_key = true;
        check_int(read_access(text, NOW), 0);
        free(text);
        text = token_make_access(w.context.authority, &of, NOW + 1000);
        keys->has_old_key = false;
        check_int(read_access(text, NOW), 0);
        free(text);
        end();
}

Test(token, has_no_more_groups_than_fit)
{
        char **groups = NULL, *text;

        begin();
        for (int i = 0; i < 200; i++)
                (void)strv_add_take(&groups, alloc_format("%036d", i));
        of.groups = groups;
        text = token_make_access(w.context.authority, &of, NOW + 1000);
        cr_assert_lt(strlen(text), 8192);
        check_int(read_access(text, NOW), 0);
        check_int(strv_count((const char *const *)got.groups), AUTHORIZATION_GROUPS_MAX_BYTES / 39);
        strv_free(groups);
        free(text);
        end();
}
