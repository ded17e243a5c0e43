/* An audit with a loop, a folder of its own, and what is needed of a context. */
#pragma once

#include "../check.h"
#include "mgw/config/config.h"
#include "mgw/observe/observe.h"

#include <jansson.h>

struct audit_world {
        struct context context;
        struct config config;
        struct identity identity;
        struct user user;
        char dir[64];
        char file[96];
};

/* Its folder, empty; the audit is opened by audit_world_start(). */
void audit_world_open(struct audit_world *w);
void audit_world_start(struct audit_world *w);
void audit_world_stop(struct audit_world *w);
/* Ends what is open, and removes the folder. */
void audit_world_close(struct audit_world *w);
/* A call of that tool, as it begins. */
struct call_record audit_world_call(struct audit_world *w, const char *tool);
/* Begins and ends at once. False: refused. */
bool audit_world_run(struct audit_world *w, const char *tool);
/* Turns until so many lines have been written in this life. */
void audit_world_wait_lines(struct audit_world *w, uint64_t n);
/* The whole file as an array: each line is an object, and the last one ends. */
json_t *audit_world_lines(const char *path);
/* Lines in which the member has that value. */
size_t audit_world_count(const json_t *lines, const char *key, const char *value);
/* Of them the only one. */
const json_t *audit_world_line(const json_t *lines, const char *key, const char *value);
