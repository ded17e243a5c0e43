/* Documents of clients (draft-ietf-oauth-client-id-metadata-document): a stranger names the
 * address, so it is fetched as loop/http_document does for strangers. What came of it is kept for a
 * while, a failure too; the one that was used longest ago gives way where there are too many. Who
 * asks for one that is on its way waits for that. */
#include "mgw/auth/client_find.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/loop/http_document.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENTS_MAX 512
/* On their way at once: each may take as long as TIMEOUT_MS. */
#define FETCHES_MAX 16
#define DOCUMENT_MAX_BYTES (16u << 10)
#define DOCUMENT_VALUES_MAX 500
#define TIMEOUT_MS 5000
#define AGE_MIN_MS (INT64_C(300) * 1000)
#define AGE_MAX_MS (INT64_C(86400) * 1000)
#define FAILURE_AGE_MS 10000

struct client_document {
        UT_hash_handle hh; /* authority->documents */
        struct list node;  /* authority->documents_by_use */
        struct authority *authority;
        struct list finds; /* that wait for it */
        struct http_document *fetch;
        struct client *client; /* held; NULL: the fault */
        const char *fault;
        bool is_fault_of_network;
        int64_t until_ms; /* of the loop's clock */
        size_t n_bytes;   /* charged */
        char url[];
};

static int64_t now_ms(const struct authority *authority)
{
        return loop_now_ms(authority->context->loop);
}

/* ---- the cache ---- */

static void charge(struct client_document *document, size_t n)
{
        struct ledger_payer *payer = &document->authority->context->own_share->memory;

        ledger_release(payer, LEDGER_SESSION, document->n_bytes);
        ledger_charge_past(payer, LEDGER_SESSION, n);
        document->n_bytes = n;
}

static void document_free(struct client_document *document)
{
        http_document_cancel(document->fetch);
        charge(document, 0);
        HASH_DEL(document->authority->documents, document);
        list_unlink(&document->node);
        client_let_go(document->client);
        free(document);
}

void client_documents_forget(struct authority *authority)
{
        struct client_document *document, *next;

        HASH_ITER(hh, authority->documents, document, next)
        {
                list_for_each_safe (it, &document->finds)
                        list_unlink(it);
                document_free(document);
        }
}

/* False: all that there are, are on their way. */
static bool make_room(struct authority *authority)
{
        if (HASH_COUNT(authority->documents) < DOCUMENTS_MAX)
                return true;
        list_for_each (it, &authority->documents_by_use) {
                struct client_document *document = container_of(it, struct client_document, node);

                if (document->fetch != NULL)
                        continue;
                document_free(document);
                return true;
        }
        return false;
}

static struct client_document *document_new(struct authority *authority, const char *url)
{
        size_t n = strlen(url) + 1;
        struct client_document *document = alloc_zeroed(sizeof(*document) + n);

        memcpy(document->url, url, n);
        document->authority = authority;
        list_init(&document->finds);
        HASH_ADD_STR(authority->documents, url, document);
        list_append(&authority->documents_by_use, &document->node);
        charge(document, sizeof(*document) + n);
        return document;
}

/* ---- what comes ---- */

/* NULL: the client. */
static const char *read_document(struct client_document *document,
                                 const struct http_document_answer *answer)
{
        const struct rpc_bounds bounds = {DOCUMENT_VALUES_MAX, NULL};
        const char *fault = NULL, *id;
        struct client_fault why;
        json_t *metadata = NULL;
        char reason[160];

        if (answer->status != 200)
                return "its document is not there";
        if (rpc_parse(answer->body, &bounds, &metadata, reason, sizeof(reason)) != 0)
                return "its document is no JSON";
        id = rpc_text(metadata, "client_id");
        if (id == NULL || strcmp(id, document->url) != 0)
                fault = "the client_id in its document is another";
        else if (json_object_get(metadata, "client_secret") != NULL)
                fault = "its document has a client_secret, which all can read";
        else
                document->client =
                        client_from_metadata(CLIENT_DOCUMENT, document->url, metadata, &why);
        if (fault == NULL && document->client == NULL) {
                log_info(LOG_FIELDS({"client", document->url}),
                         "[OAuth] the document of a client is refused: %s", why.why);
                fault = "its document says what is not taken here (redirect_uris, "
                        "token_endpoint_auth_method, jwks)";
        }
        json_decref(metadata);
        return fault;
}

static int64_t age_ms(const struct client_document *document, int64_t max_age_s)
{
        int64_t age;

        if (document->client == NULL)
                return FAILURE_AGE_MS;
        age = max_age_s < AGE_MAX_MS / 1000 ? max_age_s * 1000 : AGE_MAX_MS;
        return age < AGE_MIN_MS ? AGE_MIN_MS : age;
}

static void find_set(struct client_find *find, const struct client_find *answer)
{
        find->client = answer->client != NULL ? client_hold(answer->client) : NULL;
        find->fault = answer->fault;
        find->is_fault_of_network = answer->is_fault_of_network;
}

/* Each may end others, and what it does may end the document. */
static void tell_finds(struct client_document *document)
{
        struct client_find answer = {.client = document->client,
                                     .fault = document->fault,
                                     .is_fault_of_network = document->is_fault_of_network};
        struct list finds, *it;

        if (answer.client != NULL)
                client_hold(answer.client);
        list_take_all(&finds, &document->finds);
        while ((it = list_first(&finds)) != NULL) {
                struct client_find *find = container_of(it, struct client_find, node);

                list_unlink(it);
                find_set(find, &answer);
                find->on_found(find);
        }
        client_let_go(answer.client);
}

static void on_document(void *owner, const struct http_document_answer *answer)
{
        struct client_document *document = owner;

        document->fetch = NULL;
        document->is_fault_of_network = answer->fault != NULL || answer->status >= 500;
        document->fault = answer->fault != NULL ? "its document cannot be fetched"
                                                : read_document(document, answer);
        if (answer->fault != NULL)
                log_info(LOG_FIELDS({"client", document->url}, {"why", answer->fault}),
                         "[OAuth] the document of a client cannot be fetched");
        if (document->client != NULL)
                charge(document, document->n_bytes + 2 * answer->body.n);
        document->until_ms = now_ms(document->authority) + age_ms(document, answer->max_age_s);
        tell_finds(document);
}

static unsigned n_fetches(const struct authority *authority)
{
        const struct client_document *document, *next;
        unsigned n = 0;

        HASH_ITER(hh, authority->documents, document, next)
        {
                n += document->fetch != NULL;
        }
        return n;
}

static void fetch(struct client_document *document)
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

        client_let_go(document->client);
        document->client = NULL;
        document->fetch = http_document_start(document->authority->context->http, &options,
                                              on_document, document);
}

/* ---- who asks ---- */

static bool refuse(struct client_find *find, const char *fault, bool is_fault_of_network)
{
        find->fault = fault;
        find->is_fault_of_network = is_fault_of_network;
        return true;
}

static bool find_document(struct authority *authority, struct client_find *find, const char *url)
{
        static const char busy[] = "too many documents of clients are being fetched";
        struct client_document *document;

        HASH_FIND_STR(authority->documents, url, document);
        if (document != NULL && document->fetch == NULL && document->until_ms > now_ms(authority)) {
                list_move_to_tail(&authority->documents_by_use, &document->node);
                find_set(find, &(struct client_find){.client = document->client,
                                                     .fault = document->fault,
                                                     .is_fault_of_network =
                                                             document->is_fault_of_network});
                return true;
        }
        if (document == NULL || document->fetch == NULL) {
                if (n_fetches(authority) >= FETCHES_MAX ||
                    (document == NULL && !make_room(authority)))
                        return refuse(find, busy, true);
                if (document == NULL)
                        document = document_new(authority, url);
                fetch(document);
        }
        list_append(&document->finds, &find->node);
        return false;
}

bool client_find_start(struct authority *authority, struct client_find *find, const char *id)
{
        struct str text = str_from(id);
        struct client *client = authority_client(authority, text);

        find->client = NULL;
        find->fault = NULL;
        if (client != NULL)
                find->client = client_hold(client);
        else if (sealed_is(text) && authority->context->config->login.has_registration)
                find->client = client_from_id(&authority->keys, text);
        else if (client_id_is_document(text, authority->context->config->allow_private_documents))
                return find_document(authority, find, id);
        return find->client != NULL ||
               refuse(find, "it is not known here: it may have to register again", false);
}

void client_find_cancel(struct client_find *find)
{
        list_unlink(&find->node);
}
