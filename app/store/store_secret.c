/* The secret of the store, and the keys that are made of it: HKDF-SHA256 (RFC 5869), of whose
 * output one block is all that is needed. No purpose is another's beginning, since a zero ends it.
 */
#include "mgw/base/alloc.h"
#include "mgw/base/file.h"
#include "mgw/base/rand.h"
#include "store_inside.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECRET_BYTES 32
/* Of a file. */
#define SECRET_MAX 1024

static void hmac(struct str key, struct str text, uint8_t out[STORE_SECRET_KEY_BYTES])
{
        (void)alloc_judge(
                HMAC(EVP_sha256(), key.p, (int)key.n, (const uint8_t *)text.p, text.n, out, NULL),
                STORE_SECRET_KEY_BYTES);
}

static void extract(struct str secret, uint8_t out[STORE_SECRET_KEY_BYTES])
{
        hmac(STR("mgw state 1"), secret, out);
}

void store_secret_expand(const uint8_t secret[STORE_SECRET_KEY_BYTES], const char *purpose,
                         const char *label, uint8_t key[STORE_SECRET_KEY_BYTES])
{
        /* "purpose", zero, "label", 1: the first block */
        char *info = alloc_format("%s%c%s\x01", purpose, 0, label);

        hmac((struct str){(const char *)secret, STORE_SECRET_KEY_BYTES},
             (struct str){info, strlen(purpose) + strlen(label) + 2}, key);
        free(info);
}

/* ---- the file of a key ---- */

/* 0; -ENOENT; -EINVAL, which has been told. */
static int read_file(const char *path, char text[SECRET_MAX + 1], FILE *err)
{
        FILE *file = fopen(path, "re");
        struct str secret;

        if (file == NULL && errno == ENOENT)
                return -ENOENT;
        if (file == NULL) {
                fprintf(err, "%s: cannot be read: %s\n", path, strerror(errno));
                return -EINVAL;
        }
        secret = (struct str){text, fread(text, 1, SECRET_MAX, file)};
        fclose(file);
        while (secret.n > 0 && isspace((unsigned char)text[secret.n - 1]))
                secret.n--;
        text[secret.n] = '\0';
        if (secret.n >= STORE_SECRET_MIN)
                return 0;
        fprintf(err, "%s: holds no key: put back what mgw wrote there, or give it as state_key\n",
                path);
        return -EINVAL;
}

static int make_file(const struct store_folder *folder, char text[SECRET_MAX + 1], FILE *err)
{
        int r;

        if (folder->has_database) {
                fprintf(err,
                        "%s: is missing, and the records beside it are sealed by it: put it back, "
                        "give its text as state_key, or move %s away to begin anew\n",
                        folder->key, folder->database);
                return -EINVAL;
        }
        rand_text(text, SECRET_BYTES);
        r = file_replace(folder->key, str_from(text));
        if (r == 0)
                return 0;
        fprintf(err, "%s: cannot be written: %s\n", folder->key, strerror(-r));
        return -EINVAL;
}

static int open_file(const struct store_folder *folder, char text[SECRET_MAX + 1], FILE *err)
{
        int r = read_file(folder->key, text, err);

        if (r == -ENOENT)
                r = make_file(folder, text, err);
        if (r == 0 && file_is_open_to_others(folder->key) && chmod(folder->key, 0600) < 0)
                fprintf(err, "%s: others can read it: chmod 600\n", folder->key);
        return r;
}

/* ---- all of it ---- */

int store_secrets_open(struct store_secrets *secrets, const struct store_options *options,
                       const struct store_folder *folder, FILE *err)
{
        char text[SECRET_MAX + 1];
        int r = 0;

        if (options->key == NULL && folder != NULL)
                r = open_file(folder, text, err);
        else if (options->key == NULL)
                rand_text(text, SECRET_BYTES);
        if (r == 0) {
                extract(str_from(options->key != NULL ? options->key : text), secrets->own);
                secrets->has_old = options->old_key != NULL;
        }
        if (r == 0 && secrets->has_old)
                extract(str_from(options->old_key), secrets->old);
        OPENSSL_cleanse(text, sizeof(text));
        return r;
}

void store_secret_key(const struct store *store, const char *label,
                      uint8_t key[STORE_SECRET_KEY_BYTES])
{
        store_secret_expand(store->secrets.own, "other", label, key);
}

bool store_old_secret_key(const struct store *store, const char *label,
                          uint8_t key[STORE_SECRET_KEY_BYTES])
{
        if (store->secrets.has_old)
                store_secret_expand(store->secrets.old, "other", label, key);
        return store->secrets.has_old;
}
