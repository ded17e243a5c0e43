/* Tokens that are good, and all that may be wrong with one. */
#include "mgw/auth/jwks.h"
#include "signer.h"

#include "../check.h"
#include "mgw/base/alloc.h"

#include <stdlib.h>
#include <string.h>

TestSuite(jwt, .timeout = 120);

#define NOW_MS INT64_C(1000000000)
#define GOOD                                                                                       \
        "\"iss\":\"https://id.example.com\",\"aud\":\"https://mcp.example.com/mcp\","              \
        "\"exp\":1000060,\"email\":\"ada@example.com\""

static const char *const audiences[] = {"https://mcp.example.com/mcp",
                                        "https://mcp.example.com/sse", NULL};

static struct jwt_demand demand(void)
{
        return (struct jwt_demand){
                .issuer = "https://id.example.com", .audiences = audiences, .skew_s = 30};
}

static struct jwks *keys(void)
{
        const char *why = NULL;
        char *text = signer_jwks();
        struct jwks *jwks = jwks_read(str_from(text), JWKS_KEYS_MAX, &why);

        cr_assert_not_null(jwks, "%s", why);
        free(text);
        return jwks;
}

/* 0, or what of the three it fails by. */
enum { READ = 100, CHECK = 200, VERIFY = 300 };

static int judge(const struct jwks *jwks, const char *token, const struct jwt_demand *wanted,
                 const char **whyp)
{
        struct jwt jwt;
        int r = jwt_read(&jwt, str_from(token), whyp), outcome = r != 0 ? READ + r : 0;

        if (outcome == 0 && (r = jwt_check(&jwt, wanted, NOW_MS, whyp)) != 0)
                outcome = CHECK + r;
        if (outcome == 0 && (r = jwks_verify(jwks, &jwt)) != 0)
                outcome = VERIFY + r;
        jwt_finish(&jwt);
        return outcome;
}

static int judge_of(enum jwt_algorithm algorithm, EVP_PKEY *key, const char *header,
                    const char *claims, const char **whyp)
{
        struct jwks *jwks = keys();
        struct jwt_demand wanted = demand();
        char *token = signer_sign(key, algorithm, header, claims);
        int r = judge(jwks, token, &wanted, whyp);

        free(token);
        jwks_destroy(jwks);
        return r;
}

Test(jwt, of_each_algorithm_is_good_and_of_another_key_is_not)
{
        const char *why;

        for (int i = 0; i < JWT_N_ALGORITHMS; i++) {
                enum jwt_algorithm algorithm = (enum jwt_algorithm)i;
                const char *header = signer_header(algorithm);

                check_int(judge_of(algorithm, signer_key(algorithm), header, "{" GOOD "}", &why),
                          0);
                check_int(judge_of(algorithm, signer_other_key(algorithm), header, "{" GOOD "}",
                                   &why),
                          VERIFY + JWKS_E_BAD);
        }
}

/* Each byte of what is signed, and of the signature. */
Test(jwt, that_was_changed_in_one_place_is_not_good)
{
        struct jwks *jwks = keys();
        struct jwt_demand wanted = demand();
        char *token = signer_sign(signer_key(JWT_ES256), JWT_ES256, signer_header(JWT_ES256),
                                  "{" GOOD "}");
        const char *why;

        check_int(judge(jwks, token, &wanted, &why), 0);
        for (size_t i = 0; token[i] != '\0'; i++) {
                char was = token[i];

                token[i] = was == 'A' ? 'B' : 'A';
                cr_expect_neq(judge(jwks, token, &wanted, &why), 0, "byte %zu", i);
                token[i] = was;
        }
        for (size_t n = strlen(token) - 1; n > 0; n--) {
                token[n] = '\0';
                cr_expect_neq(judge(jwks, token, &wanted, &why), 0, "%zu bytes", n);
        }
        free(token);
        jwks_destroy(jwks);
}

/* The oldest trick: the public key as the secret of HMAC, or no signature at all. */
Test(jwt, of_no_algorithm_or_of_a_shared_secret_is_refused)
{
        static const char *const headers[] = {
                "{\"alg\":\"none\"}",
                "{\"alg\":\"None\"}",
                "{\"alg\":\"HS256\"}",
                "{\"alg\":\"HS512\"}",
                "{\"alg\":\"RS1\"}",
                "{\"alg\":\"ES256K\"}",
                "{\"alg\":\"rs256\"}",
                "{\"alg\":\"\"}",
                "{\"alg\":null}",
                "{\"alg\":[\"RS256\"]}",
                "{}",
                "{\"alg\":\"RS256\\u0000\"}",
                "{\"typ\":\"JWT\"}",
                "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}",
                "{\"alg\":\"RS256\",\"alg\":\"none\"}",
        };
        struct jwt_demand wanted = demand();
        struct jwks *jwks = keys();
        const char *why;

        for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
                char *token =
                        signer_sign(signer_key(JWT_RS256), JWT_RS256, headers[i], "{" GOOD "}");
                char *bare = alloc_str((struct str){token, (size_t)(strrchr(token, '.') - token)});
                char *empty = alloc_format("%s.", bare);

                check_int(judge(jwks, token, &wanted, &why), READ + JWT_E_BAD);
                check_int(judge(jwks, empty, &wanted, &why), READ + JWT_E_BAD);
                check_int(judge(jwks, bare, &wanted, &why), READ + JWT_E_BAD);
                free(token);
                free(bare);
                free(empty);
        }
        jwks_destroy(jwks);
}

Test(jwt, names_one_algorithm_and_its_key_is_of_another)
{
        static const struct {
                enum jwt_algorithm says, is;
        } rows[] = {{JWT_RS256, JWT_ES256}, {JWT_ES256, JWT_RS256}, {JWT_ES256, JWT_ES384},
                    {JWT_EDDSA, JWT_ES256}, {JWT_ES384, JWT_EDDSA}, {JWT_PS256, JWT_EDDSA}};
        char header[128];
        const char *why;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
                         jwt_algorithm_name(rows[i].says), jwt_algorithm_name(rows[i].is));
                check_int(judge_of(rows[i].is, signer_key(rows[i].is), header, "{" GOOD "}", &why),
                          VERIFY + JWKS_E_NO_KEY);
        }
        check_int(judge_of(JWT_RS256, signer_key(JWT_RS256), "{\"alg\":\"PS256\"}", "{" GOOD "}",
                           &why),
                  VERIFY + JWKS_E_BAD);
}

/* What a header brings or names is no key: another's signature stays another's. */
Test(jwt, brings_its_own_key_and_is_not_believed)
{
        json_t *header =
                json_pack("{s:s, s:s, s:s, s:s, s:o}", "alg", "RS256", "kid", "RS256", "jku",
                          "https://evil.example/jwks", "x5u", "https://evil.example/x5u", "jwk",
                          signer_jwk(signer_other_key(JWT_RS256), "RS256"));
        char *text = json_dumps(header, JSON_COMPACT);
        const char *why;

        check_int(judge_of(JWT_RS256, signer_other_key(JWT_RS256), text, "{" GOOD "}", &why),
                  VERIFY + JWKS_E_BAD);
        check_int(judge_of(JWT_RS256, signer_key(JWT_RS256), text, "{" GOOD "}", &why), 0);
        free(text);
        json_decref(header);
}

Test(jwt, has_a_header_that_is_not_understood)
{
        static const char *const headers[] = {
                "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}",
                "{\"alg\":\"RS256\",\"crit\":[]}",
                "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}",
                "{\"alg\":\"RS256\",\"b64\":false}",
                "{\"alg\":\"RS256\",\"kid\":7}",
                "{\"alg\":\"RS256\",\"typ\":{}}",
                "[\"RS256\"]",
                "\"RS256\"",
                "{\"alg\":\"RS256\"",
                "",
        };
        const char *why;

        for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
                check_int(
                        judge_of(JWT_RS256, signer_key(JWT_RS256), headers[i], "{" GOOD "}", &why),
                        READ + JWT_E_BAD);
}

Test(jwt, that_is_none_is_told_apart_at_once)
{
        static const char *const texts[] = {
                "",          ".",           "..",         "...",
                "ey",        "ey.",         "ey.ey",      "a.b.c",
                "mgw_token", "ey.ey.ey.ey", "ey==.ey.ey", "eyJ9.eyJ9.eyJ9.eyJ9.eyJ9"};
        const char *why;
        struct jwt jwt;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                check_int(jwt_read(&jwt, str_from(texts[i]), &why), JWT_E_BAD);
                jwt_finish(&jwt);
        }
        cr_expect(jwt_is_like(STR("eyJ.eyJ.x")));
        cr_expect_not(jwt_is_like(STR("mgw1.abc.x")));
        cr_expect_not(jwt_is_like(STR("eyJ.eyJ")));
}

Test(jwt, over_the_cap_is_not_read)
{
        char *pad = alloc_zeroed(JWT_MAX_BYTES + 1), *claims;
        const char *why;

        memset(pad, 'x', JWT_MAX_BYTES);
        claims = alloc_format("{" GOOD ",\"pad\":\"%s\"}", pad);
        check_int(
                judge_of(JWT_RS256, signer_key(JWT_RS256), signer_header(JWT_RS256), claims, &why),
                READ + JWT_E_BAD);
        check_str(str_from(why), STR("it is too long"));
        free(claims);
        free(pad);
}

/* ---- claims ---- */

static int claims(const char *text, const struct jwt_demand *wanted, const char *header,
                  const char **whyp)
{
        struct jwks *jwks = keys();
        char *token = signer_sign(signer_key(JWT_ES256), JWT_ES256, header, text);
        int r = judge(jwks, token, wanted, whyp);

        free(token);
        jwks_destroy(jwks);
        return r;
}

static void expect_claims(const char *text, int outcome)
{
        struct jwt_demand wanted = demand();
        const char *why = "";

        cr_expect_eq(claims(text, &wanted, "{\"alg\":\"ES256\"}", &why), outcome, "%s: %s", text,
                     why);
}

#define ISS "\"iss\":\"https://id.example.com\""
#define AUD "\"aud\":\"https://mcp.example.com/mcp\""
#define BAD (CHECK + JWT_E_BAD)

Test(jwt, is_for_us_of_our_issuer_and_now)
{
        expect_claims("{" ISS ",\"aud\":[\"x\",\"https://mcp.example.com/sse\"],\"exp\":1000001}",
                      0);
        expect_claims("{" ISS "," AUD ",\"exp\":1000001.5,\"nbf\":1000030,\"iat\":999999}", 0);
        expect_claims("{" ISS "," AUD ",\"exp\":999971}", 0); /* within the skew */
        expect_claims("{" ISS "," AUD ",\"exp\":999970}", CHECK + JWT_E_EXPIRED);
        expect_claims("{" ISS "," AUD ",\"exp\":0}", CHECK + JWT_E_EXPIRED);
        expect_claims("{" ISS "," AUD ",\"exp\":1000060,\"nbf\":1000031}", BAD);
        expect_claims("{" ISS "," AUD ",\"exp\":1000060,\"iat\":1000031}", BAD);
}

Test(jwt, says_nothing_that_is_demanded_or_something_odd)
{
        static const char *const texts[] = {
                "{" ISS "," AUD "}",
                "{" ISS ",\"exp\":1000060}",
                "{" AUD ",\"exp\":1000060}",
                "{" ISS "," AUD ",\"exp\":\"1000060\"}",
                "{" ISS "," AUD ",\"exp\":null}",
                "{" ISS "," AUD ",\"exp\":-1}",
                "{" ISS "," AUD ",\"exp\":1e300}",
                "{" ISS "," AUD ",\"exp\":1000060,\"nbf\":\"0\"}",
                "{" ISS "," AUD ",\"exp\":1000060,\"iat\":[]}",
                "{\"iss\":\"https://id.example.com/\"," AUD ",\"exp\":1000060}",
                "{\"iss\":\"https://ID.example.com\"," AUD ",\"exp\":1000060}",
                "{\"iss\":[\"https://id.example.com\"]," AUD ",\"exp\":1000060}",
                "{" ISS ",\"aud\":\"https://mcp.example.com\",\"exp\":1000060}",
                "{" ISS ",\"aud\":\"https://mcp.example.com/mcp/x\",\"exp\":1000060}",
                "{" ISS ",\"aud\":[],\"exp\":1000060}",
                "{" ISS ",\"aud\":[7],\"exp\":1000060}",
                "{" ISS ",\"aud\":{\"https://mcp.example.com/mcp\":1},\"exp\":1000060}",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                expect_claims(texts[i], BAD);
        expect_claims("{" ISS "," AUD ",\"exp\":1000060,\"exp\":7}", READ + JWT_E_BAD);
        expect_claims("{" ISS "," AUD ",\"exp\":1e999}", READ + JWT_E_BAD);
        expect_claims("[]", READ + JWT_E_BAD);
        expect_claims("{" ISS "," AUD ",\"exp\":1000060}x", READ + JWT_E_BAD);
}

Test(jwt, is_of_a_kind_that_is_for_requests)
{
        static const struct {
                const char *typ, *demanded;
                int outcome;
        } rows[] = {
                {"JWT", NULL, 0},
                {"jwt", NULL, 0},
                {"at+jwt", NULL, 0},
                {"application/at+JWT", NULL, 0},
                {"dpop+jwt", NULL, BAD},
                {"logout+jwt", NULL, BAD},
                {"secevent+jwt", NULL, BAD},
                {"", NULL, BAD},
                {"at+jwt", "at+jwt", 0},
                {"application/at+jwt", "at+jwt", 0},
                {"JWT", "at+jwt", BAD},
                {"at+jwt", "JWT", BAD},
        };
        char header[128];
        const char *why;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct jwt_demand wanted = demand();

                wanted.typ = rows[i].demanded;
                snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"typ\":\"%s\"}", rows[i].typ);
                check_int(claims("{" GOOD "}", &wanted, header, &why), rows[i].outcome);
        }
}

Test(jwt, that_is_an_id_token_is_the_answer_to_our_request)
{
        static const char *const client[] = {"mgw", NULL};
        static const struct {
                const char *claims, *header;
                int outcome;
        } rows[] = {
                {"\"aud\":\"mgw\",\"nonce\":\"n1\"", "", 0},
                {"\"aud\":[\"mgw\"],\"nonce\":\"n1\",\"azp\":\"mgw\"", ",\"typ\":\"JWT\"", 0},
                {"\"aud\":[\"mgw\",\"x\"],\"nonce\":\"n1\",\"azp\":\"mgw\"", "", 0},
                {"\"aud\":\"mgw\"", "", BAD},
                {"\"aud\":\"mgw\",\"nonce\":\"n2\"", "", BAD},
                {"\"aud\":\"mgw\",\"nonce\":\"n\"", "", BAD},
                {"\"aud\":\"mgw\",\"nonce\":1", "", BAD},
                {"\"aud\":\"mgw\",\"nonce\":\"n1\",\"azp\":\"x\"", "", BAD},
                {"\"aud\":\"mgw\",\"nonce\":\"n1\",\"azp\":1", "", BAD},
                {"\"aud\":[\"mgw\",\"x\"],\"nonce\":\"n1\"", "", BAD},
                {"\"aud\":\"mgw\",\"nonce\":\"n1\"", ",\"typ\":\"at+jwt\"", BAD},
                {"\"aud\":\"x\",\"nonce\":\"n1\"", "", BAD},
        };
        const char *why;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct jwt_demand wanted = demand();
                char *text = alloc_format("{" ISS ",\"exp\":1000060,%s}", rows[i].claims);
                char *header = alloc_format("{\"alg\":\"ES256\"%s}", rows[i].header);

                wanted.audiences = client;
                wanted.client_id = "mgw";
                wanted.nonce = "n1";
                check_int(claims(text, &wanted, header, &why), rows[i].outcome);
                free(text);
                free(header);
        }
}
