/* Where requests never go, whatever a name resolves to. Out of HTTP_REACH_NETWORK are link-local
 * addresses, those where clouds keep a machine's credentials, and what is nobody's address. Out of
 * HTTP_REACH_PUBLIC is also all that is not of the Internet (the registries of RFC 6890). An IPv6
 * address that carries one of IPv4 is judged by that.
 *
 * By way of a proxy it is the proxy that connects: then only what the URL itself says can be judged
 * here. */
#include "http_inside.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct range {
        const char *net;
        unsigned n_bits;
};

static const struct range ranges4[] = {
        {"0.0.0.0", 8},          /* this host */
        {"169.254.0.0", 16},     /* link-local; metadata of most clouds */
        {"100.100.100.200", 32}, /* Alibaba's metadata */
        {"168.63.129.16", 32},   /* Azure's */
        {"192.0.0.192", 32},     /* Oracle's */
        {"224.0.0.0", 3},        /* multicast, reserved, broadcast */
};

static const struct range private4[] = {
        {"10.0.0.0", 8},      /* private (RFC 1918) */
        {"100.64.0.0", 10},   /* carrier-grade NAT */
        {"127.0.0.0", 8},     /* loopback */
        {"172.16.0.0", 12},   /* private */
        {"192.0.0.0", 24},    /* protocol assignments */
        {"192.0.2.0", 24},    /* documentation */
        {"192.88.99.0", 24},  /* 6to4 relays */
        {"192.168.0.0", 16},  /* private */
        {"198.18.0.0", 15},   /* benchmarks */
        {"198.51.100.0", 24}, /* documentation */
        {"203.0.113.0", 24},  /* documentation */
};

static const struct range ranges6[] = {
        {"::", 128},           /* this host */
        {"fe80::", 10},        /* link-local */
        {"fd00:ec2::", 32},    /* Amazon's metadata */
        {"fd20:ce::254", 128}, /* Google's */
        {"ff00::", 8},         /* multicast */
};

/* All that is public is in the first; the others are parts of it. */
static const struct range unicast6 = {"2000::", 3};
static const struct range private6[] = {
        {"2001::", 23},     /* protocol assignments, Teredo */
        {"2001:db8::", 32}, /* documentation */
        {"3fff::", 20},     /* documentation */
};

/* Prefixes before an address of IPv4. */
static const struct range carriers[] = {
        {"::ffff:0:0", 96},   /* mapped */
        {"::ffff:0:0:0", 96}, /* translated (RFC 2765) */
        {"::", 96},           /* compatible (RFC 4291 2.5.5.1) */
        {"64:ff9b::", 96},    /* NAT64 (RFC 6052) */
        {"64:ff9b:1::", 96},  /* and its local prefix (RFC 8215), where /96 of it is used */
        {"2002::", 16},       /* 6to4 */
};

static bool is_in(int family, const void *address, const struct range *range)
{
        uint8_t net[16];
        const uint8_t *at = address;
        unsigned n = range->n_bits / 8, rest = range->n_bits % 8;

        return inet_pton(family, range->net, net) == 1 && memcmp(net, at, n) == 0 &&
               (rest == 0 || (net[n] ^ at[n]) >> (8 - rest) == 0);
}

#define N_RANGES(ranges) (sizeof(ranges) / sizeof((ranges)[0]))

static bool is_in_any(int family, const void *address, const struct range *ranges, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (is_in(family, address, &ranges[i]))
                        return true;
        return false;
}

static bool refuses4(enum http_reach reach, const void *address)
{
        return is_in_any(AF_INET, address, ranges4, N_RANGES(ranges4)) ||
               (reach == HTTP_REACH_PUBLIC &&
                is_in_any(AF_INET, address, private4, N_RANGES(private4)));
}

static bool is_public6(const uint8_t *address)
{
        return is_in(AF_INET6, address, &unicast6) &&
               !is_in_any(AF_INET6, address, private6, N_RANGES(private6));
}

static bool refuses6(enum http_reach reach, const uint8_t *address)
{
        static const uint8_t loopback[16] = {[15] = 1};

        if (memcmp(address, loopback, sizeof(loopback)) == 0)
                return reach == HTTP_REACH_PUBLIC;
        if (is_in_any(AF_INET6, address, ranges6, N_RANGES(ranges6)))
                return true;
        for (size_t i = 0; i < N_RANGES(carriers); i++)
                if (is_in(AF_INET6, address, &carriers[i]))
                        return refuses4(reach, address + (carriers[i].n_bits == 16 ? 2 : 12));
        return reach == HTTP_REACH_PUBLIC && !is_public6(address);
}

bool http_egress_refuses(enum http_reach reach, const struct sockaddr *address)
{
        if (reach == HTTP_REACH_ANY)
                return false;
        if (address->sa_family == AF_INET)
                return refuses4(reach, &((const struct sockaddr_in *)address)->sin_addr);
        if (address->sa_family == AF_INET6)
                return refuses6(reach, ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
        return true;
}

void http_egress_tell(enum http_reach reach, const struct sockaddr *address,
                      char why[HTTP_REFUSAL_BYTES])
{
        char text[INET6_ADDRSTRLEN] = "?";
        const void *at = address->sa_family == AF_INET
                                 ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                 : &((const struct sockaddr_in6 *)address)->sin6_addr;

        (void)inet_ntop(address->sa_family, at, text, sizeof(text));
        if (reach == HTTP_REACH_PUBLIC)
                snprintf(why, HTTP_REFUSAL_BYTES,
                         "Its address %s is not public (allow_private_documents)", text);
        else
                snprintf(why, HTTP_REFUSAL_BYTES,
                         "Its address %s is not to be reached (allow_link_local)", text);
}

bool http_egress_refuses_url(enum http_reach reach, const char *text,
                             struct sockaddr_storage *address)
{
        struct sockaddr_in *in4 = (struct sockaddr_in *)address;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
        CURLU *url = curl_url();
        char *host = NULL;
        bool is_number = false;

        memset(address, 0, sizeof(*address));
        if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
            curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
                size_t n = strlen(host);

                if (host[0] == '[' && n > 1) {
                        host[n - 1] = '\0';
                        in6->sin6_family = AF_INET6;
                        is_number = inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1;
                } else {
                        /* curl has made one number of those that stand for an address */
                        in4->sin_family = AF_INET;
                        is_number = inet_pton(AF_INET, host, &in4->sin_addr) == 1;
                }
        }
        curl_free(host);
        curl_url_cleanup(url);
        return is_number && http_egress_refuses(reach, (const struct sockaddr *)address);
}
