/* One server, one loop, one thing after the other. */
#include "probe_peer.h"

#include "mgw/base/alloc.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void peer_on_signal(struct signal_watch *watch, int signo)
{
        (void)signo;
        container_of(watch, struct probe_peer, signals)->is_stopped = true;
}

/* The other transport's path, beside the one that was given: .../mcp and .../sse. NULL: it has no
 * such path. */
static char *beside(const char *url, const char *from, const char *to)
{
        size_t n = strcspn(url, "?#"), n_from = strlen(from);

        if (n > 0 && url[n - 1] == '/')
                n--;
        if (n < n_from || memcmp(url + n - n_from, from, n_from) != 0)
                return NULL;
        return alloc_format("%.*s%s", (int)(n - n_from), url, to);
}

/* A URL of HTTP+SSE alone, whatever its path, is found out by probe_stream. */
static void set_urls(struct probe_peer *peer, const char *url)
{
        char *mcp = beside(url, "/sse", "/mcp"), *sse = beside(url, "/mcp", "/sse");

        peer->sse_url = mcp != NULL || sse == NULL ? alloc_text(url) : sse;
        peer->url = mcp != NULL ? mcp : alloc_text(url);
}

int probe_peer_open(struct probe_peer *peer, const struct probe_options *options)
{
        static const int signos[] = {SIGINT, SIGTERM, 0};
        int r;

        *peer = (struct probe_peer){.options = options, .answer_ms = -1};
        peer->source.reach = HTTP_REACH_ANY;
        peer->source.tls.ca_file = options->ca_file;
        peer->source.tls.trusts_all = options->is_insecure;
        peer->signals.on_signal = peer_on_signal;
        set_urls(peer, options->url);
        r = loop_create(&peer->loop);
        if (r == 0)
                r = http_client_create(peer->loop, &peer->http);
        return r == 0 ? signal_watch_open(peer->loop, &peer->signals, signos) : r;
}

void probe_peer_turn(struct probe_peer *peer, int64_t ms)
{
        (void)loop_turn(peer->loop, (int)ms);
}

void probe_peer_see(struct probe_peer *peer, const char *lines)
{
        peer->seen |= probe_party_seen(lines);
}

void probe_peer_close(struct probe_peer *peer)
{
        signal_watch_close(&peer->signals);
        http_client_destroy(peer->http);
        loop_destroy(peer->loop);
        json_decref(peer->hello);
        json_decref(peer->discovered);
        json_decref(peer->awaited);
        free(peer->session_id);
        free(peer->message_url);
        free(peer->sse_url);
        free(peer->url);
}
