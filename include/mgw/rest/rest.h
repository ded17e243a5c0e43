/* REST APIs as tools: a description (docs/rest.md) says what each tool sends and what of the answer
 * is its result. No I/O: a run says what to send next, is given the answer, and makes the result
 * of tools/call of it. */
#pragma once

#include "mgw/base/buf.h"

#include <jansson.h>

#define REST_E_FAULT 1 /* the description is wrong */
#define REST_E_CALL 2  /* the call cannot be made; it is the caller's to mend */
#define REST_MORE 3    /* there is another page to ask for */

/* The longest answer that is read, all pages together. */
#define REST_ANSWER_MAX_BYTES (8u << 20)

struct rest;
struct rest_tool;

/* Who is told what is wrong in a description, fault by fault: under which key ("tools.list.path";
 * "": the whole), and why. */
struct rest_faults {
        void (*on_fault)(void *owner, const char *key, const char *why);
        void *owner;
        /* A tool with a fault is left out, and the rest is sound. Schemas have been checked by who
         * made the description. */
        bool leaves_out;
};

/* Reads and checks a description, which is held, and not to be changed from then on; base_url, when
 * not NULL, stands for the one in it. 0: *restp owned by the caller. REST_E_FAULT: every fault has
 * been told. -ENOMEM. */
int rest_create(const json_t *description, const char *base_url, struct rest **restp,
                const struct rest_faults *faults);
void rest_destroy(struct rest *rest);
/* The array of tools as tools/list shows it; borrowed. */
json_t *rest_tools(const struct rest *rest);
/* Its "security_schemes", by name, borrowed; NULL: none. */
json_t *rest_security_schemes(const struct rest *rest);

/* One tools/call, from its arguments to its result. */
struct rest_run {
        const struct rest *rest;
        const struct rest_tool *tool;
        json_t *arguments;
        json_t *items; /* of the pages so far */
        unsigned n_pages;
};

/* What is to be sent; owns its memory. */
struct rest_request {
        const char *method;
        char *url;
        char **headers; /* "Name: value", ended by NULL */
        char *body;     /* NULL: none */
        size_t body_n;
        char **secrets; /* that stand in it; ends with NULL; NULL: none */
};

struct rest_answer {
        unsigned status;
        struct str content_type;
        int64_t retry_after_s; /* -1: it did not say */
        struct str body;
        const char *const *secrets; /* what an error result must not quote; NULL, or ends with it */
};

/* params of tools/call. 0; REST_E_CALL with a sentence in why (500 bytes will do): arguments that
 * do not fit the inputSchema; -ENOENT: no such tool; -ENOMEM. To be finished in any case. */
int rest_run_init(struct rest_run *run, const struct rest *rest, const json_t *params, char *why,
                  size_t why_size);
void rest_run_finish(struct rest_run *run);
/* The next request. credentials: "scheme=value" each, for the description's security schemes; NULL
 * (which it ends with): none. 0, REST_E_CALL with why, -ENOMEM. To be finished in any case. */
int rest_run_request(const struct rest_run *run, const char *const *credentials,
                     struct rest_request *request, char *why, size_t why_size);
void rest_request_finish(struct rest_request *request);
/* Reads what came. 0: *resultp is a CallToolResult, owned by the caller. REST_MORE: another request
 * is to be made. -ENOMEM. server: the name in error results. */
int rest_run_answer(struct rest_run *run, const char *server, const struct rest_answer *answer,
                    json_t **resultp);

/* A CallToolResult that says what went wrong; NULL: out of memory. */
json_t *rest_error_result(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The short message that a JSON answer of status 400 and up gives, control characters out, each of
 * the secrets (NULL: none; ends with NULL) of 8 bytes and more as "*", cut to size; "": none. */
void rest_short_message(const json_t *body, const char *const *secrets, char *out, size_t size);
