/* What the files of rest share: the compiled description, and templates of JSON. */
#pragma once

#include "mgw/mcp/rest.h"
#include "mgw/mcp/schema.h"

struct rest_tool {
        char *name;
        json_t *spec; /* the tool's part of the description */
        struct schema *input;
        struct schema *output; /* NULL: none */
        const char *method;    /* these borrow from spec */
        const char *path;
        const char *pointer; /* "" = the whole answer */
        json_t *query, *headers, *body, *errors, *paging;
        bool is_form;
        bool has_body;
        unsigned pages_max;
};

struct rest {
        json_t *description;
        json_t *shown; /* for tools/list */
        char *base_url;
        size_t n_tools;
        struct rest_tool tools[];
};

/* A template of JSON: "{name}" stands for an argument's value, {"$mail": {...}} for a message. */

/* Says what is wrong in one: 0, REST_E_FAULT. input: the inputSchema. */
int template_check(const json_t *template, const json_t *input, char *why, size_t why_size);
/* Is name an argument that the inputSchema knows? */
bool template_knows(const json_t *input, struct str name);
/* *filledp NULL: nothing is left of it. 0, REST_E_CALL with why, -ENOMEM. */
int template_fill(const json_t *template, const json_t *arguments, json_t **filledp, char *why,
                  size_t why_size);

/* {"to", "cc", "bcc", "subject", "text"...} as a message (RFC 5322) in base64url. 0, REST_E_CALL
 * with why, -ENOMEM. */
int mail_encode(const json_t *parts, json_t **textp, char *why, size_t why_size);
