/* libfcgi as the oracle: its writers make the input, and its server, fed with the same bytes over a
 * unix socket, must see the parameters and the body that our codec sees. What that server answers,
 * our reader must read. */
#include "../check.h"
#include "mgw/wire/cgi.h"
#include "mgw/wire/fcgi.h"
#include "records.h"

#include <fastcgi.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* libfcgi's writers leak a little by design ("cgi-fcgi doesn't care"). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
        return "leak:FCGX_CreateWriter\n";
}

/* What one side made of a request. */
struct view {
        struct buf params; /* NAME=VALUE lines, sorted */
        struct buf body;
};

static void view_init(struct view *v)
{
        buf_init(&v->params, 1 << 24);
        buf_init(&v->body, 1 << 24);
}

static void view_finish(struct view *v)
{
        buf_finish(&v->params);
        buf_finish(&v->body);
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts envp in place: neither side promises an order. */
static void view_params(struct view *v, char **envp)
{
        size_t n = 0;

        while (envp[n] != NULL)
                n++;
        qsort(envp, n, sizeof(*envp), compare);
        for (size_t i = 0; i < n; i++) {
                /* libfcgi adds the role to what was sent */
                if (strcmp(envp[i], "FCGI_ROLE=RESPONDER") == 0)
                        continue;
                check_int(buf_add_str(&v->params, str_from(envp[i])), 0);
                check_int(buf_add(&v->params, "\n", 1), 0);
        }
}

/* ---- a socket's bytes ---- */

static void write_all(int fd, struct str s)
{
        while (s.n > 0) {
                ssize_t n = write(fd, s.p, s.n);

                cr_assert_gt(n, 0);
                s = (struct str){s.p + n, s.n - (size_t)n};
        }
}

static void read_all(int fd, struct buf *out)
{
        uint8_t *tail;
        ssize_t n;

        do {
                check_int(buf_reserve(out, 65536, &tail), 0);
                n = read(fd, tail, 65536);
                cr_assert_geq(n, 0);
                buf_commit(out, (size_t)n);
        } while (n > 0);
}

/* ---- input, by libfcgi's writers ---- */

struct request {
        struct str pairs; /* encoded */
        struct str body;
        int n_buffer; /* of libfcgi's writer: the longest record it makes */
};

struct sender {
        const struct request *request;
        int fd;
};

static void send_stream(int fd, int type, struct str content, int n_buffer)
{
        FCGX_Stream *stream = FCGX_CreateWriter(fd, 1, n_buffer, type);

        check_int(FCGX_PutStr(content.p, (int)content.n, stream), content.n);
        check_int(FCGX_FClose(stream), 0);
        FCGX_FreeStream(&stream);
}

static void *send_request(void *arg)
{
        const struct sender *s = arg;
        struct buf begin;

        buf_init(&begin, 100);
        record_add_begin(&begin, 1, FCGI_RESPONDER, 0);
        write_all(s->fd, buf_bytes(&begin));
        buf_finish(&begin);
        send_stream(s->fd, FCGI_PARAMS, s->request->pairs, s->request->n_buffer);
        send_stream(s->fd, FCGI_STDIN, s->request->body, s->request->n_buffer);
        close(s->fd);
        return NULL;
}

static void bytes_of_libfcgi(const struct request *request, struct buf *out)
{
        struct sender sender = {.request = request};
        pthread_t thread;
        int ends[2];

        check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        sender.fd = ends[1];
        check_int(pthread_create(&thread, NULL, send_request, &sender), 0);
        read_all(ends[0], out);
        pthread_join(thread, NULL);
        close(ends[0]);
}

/* ---- our view ---- */

/* The content of all records of one type. */
static void gather(struct str bytes, size_t piece, uint8_t type, struct buf *out)
{
        const uint8_t *p = (const uint8_t *)bytes.p;
        struct fcgi_record rec;
        struct fcgi_reader r;

        fcgi_reader_init(&r);
        for (size_t at = 0; at < bytes.n;) {
                size_t n = bytes.n - at < piece ? bytes.n - at : piece;
                size_t used;
                int res = fcgi_reader_feed(&r, p + at, n, &used, &rec);

                cr_assert(res == 0 || res == FCGI_E_MORE);
                at += used;
                if (res == 0 && rec.type == type)
                        check_int(buf_add(out, rec.content, rec.n_content), 0);
        }
        fcgi_reader_finish(&r);
}

static void our_view(struct str bytes, size_t piece, struct view *v)
{
        struct cgi_params params;
        struct buf pairs;

        view_init(v);
        buf_init(&pairs, 1 << 24);
        gather(bytes, piece, FCGI_PARAMS, &pairs);
        gather(bytes, piece, FCGI_STDIN, &v->body);
        check_int(cgi_params_decode(&params, buf_bytes(&pairs)), 0);
        view_params(v, params.envp);
        cgi_params_finish(&params);
        buf_finish(&pairs);
}

/* ---- libfcgi's view ---- */

struct server {
        int fd;
        struct view view;
};

static void *serve_one(void *arg)
{
        struct server *s = arg;
        char piece[5000];
        FCGX_Request request;
        int n;

        FCGX_InitRequest(&request, s->fd, 0);
        if (FCGX_Accept_r(&request) != 0)
                return "libfcgi did not accept the request";
        view_params(&s->view, request.envp);
        while ((n = FCGX_GetStr(piece, sizeof(piece), request.in)) > 0)
                buf_add(&s->view.body, piece, (size_t)n);
        FCGX_FPrintF(request.out, "Status: 200 OK\r\n\r\n%d bytes", (int)s->view.body.len);
        FCGX_Finish_r(&request);
        FCGX_Free(&request, 1);
        return NULL;
}

static int listen_at(struct sockaddr_un *address, char *folder)
{
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        cr_assert_not_null(mkdtemp(folder));
        *address = (struct sockaddr_un){.sun_family = AF_UNIX};
        snprintf(address->sun_path, sizeof(address->sun_path), "%s/s", folder);
        check_int(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
        check_int(listen(fd, 1), 0);
        return fd;
}

/* Also what the server answered, as bytes. */
static void libfcgi_view(struct str bytes, struct view *v, struct buf *answer)
{
        char folder[] = "/tmp/mgw-oracle-XXXXXX";
        struct sockaddr_un address;
        struct server server = {.fd = listen_at(&address, folder)};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        void *what_failed = NULL;
        pthread_t thread;

        view_init(&server.view);
        check_int(FCGX_Init(), 0);
        check_int(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        check_int(pthread_create(&thread, NULL, serve_one, &server), 0);
        write_all(fd, bytes);
        read_all(fd, answer);
        close(fd);
        pthread_join(thread, &what_failed);
        cr_assert_null(what_failed, "%s", (char *)what_failed);
        close(server.fd);
        unlink(address.sun_path);
        rmdir(folder);
        *v = server.view;
}

/* ---- the comparison ---- */

static void check_answer(struct str answer, uint32_t n_body)
{
        struct buf content;
        char want[64];

        buf_init(&content, 1000);
        gather(answer, answer.n, FCGI_STDOUT, &content);
        snprintf(want, sizeof(want), "Status: 200 OK\r\n\r\n%u bytes", n_body);
        check_str(buf_bytes(&content), str_from(want));
        buf_consume(&content, content.len);
        gather(answer, 1, FCGI_END_REQUEST, &content);
        check_str(buf_bytes(&content), STR("\0\0\0\0\0\0\0\0"));
        buf_finish(&content);
}

static void check_same(struct str bytes)
{
        static const size_t pieces[] = {1, 7, 8, 4096, SIZE_MAX};
        struct view theirs;
        struct buf answer;

        buf_init(&answer, 1 << 20);
        libfcgi_view(bytes, &theirs, &answer);
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
                struct view ours;

                our_view(bytes, pieces[i], &ours);
                cr_assert(str_eq(buf_bytes(&ours.params), buf_bytes(&theirs.params)),
                          "parameters differ, pieces of %zu", pieces[i]);
                cr_assert(str_eq(buf_bytes(&ours.body), buf_bytes(&theirs.body)),
                          "bodies differ, pieces of %zu", pieces[i]);
                view_finish(&ours);
        }
        check_answer(buf_bytes(&answer), theirs.body.len);
        view_finish(&theirs);
        buf_finish(&answer);
}

static void check_request(struct str pairs, struct str body, int n_buffer)
{
        struct request request = {pairs, body, n_buffer};
        struct view ours;
        struct buf bytes;

        buf_init(&bytes, 1 << 24);
        bytes_of_libfcgi(&request, &bytes);
        our_view(buf_bytes(&bytes), SIZE_MAX, &ours);
        cr_assert(str_eq(buf_bytes(&ours.body), body), "a body did not come through");
        view_finish(&ours);
        check_same(buf_bytes(&bytes));
        buf_finish(&bytes);
}

TestSuite(oracle, .timeout = 60);

/* n bytes, none of them NUL. */
static char *noise(size_t n)
{
        char *text = malloc(n + 1);

        for (size_t i = 0; i < n; i++)
                text[i] = (char)(i * 31 % 255 + 1);
        text[n] = '\0';
        return text;
}

static void add_usual(struct buf *pairs)
{
        pair_add(pairs, STR("REQUEST_METHOD"), STR("POST"), false);
        pair_add(pairs, STR("REQUEST_URI"), STR("/mcp?a=b"), true);
        pair_add(pairs, STR("HTTP_ACCEPT"), STR("application/json, text/event-stream"), false);
        pair_add(pairs, STR("EMPTY"), STR(""), false);
        pair_add(pairs, STR("EMPTY_LONG"), STR(""), true);
        pair_add(pairs, STR("EQUALS"), STR("a=b=c"), false);
        pair_add(pairs, STR("BYTES"), STR("\x01\xff\r\n"), false);
}

Test(oracle, a_usual_request)
{
        struct buf pairs;

        buf_init(&pairs, 1 << 24);
        add_usual(&pairs);
        check_request(buf_bytes(&pairs), STR("{\"jsonrpc\":\"2.0\"}"), 8192);
        check_request(buf_bytes(&pairs), STR("\0binary\xff\0"), 8192);
        check_request(buf_bytes(&pairs), STR(""), 8192);
        check_request(STR(""), STR("no parameters"), 8192);
        buf_finish(&pairs);
}

/* Records of 32 to 600 bytes: names, values and lengths straddle them at every place. */
Test(oracle, parameters_straddle_records)
{
        char *text = noise(3000);
        struct buf pairs;
        char name[32];

        buf_init(&pairs, 1 << 24);
        add_usual(&pairs);
        for (size_t i = 0; i < 40; i++) {
                snprintf(name, sizeof(name), "N%zu", i);
                pair_add(&pairs, str_from(name), (struct str){text, i * 9}, false);
        }
        for (int n_buffer = 32; n_buffer < 600; n_buffer += 24)
                check_request(buf_bytes(&pairs), (struct str){text, 3000}, n_buffer);
        buf_finish(&pairs);
        free(text);
}

Test(oracle, long_names_values_and_bodies)
{
        char *text = noise(300000);
        char name[200];
        struct buf pairs;

        memset(name, 'N', sizeof(name));
        buf_init(&pairs, 1 << 24);
        add_usual(&pairs);
        for (size_t n = 126; n < 130; n++)
                pair_add(&pairs, (struct str){name, n}, (struct str){text, n}, false);
        pair_add(&pairs, (struct str){name, 200}, (struct str){text, 70000}, false);
        check_request(buf_bytes(&pairs), (struct str){text, 300000}, 8192);
        check_request(buf_bytes(&pairs), (struct str){text, 300000}, 65535);
        buf_finish(&pairs);
        free(text);
}

/* Records that libfcgi would read but not write: a byte of content each, padding of every size. */
Test(oracle, odd_records)
{
        struct str s;
        struct buf pairs;
        struct buf bytes;

        buf_init(&pairs, 1 << 20);
        buf_init(&bytes, 1 << 20);
        add_usual(&pairs);
        s = buf_bytes(&pairs);
        record_add_begin(&bytes, 1, FCGI_RESPONDER, 0);
        for (size_t i = 0; i < s.n; i++)
                record_add(&bytes, FCGI_PARAMS, 1, (struct str){s.p + i, 1}, (uint8_t)(i * 5));
        /* libfcgi takes padding behind this one for the next record */
        record_add(&bytes, FCGI_PARAMS, 1, STR(""), 0);
        for (int i = 0; i < 256; i++)
                record_add(&bytes, FCGI_STDIN, 1, STR("xyz"), (uint8_t)i);
        record_add(&bytes, FCGI_STDIN, 1, STR(""), 1);
        check_same(buf_bytes(&bytes));
        buf_finish(&pairs);
        buf_finish(&bytes);
}

Test(oracle, parameters_are_found_by_name)
{
        struct cgi_params params;
        struct buf pairs;

        buf_init(&pairs, 1 << 20);
        add_usual(&pairs);
        check_int(cgi_params_decode(&params, buf_bytes(&pairs)), 0);
        check_str(str_from(FCGX_GetParam("EQUALS", params.envp)), STR("a=b=c"));
        check_str(str_from(FCGX_GetParam("EMPTY_LONG", params.envp)), STR(""));
        cr_assert_null(FCGX_GetParam("EMPTY_LON", params.envp));
        cgi_params_finish(&params);
        buf_finish(&pairs);
}
