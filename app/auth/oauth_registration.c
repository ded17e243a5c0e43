/* The store is asked first, since a server may bound how often it is registered with. */
#include "mgw/auth/oauth_registration.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_ID_MAX 2048
#define CLIENT_SECRET_MAX 4096
/* A server may name ever new authorization servers: what is kept of them is not to fill the store.
 */
#define NEW_A_DAY 20
#define DAY_S 86400

struct oauth_registration {
        const struct oauth_http *http;
        struct oauth_registrar registrar;
        struct oauth_party *party;
        struct http_document *document;
        struct store_op op;
        char *key;
        int64_t expires_ms;
        oauth_registration_fn *on_done;
        void *owner;
};

static void registration_free(struct oauth_registration *r)
{
        free(r->key);
        free(r);
}

void oauth_registration_cancel(struct oauth_registration *r)
{
        if (r == NULL)
                return;
        http_document_cancel(r->document);
        store_cancel(&r->op);
        registration_free(r);
}

static void tell(struct oauth_registration *r, const char *fault)
{
        r->on_done(r->owner, fault);
        registration_free(r);
}

/* ---- who we are ---- */

json_t *oauth_registration_metadata(const char *public_url)
{
        json_t *callback = json_sprintf("%s%s", public_url, OAUTH_CALLBACK_PATH);

        return json_pack("{s:s, s:s, s:s, s:[o], s:[s, s], s:[s], s:s}", "client_name", "mgw",
                         "client_uri", public_url, "application_type", "web", "redirect_uris",
                         callback, "grant_types", "authorization_code", "refresh_token",
                         "response_types", "code", "token_endpoint_auth_method", "none");
}

static void set_client(struct oauth_party *party, const char *id, const char *secret,
                       enum oauth_client_auth auth)
{
        free(party->client_id);
        free(party->client_secret);
        party->client_id = alloc_text(id);
        party->client_secret = secret != NULL ? alloc_text(secret) : NULL;
        party->auth = secret != NULL ? auth : OAUTH_CLIENT_PUBLIC;
}

/* Which way takes a secret: in the form, unless it says that it takes the other alone. */
static enum oauth_client_auth auth_of(const struct oauth_party *party)
{
        return party->takes_basic && !party->takes_post ? OAUTH_CLIENT_BASIC : OAUTH_CLIENT_POST;
}

const char *oauth_registration_take(struct oauth_party *party, const json_t *answer)
{
        const char *id = rpc_text(answer, "client_id");
        const char *secret = rpc_text(answer, "client_secret");
        const char *method = rpc_text(answer, "token_endpoint_auth_method");
        enum oauth_client_auth auth = auth_of(party);

        if (!hdr_is_visible(str_from(id), CLIENT_ID_MAX))
                return "its answer holds no client_id";
        if (secret != NULL && !hdr_is_visible(str_from(secret), CLIENT_SECRET_MAX))
                return "its answer holds a client_secret that is none";
        if (method != NULL && strcmp(method, "client_secret_basic") == 0)
                auth = OAUTH_CLIENT_BASIC;
        else if (method != NULL && strcmp(method, "client_secret_post") == 0)
                auth = OAUTH_CLIENT_POST;
        else if (method != NULL && strcmp(method, "none") == 0)
                secret = NULL;
        set_client(party, id, secret, auth);
        return NULL;
}

/* ---- registering ---- */

static void on_kept(struct store_op *op)
{
        struct oauth_registration *r = container_of(op, struct oauth_registration, op);

        tell(r, op->result < 0 ? "the registration cannot be kept in the store" : NULL);
}

static void keep(struct oauth_registration *r)
{
        const struct oauth_party *party = r->party;
        json_t *record = json_pack("{s:s, s:s*, s:i}", "client_id", party->client_id,
                                   "client_secret", party->client_secret, "auth", (int)party->auth);
        struct str text = {NULL, 0};

        if (rpc_dump(record, &text) == 0) {
                r->op.on_done = on_kept;
                store_put(r->registrar.store, &r->op, str_from(r->key), text, r->expires_ms,
                          STORE_ANY);
        } else {
                tell(r, "out of memory");
        }
        free((void *)text.p);
        json_decref(record);
}

/* client_secret_expires_at: seconds since 1970, 0: never. */
static int64_t expires_ms(const json_t *answer)
{
        json_int_t at = json_integer_value(json_object_get(answer, "client_secret_expires_at"));

        return at > 0 && at < INT64_MAX / 1000 ? at * 1000 : INT64_MAX;
}

static void on_registered(void *owner, const struct http_document_answer *answer)
{
        struct oauth_registration *r = owner;
        json_t *object = oauth_http_object(answer, 201);
        const char *wrong;
        char why[300];

        r->document = NULL;
        if (object == NULL)
                object = oauth_http_object(answer, 200);
        if (object == NULL) {
                snprintf(why, sizeof(why), "the authorization server refuses to register us: %s",
                         answer->fault != NULL ? answer->fault : "see its answer to registration");
                if (answer->fault == NULL)
                        snprintf(why, sizeof(why),
                                 "the authorization server refuses to register us: HTTP %u",
                                 answer->status);
                tell(r, why);
                return;
        }
        wrong = oauth_registration_take(r->party, object);
        r->expires_ms = expires_ms(object);
        json_decref(object);
        if (wrong != NULL)
                tell(r, wrong);
        else
                keep(r);
}

static void register_us(struct oauth_registration *r)
{
        json_t *metadata = oauth_registration_metadata(r->registrar.public_url);
        struct str text = {NULL, 0};

        if (!r->party->takes_public && (r->party->takes_post || r->party->takes_basic))
                json_object_set_new(metadata, "token_endpoint_auth_method",
                                    json_string(auth_of(r->party) == OAUTH_CLIENT_BASIC
                                                        ? "client_secret_basic"
                                                        : "client_secret_post"));
        if (rpc_dump(metadata, &text) == 0)
                r->document = oauth_http_post(r->http, r->party->registration_url,
                                              "Content-Type: application/json", NULL, text,
                                              on_registered, r);
        free((void *)text.p);
        json_decref(metadata);
        if (r->document == NULL)
                tell(r, "out of memory");
}

/* ---- what was registered before ---- */

static int read_kept(struct oauth_party *party, struct str value)
{
        json_t *record = json_loadb(value.p, value.n, 0, NULL);
        const char *id = rpc_text(record, "client_id");
        json_int_t auth = json_integer_value(json_object_get(record, "auth"));
        bool is_whole = id != NULL && auth >= 0 && auth <= OAUTH_CLIENT_BASIC;

        if (is_whole)
                set_client(party, id, rpc_text(record, "client_secret"),
                           (enum oauth_client_auth)auth);
        json_decref(record);
        return is_whole ? 0 : -EINVAL;
}

static bool may_register(const struct oauth_registration *r)
{
        return rate_take(r->registrar.rate, 1, DAY_S, DAY_S / NEW_A_DAY, clock_monotonic_ms());
}

static void on_found(struct store_op *op)
{
        struct oauth_registration *r = container_of(op, struct oauth_registration, op);

        if (op->result < 0)
                tell(r, "the store cannot be read");
        else if (op->result == 0 && read_kept(r->party, op->records[0].value) == 0)
                tell(r, NULL);
        else if (may_register(r))
                register_us(r);
        else
                tell(r, "it has named too many authorization servers today");
}

/* Another public_url is another redirect address, which that client has not. */
static char *key_of(const struct oauth_party *party, const char *public_url)
{
        return store_key("client", party->issuer, party->registration_url, public_url, NULL);
}

bool oauth_registration_forget(struct store *store, struct store_op *op, const char *public_url,
                               const struct oauth_party *party)
{
        bool may_be = party->registration_url != NULL && party->issuer != NULL;
        char *key = may_be ? key_of(party, public_url) : NULL;

        if (key != NULL)
                store_delete(store, op, str_from(key), STORE_ANY);
        free(key);
        return key != NULL;
}

struct oauth_registration *oauth_registration_start(const struct oauth_http *http,
                                                    const struct oauth_registrar *registrar,
                                                    const struct config_oauth *oauth,
                                                    struct oauth_party *party,
                                                    oauth_registration_fn *on_done, void *owner)
{
        const char *public_url = registrar->public_url;
        struct oauth_registration *r;

        if (oauth->client_id != NULL) {
                set_client(party, oauth->client_id, oauth->client_secret, auth_of(party));
                on_done(owner, NULL);
                return NULL;
        }
        if (party->takes_documents && strncmp(public_url, "https://", 8) == 0) {
                free(party->client_id);
                party->client_id = alloc_format("%s%s", public_url, OAUTH_CLIENT_DOCUMENT_PATH);
                on_done(owner, NULL);
                return NULL;
        }
        if (party->registration_url == NULL || party->issuer == NULL) {
                on_done(owner, "its authorization server registers clients by hand alone: "
                               "\"client_id\" is needed in \"oauth\"");
                return NULL;
        }
        r = alloc_zeroed(sizeof(*r));
        r->http = http;
        r->registrar = *registrar;
        r->party = party;
        r->on_done = on_done;
        r->owner = owner;
        r->key = key_of(party, public_url);
        if (r->key == NULL) {
                tell(r, "its authorization server's address is too long");
                return NULL;
        }
        r->op.on_done = on_found;
        store_get(registrar->store, &r->op, str_from(r->key));
        return r;
}
