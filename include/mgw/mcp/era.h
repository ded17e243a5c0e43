/* Every difference between the revisions of MCP. No other file compares revisions or knows a date.
 * A revision is an opaque small number. The sse era is HTTP+SSE, the session era Streamable HTTP
 * with sessions; the stateless era has no sessions. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A revision that we speak. Those of the sse and session eras are kept by a session, as initialize
 * negotiates them. */
typedef uint8_t era_revision;

/* The revision with that name. 0, -ENOENT. */
int era_revision_find(struct str name, era_revision *revisionp);
const char *era_revision_name(era_revision revision);
bool era_is_stateless(era_revision revision);
/* The newest session-keeping revision that we speak, and the newest stateless one. */
era_revision era_newest(void);
era_revision era_newest_stateless(void);
/* What initialize answers: the asked revision when we speak it, else our newest (lifecycle, version
 * negotiation). */
era_revision era_negotiate(struct str asked);
/* The newest in an array of names (supportedVersions, data.supported) that we speak. 0, -ENOENT. */
int era_choose(const json_t *names, era_revision *revisionp);
/* An array of the names of all revisions that we speak, newest first. */
json_t *era_supported(void);

/* May a POST carry an array of messages? */
bool era_has_batches(era_revision revision);
/* Does a resumable stream begin with an event that has an id and empty data? */
bool era_primes_streams(era_revision revision);
/* May a server complete arguments without having declared so? */
bool era_implies_completions(era_revision revision);

/* Has content of type audio? Of type resource_link? */
bool era_has_audio(era_revision revision);
bool era_has_resource_links(era_revision revision);
/* May a server send the user to a URL (elicitation mode "url")? Ask for several of some choices? */
bool era_has_url_elicitation(era_revision revision);
bool era_has_choices(era_revision revision);
/* May a message of sampling have several blocks of content, and use tools? */
bool era_has_sampling_blocks(era_revision revision);

/* What an MCP-Protocol-Version header says (empty: not sent). */
enum era_version {
        ERA_VERSION_NONE,
        ERA_VERSION_SESSION,     /* a revision with sessions that we speak: in *revisionp */
        ERA_VERSION_STATELESS,   /* 2026-07-28 or later, spoken here or not */
        ERA_VERSION_UNSUPPORTED, /* anything else */
};
enum era_version era_version_read(struct str header, era_revision *revisionp);
/* The revision that a message claims in params._meta (the stateless era), or the empty string. */
struct str era_claimed_in_meta(const json_t *params);
