/* Nothing that speaks MCP was reached: what came in its place, and what to do. */
#include "probe_report.h"

static const char *cure_of_fault(enum http_fault fault)
{
        switch (fault) {
        case HTTP_FAULT_TLS:
                return "does this port speak TLS? If not, the URL begins with http://";
        case HTTP_FAULT_TRUST:
                return "--ca FILE trusts an authority of your own, --insecure any certificate: "
                       "give no token then";
        case HTTP_FAULT_CUT:
        case HTTP_FAULT_BROKEN:
                return "is it an HTTP server, and does this port want TLS? Then the URL begins "
                       "with https://";
        default:
                return "is the name right, the port open, and does the server run? (curl -v tells "
                       "more)";
        }
}

static const char *cure_of_status(unsigned status, bool has_token)
{
        if (status >= 300 && status < 400)
                return "ask where it leads to, if you trust it with what you send";
        if (status == 401)
                return has_token ? "is the token over, or of another server?"
                                 : "get a token, as your clients have it";
        if (status == 403)
                return "may this token, and this address, be here? Without JSON it was a firewall "
                       "that refused";
        if (status == 429)
                return "wait, and ask again";
        if (status >= 500)
                return "the server has failed, or a proxy that did not reach it: their logs tell";
        return "is this the path of an MCP server? (often /mcp, or /sse)";
}

static const char *cure_of(const struct probe_peer *peer)
{
        if (!peer->is_answered)
                return cure_of_fault(peer->refusal_fault);
        if (peer->led_away[0] != '\0')
                return "have the server name a path there (\"/message?...\"), or the address by "
                       "which clients know it";
        return cure_of_status(peer->refusal_status, probe_options_has_token(peer->options));
}

/* HTTP+SSE is spoken there, but its messages would go where credentials must not. */
static void say_why(const struct probe_peer *peer, char *why, size_t size)
{
        if (peer->led_away[0] != '\0')
                snprintf(why, size,
                         "HTTP+SSE: its endpoint leads to another origin, where no client goes: "
                         "%s",
                         peer->led_away);
        else
                snprintf(why, size, "%s", peer->refusal);
}

void probe_report_away(const struct probe_peer *peer, FILE *out, FILE *err)
{
        const struct probe_options *o = peer->options;
        const char *cure = cure_of(peer);
        char why[512];

        say_why(peer, why, sizeof(why));
        if (o->is_json)
                probe_report_print_json_take(
                        json_pack("{s:o, s:o, s:s, s:b}", "url", probe_report_text(o->url), "error",
                                  probe_report_text(why), "what_to_do", cure, "lived", 0),
                        out);
        fprintf(err, "mgw: %s: %s: %s\n", o->url, peer->is_answered ? "no MCP here" : "not reached",
                why);
        fprintf(err, "mgw: what to do: %s\n", cure);
}
