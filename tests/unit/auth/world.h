/* An authorization server without its endpoints: keys, a store, a loop. */
#pragma once

#include "mgw/auth/authority.h"
#include "mgw/auth/authorization.h"
#include "mgw/auth/family.h"
#include "mgw/config/config.h"

#define WORLD_URL "https://mcp.example.com"

struct world {
        struct config config;
        struct context context;
        char dir[64]; /* "": the store is in memory */
        bool is_told;
        int outcome;
};

void world_open(struct world *w, bool has_dir);
/* The process ends, and begins anew. */
void world_reopen(struct world *w);
void world_close(struct world *w);
/* Turns until world_told has been called. */
int world_wait(struct world *w);
/* For owners of what ends so: the world. */
void world_told(void *owner, int outcome);

/* What ada has allowed client c; its texts are the world's. */
struct authorization world_authorization(char *family);
int world_use(struct world *w, const struct authorization *of, unsigned generation);
int world_end(struct world *w, const struct authorization *of);
/* Writes a record as it is. */
void world_put(struct world *w, const char *key, const char *value);
