/* A document is gathered in a buf with the cap that its caller gave. One timer is the deadline of
 * all of it. What is wrong before anything is asked is told at the end of the turn, by a task. */
#include "mgw/loop/http_document.h"
#include "http_inside.h"

#include "mgw/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_document {
        struct http_client *client;
        struct http_strangers *strangers;
        struct http_request *http; /* NULL: nothing is asked */
        struct timer deadline;
        struct loop_task failing; /* by: */
        const char *fault;
        struct http_document_answer answer; /* but for its body */
        struct buf body;
        char *content_type;
        http_document_fn *on_done; /* NULL: it has been told */
        void *owner;
        bool is_for_strangers;
};

void http_document_allow_private(struct http_client *client)
{
        http_client_strangers(client)->source.reach = HTTP_REACH_NETWORK;
}

static void document_free(void *object)
{
        struct http_document *d = object;

        buf_finish(&d->body);
        free(d->content_type);
        free(d);
}

void http_document_cancel(struct http_document *d)
{
        struct loop *loop;

        if (d == NULL || d->on_done == NULL)
                return;
        loop = d->strangers->loop;
        d->on_done = NULL;
        d->strangers->n -= d->is_for_strangers;
        http_cancel(d->http);
        timer_disarm(loop, &d->deadline);
        loop_task_cancel(&d->failing);
        loop_bury(loop, d, document_free);
}

static void tell(struct http_document *d, const struct http_document_answer *answer)
{
        http_document_fn *on_done = d->on_done;

        http_document_cancel(d);
        on_done(d->owner, answer);
}

static void fail(struct http_document *d, const char *fault)
{
        tell(d,
             &(struct http_document_answer){.max_age_s = -1, .retry_after_s = -1, .fault = fault});
}

/* ---- what comes ---- */

static void on_head(void *owner, const struct http_response *response)
{
        struct http_document *d = owner;

        d->answer.status = response->status;
        d->answer.max_age_s = response->max_age_s;
        d->answer.retry_after_s = response->retry_after_s;
        free(d->content_type);
        d->content_type = alloc_str(response->content_type);
}

static enum http_flow on_body(void *owner, const char *p, size_t n)
{
        struct http_document *d = owner;
        char fault[64];

        if (buf_add(&d->body, p, n) == 0)
                return HTTP_GO_ON;
        snprintf(fault, sizeof(fault), "the answer is over %u bytes", d->body.max);
        fail(d, fault);
        return HTTP_GO_ON;
}

static void on_done(void *owner, const struct http_failure *failure)
{
        struct http_document *d = owner;

        d->http = NULL;
        if (failure != NULL) {
                fail(d, failure->why);
                return;
        }
        d->answer.body = buf_bytes(&d->body);
        d->answer.content_type = str_from(d->content_type);
        tell(d, &d->answer);
}

static void on_deadline(struct timer *timer)
{
        fail(container_of(timer, struct http_document, deadline),
             "the answer did not come in time");
}

static void on_failing(struct loop_task *task)
{
        struct http_document *d = container_of(task, struct http_document, failing);

        fail(d, d->fault);
}

/* ---- the beginning ---- */

static bool has_part(CURLU *url, CURLUPart part)
{
        char *text = NULL;
        bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

        curl_free(text);
        return has;
}

static bool is_https(CURLU *url)
{
        char *scheme = NULL;
        bool is = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                  strcmp(scheme, "https") == 0;

        curl_free(scheme);
        return is;
}

/* NULL: none. */
static const char *fault_of_url(const struct http_strangers *strangers,
                                const struct http_document_options *options)
{
        CURLU *url = curl_url();
        const char *fault = NULL;

        if (url == NULL || curl_url_set(url, CURLUPART_URL, options->url, 0) != CURLUE_OK)
                fault = "the URL cannot be read";
        else if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
                fault = "the URL has credentials in it";
        else if (options->is_public && strangers->source.reach == HTTP_REACH_PUBLIC &&
                 !is_https(url))
                fault = "the URL is not https (allow_private_documents)";
        curl_url_cleanup(url);
        return fault;
}

static const char *fault_of(const struct http_strangers *strangers,
                            const struct http_document_options *options)
{
        if (options->is_public && strangers->n >= HTTP_DOCUMENTS_PUBLIC_MAX)
                return "too many documents are being fetched";
        return fault_of_url(strangers, options);
}

static void ask(struct http_document *d, const struct http_document_options *options)
{
        static const struct http_handlers handlers = {on_head, on_body, on_done};
        const struct http_options http = {
                .method = options->method,
                .url = options->url,
                .headers = options->headers,
                .body = options->body,
                .connect_timeout_ms = options->timeout_ms,
                .is_exact = true,
                .is_elsewhere = true,
                .source = options->is_public ? &d->strangers->source : options->source,
        };

        if (http_start(d->client, &http, &handlers, d, &d->http) < 0)
                d->fault = "the request cannot be made";
}

struct http_document *http_document_start(struct http_client *client,
                                          const struct http_document_options *options,
                                          http_document_fn *on_done_fn, void *owner)
{
        struct http_document *d = alloc_zeroed(sizeof(*d));

        d->client = client;
        d->strangers = http_client_strangers(client);
        d->on_done = on_done_fn;
        d->owner = owner;
        d->deadline.on_due = on_deadline;
        d->failing.on_run = on_failing;
        buf_init(&d->body, options->max_bytes);
        d->fault = fault_of(d->strangers, options);
        d->is_for_strangers = options->is_public;
        d->strangers->n += d->is_for_strangers;
        if (d->fault == NULL)
                ask(d, options);
        if (d->fault != NULL)
                loop_defer(d->strangers->loop, &d->failing);
        else
                timer_arm(d->strangers->loop, &d->deadline, options->timeout_ms);
        return d;
}
