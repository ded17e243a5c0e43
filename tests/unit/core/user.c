#include "mgw/core/identity.h"
#include "mgw/core/share.h"
#include "mgw/wire/hdr.h"

#include "../check.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/mgw-users-XXXXXX";
static char path[64];
static struct user_table *table;
static char *said;

static void set_up(void)
{
        cr_assert_not_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/tokens.json", dir);
}

static void tear_down(void)
{
        user_table_destroy(table);
        free(said);
        unlink(path);
        rmdir(dir);
}

TestSuite(user, .init = set_up, .fini = tear_down);

/* Makes a token into the file; returns "Bearer <token>". */
static char *make(const char *email, unsigned days)
{
        char *out = NULL, *header = NULL;
        size_t size;
        FILE *f = open_memstream(&out, &size);

        check_int(user_token_make(email, days, path, f, stderr), 0);
        fclose(f);
        out[strcspn(out, "\n")] = '\0';
        cr_assert(asprintf(&header, "Bearer %s", out) > 0);
        free(out);
        return header;
}

static enum user_verdict find(const char *authorization, int64_t wall_ms, struct user **userp)
{
        uint8_t digest[USER_DIGEST_BYTES];
        struct identity *identity = NULL;
        enum user_verdict verdict;

        user_digest(hdr_bearer(str_from(authorization)), digest);
        verdict = user_find(table, digest, wall_ms, &identity);
        if (identity != NULL) {
                cr_expect_eq(identity->source, IDENTITY_FILE);
                cr_expect(identity_has_scope(identity, "any"));
                *userp = identity->user;
        }
        identity_let_go(identity);
        return verdict;
}

static void write_file(const char *text)
{
        FILE *f = fopen(path, "w");

        fputs(text, f);
        fclose(f);
        chmod(path, 0600);
}

static int create(void)
{
        size_t size;
        FILE *err = open_memstream(&said, &size);
        int r = user_table_create(&table, path, err);

        fclose(err);
        return r;
}

Test(user, without_a_file_everybody_is_anonymous)
{
        const struct user *user;

        check_int(user_table_create(&table, "", stderr), 0);
        user = user_table_anonymous(table)->user;
        cr_assert_str_eq(user->email, "anonymous");
        cr_assert(user->is_anonymous);
}

Test(user, a_made_token_opens_the_door_to_its_user_only)
{
        char *ada = make("ada@example.com", 1), *bob = make("bob@example.com", 1);
        char *ada_too = make("ada@example.com", 1);
        struct user *one, *two, *three;
        struct stat st;

        check_int(create(), 0);
        check_int(find(ada, 0, &one), USER_OK);
        check_int(find(bob, 0, &two), USER_OK);
        check_int(find(ada_too, 0, &three), USER_OK);
        cr_assert_str_eq(one->email, "ada@example.com");
        cr_assert_str_eq(two->email, "bob@example.com");
        cr_assert_eq(one, three, "several tokens, one user");
        stat(path, &st);
        check_int(st.st_mode & 0777, 0600);
        free(ada);
        free(bob);
        free(ada_too);
}

Test(user, wrong_and_old_tokens_are_told_apart)
{
        char *ada = make("ada@example.com", 1);
        struct user *user;

        check_int(create(), 0);
        check_int(find("", 0, &user), USER_BAD_TOKEN);
        check_int(find("Bearer mgw_wrong", 0, &user), USER_BAD_TOKEN);
        check_int(find(ada, INT64_MAX, &user), USER_EXPIRED);
        free(ada);
}

Test(user, a_reload_takes_new_tokens_and_keeps_old_users_alive)
{
        char *ada = make("ada@example.com", 1), *bob;
        struct user *before, *after;

        check_int(create(), 0);
        check_int(find(ada, 0, &before), USER_OK);
        bob = make("bob@example.com", 1);
        check_int(find(bob, 0, &after), USER_BAD_TOKEN);
        check_int(user_table_reload(table, path, stderr), 0);
        check_int(find(bob, 0, &after), USER_OK);
        check_int(find(ada, 0, &after), USER_OK);
        cr_assert_eq(before, after);
        free(ada);
        free(bob);
}

/* A file of n users; the token of user i is "token-i". The first once more at the end, with bob. */
static void write_many(unsigned n)
{
        FILE *f = fopen(path, "w");

        fputs("{\"users\": [", f);
        for (unsigned i = 0; i <= n; i++) {
                char token[32];
                uint8_t hash[32];
                int n_token = snprintf(token, sizeof(token), "token-%u", i < n ? i : 0);

                EVP_Digest(token, (size_t)n_token, hash, NULL, EVP_sha256(), NULL);
                fprintf(f, "%s{\"email\": \"u%u@example.com\", \"sha256\": \"", i > 0 ? "," : "",
                        i % 10);
                for (unsigned k = 0; k < sizeof(hash); k++)
                        fprintf(f, "%02x", hash[k]);
                fprintf(f, "\"}");
        }
        fputs("]}", f);
        fclose(f);
        chmod(path, 0600);
}

Test(user, each_of_many_tokens_is_found_and_of_two_alike_the_last_holds)
{
        struct user *user;
        char header[64], email[32];

        write_many(5003);
        check_int(create(), 0);
        for (unsigned i = 1; i < 5003; i++) {
                snprintf(header, sizeof(header), "Bearer token-%u", i);
                snprintf(email, sizeof(email), "u%u@example.com", i % 10);
                check_int(find(header, 0, &user), USER_OK);
                cr_assert_str_eq(user->email, email);
        }
        check_int(find("Bearer token-0", 0, &user), USER_OK);
        cr_assert_str_eq(user->email, "u3@example.com", "the last entry's");
        check_int(find("Bearer token-5003", 0, &user), USER_BAD_TOKEN);
        write_many(1);
        check_int(user_table_reload(table, path, stderr), 0);
        check_int(find("Bearer token-0", 0, &user), USER_OK);
        check_int(find("Bearer token-1", 0, &user), USER_BAD_TOKEN);
}

Test(user, a_broken_file_at_reload_changes_nothing)
{
        char *ada = make("ada@example.com", 1);
        struct user *user;
        FILE *null = fopen("/dev/null", "w");

        check_int(create(), 0);
        write_file("{\"users\": [{\"email\": \"ada@example.com\"}]}");
        cr_assert(user_table_reload(table, path, null) < 0);
        check_int(find(ada, 0, &user), USER_OK);
        fclose(null);
        free(ada);
}

Test(user, faults_of_the_file_are_told)
{
        cr_assert(create() < 0);
        cr_assert_not_null(strstr(said, "cannot be read: No such file or directory"), "%s", said);
        free(said);
        write_file("{\"users\": [{\"email\": \"a b\", \"sha256\": \"00\"}]}");
        cr_assert(create() < 0);
        cr_assert_not_null(strstr(said, "users[0]: \"email\" must be"), "%s", said);
}

Test(user, emails_that_are_none_get_no_token)
{
        FILE *null = fopen("/dev/null", "w");

        cr_assert(user_token_make("nobody", 1, path, null, null) < 0);
        cr_assert(user_token_make("a@b\n", 1, path, null, null) < 0);
        cr_assert(access(path, F_OK) < 0);
        fclose(null);
}

/* ---- users that are made ---- */

static struct user *made(const char *email, int64_t until_ms)
{
        return user_of_email(table, str_from(email), until_ms);
}

Test(user, one_that_is_made_lives_while_it_is_held)
{
        struct user *one, *two;

        check_int(user_table_create(&table, "", stderr), 0);
        one = made("ada@example.com", 10);
        cr_assert(one->has_token && one->is_made);
        two = made("ada@example.com", 5);
        cr_assert_eq(one, two);
        check_int(one->token_until_ms, 10);
        user_let_go(two);
        cr_assert_str_eq(one->email, "ada@example.com");
        user_let_go(one);
        two = made("ada@example.com", 5);
        check_int(two->token_until_ms, 5); /* it has begun anew */
        user_let_go(two);
        user_let_go(NULL);
}

Test(user, one_of_the_file_is_found_and_stays)
{
        char *ada = make("ada@example.com", 1);
        struct user *listed, *found;

        check_int(create(), 0);
        check_int(find(ada, 0, &listed), USER_OK);
        found = made("ada@example.com", 5);
        cr_assert_eq(found, listed);
        cr_assert_not(found->is_made);
        user_let_go(found);
        check_int(find(ada, 0, &found), USER_OK);
        cr_assert_eq(found, listed);
        free(ada);
}

Test(user, one_whose_token_has_gone_is_not_listed_whatever_else_they_come_with)
{
        char *ada = make("ada@example.com", 1);
        int64_t now_ms = (int64_t)time(NULL) * 1000;

        check_int(create(), 0);
        cr_assert(user_is_listed(table, "ada@example.com", now_ms));
        cr_assert_not(user_is_listed(table, "ada@example.com", now_ms + INT64_C(2) * 86400000));
        cr_assert_not(user_is_listed(table, "bob@example.com", now_ms));
        write_file("{\"users\": []}");
        check_int(user_table_reload(table, path, stderr), 0);
        user_let_go(made("ada@example.com", 0));
        cr_assert_not(user_is_listed(table, "ada@example.com", now_ms));
        free(ada);
}

Test(user, one_that_is_made_and_comes_into_the_file_stays)
{
        char *bob = make("bob@example.com", 1), *ada;
        struct user *user, *found;

        check_int(create(), 0);
        user = made("ada@example.com", 5);
        ada = make("ada@example.com", 1);
        check_int(user_table_reload(table, path, stderr), 0);
        cr_assert_not(user->is_made);
        user_let_go(user);
        check_int(find(ada, 0, &found), USER_OK);
        cr_assert_eq(found, user);
        free(ada);
        free(bob);
}

Test(user, tokens_of_issuers_and_logins_end_too)
{
        struct user *user;

        check_int(user_table_create(&table, "", stderr), 0);
        user = made("ada@example.com", 1000);
        check_int((int)user_table_check(table, 999), 1000);
        cr_assert(user->has_token);
        cr_assert_eq(user_table_check(table, 1000), INT64_MAX);
        cr_assert_not(user->has_token);
        user_let_go(made("ada@example.com", 2000));
        cr_assert(user->has_token, "it came with another");
        user_let_go(user);
}

Test(user, nobody_is_made_of_what_is_no_address_or_of_everybody)
{
        check_int(user_table_create(&table, "", stderr), 0);
        cr_assert_null(made("", 5));
        cr_assert_null(made("a b@example.com", 5));
        cr_assert_null(made("a@b\n", 5));
        cr_assert_null(made("anonymous", 5));
}

Test(user, so_many_are_made_and_no_more)
{
        static struct user *users[USERS_MADE_MAX];
        char email[32];

        check_int(user_table_create(&table, "", stderr), 0);
        for (size_t i = 0; i < USERS_MADE_MAX; i++) {
                snprintf(email, sizeof(email), "u%zu@example.com", i);
                users[i] = made(email, 5);
                cr_assert_not_null(users[i]);
        }
        cr_assert_null(made("one.more@example.com", 5));
        user_let_go(users[0]);
        users[0] = made("one.more@example.com", 5);
        cr_assert_not_null(users[0]);
        for (size_t i = 0; i < USERS_MADE_MAX; i++)
                user_let_go(users[i]);
}
