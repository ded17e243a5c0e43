/* "servers" of OpenAPI (4.8.5), and what Swagger 2.0 has in their place. */
#include "openapi_inside.h"

#include "mgw/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_absolute(const char *url)
{
        return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

/* The URL with the default of each variable, or the first value that it may have. NULL: one has
 * none. */
static char *fill(json_t *server, const char *url)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        const char *open, *close = NULL;
        bool is_whole = f != NULL;

        while (is_whole && (open = strchr(url, '{')) != NULL &&
               (close = strchr(open, '}')) != NULL) {
                json_t *variable = json_object_getn(json_object_get(server, "variables"), open + 1,
                                                    (size_t)(close - open - 1));
                const char *value = json_string_value(json_object_get(variable, "default"));

                if (value == NULL)
                        value = json_string_value(
                                json_array_get(json_object_get(variable, "enum"), 0));
                is_whole = value != NULL;
                fprintf(f, "%.*s%s", (int)(open - url), url, is_whole ? value : "");
                url = close + 1;
        }
        if (f != NULL) {
                fputs(url, f);
                if (fclose(f) != 0)
                        is_whole = false;
        }
        if (is_whole)
                return text;
        free(text);
        return NULL;
}

/* A path is meant from where the API is known to be. */
static char *make_absolute(const struct openapi *o, const char *url)
{
        const char *base = o->base_url, *host;

        if (is_absolute(url))
                return alloc_text(url);
        if (base == NULL || strstr(url, "://") != NULL)
                return NULL;
        host = strstr(base, "://");
        if (host == NULL)
                return NULL;
        host += 3 + strcspn(host + 3, "/");
        while (strncmp(url, "./", 2) == 0)
                url += 2;
        return alloc_format("%.*s%s%s", (int)(host - base), base, url[0] == '/' ? "" : "/", url);
}

char *openapi_server(struct openapi *o, json_t *servers)
{
        json_t *server;
        char *whole = NULL;
        size_t i;

        json_array_foreach (servers, i, server) {
                const char *url = json_string_value(json_object_get(server, "url"));
                char *filled = url != NULL ? fill(server, url) : NULL;

                if (filled != NULL)
                        whole = make_absolute(o, filled);
                free(filled);
                if (whole != NULL)
                        break;
        }
        return whole;
}

char *openapi_v2_server(struct openapi *o)
{
        struct json_node *root = json_lazy_root(o->lazy);
        const char *host = openapi_text(o, root, "host");
        const char *path = openapi_text(o, root, "basePath");
        json_t *schemes = openapi_member(o, root, "schemes"), *scheme;
        bool is_plain = false;
        size_t i;

        if (host == NULL)
                return NULL;
        json_array_foreach (schemes, i, scheme) {
                const char *word = json_string_value(scheme);

                is_plain = word != NULL && strcmp(word, "http") == 0;
                if (word != NULL && strcmp(word, "https") == 0)
                        break;
        }
        return alloc_format("%s://%s%s%s", is_plain ? "http" : "https", host,
                            path != NULL && path[0] != '/' ? "/" : "", path != NULL ? path : "");
}
