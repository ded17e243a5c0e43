/* Messages in text that is no JSON: glued to other text, several at once, or broken. What is found
 * is a guess, good enough to tell whose answer was lost. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

/* The next object in *restp whose first member is one of an envelope's ("jsonrpc", "id", "method",
 * "params", "result", "error"), with all up to its last brace, or the end where that is missing.
 * Objects of another kind are passed over with what lies in them. false: none; else *restp is what
 * stands behind it. Walks the text once, and again behind 16 braces that are never closed. */
bool rpc_next_message(struct str *restp, struct str *messagep);

struct rpc_peek {
        json_t *id; /* a string or number, to be released; NULL: none was found */
        bool has_method;
        bool has_answer; /* a result or an error */
};

/* The members of the outermost object, in spite of faults between and behind them. Walks the text
 * once. */
void rpc_peek(struct str text, struct rpc_peek *peek);
