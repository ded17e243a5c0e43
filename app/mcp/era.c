#include "mgw/mcp/era.h"

#include <errno.h>

struct revision {
        const char *name;
        bool has_batches;
        bool primes_streams;
        bool implies_completions;
};

static const struct revision revisions[] = {
        {.name = "2024-11-05", .implies_completions = true},
        {.name = "2025-03-26", .has_batches = true},
        {.name = "2025-06-18"},
        {.name = "2025-11-25", .primes_streams = true},
};

#define N_REVISIONS (sizeof(revisions) / sizeof(revisions[0]))

/* The first revision without sessions; later ones are of its kind. */
static const char first_stateless[] = "2026-07-28";

int era_revision_find(struct str name, era_revision *revisionp)
{
        for (size_t i = 0; i < N_REVISIONS; i++)
                if (str_eq(name, str_from(revisions[i].name))) {
                        *revisionp = (era_revision)i;
                        return 0;
                }
        return -ENOENT;
}

const char *era_revision_name(era_revision revision)
{
        return revisions[revision].name;
}

era_revision era_newest(void)
{
        return N_REVISIONS - 1;
}

era_revision era_negotiate(struct str asked)
{
        era_revision revision;

        return era_revision_find(asked, &revision) == 0 ? revision : era_newest();
}

json_t *era_supported(void)
{
        json_t *names = json_array();

        for (size_t i = N_REVISIONS; i-- > 0 && names != NULL;)
                json_array_append_new(names, json_string(revisions[i].name));
        return names;
}

bool era_has_batches(era_revision revision)
{
        return revisions[revision].has_batches;
}

bool era_primes_streams(era_revision revision)
{
        return revisions[revision].primes_streams;
}

bool era_implies_completions(era_revision revision)
{
        return revisions[revision].implies_completions;
}

static bool is_date(struct str s)
{
        if (s.n != sizeof(first_stateless) - 1)
                return false;
        for (size_t i = 0; i < s.n; i++) {
                bool is_dash = i == 4 || i == 7;

                if (is_dash ? s.p[i] != '-' : s.p[i] < '0' || s.p[i] > '9')
                        return false;
        }
        return true;
}

static bool is_stateless(struct str s)
{
        if (!is_date(s))
                return false;
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] != first_stateless[i])
                        return s.p[i] > first_stateless[i];
        return true;
}

enum era_version era_version_read(struct str header, era_revision *revisionp)
{
        if (header.n == 0)
                return ERA_VERSION_NONE;
        if (era_revision_find(header, revisionp) == 0)
                return ERA_VERSION_SESSION;
        return is_stateless(header) ? ERA_VERSION_STATELESS : ERA_VERSION_UNSUPPORTED;
}

struct str era_claimed_in_meta(const json_t *params)
{
        return str_from(json_string_value(json_object_get(
                json_object_get(params, "_meta"), "io.modelcontextprotocol/protocolVersion")));
}
