/* Clients that have registered: their ids hold what they said, and their secrets are made of these.
 */
#include "mgw/auth/client.h"

#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_BYTES 32
/* Of a digest, in a key: enough to tell clients apart. */
#define KEY_BYTES 16
#define SECRET_LABEL "client secret 1"

static char *base64url(const uint8_t *bytes, size_t n)
{
        struct buf text;
        char *copy;

        buf_init(&text, 2 * DIGEST_BYTES);
        (void)base64_encode(&text, BASE64_URL, (struct str){(const char *)bytes, n});
        copy = alloc_str(buf_bytes(&text));
        buf_finish(&text);
        return copy;
}

/* ---- ids ---- */

static json_t *said(const struct client *client)
{
        json_t *redirects = json_array();

        for (char **redirect = client->redirects; *redirect != NULL; redirect++)
                json_array_append_new(redirects, json_string(*redirect));
        return json_pack("{s:o, s:s, s:s}", "redirect_uris", redirects, "client_name", client->name,
                         "token_endpoint_auth_method",
                         client->auth == CLIENT_AUTH_NONE ? "none" : "client_secret_basic");
}

static void set_key(struct client *client)
{
        uint8_t digest[DIGEST_BYTES] = {0};
        char *text;

        (void)EVP_Digest(client->id, strlen(client->id), digest, NULL, EVP_sha256(), NULL);
        text = base64url(digest, KEY_BYTES);
        free(client->key);
        client->key = alloc_format("dcr:%s", text);
        free(text);
}

struct client *client_register(const struct sealed_keys *keys, const json_t *metadata,
                               struct client_fault *fault)
{
        struct client *client = client_from_metadata(CLIENT_REGISTERED, "", metadata, fault);
        json_t *content;
        char *id;

        if (client == NULL)
                return NULL;
        content = said(client);
        id = sealed_close(keys, SEALED_CLIENT, INT64_MAX, content, CLIENT_SAID_MAX_BYTES);
        json_decref(content);
        if (id == NULL) {
                *fault = (struct client_fault){.error = "invalid_client_metadata",
                                               .why = "redirect_uris and client_name are too long"};
                client_let_go(client);
                return NULL;
        }
        free(client->id);
        client->id = id;
        set_key(client);
        return client;
}

struct client *client_from_id(const struct sealed_keys *keys, struct str id)
{
        struct client_fault fault;
        struct client *client;
        json_t *content;
        char *copy;

        if (id.n > CLIENT_ID_MAX_BYTES || sealed_open(keys, SEALED_CLIENT, 0, id, &content) != 0)
                return NULL;
        copy = alloc_str(id);
        client = client_from_metadata(CLIENT_REGISTERED, copy, content, &fault);
        free(copy);
        json_decref(content);
        if (client != NULL)
                set_key(client);
        return client;
}

/* ---- secrets ---- */

static char *secret_by(const uint8_t key[SEAL_KEY_BYTES], const char *id)
{
        char *text = alloc_format("%s\n%s", SECRET_LABEL, id), *secret;
        uint8_t mac[DIGEST_BYTES] = {0};

        if (HMAC(EVP_sha256(), key, SEAL_KEY_BYTES, (const uint8_t *)text, strlen(text), mac,
                 NULL) == NULL)
                abort();
        secret = base64url(mac, sizeof(mac));
        free(text);
        return secret;
}

char *client_secret(const struct sealed_keys *keys, const struct client *client)
{
        return secret_by(keys->key, client->id);
}

/* ---- is it so? ---- */

static bool is_same(const char *ours, struct str theirs)
{
        return strlen(ours) == theirs.n && CRYPTO_memcmp(ours, theirs.p, theirs.n) == 0;
}

static bool is_made_by(const uint8_t key[SEAL_KEY_BYTES], const char *id, struct str secret)
{
        char *ours = secret_by(key, id);
        bool is = is_same(ours, secret);

        OPENSSL_cleanse(ours, strlen(ours));
        free(ours);
        return is;
}

bool client_has_secret(const struct sealed_keys *keys, const struct client *client,
                       struct str secret)
{
        if (client->auth != CLIENT_AUTH_SECRET || secret.n == 0)
                return false;
        if (client->kind == CLIENT_STATIC)
                return is_same(client->secret, secret);
        return is_made_by(keys->key, client->id, secret) ||
               (keys->has_old_key && is_made_by(keys->old_key, client->id, secret));
}
