/* A small HTTP/1.1 server for the tests of the HTTP client: a thread for each connection, plain
 * sockets, and a path for each way in which a server can behave. */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>

/* Bytes of /big; byte i is WEB_BYTE(i). */
#define WEB_BIG_BYTES (8u << 20)
#define WEB_BYTE(i) ((char)('a' + (i) % 23))
#define WEB_EXTENSIONS 256
#define WEB_EXTENSION_BYTES 200000

/*      /hello?N        "hello N", with a session id and other headers
 *      /echo           the request as it came, head and body
 *      /length         the number of bytes of the body
 *      /status/NNN     that status, no body
 *      /retry/A        Retry-After: A, with spaces for '_'
 *      /redirect/NNN?L that status, leads to L
 *      /cached         "{}", JSON that may be kept for 600 s
 *      /endless/NNN    that status, and a body until the client closes
 *      /unfinished/503 that status, and the beginning of a body
 *      /early          103, then 200
 *      /head           a head that tells of 1000 bytes, and none of them
 *      /informed       100 until the client closes
 *      /reasons        the same, with long reasons
 *      /extensions     WEB_EXTENSIONS chunks of "x", with WEB_EXTENSION_BYTES around each
 *      /extra          "one", and another answer behind it
 *      /later          "one", and after sem_post(&go) another answer
 *      /bye            "bye", as if the connection were kept, and closes
 *      /refuse         413 before the body has been read, and waits
 *      /reset          the beginning of a body, and after sem_post(&go) resets the connection
 *      /trailers       an answer in chunks, and trailers until the client closes
 *      /chunks         "one", and after each sem_post(&go) "two", "three", the end; trailers
 *      /big            WEB_BIG_BYTES, counted in n_big_sent as the socket takes them
 *      /until-close    "all of it", ended by closing
 *      /half           promises 100 bytes, sends 4, closes
 *      /half-chunk     the same in chunks
 *      /silent         takes the request and closes
 *      /garbage        no HTTP
 *      /compressed     gzip, which nobody has asked for; closes
 *      /hang           takes the request and never answers
 *      /stream         a head and one event, then nothing more */
struct web {
        int fd;
        uint16_t port;
        pthread_t thread;
        sem_t go;
        atomic_uint n_connections;
        atomic_uint n_requests;
        atomic_uint n_silent; /* requests of /silent that came */
        atomic_uint n_closed; /* connections that the client closed */
        atomic_size_t n_big_sent;
};

/* On loopback, any port; stops with the process. */
void web_start(struct web *web);
