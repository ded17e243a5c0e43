/* What the files of rest share: the compiled description, and templates of JSON. */
#pragma once

#include "mgw/rest/rest.h"
#include "mgw/schema/schema.h"
#include "rest_style.h"

enum rest_place { REST_PATH, REST_QUERY, REST_HEADER, REST_COOKIE };

/* An argument that is sent as a parameter; the texts borrow from spec. */
struct rest_parameter {
        const char *argument;
        const char *name; /* as the API calls it */
        enum rest_place place;
        struct style style;
        bool is_json; /* its text is JSON */
};

enum rest_body {
        REST_BODY_NONE,
        REST_BODY_JSON,
        REST_BODY_FORM,
        REST_BODY_MULTIPART,
        REST_BODY_TEXT,
        REST_BODY_BASE64, /* the bytes that the text stands for */
};

struct rest_tool {
        char *name;
        json_t *spec;         /* the tool's part of the description */
        const json_t *input;  /* these borrow from spec */
        const json_t *output; /* NULL: none */
        const char *method;
        const char *path;
        const char *pointer; /* "" = the whole answer */
        char *base_url;      /* its own; NULL: the API's */
        json_t *query, *headers, *body, *encoding, *errors, *paging;
        json_t *security; /* names of schemes: one of these lists of them is enough; NULL: none */
        struct rest_parameter *parameters;
        size_t n_parameters;
        enum rest_body body_type;
        const char *content_type; /* of the body */
        bool is_body_optional;    /* none is sent where nothing is left of it */
        unsigned pages_max;
};

struct rest {
        json_t *description;
        json_t *shown; /* for tools/list */
        char *base_url;
        bool fills_all; /* defaults of all arguments are sent, else those of required ones */
        size_t n_tools;
        struct rest_tool tools[];
};

/* A template of JSON: "{name}" stands for an argument's value, {"$mail": {...}} for a message. */

/* Says what is wrong in one: 0, REST_E_FAULT. input: the inputSchema. */
int rest_template_check(const json_t *template, const json_t *input, char *why, size_t why_size);
/* Is name an argument that the inputSchema knows? */
bool rest_template_knows(const json_t *input, struct str name);
/* *filledp NULL: nothing is left of it. 0, REST_E_CALL with why, -ENOMEM. */
int rest_template_fill(const json_t *template, const json_t *arguments, json_t **filledp, char *why,
                       size_t why_size);

/* {"to", "cc", "bcc", "subject", "text"...} as a message (RFC 5322) in base64url. 0, REST_E_CALL
 * with why, -ENOMEM. */
int rest_mail_encode(const json_t *parts, json_t **textp, char *why, size_t why_size);

/* Does the value fit? As schema_check(). */
int rest_schema_check(const json_t *schema, const json_t *value, char *why, size_t why_size);

/* Reads the "parameters" of a tool. 0, REST_E_FAULT with why, -ENOMEM. */
int rest_parameters_read(struct rest_tool *tool, const json_t *input, char *why, size_t why_size);
/* Appends one as it is sent, nothing where its argument is missing. 0, BUF_E_FULL, -ENOMEM. */
int rest_parameter_add(const struct rest_parameter *parameter, const json_t *arguments,
                       struct buf *out);

/* What is to be sent on its way: where it is made, and what is wrong with it. */
struct making {
        const struct rest_run *run;
        struct rest_request *request;
        char *why;
        size_t why_size;
};

/* REST_E_CALL with "what: reason". */
int rest_making_refuse(const struct making *m, const char *what, const char *reason);
/* The outcome of a write to a URL or body; reason: that of what is neither full nor out of memory.
 */
int rest_making_outcome(const struct making *m, const char *what, int r, const char *reason);
/* A header that is not there yet. 0, -ENOMEM. */
int rest_making_header(const struct making *m, const char *name, const char *value);
/* The body, and its Content-Type. 0, REST_E_CALL, -ENOMEM. */
int rest_body_make(const struct making *m);
/* Says what is wrong with body, body_type and encoding. 0, REST_E_FAULT. */
int rest_body_read(struct rest_tool *tool, char *why, size_t why_size);

/* What stands for the gateway, from its credentials, "scheme=value" each, as the tool wants it:
 * into headers, and behind query and cookies. What was used is kept in the request's secrets. 0,
 * -ENOMEM, BUF_E_FULL. */
int rest_security_add(const struct making *m, const char *const *credentials, struct buf *query,
                      struct buf *cookies);
/* Says what is wrong with the "security_schemes" of a description. 0, REST_E_FAULT. */
int rest_security_check(json_t *schemes, char *why, size_t why_size);
