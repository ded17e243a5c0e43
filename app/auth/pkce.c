#include "mgw/auth/pkce.h"

#include "mgw/base/base64.h"
#include "mgw/base/buf.h"
#include "mgw/base/rand.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define VERIFIER_MIN 43
#define VERIFIER_MAX 128
#define DIGEST_BYTES 32

static bool are_all(struct str text, const char *others)
{
        for (size_t i = 0; i < text.n; i++) {
                char c = text.p[i];

                if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                      (c != '\0' && strchr(others, c) != NULL)))
                        return false;
        }
        return true;
}

static bool challenge_of(struct str verifier, char challenge[PKCE_SIZE])
{
        uint8_t digest[DIGEST_BYTES];
        struct buf text;
        bool done;

        buf_init(&text, PKCE_SIZE);
        done = EVP_Digest(verifier.p, verifier.n, digest, NULL, EVP_sha256(), NULL) == 1 &&
               base64_encode(&text, BASE64_URL,
                             (struct str){(const char *)digest, sizeof(digest)}) == 0 &&
               text.len == PKCE_SIZE - 1;
        if (done) {
                memcpy(challenge, buf_bytes(&text).p, PKCE_SIZE - 1);
                challenge[PKCE_SIZE - 1] = '\0';
        }
        buf_finish(&text);
        return done;
}

void pkce_make(char verifier[PKCE_SIZE], char challenge[PKCE_SIZE])
{
        do {
                rand_text(verifier, DIGEST_BYTES);
        } while (!challenge_of(str_from(verifier), challenge));
}

bool pkce_is_challenge(struct str challenge)
{
        return challenge.n == PKCE_SIZE - 1 && are_all(challenge, "-_");
}

bool pkce_fits(struct str verifier, struct str challenge)
{
        char ours[PKCE_SIZE];

        return verifier.n >= VERIFIER_MIN && verifier.n <= VERIFIER_MAX &&
               are_all(verifier, "-._~") && pkce_is_challenge(challenge) &&
               challenge_of(verifier, ours) && CRYPTO_memcmp(ours, challenge.p, challenge.n) == 0;
}
