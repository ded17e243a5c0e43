/* A table: a row for each revision, a column for each difference. A new revision is a row here. */
#include "mgw/mcp/era.h"

#include <errno.h>
#include <string.h>

struct revision {
        const char *name;
        bool is_stateless;
        bool has_batches;
        bool primes_streams;
        bool implies_completions;
        bool has_audio;
        bool has_resource_links;
        bool has_url_elicitation;
        bool has_choices;
        bool has_sampling_blocks;
};

/* In the order of their dates. */
static const struct revision revisions[] = {
        {.name = "2024-11-05", .implies_completions = true},
        {.name = "2025-03-26", .has_batches = true, .has_audio = true},
        {.name = "2025-06-18", .has_audio = true, .has_resource_links = true},
        {.name = "2025-11-25",
         .primes_streams = true,
         .has_audio = true,
         .has_resource_links = true,
         .has_url_elicitation = true,
         .has_choices = true,
         .has_sampling_blocks = true},
        {.name = "2026-07-28",
         .is_stateless = true,
         .has_audio = true,
         .has_resource_links = true,
         .has_url_elicitation = true,
         .has_choices = true,
         .has_sampling_blocks = true},
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

bool era_is_stateless(era_revision revision)
{
        return revisions[revision].is_stateless;
}

static era_revision newest(bool is_stateless)
{
        size_t i = N_REVISIONS - 1;

        while (revisions[i].is_stateless != is_stateless)
                i--;
        return (era_revision)i;
}

era_revision era_newest(void)
{
        return newest(false);
}

era_revision era_newest_stateless(void)
{
        return newest(true);
}

era_revision era_negotiate(struct str asked)
{
        era_revision revision;

        if (era_revision_find(asked, &revision) == 0 && !revisions[revision].is_stateless)
                return revision;
        return era_newest();
}

int era_choose(const json_t *names, era_revision *revisionp)
{
        for (size_t i = N_REVISIONS; i-- > 0;) {
                const json_t *name;
                size_t at;

                json_array_foreach (names, at, name)
                        if (json_is_string(name) &&
                            strcmp(json_string_value(name), revisions[i].name) == 0) {
                                *revisionp = (era_revision)i;
                                return 0;
                        }
        }
        return -ENOENT;
}

json_t *era_supported(void)
{
        json_t *names = json_array();

        for (size_t i = N_REVISIONS; i-- > 0;)
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

bool era_has_audio(era_revision revision)
{
        return revisions[revision].has_audio;
}

bool era_has_resource_links(era_revision revision)
{
        return revisions[revision].has_resource_links;
}

bool era_has_url_elicitation(era_revision revision)
{
        return revisions[revision].has_url_elicitation;
}

bool era_has_choices(era_revision revision)
{
        return revisions[revision].has_choices;
}

bool era_has_sampling_blocks(era_revision revision)
{
        return revisions[revision].has_sampling_blocks;
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
                return revisions[*revisionp].is_stateless ? ERA_VERSION_STATELESS
                                                          : ERA_VERSION_SESSION;
        return is_stateless(header) ? ERA_VERSION_STATELESS : ERA_VERSION_UNSUPPORTED;
}

struct str era_claimed_in_meta(const json_t *params)
{
        return str_from(json_string_value(json_object_get(
                json_object_get(params, "_meta"), "io.modelcontextprotocol/protocolVersion")));
}
