/* What servers list and answer, by the schemas of MCP: what a strict client would refuse, and all
 * that came with it, is mended where that loses nothing, else left out. The shapes are those that
 * all revisions have in common; where they differ, mgw/mcp/bridge.h makes the older one.
 *
 * Mended: a member that is null goes where none may be; a number or a truth value for a text
 * becomes its text; [] for an object (PHP) and {} for an array (Lua) become what they should be,
 * one thing for a list of such things a list of one; base64 of other alphabets, or in a data: URL,
 * becomes the standard one; what may not stand in a URI is percent-encoded. Left out: a member that
 * may be missing; else what it is a member of. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* An entry of a list by its key: "tools", "prompts", "resources", "resourceTemplates". Mends it in
 * place. True: it is sound now; why is what was left out of it, "" when nothing was. False: it
 * cannot be shown, and why says what is wrong. why: 160 bytes will do; it quotes no text of the
 * entry. The URI of a resource stays as its server knows it, and is one that can be mended. */
bool shape_mend_entry(const char *list_key, json_t *entry, char *why, size_t why_size);
/* Takes an outputSchema from a tool that nobody can check by: a client that compiles it may refuse
 * the list that it came in. True: there was one, and why says what is wrong with it (400 bytes). */
bool shape_drop_unsound_output(json_t *tool, char *why, size_t why_size);
/* The result of a request; the same, but what cannot be mended is made an empty one. Results of
 * other kinds (input required, tasks) are left alone. False: something was left out, and why says
 * what. */
bool shape_mend_result(const char *method, json_t *result, char *why, size_t why_size);
/* The params of a notification, NULL: none; method: its name. False: it says nothing that a client
 * could read, and why says what is wrong (160 bytes). */
bool shape_mend_notice(const char *method, json_t *params, char *why, size_t why_size);
/* An error whose code promises data that it has not becomes one that promises none. */
void shape_mend_error(json_t *error);
/* The result of initialize or server/discover: its "capabilities" are an object of objects then. */
void shape_mend_init_result(json_t *hello);
