/* One fetch at a time: the metadata, at one place after the other, then the keys. Its end, good or
 * bad, tells all who wait, and sets the time of the next. */
#include "mgw/auth/issuer.h"

#include "mgw/auth/jwks.h"
#include "mgw/auth/oauth_discovery.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/loop/http_document.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX_BYTES (256u << 10)
#define DOCUMENT_TIMEOUT_MS 5000
/* All of a fetch; who waits waits no longer. */
#define FETCH_TIMEOUT_MS 10000
/* Cache-Control within these; unsaid: */
#define FRESH_MIN_S 300
#define FRESH_MAX_S 86400
#define FRESH_UNSAID_S 3600
/* After a fetch that failed, doubled with each. */
#define RETRY_FIRST_MS 2000
#define RETRY_LAST_MS 60000
/* A key that is not known is asked for so often. */
#define ASK_KEY_EVERY_MS 30000
#define PLACES 3

struct issuer {
        struct context *context;
        char *url, *jwks_url, *ca_file; /* the latter NULL: not said */
        bool takes[JWT_N_ALGORITHMS];
        struct issuer_metadata metadata;
        bool has_metadata;
        struct jwks *jwks; /* NULL: none so far */
        uint64_t generation;
        struct http_source source;
        struct http_document *document; /* that is being fetched */
        unsigned place;                 /* of the metadata */
        const char *wrong;              /* with those that were there; a constant */
        bool is_fetching;
        struct timer deadline; /* of the fetch */
        struct timer next;     /* fetch */
        int64_t retry_ms;
        uint64_t fetched_turn; /* of the loop, in which the last fetch ended */
        int64_t key_asked_ms;  /* when a fetch was begun for a key; 0: never */
        struct list waits;
        unsigned n_waits;
        bool is_failing; /* has the log been told? */
};

static void fetch_metadata(struct issuer *issuer);
static void fetch_keys(struct issuer *issuer, const char *url);

/* ---- the end of a fetch ---- */

void issuer_leave(struct issuer_wait *wait)
{
        if (wait->issuer == NULL)
                return;
        list_unlink(&wait->node);
        wait->issuer->n_waits--;
        wait->issuer = NULL;
        wait->share->n_waits--;
        share_let_go(wait->share);
        wait->share = NULL;
}

static void tell_waiting(struct issuer *issuer)
{
        struct list told;
        struct list *it;

        list_take_all(&told, &issuer->waits);
        while ((it = list_first(&told)) != NULL) {
                struct issuer_wait *wait = container_of(it, struct issuer_wait, node);

                issuer_leave(wait);
                wait->on_ready(wait);
        }
}

static void fetch_end(struct issuer *issuer, int64_t next_ms)
{
        struct loop *loop = issuer->context->loop;

        http_document_cancel(issuer->document);
        issuer->document = NULL;
        issuer->is_fetching = false;
        issuer->fetched_turn = loop_turn_no(loop);
        timer_disarm(loop, &issuer->deadline);
        timer_arm(loop, &issuer->next, next_ms);
        tell_waiting(issuer);
}

/* The log hears of the first failure, and of the end of them. */
static void fetch_fail(struct issuer *issuer, const char *what, const char *why)
{
        if (!issuer->is_failing)
                log_warn(LOG_FIELDS({"detail", why}), "[auth] issuer %s: %s: %s", issuer->url, what,
                         issuer->jwks != NULL ? "its keys stay as they were"
                                              : "its tokens cannot be judged");
        issuer->is_failing = true;
        issuer->retry_ms = issuer->retry_ms == 0 ? RETRY_FIRST_MS : issuer->retry_ms * 2;
        if (issuer->retry_ms > RETRY_LAST_MS)
                issuer->retry_ms = RETRY_LAST_MS;
        fetch_end(issuer, issuer->retry_ms);
}

static void fetch_succeed(struct issuer *issuer, int64_t max_age_s)
{
        int64_t fresh_s = max_age_s < 0 ? FRESH_UNSAID_S : max_age_s;

        fresh_s = fresh_s < FRESH_MIN_S ? FRESH_MIN_S : fresh_s;
        fresh_s = fresh_s > FRESH_MAX_S ? FRESH_MAX_S : fresh_s;
        if (issuer->is_failing || issuer->generation == 1)
                log_info(NULL, "[auth] issuer %s: %zu keys", issuer->url,
                         jwks_n_keys(issuer->jwks));
        issuer->is_failing = false;
        issuer->retry_ms = 0;
        fetch_end(issuer, fresh_s * 1000);
}

static void on_deadline(struct timer *timer)
{
        fetch_fail(container_of(timer, struct issuer, deadline), "what it says did not come",
                   "no answer in time");
}

/* ---- keys ---- */

static void on_keys(void *owner, const struct http_document_answer *answer)
{
        struct issuer *issuer = owner;
        const char *why = answer->fault;
        struct jwks *jwks = NULL;

        issuer->document = NULL;
        if (why == NULL && answer->status != 200)
                why = "the answer was not 200";
        if (why == NULL)
                jwks = jwks_read(answer->body, JWKS_KEYS_MAX, &why);
        if (jwks == NULL) {
                fetch_fail(issuer, "no keys", why);
                return;
        }
        jwks_destroy(issuer->jwks);
        issuer->jwks = jwks;
        issuer->generation++;
        fetch_succeed(issuer, answer->max_age_s);
}

static bool origin_is_same(const char *a, const char *b)
{
        char *one = http_origin(a), *other = http_origin(b);
        bool is_same = one != NULL && other != NULL && strcmp(one, other) == 0;

        free(one);
        free(other);
        return is_same;
}

static void fetch(struct issuer *issuer, const char *url, http_document_fn *on_done)
{
        static const char *const headers[] = {"Accept: application/json", NULL};
        bool is_ours = issuer->jwks_url != NULL || origin_is_same(url, issuer->url);

        issuer->document = http_document_start(issuer->context->http,
                                               &(struct http_document_options){
                                                       .method = "GET",
                                                       .url = url,
                                                       .headers = headers,
                                                       .max_bytes = DOCUMENT_MAX_BYTES,
                                                       .timeout_ms = DOCUMENT_TIMEOUT_MS,
                                                       .is_public = !is_ours,
                                                       .source = &issuer->source,
                                               },
                                               on_done, issuer);
}

static void fetch_keys(struct issuer *issuer, const char *url)
{
        fetch(issuer, url, on_keys);
}

/* ---- metadata ---- */

/* What has come of a place, or nothing; then it is asked at the next. */
static void on_metadata(void *owner, const struct http_document_answer *answer)
{
        struct issuer *issuer = owner;
        struct issuer_metadata metadata;
        const char *wrong =
                answer->fault != NULL ? "its metadata cannot be had" : "its metadata are not there";

        issuer->document = NULL;
        if (answer->fault == NULL && answer->status == 200)
                wrong = issuer_metadata_read(&metadata, answer->body, issuer->url);
        if (wrong == NULL) {
                issuer_metadata_finish(&issuer->metadata);
                issuer->metadata = metadata;
                issuer->has_metadata = true;
                fetch_keys(issuer, issuer->metadata.jwks_uri);
                return;
        }
        if (issuer->wrong == NULL || answer->status == 200)
                issuer->wrong = wrong;
        if (++issuer->place < PLACES)
                fetch_metadata(issuer);
        else
                fetch_fail(issuer, issuer->wrong, answer->fault);
}

/* OpenID's (Discovery 4), that of RFC 8414 3.1, and OpenID's as that has it (5). */
static void fetch_metadata(struct issuer *issuer)
{
        char *url = oauth_discovery_well_known(issuer->url,
                                               issuer->place == 1 ? "oauth-authorization-server"
                                                                  : "openid-configuration",
                                               true, issuer->place == 0);

        fetch(issuer, url, on_metadata);
        free(url);
}

static void fetch_begin(struct issuer *issuer)
{
        struct loop *loop = issuer->context->loop;

        timer_disarm(loop, &issuer->next);
        timer_arm(loop, &issuer->deadline, FETCH_TIMEOUT_MS);
        issuer->is_fetching = true;
        issuer->place = 0;
        issuer->wrong = NULL;
        if (issuer->jwks_url != NULL)
                fetch_keys(issuer, issuer->jwks_url);
        else
                fetch_metadata(issuer);
}

static void on_next(struct timer *timer)
{
        fetch_begin(container_of(timer, struct issuer, next));
}

/* ---- its life ---- */

struct issuer *issuer_create(struct context *context, const struct issuer_options *options)
{
        struct issuer *issuer = alloc_zeroed(sizeof(*issuer));
        const char *ca_file = context->config->upstream_ca_file;

        issuer->context = context;
        issuer->url = alloc_text(options->url);
        issuer->jwks_url = options->jwks_url != NULL ? alloc_text(options->jwks_url) : NULL;
        issuer->ca_file = ca_file[0] != '\0' ? alloc_text(ca_file) : NULL;
        for (int i = 0; i < JWT_N_ALGORITHMS; i++)
                issuer->takes[i] = options->algorithms == NULL;
        for (const char *const *name = options->algorithms; name != NULL && *name != NULL; name++) {
                enum jwt_algorithm algorithm;

                if (jwt_algorithm_find(*name, &algorithm))
                        issuer->takes[algorithm] = true;
        }
        issuer->source.tls.ca_file = issuer->ca_file;
        issuer->deadline.on_due = on_deadline;
        issuer->next.on_due = on_next;
        list_init(&issuer->waits);
        fetch_begin(issuer);
        return issuer;
}

static void issuer_free(void *object)
{
        struct issuer *issuer = object;

        free(issuer->url);
        free(issuer->jwks_url);
        free(issuer->ca_file);
        free(issuer);
}

void issuer_destroy(struct issuer *issuer)
{
        struct loop *loop;

        if (issuer == NULL)
                return;
        loop = issuer->context->loop;
        http_document_cancel(issuer->document);
        issuer->document = NULL;
        issuer->is_fetching = false;
        tell_waiting(issuer);
        timer_disarm(loop, &issuer->deadline);
        timer_disarm(loop, &issuer->next);
        issuer_metadata_finish(&issuer->metadata);
        jwks_destroy(issuer->jwks);
        loop_bury(loop, issuer,
                  issuer_free); /* requests that were cancelled name its source still */
}

const struct issuer_metadata *issuer_metadata(const struct issuer *issuer)
{
        return issuer->has_metadata ? &issuer->metadata : NULL;
}

uint64_t issuer_generation(const struct issuer *issuer)
{
        return issuer->generation;
}

/* ---- who waits ---- */

static bool is_known(const struct issuer *issuer)
{
        return issuer->jwks != NULL;
}

bool issuer_wait(struct issuer *issuer, struct issuer_wait *wait, struct share *share)
{
        if (!issuer->is_fetching || issuer->n_waits >= ISSUER_WAITS_MAX ||
            share->n_waits >= ISSUER_WAITS_PER_SHARE_MAX)
                return false;
        wait->share = share_hold(share);
        share->n_waits++;
        list_append(&issuer->waits, &wait->node);
        wait->issuer = issuer;
        issuer->n_waits++;
        return true;
}

/* ---- tokens ---- */

/* It is signed by a key that is not known: is that one being asked for now? What waited for a fetch
 * is judged in the turn of its end, and asks for no other. */
static bool asks_for_key(struct issuer *issuer)
{
        int64_t now = loop_now_ms(issuer->context->loop);

        if (issuer->is_fetching)
                return true;
        if (!is_known(issuer) || issuer->fetched_turn == loop_turn_no(issuer->context->loop) ||
            (issuer->key_asked_ms != 0 && now - issuer->key_asked_ms < ASK_KEY_EVERY_MS))
                return false;
        issuer->key_asked_ms = now;
        fetch_begin(issuer);
        return true;
}

static int read_signature(struct issuer *issuer, const struct jwt *jwt, const char **whyp)
{
        int r = jwks_verify(issuer->jwks, jwt);

        if (r == 0)
                return 0;
        *whyp = r == JWKS_E_BAD ? "its signature is wrong" : "its key is not known (kid)";
        if (r == JWKS_E_BAD && jwt->kid != NULL)
                return ISSUER_E_FORGED;
        if (asks_for_key(issuer))
                return ISSUER_E_WAIT;
        if (r == JWKS_E_BAD)
                return ISSUER_E_FORGED;
        return is_known(issuer) ? JWT_E_BAD : ISSUER_E_AWAY;
}

int issuer_read(struct issuer *issuer, struct str token, const struct jwt_demand *demand,
                int64_t wall_ms, json_t **claimsp, int64_t *expires_msp, const char **whyp)
{
        struct jwt_demand all = *demand;
        struct jwt jwt;
        int r = jwt_read(&jwt, token, whyp);

        all.issuer = issuer->url;
        if (r == 0 && !issuer->takes[jwt.algorithm]) {
                *whyp = "its algorithm (alg) is not one of this issuer's";
                r = JWT_E_BAD;
        }
        if (r == 0)
                r = jwt_check(&jwt, &all, wall_ms, whyp);
        if (r == 0)
                r = read_signature(issuer, &jwt, whyp);
        if (r == 0) {
                *claimsp = json_incref(jwt.claims);
                *expires_msp = jwt_expires_ms(&jwt);
        }
        jwt_finish(&jwt);
        return r;
}
