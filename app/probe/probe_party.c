/* A new party: its name and marks in parties[], its limits in limits[]. */
#include "probe_party.h"

#include "probe_record.h"

#include <string.h>
#include <strings.h>

enum {
        CLOUDFLARE,
        CLOUDFRONT,
        AWS_ALB,
        AWS_API_GATEWAY,
        AWS_NLB,
        NGINX,
        APACHE,
        CADDY,
        HAPROXY,
        HEROKU,
        GOOGLE,
        AZURE,
        ENVOY,
        FASTLY,
        AKAMAI,
        VARNISH,
        FLY,
        VERCEL,
        NODE,
        N_PARTIES,
};

struct mark {
        const char *name;
        const char *part; /* of its value, in any case; NULL: any value */
};

#define MARKS_MAX 4

static const struct {
        const char *name;
        struct mark marks[MARKS_MAX];
        bool is_always_marked;
        const char *unbuffer;
} parties[N_PARTIES] = {
        [CLOUDFLARE] = {"Cloudflare",
                        {{"cf-ray", NULL}, {"server", "cloudflare"}},
                        true,
                        "set Cache-Control: no-cache, no-transform on the answer, and switch "
                        "Cloudflare's rewriting of bodies off for this path"},
        [CLOUDFRONT] = {"Amazon CloudFront",
                        {{"x-amz-cf-id", NULL}, {"via", "cloudfront"}, {"x-amz-cf-pop", NULL}},
                        true,
                        "use the cache policy CachingDisabled for this path"},
        [AWS_ALB] = {"an AWS ALB", {{"server", "awselb"}, {"set-cookie", "AWSALB"}}, false, NULL},
        [AWS_API_GATEWAY] = {"AWS API Gateway",
                             {{"apigw-requestid", NULL}, {"x-amz-apigw-id", NULL}},
                             true,
                             "API Gateway gathers a whole answer by default: use response "
                             "streaming, or a load balancer in its place"},
        [AWS_NLB] = {"an AWS NLB", {{NULL, NULL}}, false, NULL},
        [NGINX] =
                {"nginx",
                 {{"server", "nginx"}, {"server", "openresty"}},
                 true,
                 "set \"proxy_buffering off;\" in its location, and leave X-Accel-Buffering alone "
                 "(deploy/proxies/nginx.conf)"},
        [APACHE] =
                {"Apache httpd",
                 {{"server", "Apache"}},
                 true,
                 "ProxyPass with flushpackets=on, and no output filters such as DEFLATE for this "
                 "path (deploy/proxies/apache.conf)"},
        [CADDY] =
                {"Caddy",
                 {{"server", "Caddy"}, {"via", "Caddy"}},
                 true,
                 "flush_interval -1 in reverse_proxy, and neither buffer_responses nor encode for "
                 "this path (deploy/proxies/Caddyfile)"},
        [HAPROXY] = {"HAProxy", {{NULL, NULL}}, false, "option http-no-delay, and no compression"},
        [HEROKU] = {"Heroku",
                    {{"via", "heroku-router"}, {"via", "vegur"}, {"server", "Heroku"}},
                    true,
                    NULL},
        [GOOGLE] = {"Google Cloud", {{"via", "google"}, {"server", "Google Frontend"}}, true, NULL},
        [AZURE] = {"Azure",
                   {{"x-azure-ref", NULL}, {"server", "Microsoft-Azure"}},
                   false,
                   "switch response buffering off in the backend settings of Application Gateway"},
        [ENVOY] = {"Envoy",
                   {{"server", "envoy"}, {"x-envoy-upstream-service-time", NULL}},
                   true,
                   "take the buffer filter away for this route"},
        [FASTLY] = {"Fastly",
                    {{"x-fastly-request-id", NULL}, {"x-served-by", "cache-"}},
                    true,
                    "return(pass) for this path, or streaming miss (set beresp.do_stream = true)"},
        [AKAMAI] = {"Akamai",
                    {{"server", "AkamaiGHost"}, {"x-akamai-request-id", NULL}},
                    true,
                    "switch chunked streaming on for this path"},
        [VARNISH] = {"Varnish",
                     {{"x-varnish", NULL}, {"via", "varnish"}},
                     true,
                     "return(pipe) for this path, or beresp.do_stream = true"},
        [FLY] = {"Fly.io", {{"fly-request-id", NULL}, {"server", "Fly/"}}, true, NULL},
        [VERCEL] = {"Vercel", {{"x-vercel-id", NULL}, {"server", "Vercel"}}, true, NULL},
        [NODE] = {"Node's fetch", {{NULL, NULL}}, false, NULL},
};

#define OR_KEEP_ALIVE ", or have the server send a keep-alive more often than that"

static const struct probe_limit limits[] = {
        {"an AWS ALB with its default idle timeout", AWS_ALB, 60, false, 504,
         "set the load balancer's attribute idle_timeout.timeout_seconds to 120 or "
         "more" OR_KEEP_ALIVE},
        {"nginx with its default proxy_read_timeout", NGINX, 60, false, 504,
         "set \"proxy_read_timeout 1h;\" in its location" OR_KEEP_ALIVE
         " (deploy/proxies/nginx.conf)"},
        {"Apache httpd with its default Timeout", APACHE, 60, false, 504,
         "set timeout=3600 on its ProxyPass" OR_KEEP_ALIVE " (deploy/proxies/apache.conf)"},
        {"Apache httpd with Debian's Timeout", APACHE, 300, false, 504,
         "set timeout=3600 on its ProxyPass" OR_KEEP_ALIVE " (deploy/proxies/apache.conf)"},
        {"Caddy with a read_timeout of 60 s", CADDY, 60, false, 502,
         "take read_timeout out of its reverse_proxy: by default there is none" OR_KEEP_ALIVE
         " (deploy/proxies/Caddyfile)"},
        {"Cloudflare with its timeout of 100 s", CLOUDFLARE, 100, false, 524,
         "have the server send a keep-alive more often than that: only Enterprise plans can "
         "change it"},
        {"Cloudflare with a timeout of 120 s", CLOUDFLARE, 120, false, 524,
         "have the server send a keep-alive more often than that: only Enterprise plans can "
         "change it"},
        {"Heroku's router", HEROKU, 55, false, 503,
         "have the server send a keep-alive more often than that: it cannot be changed"},
        {"Heroku's router, which waits 30 s for the first byte", HEROKU, 30, false, 503,
         "have the server send its head at once"},
        {"HAProxy with the timeouts of 50 s that distributions configure", HAPROXY, 50, false, 504,
         "set timeout server and timeout client to 1h there" OR_KEEP_ALIVE},
        {"Amazon CloudFront with its default origin response timeout", CLOUDFRONT, 30, false, 504,
         "set the origin's response timeout to 60 s, and the server's keep-alive to 25 s or less"},
        {"AWS API Gateway with its integration timeout", AWS_API_GATEWAY, 29, true, 504,
         "it is no place for streams: put a load balancer before the server instead"},
        {"AWS API Gateway with its integration timeout", AWS_API_GATEWAY, 30, true, 503,
         "it is no place for streams: put a load balancer before the server instead"},
        {"an AWS NLB or NAT gateway, which forget what is idle", AWS_NLB, 350, false, 0,
         "have the server send a keep-alive more often than that"},
        {"Google Cloud's load balancer with its default backend timeout", GOOGLE, 30, true, 504,
         "set the backend service's timeoutSec to 86400"},
        {"Google Cloud Run with its default request timeout", GOOGLE, 300, true, 504,
         "set the service's request timeout to 3600 s"},
        {"Azure's load balancer with its default idle timeout", AZURE, 240, false, 0,
         "have the server send a keep-alive more often than that"},
        {"Azure App Service, whose limit is fixed", AZURE, 230, false, 500,
         "have the server send a keep-alive more often than that"},
        {"Envoy with its default route timeout", ENVOY, 15, true, 504,
         "set timeout: 0s on the route (Istio: timeout: 0s of the VirtualService)"},
        {"Envoy with its default stream_idle_timeout", ENVOY, 300, false, 504,
         "set stream_idle_timeout: 0s" OR_KEEP_ALIVE},
        {"Fastly with its timeout between bytes", FASTLY, 10, false, 503,
         "set between_bytes_timeout of the backend to 600 s"},
        {"Akamai with its timeout", AKAMAI, 120, false, 504,
         "have the server send a keep-alive more often than that"},
        {"Varnish with its between_bytes_timeout", VARNISH, 60, false, 503,
         "set between_bytes_timeout of the backend to 1h" OR_KEEP_ALIVE},
        {"Fly.io's proxy with its idle timeout", FLY, 60, false, 0,
         "have the server send a keep-alive more often than that"},
        {"Vercel with its default limit of a function", VERCEL, 300, true, 504,
         "raise maxDuration, or run the server elsewhere"},
        {"Node's fetch (undici), which gives up on silent bodies", NODE, 300, false, 0,
         "a proxy written with it needs bodyTimeout: 0" OR_KEEP_ALIVE},
};

size_t probe_party_count(void)
{
        return N_PARTIES;
}

const char *probe_party_name(size_t party)
{
        return parties[party].name;
}

const char *probe_party_unbuffer(size_t party)
{
        return parties[party].unbuffer;
}

static bool value_has(const char *value, size_t n, const char *part)
{
        size_t n_part = strlen(part);

        for (size_t i = 0; i + n_part <= n; i++)
                if (strncasecmp(value + i, part, n_part) == 0)
                        return true;
        return false;
}

/* The value that bears the mark. */
static const char *find_mark(const struct mark *mark, const char *lines, size_t *np)
{
        const char *value = NULL;

        do
                value = probe_record_header(lines, mark->name, value, np);
        while (value != NULL && mark->part != NULL && !value_has(value, *np, mark->part));
        return value;
}

const char *probe_party_mark(size_t party, const char *lines, size_t *np)
{
        const char *value, *line;

        for (const struct mark *mark = parties[party].marks;
             mark < parties[party].marks + MARKS_MAX && mark->name != NULL; mark++) {
                value = lines != NULL ? find_mark(mark, lines, np) : NULL;
                if (value == NULL)
                        continue;
                for (line = value; line > lines && line[-1] != '\n';)
                        line--;
                *np += (size_t)(value - line);
                return line;
        }
        return NULL;
}

probe_parties probe_party_seen(const char *lines)
{
        probe_parties seen = 0;
        size_t n;

        for (size_t i = 0; i < N_PARTIES; i++)
                if (probe_party_mark(i, lines, &n) != NULL)
                        seen |= 1u << i;
        return seen;
}

const struct probe_limit *probe_limit_at(size_t i)
{
        return i < sizeof(limits) / sizeof(limits[0]) ? &limits[i] : NULL;
}

bool probe_limit_is_marked(const struct probe_limit *limit)
{
        return parties[limit->party].is_always_marked;
}

/* Timers are never early but for the time that the last byte was on its way; late they are by their
 * granularity (Heroku and some CDNs look every second or so), and by our own machine. */
#define EARLY_MS 200
#define LATE_MS 1000
#define EARLY_THOUSANDTHS 10
#define LATE_THOUSANDTHS 25

int64_t probe_limit_distance(const struct probe_limit *limit, int64_t seen_ms, double scale)
{
        int64_t limit_ms = (int64_t)(limit->seconds * 1000.0 / scale);
        int64_t off_ms = seen_ms - limit_ms;

        if (off_ms < -(EARLY_MS + limit_ms * EARLY_THOUSANDTHS / 1000) ||
            off_ms > LATE_MS + limit_ms * LATE_THOUSANDTHS / 1000)
                return -1;
        return (off_ms < 0 ? -off_ms : off_ms) * 1000 / limit_ms;
}
