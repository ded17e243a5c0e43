/* What an issuer says of itself, in any form: what is read is an address by https, or nothing. */
#include "fuzz.h"
#include "mgw/auth/issuer.h"

static void check(const char *url)
{
        REQUIRE(url == NULL || (strncmp(url, "https://", 8) == 0 && strlen(url) <= 2048 &&
                                strpbrk(url, " \r\n\t") == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        struct issuer_metadata m;
        const char *wrong =
                issuer_metadata_read(&m, (struct str){copy, size}, "https://id.example.com");

        REQUIRE(wrong != NULL || m.jwks_uri != NULL);
        check(m.authorization_endpoint);
        check(m.token_endpoint);
        check(m.jwks_uri);
        check(m.userinfo_endpoint);
        check(m.end_session_endpoint);
        issuer_metadata_finish(&m);
        free(copy);
        return 0;
}
