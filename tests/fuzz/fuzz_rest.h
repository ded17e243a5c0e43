/* What fuzz_rest and fuzz_openapi ask of a description and of the requests that come of it. */
#pragma once

#include "fuzz.h"
#include "mgw/rest/rest.h"

#include <errno.h>

#define BASE "https://api.example.com/v1"
#define WHY_SIZE 700

/* Words for a log or a model: UTF-8 without control characters. */
static inline void check_words(const char *words)
{
        struct str rest = str_from(words);
        uint32_t c;

        REQUIRE(rest.n > 0);
        while (rest.n > 0) {
                size_t n = str_utf8_first(rest, &c);

                REQUIRE(n > 0 && c >= 0x20 && c != 0x7f);
                rest.p += n;
                rest.n -= n;
        }
}

/* A URL in visible ASCII, and headers of one line each. */
static inline void check_request(const struct rest_request *request)
{
        REQUIRE(strncmp(request->url, "http", 4) == 0);
        for (const char *p = request->url; *p != '\0'; p++)
                REQUIRE(*p > 0x20 && *p < 0x7f);
        for (char **line = request->headers; *line != NULL; line++) {
                REQUIRE(strchr(*line, ':') != NULL);
                for (const char *p = *line; *p != '\0'; p++)
                        REQUIRE((unsigned char)*p >= 0x20 && *p != 0x7f);
        }
}

/* The next request of a run: 0, or it cannot be made. */
static inline int try_request(const struct rest_run *run)
{
        struct rest_request request;
        char why[WHY_SIZE] = "";
        int r = rest_run_request(run, NULL, &request, why, sizeof(why));

        REQUIRE(r == 0 || r == REST_E_CALL);
        if (r == 0)
                check_request(&request);
        else
                REQUIRE(why[0] != '\0');
        rest_request_finish(&request);
        return r;
}

static inline int try_call(struct rest_run *run, const struct rest *rest, const json_t *params)
{
        char why[WHY_SIZE] = "";
        int r = rest_run_init(run, rest, params, why, sizeof(why));

        REQUIRE(r == 0 || r == REST_E_CALL || r == -ENOENT);
        if (r == REST_E_CALL)
                REQUIRE(why[0] != '\0');
        return r;
}

static inline void on_fault(void *owner, const char *key, const char *why)
{
        unsigned *n = owner;

        (void)key;
        REQUIRE(why[0] != '\0');
        ++*n;
}

/* Reads a description; NULL: it has told what is wrong with it. */
static inline struct rest *try_description(const json_t *description)
{
        unsigned n_faults = 0;
        const struct rest_faults faults = {.on_fault = on_fault, .owner = &n_faults};
        struct rest *rest = NULL;
        int r = rest_create(description, BASE, &rest, &faults);

        REQUIRE(r == 0 ? n_faults == 0 && rest != NULL : r == REST_E_FAULT && n_faults > 0);
        return r == 0 ? rest : NULL;
}

/* What OpenAPI made: a tool with a fault is left out, and the rest is sound. */
static inline struct rest *try_openapi(const json_t *description)
{
        unsigned n_faults = 0;
        const struct rest_faults faults = {
                .on_fault = on_fault, .owner = &n_faults, .leaves_out = true};
        struct rest *rest = NULL;

        REQUIRE(rest_create(description, BASE, &rest, &faults) == 0);
        return rest;
}
