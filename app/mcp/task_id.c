/* The mark is an HMAC over user, server and id. An id proves by itself whose it is, so that nothing
 * need be kept. */
#include "mgw/mcp/task_id.h"

#include "mgw/base/base64.h"
#include "mgw/base/buf.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

/* Half of the HMAC, and its text. */
#define MARK_BYTES 16
#define MARK_TEXT 22
#define ID_MAX_BYTES (1u << 20)

/* Each part with its length before it: no two triples make the same bytes. */
static int add_parts(struct buf *out, struct str user, struct str server, struct str theirs)
{
        const struct str parts[] = {STR("mgw task 1"), user, server, theirs};
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
                r = buf_addf(out, "%zu:", parts[i].n);
                if (r == 0)
                        r = buf_add_str(out, parts[i]);
        }
        return r;
}

static int add_mark(struct buf *out, const uint8_t *key, struct str user, struct str server,
                    struct str theirs)
{
        uint8_t mac[32];
        struct buf parts;
        int r;

        buf_init(&parts, ID_MAX_BYTES);
        r = add_parts(&parts, user, server, theirs);
        if (r == 0 && HMAC(EVP_sha256(), key, TASK_KEY_BYTES, (const uint8_t *)buf_bytes(&parts).p,
                           buf_bytes(&parts).n, mac, NULL) == NULL)
                r = -1;
        buf_finish(&parts);
        return r == 0 ? base64_encode(out, BASE64_URL, (struct str){(char *)mac, MARK_BYTES}) : r;
}

char *task_id_show(const uint8_t key[TASK_KEY_BYTES], struct str user, struct str server,
                   struct str theirs)
{
        struct buf text;
        char *shown = NULL;

        buf_init(&text, ID_MAX_BYTES);
        if (add_mark(&text, key, user, server, theirs) == 0 && buf_add(&text, ".", 1) == 0 &&
            buf_add_str(&text, server) == 0 && buf_add(&text, ".", 1) == 0 &&
            buf_add_str(&text, theirs) == 0)
                shown = str_dup(buf_bytes(&text));
        buf_finish(&text);
        return shown;
}

struct str task_id_read(const uint8_t key[TASK_KEY_BYTES], struct str user, struct str server,
                        struct str shown)
{
        size_t before = MARK_TEXT + 1 + server.n + 1;
        struct str theirs;
        struct buf mark;
        bool is_right;

        if (shown.n <= before || shown.p[MARK_TEXT] != '.' || shown.p[before - 1] != '.' ||
            memcmp(shown.p + MARK_TEXT + 1, server.p, server.n) != 0)
                return STR("");
        theirs = (struct str){shown.p + before, shown.n - before};
        buf_init(&mark, MARK_TEXT);
        is_right = add_mark(&mark, key, user, server, theirs) == 0 &&
                   CRYPTO_memcmp(buf_bytes(&mark).p, shown.p, MARK_TEXT) == 0;
        buf_finish(&mark);
        return is_right ? theirs : STR("");
}
