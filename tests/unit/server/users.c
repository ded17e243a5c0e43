#include "users.h"

#include "gateway.h"
#include "mgw/core/user.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char users_ada[200], users_bob[200];
static char path[200];

void users_add(char *header, const char *email, unsigned days)
{
        char *out = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&out, &n);

        cr_assert_eq(user_token_make(email, days, path, f, stderr), 0);
        fclose(f);
        snprintf(header, 200, "Bearer %.*s", (int)strcspn(out, "\n"), out);
        free(out);
}

void users_forget(void)
{
        unlink(path);
}

static void start(void (*by)(const char *servers, const char *settings), const char *servers,
                  const char *more)
{
        char settings[800];

        snprintf(path, sizeof(path), "%s", gateway_file("tokens.json", "{}"));
        unlink(path);
        users_add(users_ada, "ada@example.com", 30);
        users_add(users_bob, "bob@example.com", 30);
        snprintf(settings, sizeof(settings), "'auth':{'tokens_file':'%s'}%s", path, more);
        by(servers, settings);
}

void users_start(const char *servers, const char *more)
{
        start(gateway_start, servers, more);
}

void users_start_over(const char *servers, const char *more)
{
        start(gateway_start_over, servers, more);
}

void users_reload(const char *servers, const char *more)
{
        char settings[800];

        snprintf(settings, sizeof(settings), "'auth':{'tokens_file':'%s'}%s", path, more);
        gateway_reload(servers, settings);
}
