#include "mgw/auth/fetched.h"

#include "mgw/base/alloc.h"
#include "mgw/base/hash.h"
#include "mgw/base/log.h"
#include "mgw/core/share.h"
#include "mgw/loop/http_document.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENTS_MAX 512
/* On their way at once, of all and of one address: each may take as long as TIMEOUT_MS. */
#define FETCHES_MAX 24
#define FETCHES_PER_ADDRESS_MAX 3
#define DOCUMENT_MAX_BYTES (16u << 10)
#define TIMEOUT_MS 5000
#define AGE_MIN_MS (INT64_C(300) * 1000)
#define AGE_MAX_MS (INT64_C(86400) * 1000)
#define FAILURE_AGE_MS 10000
#define DOUBT_AGE_MS 30000
/* What is read of a document takes so many times its bytes, about. */
#define COST 4

struct fetched {
        UT_hash_handle hh; /* cache->documents */
        struct list node;  /* cache->by_use */
        struct fetched_cache *cache;
        struct list waits;
        struct http_document *fetch; /* NULL: it is not on its way */
        struct share *share;         /* held while it is: whose request it was for */
        void *content;               /* NULL: the fault */
        const char *fault;
        bool is_fault_of_network;
        int64_t fetched_ms, until_ms; /* of the loop's clock */
        size_t n_bytes;               /* charged */
        char url[];
};

static int64_t now_ms(const struct fetched_cache *cache)
{
        return loop_now_ms(cache->context->loop);
}

/* ---- what is kept ---- */

static void charge(struct fetched *document, size_t n)
{
        struct ledger_payer *payer = &document->cache->context->own_share->memory;

        ledger_release(payer, LEDGER_SESSION, document->n_bytes);
        ledger_charge_past(payer, LEDGER_SESSION, n);
        document->n_bytes = n;
}

static size_t own_bytes(const struct fetched *document)
{
        return sizeof(*document) + strlen(document->url) + 1;
}

static void forget_content(struct fetched *document)
{
        if (document->content != NULL)
                document->cache->kind->release(document->content);
        document->content = NULL;
        charge(document, own_bytes(document));
}

static void fetch_over(struct fetched *document)
{
        if (document->share == NULL)
                return;
        document->fetch = NULL;
        document->cache->n_fetches--;
        document->share->n_fetches--;
        share_let_go(document->share);
        document->share = NULL;
}

static void document_free(struct fetched *document)
{
        http_document_cancel(document->fetch);
        fetch_over(document);
        forget_content(document);
        charge(document, 0);
        HASH_DEL(document->cache->documents, document);
        list_unlink(&document->node);
        list_for_each_safe (it, &document->waits)
                list_unlink(it);
        free(document);
}

void fetched_cache_init(struct fetched_cache *cache, struct context *context,
                        const struct fetched_kind *kind)
{
        *cache = (struct fetched_cache){.context = context, .kind = kind};
        list_init(&cache->by_use);
}

void fetched_cache_finish(struct fetched_cache *cache)
{
        struct fetched *document, *next;

        HASH_ITER(hh, cache->documents, document, next)
        {
                document_free(document);
        }
}

/* At most FETCHES_MAX are on their way, and stay. */
static void make_room(struct fetched_cache *cache)
{
        list_for_each_safe (it, &cache->by_use) {
                struct fetched *document = container_of(it, struct fetched, node);

                if (HASH_COUNT(cache->documents) < DOCUMENTS_MAX)
                        return;
                if (document->fetch == NULL)
                        document_free(document);
        }
}

static struct fetched *find(const struct fetched_cache *cache, const char *url)
{
        struct fetched *document;

        HASH_FIND_STR(cache->documents, url, document);
        return document;
}

static struct fetched *document_new(struct fetched_cache *cache, const char *url)
{
        size_t n = strlen(url) + 1;
        struct fetched *document;

        make_room(cache);
        document = alloc_zeroed(sizeof(*document) + n);
        memcpy(document->url, url, n);
        document->cache = cache;
        list_init(&document->waits);
        HASH_ADD_STR(cache->documents, url, document);
        list_append(&cache->by_use, &document->node);
        return document;
}

/* ---- what comes ---- */

static void wait_set(struct fetched_wait *wait, const struct fetched *document)
{
        wait->content = document->content;
        wait->fault = document->fault;
        wait->is_fault_of_network = document->is_fault_of_network;
}

/* Who is told may leave, and so may others; the document stays, since it has just come. */
static void tell_waits(struct fetched *document)
{
        struct list waits, *it;

        list_take_all(&waits, &document->waits);
        while ((it = list_first(&waits)) != NULL) {
                struct fetched_wait *wait = container_of(it, struct fetched_wait, node);

                list_unlink(it);
                wait_set(wait, document);
                wait->on_ready(wait);
        }
}

static int64_t age_ms(const struct fetched *document, int64_t max_age_s)
{
        int64_t age;

        if (document->content == NULL)
                return FAILURE_AGE_MS;
        age = max_age_s < AGE_MAX_MS / 1000 ? max_age_s * 1000 : AGE_MAX_MS;
        return age < AGE_MIN_MS ? AGE_MIN_MS : age;
}

static void log_fault(const struct fetched *document, const char *why)
{
        char *origin;

        if (!share_may_log(document->cache->context->own_share, "documents of clients"))
                return;
        origin = http_origin(document->url);
        log_info(LOG_FIELDS({"at", origin}, {"why", why}), "[OAuth] %s is no good",
                 document->cache->kind->what);
        free(origin);
}

static void on_document(void *owner, const struct http_document_answer *answer)
{
        struct fetched *document = owner;
        struct fetched_cache *cache = document->cache;

        fetch_over(document);
        list_move_to_tail(&cache->by_use, &document->node);
        document->fault = NULL;
        document->is_fault_of_network = answer->fault != NULL || answer->status >= 500;
        if (answer->fault != NULL)
                document->fault = "it cannot be fetched";
        else if (answer->status != 200)
                document->fault = "it is not there";
        else
                document->content =
                        cache->kind->read(document->url, answer->body, &document->fault);
        if (document->content == NULL)
                log_fault(document, answer->fault != NULL ? answer->fault : document->fault);
        else
                charge(document, own_bytes(document) + COST * answer->body.n);
        document->fetched_ms = now_ms(cache);
        document->until_ms = document->fetched_ms + age_ms(document, answer->max_age_s);
        tell_waits(document);
}

static void fetch(struct fetched *document, struct share *share)
{
        static const char *const headers[] = {"Accept: application/json", NULL};
        const struct http_document_options options = {
                .method = "GET",
                .url = document->url,
                .headers = headers,
                .max_bytes = DOCUMENT_MAX_BYTES,
                .timeout_ms = TIMEOUT_MS,
                .is_public = true,
        };

        forget_content(document);
        document->share = share_hold(share);
        document->share->n_fetches++;
        document->cache->n_fetches++;
        document->fetch = http_document_start(document->cache->context->http, &options, on_document,
                                              document);
}

/* ---- who asks ---- */

bool fetched_start(struct fetched_cache *cache, struct fetched_wait *wait, struct share *share,
                   const char *url)
{
        struct fetched *document = find(cache, url);

        if (document != NULL)
                list_move_to_tail(&cache->by_use, &document->node);
        if (document != NULL && document->fetch == NULL && document->until_ms > now_ms(cache)) {
                wait_set(wait, document);
                return true;
        }
        if (document == NULL || document->fetch == NULL) {
                if (cache->n_fetches >= FETCHES_MAX ||
                    share->n_fetches >= FETCHES_PER_ADDRESS_MAX) {
                        wait->content = NULL;
                        wait->fault = "too many are being fetched";
                        wait->is_fault_of_network = true;
                        return true;
                }
                document = document != NULL ? document : document_new(cache, url);
                fetch(document, share);
        }
        list_append(&document->waits, &wait->node);
        return false;
}

bool fetched_doubt(struct fetched_cache *cache, const char *url)
{
        struct fetched *document = find(cache, url);

        if (document == NULL || document->fetch != NULL ||
            now_ms(cache) - document->fetched_ms < DOUBT_AGE_MS)
                return false;
        document->until_ms = 0;
        return true;
}

void fetched_cancel(struct fetched_wait *wait)
{
        list_unlink(&wait->node);
}
