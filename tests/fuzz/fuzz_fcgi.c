/* FastCGI input: records, what they hold, and what we answer to it.
 * The first two bytes of an input choose where it is cut; the rest is what a peer sends. */
#include "fuzz.h"
#include "mgw/wire/cgi.h"
#include "mgw/wire/fcgi.h"

#include <fastcgi.h>
#include <fcgiapp.h>

struct seen {
        struct buf records; /* all of them, in a form to compare */
        struct buf params;  /* the PARAMS content of all ids */
        int outcome;
};

static void seen_init(struct seen *seen)
{
        buf_init(&seen->records, 1 << 26);
        buf_init(&seen->params, 1 << 26);
        seen->outcome = FCGI_E_MORE;
}

static void seen_finish(struct seen *seen)
{
        buf_finish(&seen->records);
        buf_finish(&seen->params);
}

static void see(struct seen *seen, const struct fcgi_record *rec)
{
        REQUIRE(buf_addf(&seen->records, "%u %u %zu:", rec->type, rec->id, rec->n_content) == 0);
        REQUIRE(buf_add(&seen->records, rec->content, rec->n_content) == 0);
        if (rec->type == FCGI_PARAMS)
                REQUIRE(buf_add(&seen->params, rec->content, rec->n_content) == 0);
}

static void feed(struct fcgi_reader *r, const uint8_t *p, size_t n, struct seen *seen)
{
        char *piece = exact_copy(p, n);
        const uint8_t *at = (const uint8_t *)piece;
        struct fcgi_record rec;
        size_t used;

        while ((seen->outcome = fcgi_reader_feed(r, at, n, &used, &rec)) == 0) {
                REQUIRE(used <= n);
                REQUIRE(used > 0);
                see(seen, &rec);
                at += used;
                n -= used;
        }
        REQUIRE(seen->outcome == FCGI_E_BAD || used == n);
        free(piece);
}

/* One piece after the other, or all at once when cuts is NULL. */
static void read_records(const uint8_t *p, size_t n, struct cuts *cuts, struct seen *seen)
{
        struct fcgi_reader r;

        fcgi_reader_init(&r);
        seen_init(seen);
        do {
                size_t n_piece = cuts == NULL ? n : cuts_next(cuts, n);

                feed(&r, p, n_piece, seen);
                p += n_piece;
                n -= n_piece;
        } while (n > 0 && seen->outcome == FCGI_E_MORE);
        fcgi_reader_finish(&r);
}

static void try_head(const struct cgi_params *params)
{
        char id[32];
        struct cgi_head head;
        int r;

        if (cgi_head_read(&head, params) != 0)
                return;
        REQUIRE(head.path.n > 0);
        REQUIRE(head.path.p[0] == '/' || str_eq(head.path, STR("*")));
        REQUIRE(memchr(head.path.p, '?', head.path.n) == NULL);
        r = cgi_query_get(head.query, STR("sessionId"), id, sizeof(id));
        REQUIRE(r != 0 || strlen(id) < sizeof(id));
}

/* Every pair is found again by libfcgi, joined or alone. */
static void check_params(const struct cgi_params *params, struct str pairs)
{
        struct str name;
        struct str value;

        while (fcgi_pair_next(&pairs, &name, &value) == 0) {
                char *key = str_dup(name);
                const char *found = FCGX_GetParam(key, params->envp);

                REQUIRE(found != NULL);
                if (str_has_prefix(name, STR("HTTP_")))
                        REQUIRE(memmem(found, strlen(found), value.p, value.n) != NULL);
                free(key);
        }
}

static void try_params(struct str pairs)
{
        char *copy = exact_copy(pairs.p, pairs.n);
        struct str exact = {copy, pairs.n};
        struct cgi_params params;

        if (cgi_params_decode(&params, exact) == 0) {
                /* in time n squared, so for what is short */
                if (pairs.n < 2000)
                        check_params(&params, exact);
                try_head(&params);
                cgi_params_finish(&params);
        }
        free(copy);
}

static void try_values(struct str pairs)
{
        char *copy = exact_copy(pairs.p, pairs.n);
        struct fcgi_record asked = {FCGI_GET_VALUES, 0, (const uint8_t *)copy, pairs.n};
        struct fcgi_record told;
        struct fcgi_reader r;
        struct buf out;
        size_t used;

        buf_init(&out, 1000);
        fcgi_reader_init(&r);
        if (fcgi_add_values_result(&out, &asked, UINT32_MAX) == 0) {
                REQUIRE(fcgi_reader_feed(&r, out.mem + out.head, out.len, &used, &told) == 0);
                REQUIRE(used == out.len);
                REQUIRE(told.type == FCGI_GET_VALUES_RESULT);
        }
        fcgi_reader_finish(&r);
        buf_finish(&out);
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct cuts cuts;
        struct seen whole;
        struct seen cut;

        if (size < 2)
                return 0;
        cuts.state = (uint32_t)data[0] << 8 | data[1];
        data += 2;
        size -= 2;
        read_records(data, size, NULL, &whole);
        read_records(data, size, &cuts, &cut);
        REQUIRE(whole.outcome == cut.outcome);
        REQUIRE(str_eq(buf_bytes(&whole.records), buf_bytes(&cut.records)));
        try_params(buf_bytes(&whole.params));
        try_values(buf_bytes(&whole.params));
        /* without the records around them, what the fuzzer finds soonest */
        try_params((struct str){(const char *)data, size});
        try_values((struct str){(const char *)data, size});
        seen_finish(&whole);
        seen_finish(&cut);
        return 0;
}
