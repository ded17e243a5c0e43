/* HTTP/1.1 of a proxy: however it is cut, the same records come of it.
 * The first two bytes of an input choose where it is cut; the rest is what the proxy sends. */
#include "fuzz.h"
#include "mgw/wire/cgi.h"
#include "mgw/wire/http1.h"

#include <fastcgi.h>

#define HEAD_MAX_BYTES 2000

struct seen {
        struct buf params, body;
        unsigned n_begins, n_ends;
};

static void see(void *owner, const struct fcgi_record *rec)
{
        struct seen *seen = owner;

        REQUIRE(rec->id == 1);
        REQUIRE(rec->type == FCGI_BEGIN_REQUEST || seen->n_begins == 1);
        REQUIRE(seen->n_ends == 0);
        if (rec->type == FCGI_BEGIN_REQUEST)
                seen->n_begins++;
        else if (rec->type == FCGI_PARAMS)
                REQUIRE(buf_add(&seen->params, rec->content, rec->n_content) == 0);
        else if (rec->n_content > 0)
                REQUIRE(buf_add(&seen->body, rec->content, rec->n_content) == 0);
        else
                seen->n_ends++;
}

static int read_request(const uint8_t *p, size_t n, struct cuts *cuts, struct seen *seen)
{
        struct http1 *h = http1_create(HEAD_MAX_BYTES, see, seen);
        int r = 0;

        *seen = (struct seen){0};
        buf_init(&seen->params, 1 << 26);
        buf_init(&seen->body, 1 << 26);
        do {
                size_t n_piece = cuts == NULL ? n : cuts_next(cuts, n);
                char *piece = exact_copy(p, n_piece);

                r = http1_feed(h, (const uint8_t *)piece, n_piece);
                free(piece);
                p += n_piece;
                n -= n_piece;
        } while (n > 0 && r == 0);
        http1_destroy(h);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct seen whole, pieces;
        struct cgi_params params;
        struct cuts cuts;
        bool is_refused;

        if (size < 3)
                return 0;
        cuts.state = (uint32_t)data[0] << 8 | data[1];
        /* Of two faults the first to be seen is told, and that depends on where it is cut. */
        is_refused = read_request(data + 2, size - 2, NULL, &whole) != 0;
        REQUIRE(is_refused == (read_request(data + 2, size - 2, &cuts, &pieces) != 0));
        REQUIRE(str_eq(buf_bytes(&whole.params), buf_bytes(&pieces.params)));
        REQUIRE(str_eq(buf_bytes(&whole.body), buf_bytes(&pieces.body)));
        REQUIRE(whole.n_ends == pieces.n_ends);
        REQUIRE(whole.params.len <= HEAD_MAX_BYTES);
        if (whole.params.len > 0 && cgi_params_decode(&params, buf_bytes(&whole.params)) == 0)
                cgi_params_finish(&params);
        buf_finish(&whole.params);
        buf_finish(&whole.body);
        buf_finish(&pieces.params);
        buf_finish(&pieces.body);
        return 0;
}
