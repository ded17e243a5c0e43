/* One document after the other is asked for, until one fits: first those of the resource, then
 * those of its authorization server. */
#include "mgw/auth/oauth_discovery.h"

#include "mgw/auth/oauth_url.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Addresses that are tried for one kind of metadata. */
#define TRIES_MAX 3

struct oauth_discovery {
        const struct oauth_http *http;
        const char *url;
        struct oauth_party party;
        char *issuer;
        char *tries[TRIES_MAX]; /* still to ask; the first is next */
        struct http_document *document;
        const char *wrong; /* with the last document that was there; a constant */
        bool seeks_server; /* else: the resource */
        oauth_discovery_fn *on_done;
        void *owner;
};

static void drop_tries(struct oauth_discovery *d)
{
        for (size_t i = 0; i < TRIES_MAX; i++) {
                free(d->tries[i]);
                d->tries[i] = NULL;
        }
}

static void discovery_free(struct oauth_discovery *d)
{
        drop_tries(d);
        oauth_party_finish(&d->party);
        free(d->issuer);
        free(d);
}

void oauth_discovery_cancel(struct oauth_discovery *d)
{
        if (d == NULL)
                return;
        http_document_cancel(d->document);
        discovery_free(d);
}

static void succeed(struct oauth_discovery *d)
{
        struct oauth_party party = d->party;

        d->party = (struct oauth_party){0};
        d->on_done(d->owner, &party, NULL);
        discovery_free(d);
}

static void fail(struct oauth_discovery *d, const char *fault)
{
        d->on_done(d->owner, NULL, fault);
        discovery_free(d);
}

/* ---- well-known addresses ---- */

char *oauth_discovery_well_known(const char *url, const char *name, bool has_path, bool is_behind)
{
        const char *host = strstr(url, "://");
        size_t n_origin, n_path;

        host = host != NULL ? host + 3 : url;
        n_origin = (size_t)(host - url) + strcspn(host, "/?#");
        n_path = strcspn(url + n_origin, "?#");
        while (n_path > 0 && url[n_origin + n_path - 1] == '/')
                n_path--;
        if (!has_path)
                n_path = 0;
        if (is_behind)
                return alloc_format("%.*s/.well-known/%s", (int)(n_origin + n_path), url, name);
        return alloc_format("%.*s/.well-known/%s%.*s", (int)n_origin, url, name, (int)n_path,
                            url + n_origin);
}

static void try(struct oauth_discovery *d, char *url_take)
{
        size_t n = 0;

        while (n < TRIES_MAX && d->tries[n] != NULL && strcmp(d->tries[n], url_take) != 0)
                n++;
        if (n == TRIES_MAX || d->tries[n] != NULL)
                free(url_take);
        else
                d->tries[n] = url_take;
}

/* ---- asking ---- */

static void discovery_on_document(void *owner, const struct http_document_answer *answer);

static void seek_server(struct oauth_discovery *d)
{
        bool takes_plain = oauth_http_takes_plain(d->http);

        drop_tries(d);
        d->seeks_server = true;
        d->wrong = NULL;
        if (!oauth_url_is_sound(d->issuer, takes_plain)) {
                fail(d, "the authorization server's address is none that is asked");
                return;
        }
        try(d, oauth_discovery_well_known(d->issuer, "oauth-authorization-server", true, false));
        try(d, oauth_discovery_well_known(d->issuer, "openid-configuration", true, false));
        try(d, oauth_discovery_well_known(d->issuer, "openid-configuration", true, true));
        d->document = oauth_http_get(d->http, d->tries[0], discovery_on_document, d);
}

/* None of them was it. A resource without metadata: its server may be its own authorization server
 * (MCP 2025-03-26). */
static void exhausted(struct oauth_discovery *d, const char *fault)
{
        char why[400];
        char *origin;

        if (!d->seeks_server && d->wrong == NULL) {
                origin = http_origin(d->url);
                d->issuer = origin != NULL ? origin : alloc_text(d->url);
                seek_server(d);
                return;
        }
        snprintf(why, sizeof(why), "%s: %s",
                 d->seeks_server ? "the authorization server" : "the server's metadata",
                 d->wrong != NULL ? d->wrong
                 : fault != NULL  ? fault
                                  : "it has no metadata");
        fail(d, why);
}

static void next(struct oauth_discovery *d, const char *fault)
{
        free(d->tries[0]);
        memmove(&d->tries[0], &d->tries[1], (TRIES_MAX - 1) * sizeof(d->tries[0]));
        d->tries[TRIES_MAX - 1] = NULL;
        if (d->tries[0] != NULL)
                d->document = oauth_http_get(d->http, d->tries[0], discovery_on_document, d);
        else
                exhausted(d, fault);
}

static void discovery_on_document(void *owner, const struct http_document_answer *answer)
{
        struct oauth_discovery *d = owner;
        json_t *metadata = oauth_http_object(answer, 200);
        const char *wrong = NULL;

        d->document = NULL;
        if (metadata != NULL && d->seeks_server)
                wrong = oauth_party_take_metadata(&d->party, metadata, d->issuer,
                                                  oauth_http_takes_plain(d->http));
        else if (metadata != NULL)
                wrong = oauth_party_take_resource(&d->party, metadata, d->url, &d->issuer);
        if (wrong != NULL)
                d->wrong = wrong;
        if (metadata == NULL || wrong != NULL)
                next(d, answer->fault);
        else if (d->seeks_server)
                succeed(d);
        else
                seek_server(d);
        json_decref(metadata);
}

static void seek_resource(struct oauth_discovery *d, const struct oauth_challenge *challenge)
{
        if (challenge != NULL &&
            oauth_url_is_sound(challenge->resource_metadata, oauth_http_takes_plain(d->http)))
                try(d, alloc_text(challenge->resource_metadata));
        try(d, oauth_discovery_well_known(d->url, "oauth-protected-resource", true, false));
        try(d, oauth_discovery_well_known(d->url, "oauth-protected-resource", false, false));
        d->document = oauth_http_get(d->http, d->tries[0], discovery_on_document, d);
}

struct oauth_discovery *oauth_discovery_start(const struct oauth_http *http, const char *url,
                                              bool is_mcp, const struct config_oauth *oauth,
                                              const struct oauth_challenge *challenge,
                                              oauth_discovery_fn *on_done, void *owner)
{
        struct oauth_discovery *d = alloc_zeroed(sizeof(*d));

        d->http = http;
        d->url = url;
        d->on_done = on_done;
        d->owner = owner;
        if (is_mcp)
                d->party.resource = alloc_text(url);
        if (oauth_party_configured(&d->party, oauth)) {
                succeed(d);
                return NULL;
        }
        if (oauth->issuer != NULL && !oauth_url_is_sound(oauth->issuer, true)) {
                fail(d, "the issuer's address in the configuration is none that is asked");
                return NULL;
        }
        if (oauth->issuer != NULL) {
                d->issuer = alloc_text(oauth->issuer);
                seek_server(d);
        } else {
                seek_resource(d, challenge);
        }
        return d;
}
