#include "mgw/auth/scope.h"

#include "mgw/auth/authority.h"
#include "mgw/auth/policy.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"

#include <stdlib.h>
#include <string.h>

static const char basic[] = "mcp";

char **scope_all(const struct policy *policy)
{
        char *const *more = policy != NULL ? policy_scopes(policy) : NULL;
        char **all = NULL;

        (void)strv_add_take(&all, alloc_text(basic));
        for (; more != NULL && *more != NULL; more++)
                if (strcmp(*more, basic) != 0)
                        (void)strv_add_take(&all, alloc_text(*more));
        return all;
}

char *const *scope_supported(const struct context *context)
{
        return context->authority->scopes;
}

static bool has(char *const *list, struct str scope)
{
        for (; list != NULL && *list != NULL; list++)
                if (str_eq(str_from(*list), scope))
                        return true;
        return false;
}

char **scope_choose(const struct context *context, const char *text)
{
        char *const *supported = scope_supported(context);
        struct str rest = str_from(text);
        char **chosen = NULL;

        for (; rest.n == 0 && *supported != NULL; supported++)
                (void)strv_add_take(&chosen, alloc_text(*supported));
        while (rest.n > 0) {
                struct str one = str_cut(&rest, ' ');

                if (has(supported, one) && !has(chosen, one))
                        (void)strv_add_take(&chosen, alloc_str(one));
        }
        return chosen;
}

bool scope_has_all(char *const *list, const char *text)
{
        struct str rest = str_from(text);

        while (rest.n > 0) {
                struct str one = str_cut(&rest, ' ');

                if (one.n > 0 && !has(list, one))
                        return false;
        }
        return true;
}

char *scope_text(char *const *list)
{
        char *text = alloc_text("");

        for (; list != NULL && *list != NULL; list++) {
                char *longer = alloc_format("%s%s%s", text, text[0] != '\0' ? " " : "", *list);

                free(text);
                text = longer;
        }
        return text;
}

const char *scope_in_words(const char *scope)
{
        return strcmp(scope, basic) == 0
                       ? "use the tools, prompts and resources that you may use here"
                       : NULL;
}
