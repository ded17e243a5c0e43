/* Finds the result in the text of a JSON-RPC response while it comes, so that a big one can be
 * passed on without being held or parsed. */
#pragma once

#include "mgw/base/str.h"

#include <stdint.h>

enum rpc_result_outcome {
        RPC_RESULT_MORE,  /* all bytes taken */
        RPC_RESULT_PIECE, /* *piecep is the next part of the result, borrowed from the input */
        RPC_RESULT_END,   /* the response is complete */
        RPC_RESULT_BAD,   /* no JSON, deeper than RPC_DEPTH_MAX, or no response with one result */
};

/* What a reader knows of the response's id, where that is no integer over 0 (or 3.0, or "3"). */
#define RPC_RESULT_ID_UNKNOWN 0 /* it has not come */
#define RPC_RESULT_ID_OTHER (-1)

/* Zeroed is ready. What it checks: brackets, strings, and the members of the response itself; what
 * stands between the brackets of the result is for its reader to judge. */
struct rpc_result_reader {
        uint64_t braces; /* bit n: level n is an object, not an array */
        uint8_t depth;   /* of brackets open in the member's value */
        uint8_t at;      /* enum in rpc_result.c */
        uint8_t n_key;
        char key[10];
        int64_t id; /* as far as it has come */
        bool in_string, is_escaped;
        bool is_fraction;               /* of the id: it may be 3.0 */
        bool is_result, is_id, is_null; /* the value being read (null: it must be that) */
        bool has_result;
};

/* Takes up to n bytes; *usedp says how many. A result is given in one line: line ends between its
 * tokens are left out. */
enum rpc_result_outcome rpc_result_feed(struct rpc_result_reader *r, const char *p, size_t n,
                                        size_t *usedp, struct str *piecep);
/* head is the beginning of a text. Is it that of a response whose result is under way? *idp is its
 * id then, when that stands before the result. */
bool rpc_result_is_under_way(struct str head, int64_t *idp);
