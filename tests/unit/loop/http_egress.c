/* Where requests do not go. */
#include "mgw/loop/http.h"
#include "web.h"

#include "../../../app/loop/http_inside.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

TestSuite(http_egress, .timeout = 60);

static bool is_out_of(enum http_reach reach, const char *text)
{
        struct sockaddr_in in4 = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        bool is4 = inet_pton(AF_INET, text, &in4.sin_addr) == 1;

        cr_assert(is4 || inet_pton(AF_INET6, text, &in6.sin6_addr) == 1, "%s", text);
        return http_egress_refuses(reach, is4 ? (struct sockaddr *)&in4 : (struct sockaddr *)&in6);
}

static bool refuses(const char *text)
{
        return is_out_of(HTTP_REACH_NETWORK, text);
}

Test(http_egress, refuses_link_local_and_metadata_in_every_form)
{
        static const char *const texts[] = {
                "169.254.169.254",
                "169.254.0.1",
                "169.254.170.2",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "0.0.0.0",
                "0.1.2.3",
                "224.0.0.1",
                "239.255.255.250",
                "255.255.255.255",
                "::",
                "fe80::1",
                "febf::1",
                "fd00:ec2::254",
                "fd20:ce::254",
                "ff02::1",
                "::ffff:169.254.169.254",
                "::ffff:a9fe:a9fe",
                "::ffff:0:169.254.169.254",
                "::169.254.169.254",
                "64:ff9b::169.254.169.254",
                "64:ff9b:1::169.254.169.254",
                "2002:a9fe:a9fe::1",
                "::ffff:0.0.0.0",
                "64:ff9b::100.100.100.200",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                cr_expect(refuses(texts[i]), "%s", texts[i]);
}

Test(http_egress, lets_all_others_be)
{
        static const char *const texts[] = {
                "127.0.0.1",
                "10.0.0.1",
                "192.168.1.1",
                "172.16.0.1",
                "100.100.100.201",
                "192.0.0.191",
                "169.253.255.255",
                "169.255.0.1",
                "1.1.1.1",
                "223.255.255.255",
                "::1",
                "fd00::1",
                "fec0::1",
                "2001:db8::1",
                "::ffff:10.0.0.1",
                "64:ff9b::1.1.1.1",
                "2002:0101:0101::1",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                cr_expect_not(refuses(texts[i]), "%s", texts[i]);
}

/* Each range by its ends, and its neighbours that are of the Internet. */
Test(http_egress, lets_strangers_reach_the_internet_alone)
{
        static const char *const refused[] = {
                "169.254.169.254",
                "100.100.100.200",
                "168.63.129.16",
                "0.0.0.0",
                "224.0.0.1",
                "255.255.255.255",
                "10.0.0.0",
                "10.255.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "192.0.0.0",
                "192.0.0.255",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.0.0",
                "192.168.255.255",
                "198.18.0.0",
                "198.19.255.255",
                "198.51.100.7",
                "203.0.113.255",
                "240.0.0.1",
                "::",
                "::1",
                "::2",
                "fc00::1",
                "fdff::1",
                "fe80::1",
                "fec0::1",
                "ff02::1",
                "100::1",
                "2001::1",
                "2001:1ff::1",
                "2001:db8::1",
                "3fff::1",
                "3fff:fff::1",
                "4000::1",
                "5f00::1",
                "::ffff:127.0.0.1",
                "::ffff:10.0.0.1",
                "::127.0.0.1",
                "::ffff:0:192.168.0.1",
                "64:ff9b::10.0.0.1",
                "64:ff9b::7f00:1",
                "64:ff9b:1::192.168.0.1",
                "64:ff9b:1:2::1",
                "2002:7f00:1::1",
                "2002:a00:1::1",
        };
        static const char *const others[] = {
                "1.1.1.1",        "9.255.255.255",    "11.0.0.0",         "100.63.255.255",
                "100.128.0.0",    "126.255.255.255",  "128.0.0.0",        "172.15.255.255",
                "172.32.0.0",     "192.0.1.0",        "192.167.255.255",  "192.169.0.0",
                "198.17.255.255", "198.20.0.0",       "203.0.112.255",    "223.255.255.255",
                "2001:200::1",    "2606:4700::1111",  "2a00:1450:4001::", "3ffe:ffff::1",
                "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1",
        };

        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                cr_expect(is_out_of(HTTP_REACH_PUBLIC, refused[i]), "%s", refused[i]);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                cr_expect_not(is_out_of(HTTP_REACH_PUBLIC, others[i]), "%s", others[i]);
        cr_expect_not(is_out_of(HTTP_REACH_ANY, "169.254.169.254"));
}

static bool refuses_url(const char *url)
{
        struct sockaddr_storage address;

        return http_egress_refuses_url(HTTP_REACH_NETWORK, url, &address);
}

Test(http_egress, judges_numbers_in_urls_however_they_are_written)
{
        static const char *const refused[] = {
                "http://169.254.169.254/x",   "http://0xa9fea9fe/",
                "http://2852039166/",         "http://0251.0376.0251.0376:80/",
                "http://169.254.43518/",      "https://user:pw@169.254.169.254:8443/x",
                "http://[fe80::1]/",          "http://[fe80::1%25eth0]/",
                "http://[::ffff:a9fe:a9fe]/", "http://0/",
        };
        static const char *const others[] = {
                "http://127.0.0.1/",          "http://[::1]/", "http://example.com/",
                "http://169.254.169.254.x/",  "nonsense",      "http://",
                "http://x@y/169.254.169.254",
        };

        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                cr_expect(refuses_url(refused[i]), "%s", refused[i]);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                cr_expect_not(refuses_url(others[i]), "%s", others[i]);
}

/* ---- on the way ---- */

static unsigned n_dones;
static char told[1024];

static void on_head(void *owner, const struct http_response *response)
{
        (void)owner, (void)response;
}

static enum http_flow on_body(void *owner, const char *p, size_t n)
{
        (void)owner, (void)p, (void)n;
        return HTTP_GO_ON;
}

static void on_done(void *owner, const struct http_failure *failure)
{
        (void)owner;
        if (failure != NULL)
                cr_assert_eq(failure->fault, HTTP_FAULT_BARRED);
        snprintf(told, sizeof(told), "%s", failure != NULL ? failure->why : "");
        n_dones++;
}

static void fetch(struct loop *loop, struct http_client *client, struct http_source *source,
                  const char *url)
{
        static const struct http_handlers handlers = {on_head, on_body, on_done};
        const struct http_options options = {.method = "GET",
                                             .url = url,
                                             .connect_timeout_ms = 3000,
                                             .timeout_ms = 3000,
                                             .source = source};
        struct http_request *request;
        unsigned before = n_dones;

        cr_assert_eq(http_start(client, &options, &handlers, NULL, &request), 0);
        while (n_dones == before)
                cr_assert_eq(loop_turn(loop, 100), 0);
}

/* 0.0.0.0 is this host to the kernel: the one such address at which a test can have a server. */
Test(http_egress, is_asked_on_each_connection_and_of_kept_ones_too)
{
        struct http_source any = {.reach = HTTP_REACH_ANY}, other = {0};
        struct http_client *client;
        struct loop *loop;
        static struct web web; /* its thread outlives the test */
        char url[64];

        web_start(&web);
        cr_assert_eq(loop_create(&loop), 0);
        cr_assert_eq(http_client_create(loop, &client), 0);
        snprintf(url, sizeof(url), "http://0.0.0.0:%u/hello?you", web.port);

        fetch(loop, client, &other, url);
        cr_assert_not_null(strstr(told, "address 0.0.0.0 is not to be reached (allow_link_local)"),
                           "%s", told);
        cr_assert_eq(atomic_load(&web.n_connections), 0);
        fetch(loop, client, NULL, url);
        cr_assert_not_null(strstr(told, "allow_link_local"), "%s", told);
        fetch(loop, client, &any, url);
        cr_assert_str_eq(told, "");
        fetch(loop, client, &other, url);
        cr_assert_not_null(strstr(told, "allow_link_local"), "%s", told);
        cr_assert_eq(atomic_load(&web.n_requests), 1);

        http_client_destroy(client);
        loop_destroy(loop);
}
