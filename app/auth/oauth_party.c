/* What others say of an authorization server is read here, and nothing is asked. */
#include "mgw/auth/oauth_party.h"

#include "mgw/auth/oauth_url.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/loop/http.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define AT(field) offsetof(struct oauth_party, field)

static const struct {
        const char *key; /* in a record of ours */
        size_t at;
} texts[] = {
        {"issuer", AT(issuer)},
        {"authorization_url", AT(authorization_url)},
        {"token_url", AT(token_url)},
        {"registration_url", AT(registration_url)},
        {"revocation_url", AT(revocation_url)},
        {"resource", AT(resource)},
        {"scope", AT(scope)},
        {"client_id", AT(client_id)},
        {"client_secret", AT(client_secret)},
};

#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static char **text_at(const struct oauth_party *party, size_t i)
{
        return (char **)((char *)party + texts[i].at);
}

static void set(char **field, const char *text)
{
        free(*field);
        *field = text != NULL ? alloc_text(text) : NULL;
}

void oauth_party_finish(struct oauth_party *party)
{
        for (size_t i = 0; i < N_TEXTS; i++)
                free(*text_at(party, i));
        *party = (struct oauth_party){0};
}

json_t *oauth_party_json(const struct oauth_party *party)
{
        json_t *object =
                json_pack("{s:b, s:i}", "sends_iss", party->sends_iss, "auth", (int)party->auth);

        for (size_t i = 0; i < N_TEXTS; i++)
                if (*text_at(party, i) != NULL)
                        json_object_set_new(object, texts[i].key, json_string(*text_at(party, i)));
        return object;
}

int oauth_party_read(struct oauth_party *party, const json_t *object)
{
        json_int_t auth = json_integer_value(json_object_get(object, "auth"));

        for (size_t i = 0; i < N_TEXTS; i++)
                set(text_at(party, i), rpc_text(object, texts[i].key));
        party->sends_iss = json_is_true(json_object_get(object, "sends_iss"));
        party->auth = auth >= 0 && auth <= OAUTH_CLIENT_BASIC ? (enum oauth_client_auth)auth
                                                              : OAUTH_CLIENT_PUBLIC;
        return party->token_url != NULL && party->client_id != NULL ? 0 : -EINVAL;
}

bool oauth_party_configured(struct oauth_party *party, const struct config_oauth *oauth)
{
        set(&party->issuer, oauth->issuer);
        set(&party->authorization_url, oauth->authorization_url);
        set(&party->token_url, oauth->token_url);
        set(&party->revocation_url, oauth->revocation_url);
        party->takes_public = party->takes_post = true;
        return oauth->authorization_url != NULL && oauth->token_url != NULL;
}

/* ---- metadata of an authorization server ---- */

static bool has_word(const json_t *words, const char *word)
{
        const json_t *one;
        size_t i;

        json_array_foreach (words, i, one)
                if (str_eq(json_str(one), str_from(word)))
                        return true;
        return false;
}

/* An endpoint that is none is as if it were not there. */
static void take_url(char **field, const json_t *metadata, const char *key, bool takes_http)
{
        const char *url = rpc_text(metadata, key);

        if (oauth_url_is_sound(url, takes_http))
                set(field, url);
}

/* RFC 8414 2: who says nothing takes client_secret_basic. */
static void take_methods(struct oauth_party *party, const json_t *methods)
{
        party->takes_public = has_word(methods, "none");
        party->takes_post = has_word(methods, "client_secret_post");
        party->takes_basic = !json_is_array(methods) || has_word(methods, "client_secret_basic");
}

/* RFC 8414 3.3, but for the slash that many a library writes behind a host, and that is the same
 * path as none (RFC 3986 6.2.3). */
static bool is_issuer(const char *said, const char *asked)
{
        bool is_said_longer = strlen(said) > strlen(asked);
        const char *longer = is_said_longer ? said : asked, *origin = is_said_longer ? asked : said;
        const char *host = strstr(origin, "://");
        size_t n = strlen(origin);

        return strcmp(said, asked) == 0 ||
               (host != NULL && strpbrk(host + 3, "/?#") == NULL &&
                strncmp(longer, origin, n) == 0 && strcmp(longer + n, "/") == 0);
}

const char *oauth_party_take_metadata(struct oauth_party *party, const json_t *metadata,
                                      const char *issuer, bool takes_http)
{
        const char *said = rpc_text(metadata, "issuer");

        if (said == NULL || !is_issuer(said, issuer))
                return "its metadata are of another issuer";
        if (!has_word(json_object_get(metadata, "code_challenge_methods_supported"), "S256"))
                return "it does not announce PKCE with S256";
        take_url(&party->authorization_url, metadata, "authorization_endpoint", takes_http);
        take_url(&party->token_url, metadata, "token_endpoint", takes_http);
        take_url(&party->registration_url, metadata, "registration_endpoint", takes_http);
        take_url(&party->revocation_url, metadata, "revocation_endpoint", takes_http);
        if (party->authorization_url == NULL || party->token_url == NULL)
                return "its metadata name no usable endpoints";
        set(&party->issuer, said);
        take_methods(party, json_object_get(metadata, "token_endpoint_auth_methods_supported"));
        party->sends_iss = json_is_true(
                json_object_get(metadata, "authorization_response_iss_parameter_supported"));
        party->takes_documents =
                json_is_true(json_object_get(metadata, "client_id_metadata_document_supported"));
        return NULL;
}

/* ---- metadata of a protected resource ---- */

/* The path of an address, without a query. */
static struct str path_of(const char *url)
{
        const char *path = strstr(url, "://");

        path = path != NULL ? path + 3 : url;
        path += strcspn(path, "/?#");
        return (struct str){path, strcspn(path, "?#")};
}

/* Does the resource's path hold the server's, by whole parts? */
static bool path_holds(struct str outer, struct str inner)
{
        while (outer.n > 0 && outer.p[outer.n - 1] == '/')
                outer.n--;
        return str_has_prefix(inner, outer) && (inner.n == outer.n || inner.p[outer.n] == '/');
}

static void take_scopes(struct oauth_party *party, const json_t *scopes)
{
        const json_t *scope;
        struct buf text;
        size_t i;

        buf_init(&text, OAUTH_SCOPE_MAX);
        json_array_foreach (scopes, i, scope)
                if (hdr_is_visible(json_str(scope), OAUTH_SCOPE_MAX))
                        (void)buf_addf(&text, "%s%s", text.len > 0 ? " " : "",
                                       json_string_value(scope));
        free(party->scope);
        party->scope = text.len > 0 ? alloc_str(buf_bytes(&text)) : NULL;
        buf_finish(&text);
}

const char *oauth_party_take_resource(struct oauth_party *party, const json_t *metadata,
                                      const char *url, char **issuerp)
{
        const char *resource = rpc_text(metadata, "resource");
        const json_t *servers = json_object_get(metadata, "authorization_servers");
        struct str issuer = json_str(json_array_get(servers, 0));

        if (resource == NULL || !oauth_url_same_origin(resource, url) ||
            !path_holds(path_of(resource), path_of(url)))
                return "its metadata are of another resource";
        if (!hdr_is_visible(issuer, OAUTH_URL_MAX))
                return "its metadata name no authorization server";
        set(&party->resource, resource);
        take_scopes(party, json_object_get(metadata, "scopes_supported"));
        *issuerp = alloc_str(issuer);
        return NULL;
}
