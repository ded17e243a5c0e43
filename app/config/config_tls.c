/* The files for TLS to upstreams: looked at when mgw starts, since a connection says little of what
 * is wrong with them. They are read again at each connection. */
#include "config_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

/* What is told stands at a key of the file, or names a setting. */
struct place {
        struct loading *l;
        const char *full;
};

static void tell(const struct place *place, const char *key, const char *path, const char *why)
{
        char at[CONFIG_KEY_SIZE];

        config_key(at, place->full, key);
        config_fault(place->l, at, "%s %s", path, why);
}

static void tell_unread(const struct place *place, const char *key, const char *path)
{
        char why[128];

        snprintf(why, sizeof(why), "cannot be read: %s", strerror(errno));
        tell(place, key, path, why);
}

static int no_passphrase(char *text, int size, int is_writing, void *owner)
{
        (void)text, (void)size, (void)is_writing;
        *(bool *)owner = true;
        return -1;
}

static X509 *read_cert(const struct place *place, const char *key, const char *path)
{
        FILE *f = fopen(path, "re");
        X509 *cert;

        if (f == NULL) {
                tell_unread(place, key, path);
                return NULL;
        }
        cert = PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
        if (cert == NULL)
                tell(place, key, path, "holds no certificate (PEM)");
        return cert;
}

static EVP_PKEY *read_key(const struct place *place, const char *key, const char *path)
{
        FILE *f = fopen(path, "re");
        bool wants_passphrase = false;
        EVP_PKEY *pkey;

        if (f == NULL) {
                tell_unread(place, key, path);
                return NULL;
        }
        pkey = PEM_read_PrivateKey(f, NULL, no_passphrase, &wants_passphrase);
        fclose(f);
        if (pkey == NULL)
                tell(place, key, path,
                     wants_passphrase ? "has a passphrase: mgw takes keys without"
                                      : "holds no private key (PEM)");
        return pkey;
}

static void check_pair(const struct place *place, const char *const keys[2], const char *cert_file,
                       const char *key_file)
{
        X509 *cert = read_cert(place, keys[0], cert_file);
        EVP_PKEY *key = cert == NULL       ? NULL
                        : key_file != NULL ? read_key(place, keys[1], key_file)
                                           : read_key(place, keys[0], cert_file);

        if (key != NULL && X509_check_private_key(cert, key) != 1)
                tell(place, keys[0], cert_file, "is not the certificate of that key");
        X509_free(cert);
        EVP_PKEY_free(key);
        ERR_clear_error();
}

/* keys: those of the file that names authorities, the certificate and its key. NULL: not given. */
static void check(const struct place *place, const char *const keys[3], const char *ca_file,
                  const char *cert_file, const char *key_file)
{
        char at[CONFIG_KEY_SIZE];

        if (ca_file != NULL)
                X509_free(read_cert(place, keys[0], ca_file));
        if (cert_file != NULL) {
                check_pair(place, &keys[1], cert_file, key_file);
        } else if (key_file != NULL) {
                config_key(at, place->full, keys[2]);
                config_fault(place->l, at, "needs \"%s\"", keys[1]);
        }
        ERR_clear_error();
}

void config_tls_check(struct loading *l, const char *full, const struct config_server *s)
{
        static const char *const keys[] = {"ca_file", "client_cert_file", "client_key_file"};
        const struct place place = {l, full};
        char at[CONFIG_KEY_SIZE];

        check(&place, keys, s->ca_file, s->client_cert_file, s->client_key_file);
        config_key(at, full, "tls_server_name");
        if (s->tls_server_name != NULL && (!hdr_is_visible(str_from(s->tls_server_name), 253) ||
                                           strpbrk(s->tls_server_name, "/:@[]?#%") != NULL))
                config_fault(l, at, "must be a name as it stands in a certificate");
}

static const char *given(const char *text)
{
        return text[0] != '\0' ? text : NULL;
}

static void inherit(char **filep, const char *standard)
{
        if (*filep == NULL && standard[0] != '\0')
                *filep = alloc_text(standard);
}

/* A key belongs to its certificate: who has a certificate of its own does not take that of all. */
void config_tls_inherit(const struct config *config, struct config_server *s)
{
        if (s->client_cert_file == NULL)
                inherit(&s->client_key_file, config->upstream_client_key_file);
        inherit(&s->client_cert_file, config->upstream_client_cert_file);
        inherit(&s->ca_file, config->upstream_ca_file);
}

/* The environment may have set them: then no line of the file does. */
void config_tls_check_gateway(struct loading *l)
{
        static const char *const keys[] = {"upstream_ca_file", "upstream_client_cert_file",
                                           "upstream_client_key_file"};
        const struct place place = {l, "gateway"};
        const struct config *c = l->config;

        check(&place, keys, given(c->upstream_ca_file), given(c->upstream_client_cert_file),
              given(c->upstream_client_key_file));
}
