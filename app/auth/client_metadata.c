/* What clients say of themselves, when they register and in their documents (RFC 7591 2). */
#include "mgw/auth/client.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/redirect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char invalid_metadata[] = "invalid_client_metadata";
static const char invalid_redirect[] = "invalid_redirect_uri";

static bool refuse(struct client_fault *fault, const char *error, const char *why)
{
        fault->error = error;
        snprintf(fault->why, sizeof(fault->why), "%s", why);
        return false;
}

/* One of several, told by its place: what it is may be anything. */
static bool read_redirect(struct client *client, size_t i, const json_t *redirect,
                          struct client_fault *fault)
{
        struct str text = json_str(redirect);

        if (json_is_string(redirect) && redirect_kind(text) != REDIRECT_BAD) {
                (void)strv_add_take(&client->redirects, alloc_str(text));
                return true;
        }
        fault->error = invalid_redirect;
        snprintf(fault->why, sizeof(fault->why),
                 "redirect_uris[%zu] must be https, http at a loopback address, or an "
                 "application's own scheme, without user, fragment and \"..\"",
                 i);
        return false;
}

static bool read_redirects(struct client *client, const json_t *metadata,
                           struct client_fault *fault)
{
        const json_t *redirects = json_object_get(metadata, "redirect_uris"), *redirect;
        size_t i, n = json_array_size(redirects);

        if (n == 0)
                return refuse(fault, invalid_redirect, "redirect_uris must be an array of some");
        if (n > CLIENT_REDIRECTS_MAX)
                return refuse(fault, invalid_redirect, "redirect_uris are too many");
        json_array_foreach ((json_t *)redirects, i, redirect)
                if (!read_redirect(client, i, redirect, fault))
                        return false;
        return true;
}

/* How it shows who it is, where it may: a document is public, and holds no secret. */
static bool read_auth(struct client *client, const json_t *metadata, struct client_fault *fault)
{
        const json_t *method = json_object_get(metadata, "token_endpoint_auth_method");
        struct str word = json_str(method);
        bool is_document = client->kind == CLIENT_DOCUMENT;

        if (method == NULL)
                word = is_document ? STR("none") : STR("client_secret_basic");
        else if (!json_is_string(method))
                word = STR("");
        if (str_eq(word, STR("none")))
                client->auth = CLIENT_AUTH_NONE;
        else if (is_document && str_eq(word, STR("private_key_jwt")))
                client->auth = CLIENT_AUTH_KEY;
        else if (!is_document && (str_eq(word, STR("client_secret_basic")) ||
                                  str_eq(word, STR("client_secret_post"))))
                client->auth = CLIENT_AUTH_SECRET;
        else
                return refuse(fault, invalid_metadata,
                              is_document ? "token_endpoint_auth_method must be none or "
                                            "private_key_jwt"
                                          : "token_endpoint_auth_method must be none, "
                                            "client_secret_basic or client_secret_post");
        return true;
}

static bool read_keys(struct client *client, const json_t *metadata, struct client_fault *fault)
{
        json_t *jwks = json_object_get(metadata, "jwks");
        const json_t *uri = json_object_get(metadata, "jwks_uri");

        if (jwks != NULL && uri != NULL)
                return refuse(fault, invalid_metadata, "jwks and jwks_uri exclude each other");
        if (client->auth != CLIENT_AUTH_KEY)
                return true;
        if (json_is_object(jwks)) {
                client->jwks = json_incref(jwks);
                return true;
        }
        if (!json_is_string(uri) ||
            !client_id_is_document(json_str(uri),
                                   str_has_prefix(str_from(client->id), STR("http:"))))
                return refuse(fault, invalid_metadata,
                              "private_key_jwt needs jwks, or a jwks_uri with https");
        client->jwks_uri = alloc_str(json_str(uri));
        return true;
}

/* Nothing said: what we do is among what RFC 7591 takes for said. */
static bool allows(const json_t *metadata, const char *key, const char *word)
{
        const json_t *list = json_object_get(metadata, key), *one;
        size_t i;

        if (list == NULL)
                return true;
        json_array_foreach ((json_t *)list, i, one)
                if (str_eq(json_str(one), str_from(word)))
                        return true;
        return false;
}

/* Marks that are not seen. (Those that turn round what is are '?' already.) */
static bool is_unseen(uint32_t c)
{
        return c == 0xad || c == 0x61c || c == 0xfeff || (c >= 0x200b && c <= 0x200f) ||
               (c >= 0x2060 && c <= 0x206f);
}

static void read_name(struct client *client, const json_t *metadata)
{
        char text[CLIENT_NAME_MAX_BYTES + 1], *end = text;
        struct str rest;

        str_to_text(json_str(json_object_get(metadata, "client_name")), text, sizeof(text));
        rest = str_from(text);
        while (rest.n > 0) {
                uint32_t c = 0;
                size_t n = str_utf8_first(rest, &c);

                n = n > 0 ? n : 1;
                if (!is_unseen(c)) {
                        memmove(end, rest.p, n);
                        end += n;
                }
                rest = (struct str){rest.p + n, rest.n - n};
        }
        *end = '\0';
        client->name = alloc_text(text);
}

static bool read_all(struct client *client, const json_t *metadata, struct client_fault *fault)
{
        if (!json_is_object(metadata))
                return refuse(fault, invalid_metadata, "a JSON object is needed");
        if (!allows(metadata, "grant_types", "authorization_code"))
                return refuse(fault, invalid_metadata,
                              "grant_types must have authorization_code among them");
        if (!allows(metadata, "response_types", "code"))
                return refuse(fault, invalid_metadata, "response_types must have code among them");
        read_name(client, metadata);
        return read_redirects(client, metadata, fault) && read_auth(client, metadata, fault) &&
               read_keys(client, metadata, fault);
}

struct client *client_from_metadata(enum client_kind kind, const char *id, const json_t *metadata,
                                    struct client_fault *fault)
{
        struct client *client = alloc_zeroed(sizeof(*client));

        client->n_holders = 1;
        client->kind = kind;
        client->id = alloc_text(id);
        client->key = alloc_text(id);
        if (read_all(client, metadata, fault))
                return client;
        client_let_go(client);
        return NULL;
}
