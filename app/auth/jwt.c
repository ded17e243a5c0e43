/* What a token says is read strictly: one way to write base64url, JSON without members that repeat,
 * numbers where there must be numbers. */
#include "mgw/auth/jwt.h"

#include "mgw/base/base64.h"
#include "mgw/base/strv.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

/* NumericDate (RFC 7519 2): what is later than that is no time. */
#define SECONDS_MAX 1e11

static const char *const names[JWT_N_ALGORITHMS] = {
        [JWT_RS256] = "RS256", [JWT_RS384] = "RS384", [JWT_RS512] = "RS512",
        [JWT_PS256] = "PS256", [JWT_PS384] = "PS384", [JWT_PS512] = "PS512",
        [JWT_ES256] = "ES256", [JWT_ES384] = "ES384", [JWT_EDDSA] = "EdDSA",
};

const char *jwt_algorithm_name(enum jwt_algorithm algorithm)
{
        return names[algorithm];
}

bool jwt_algorithm_find(const char *name, enum jwt_algorithm *algorithm)
{
        for (int i = 0; name != NULL && i < JWT_N_ALGORITHMS; i++)
                if (strcmp(names[i], name) == 0) {
                        *algorithm = (enum jwt_algorithm)i;
                        return true;
                }
        return false;
}

/* ---- its form ---- */

bool jwt_is_like(struct str text)
{
        size_t n_dots = 0;

        for (size_t i = 0; i < text.n; i++)
                n_dots += text.p[i] == '.';
        return n_dots == 2 && str_has_prefix(text, STR("ey"));
}

/* NULL: no object. */
static json_t *read_part(struct str text)
{
        struct buf bytes;
        json_t *value = NULL;

        buf_init(&bytes, JWT_MAX_BYTES);
        if (base64_decode(&bytes, BASE64_URL, text) == 0)
                value = json_loadb(buf_bytes(&bytes).p, bytes.len, JSON_REJECT_DUPLICATES, NULL);
        buf_finish(&bytes);
        if (json_is_object(value))
                return value;
        json_decref(value);
        return NULL;
}

static bool read_signature(struct jwt *jwt, struct str text)
{
        struct buf bytes;
        bool is_read;

        buf_init(&bytes, JWT_SIGNATURE_MAX_BYTES);
        is_read = base64_decode(&bytes, BASE64_URL, text) == 0 && bytes.len > 0;
        if (is_read) {
                memcpy(jwt->signature, buf_bytes(&bytes).p, bytes.len);
                jwt->n_signature = bytes.len;
        }
        buf_finish(&bytes);
        return is_read;
}

/* NULL where it is not there. false: it is there, and no string. */
static bool get_text(const json_t *object, const char *name, const char **textp)
{
        const json_t *value = json_object_get(object, name);

        *textp = json_string_value(value);
        return value == NULL || *textp != NULL;
}

/* NULL, or what is wrong with it. "b64" means something where "crit" has it (RFC 7797 6). */
static const char *read_header(struct jwt *jwt)
{
        if (!jwt_algorithm_find(json_string_value(json_object_get(jwt->header, "alg")),
                                &jwt->algorithm))
                return "its algorithm (alg) is not taken here";
        if (json_object_get(jwt->header, "crit") != NULL ||
            json_object_get(jwt->header, "b64") != NULL)
                return "its header has members that must be understood (crit)";
        if (!get_text(jwt->header, "kid", &jwt->kid) || !get_text(jwt->header, "typ", &jwt->typ))
                return "its header has a kid or typ that is no string";
        return NULL;
}

static const char *read_parts(struct jwt *jwt, struct str text)
{
        struct str rest = text, header = str_cut(&rest, '.'), claims = str_cut(&rest, '.');
        const char *why;

        if (text.n > JWT_MAX_BYTES)
                return "it is too long";
        if (!jwt_is_like(text))
                return "it has not three parts";
        jwt->signed_part = (struct str){text.p, header.n + 1 + claims.n};
        if ((jwt->header = read_part(header)) == NULL)
                return "its header is no JSON object in base64url";
        if ((why = read_header(jwt)) != NULL)
                return why;
        if ((jwt->claims = read_part(claims)) == NULL)
                return "its payload is no JSON object in base64url";
        return read_signature(jwt, rest) ? NULL : "its signature is no base64url";
}

int jwt_read(struct jwt *jwt, struct str text, const char **whyp)
{
        const char *why;

        memset(jwt, 0, sizeof(*jwt));
        why = read_parts(jwt, text);
        if (why == NULL)
                return 0;
        *whyp = why;
        return JWT_E_BAD;
}

void jwt_finish(struct jwt *jwt)
{
        json_decref(jwt->header);
        json_decref(jwt->claims);
        jwt->header = jwt->claims = NULL;
}

/* ---- what it claims ---- */

/* false: it is there, and no time. */
static bool get_seconds(const json_t *claims, const char *name, double *s, bool *is_there)
{
        const json_t *value = json_object_get(claims, name);

        *is_there = value != NULL;
        *s = json_number_value(value);
        return value == NULL || (json_is_number(value) && *s >= 0 && *s <= SECONDS_MAX);
}

static const char *check_times(const struct jwt *jwt, double skew_s, double now_s)
{
        double exp, nbf, iat;
        bool has_exp, has_nbf, has_iat;

        if (!get_seconds(jwt->claims, "exp", &exp, &has_exp) ||
            !get_seconds(jwt->claims, "nbf", &nbf, &has_nbf) ||
            !get_seconds(jwt->claims, "iat", &iat, &has_iat))
                return "one of its times is none";
        if (!has_exp)
                return "it never expires (exp)";
        if ((has_nbf && nbf > now_s + skew_s) || (has_iat && iat > now_s + skew_s))
                return "it is not valid yet (nbf, iat)";
        return NULL;
}

/* One, or an array (RFC 7519 4.1.3). */
static bool has_audience(const json_t *aud, const char *const *audiences)
{
        const json_t *one;
        size_t i;

        if (json_is_string(aud))
                return strv_has(audiences, json_string_value(aud));
        json_array_foreach ((json_t *)aud, i, one)
                if (json_is_string(one) && strv_has(audiences, json_string_value(one)))
                        return true;
        return false;
}

/* "application/" may be left out (RFC 7515 4.1.9). */
static const char *short_typ(const char *typ)
{
        static const char prefix[] = "application/";
        size_t n = sizeof(prefix) - 1;

        return typ != NULL && strncasecmp(typ, prefix, n) == 0 ? typ + n : typ;
}

static bool typ_fits(const struct jwt *jwt, const struct jwt_demand *demand)
{
        const char *typ = short_typ(jwt->typ);

        if (demand->typ != NULL)
                return typ != NULL && strcasecmp(typ, short_typ(demand->typ)) == 0;
        return typ == NULL || strcasecmp(typ, "JWT") == 0 ||
               (demand->client_id == NULL && strcasecmp(typ, "at+jwt") == 0);
}

static const char *check_id_token(const json_t *claims, const struct jwt_demand *demand)
{
        const json_t *azp = json_object_get(claims, "azp");
        const char *nonce = json_string_value(json_object_get(claims, "nonce"));

        if (azp != NULL &&
            (!json_is_string(azp) || strcmp(json_string_value(azp), demand->client_id) != 0))
                return "it was given to another client (azp)";
        if (json_array_size(json_object_get(claims, "aud")) > 1 && azp == NULL)
                return "it is for several, and does not say to whom it was given (azp)";
        if (demand->nonce != NULL && (nonce == NULL || strlen(nonce) != strlen(demand->nonce) ||
                                      CRYPTO_memcmp(nonce, demand->nonce, strlen(nonce)) != 0))
                return "it is the answer to another request (nonce)";
        return NULL;
}

static const char *check_claims(const struct jwt *jwt, const struct jwt_demand *demand)
{
        const char *iss = json_string_value(json_object_get(jwt->claims, "iss"));

        if (iss == NULL || strcmp(iss, demand->issuer) != 0)
                return "it is of another issuer (iss)";
        if (!has_audience(json_object_get(jwt->claims, "aud"), demand->audiences))
                return "it is for another audience (aud)";
        if (!typ_fits(jwt, demand))
                return "it is a token for another use (typ)";
        return demand->client_id != NULL ? check_id_token(jwt->claims, demand) : NULL;
}

int jwt_check(const struct jwt *jwt, const struct jwt_demand *demand, int64_t wall_ms,
              const char **whyp)
{
        const char *why = check_claims(jwt, demand);

        if (why == NULL)
                why = check_times(jwt, (double)demand->skew_s, (double)wall_ms / 1000);
        if (why != NULL) {
                *whyp = why;
                return JWT_E_BAD;
        }
        if (jwt_expires_ms(jwt) + demand->skew_s * 1000 > wall_ms)
                return 0;
        *whyp = "it has expired (exp)";
        return JWT_E_EXPIRED;
}

int64_t jwt_expires_ms(const struct jwt *jwt)
{
        return (int64_t)(json_number_value(json_object_get(jwt->claims, "exp")) * 1000);
}
