#include "mgw/auth/oauth_url.h"

#include "mgw/auth/oauth_party.h"
#include "mgw/loop/http.h"
#include "mgw/wire/hdr.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool oauth_url_is_sound(const char *url, bool takes_http)
{
        bool has_scheme = url != NULL && (strncasecmp(url, "https://", 8) == 0 ||
                                          (takes_http && strncasecmp(url, "http://", 7) == 0));
        const char *host;
        size_t n;

        if (!has_scheme || !hdr_is_visible(str_from(url), OAUTH_URL_MAX))
                return false;
        host = strstr(url, "://") + 3;
        n = strcspn(host, "/?#");
        return n > 0 && memchr(host, '@', n) == NULL && strchr(url, '#') == NULL &&
               strpbrk(url, "\"<>\\") == NULL && hdr_url_host(str_from(url)).n > 0;
}

bool oauth_url_same_origin(const char *a, const char *b)
{
        char *of_a = a != NULL ? http_origin(a) : NULL, *of_b = b != NULL ? http_origin(b) : NULL;
        bool is_same = of_a != NULL && of_b != NULL && strcasecmp(of_a, of_b) == 0;

        free(of_a);
        free(of_b);
        return is_same;
}
