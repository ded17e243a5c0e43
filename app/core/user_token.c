/* `mgw token`: makes a token and keeps only its hash. */
#include "mgw/base/clock.h"
#include "mgw/base/file.h"
#include "mgw/base/rand.h"
#include "mgw/core/user.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TOKEN_BYTES 32

static json_t *make_entry(const char *email, unsigned days, const char *token)
{
        uint8_t hash[32];
        char hex[65], expires[32];
        time_t at = (time_t)(clock_wall_ms() / 1000) + (time_t)days * 86400;
        struct tm tm;

        if (EVP_Digest(token, strlen(token), hash, NULL, EVP_sha256(), NULL) != 1)
                return NULL;
        for (size_t i = 0; i < sizeof(hash); i++)
                snprintf(hex + 2 * i, 3, "%02x", hash[i]);
        strftime(expires, sizeof(expires), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
        return json_pack("{s:s, s:s, s:s}", "email", email, "sha256", hex, "expires", expires);
}

static int write_file(const char *path, const json_t *root)
{
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        int r = f != NULL && json_dumpf(root, f, JSON_INDENT(2)) == 0 && fputc('\n', f) != EOF
                        ? 0
                        : -ENOMEM;

        if (f != NULL && fclose(f) != 0)
                r = -ENOMEM;
        if (r == 0)
                r = file_replace(path, (struct str){text, n});
        free(text);
        return r;
}

static int add_to_file(const char *path, json_t *entry, FILE *err)
{
        json_error_t error;
        bool is_new = access(path, F_OK) < 0;
        json_t *root = is_new ? json_pack("{s:[]}", "users")
                              : json_load_file(path, JSON_REJECT_DUPLICATES, &error);
        int r;

        if (root == NULL || json_array_append(json_object_get(root, "users"), entry) < 0) {
                fprintf(err, "%s: must hold {\"users\": [...]}: nothing was changed\n", path);
                r = -EINVAL;
        } else if ((r = write_file(path, root)) < 0) {
                fprintf(err, "%s: cannot be written: %s\n", path, strerror(-r));
        }
        json_decref(root);
        return r;
}

int user_token_make(const char *email, unsigned days, const char *path, FILE *out, FILE *err)
{
        char token[4 + RAND_TEXT_SIZE(TOKEN_BYTES)] = "mgw_";
        json_t *entry;
        int r = 0;

        if (!hdr_is_user(str_from(email)) || strchr(email, '@') == NULL) {
                fprintf(err, "mgw token: \"%s\" is no email address\n", email);
                return -EINVAL;
        }
        rand_text(token + 4, TOKEN_BYTES);
        entry = make_entry(email, days, token);
        if (entry == NULL)
                return -ENOMEM;
        if (path != NULL && path[0] != '\0')
                r = add_to_file(path, entry, err);
        if (r == 0)
                fprintf(out, "%s\n", token);
        if (r == 0 && (path == NULL || path[0] == '\0')) {
                fprintf(err, "Put this into \"users\" of the file that auth.tokens_file names:\n");
                json_dumpf(entry, out, 0);
                fputc('\n', out);
        }
        json_decref(entry);
        return r;
}
