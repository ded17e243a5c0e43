/* The configuration is read again at any moment, again and again: servers come, change and go, and
 * so do users and what they may, while clients of all eras ask and servers answer, or do not. What
 * is drawn is drawn by a seed. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "draw.h"
#include "gateway.h"
#include "servers.h"
#include "users.h"

/* More of them, and the first: MGW_RELOAD_SEEDS, MGW_RELOAD_FROM. */
#define SEEDS 6
#define STEPS 300
#define N_CLIENTS 5
#define N_ASKED 64

static struct client clients[N_CLIENTS];
static bool is_there[N_CLIENTS];
static int id;

/* The last ones. */
static struct asked {
        struct answer *answer; /* NULL: none so far */
        struct client *by;
} asked[N_ASKED];
static unsigned n_asked;

static const char *draw_servers(void)
{
        static char text[2000];
        unsigned first = draw(3);
        size_t n = 0;

        text[0] = '\0';
        for (unsigned i = 0; i < 3; i++) {
                char name = (char)('u' + (first + i) % 3);

                if (draw(4) == 0)
                        continue;
                n += (size_t)snprintf(
                        text + n, sizeof(text) - n, "%s'%c':{%s%s}", n > 0 ? "," : "", name,
                        ONE_OF("'url':'http://u.example/mcp'", "'url':'http://v.example/mcp'",
                               "'url':'http://u.example/sse','type':'sse'", "'command':'/u'",
                               "'url':'http://u.example/mcp','oauth':{'token_url':'http://"
                               "t.example/token',"
                               "'client_id':'i','client_secret':'s'}",
                               "'command':'/u','scope':'shared'", "'command':'/u','scope':'user'"),
                        ONE_OF("", "", "", ",'include':['t*']"));
        }
        return text;
}

static const char *draw_settings(void)
{
        return ONE_OF(
                "", "", ",'upstream_grace_ms':100", ",'drain_s':1", ",'builtin_tools':true",
                "},'policy':{'rules':[{'who':['*'],'allow':{'tools':['*']}}]",
                "},'policy':{'rules':[{'who':['ada@example.com'],'allow':{'servers':['*']}}]");
}

/* ---- clients ---- */

static void note(struct client *by, struct answer *answer)
{
        asked[n_asked++ % N_ASKED] = (struct asked){answer, by};
}

static struct answer *get(struct client *c, const char *method, const char *uri)
{
        struct answer *a = client_send(
                &(const struct client_request){.method = method,
                                               .uri = uri,
                                               .session = c->session[0] != '\0' ? c->session : NULL,
                                               .version = c->session[0] != '\0' ? c->version : NULL,
                                               .authorization = c->authorization});

        note(c, a);
        gateway_settle();
        return a;
}

/* false: it is refused. */
static bool open_sse(struct client *c)
{
        struct str body;
        const char *at;

        c->stream = get(c, "GET", "/sse");
        body = answer_body(c->stream);
        at = body.n > 0 ? memmem(body.p, body.n, "sessionId=", 10) : NULL;
        if (at != NULL)
                snprintf(c->session, sizeof(c->session), "%.*s", (int)strcspn(at + 10, "\n"),
                         at + 10);
        return at != NULL;
}

static void initialize(struct client *c)
{
        char params[300];
        struct answer *a;

        snprintf(params, sizeof(params),
                 "{'protocolVersion':'%s','capabilities':%s,'clientInfo':{'name':'c','version':"
                 "'1'}}",
                 c->version, c->capabilities);
        a = client_ask(c, 0, "initialize", params);
        if (draw(2) == 0)
                gateway_pass_ms(3000);
        if (c->session[0] == '\0')
                snprintf(c->session, sizeof(c->session), "%s", answer_header(a, "Mcp-Session-Id"));
}

static void open_client(unsigned i)
{
        struct client *c = &clients[i];

        *c = (struct client){.version = ONE_OF(SSE, "2025-06-18", "2025-11-25", STATELESS),
                             .capabilities = ONE_OF("{}", "{'roots':{}}"),
                             .authorization = draw(2) == 0 ? users_ada : users_bob};
        is_there[i] = strcmp(c->version, SSE) != 0 || open_sse(c);
        if (is_there[i] && strcmp(c->version, STATELESS) != 0)
                initialize(c);
}

static void ask(struct client *c)
{
        static const char *const requests[][2] = {
                {"tools/list", ""},
                {"tools/call", "{'name':'u_t','arguments':{}}"},
                {"tools/call", "{'name':'v_t','arguments':{}}"},
                {"tools/call", "{'name':'w_t','arguments':{}}"},
                {"resources/list", ""},
                {"resources/read", "{'uri':'x:r'}"},
                {"resources/subscribe", "{'uri':'x:r'}"},
                {"prompts/list", ""},
                {"prompts/get", "{'name':'u_p'}"},
                {"logging/setLevel", "{'level':'debug'}"},
                {"subscriptions/listen",
                 "{'notifications':{'toolsListChanged':true,'resourceSubscriptions':['x:r']}}"},
                {"server/discover", ""},
                {"ping", ""},
        };
        unsigned i = draw(sizeof(requests) / sizeof(requests[0]));

        note(c, client_ask(c, ++id, requests[i][0], requests[i][1]));
}

static void say(struct client *c)
{
        char text[200];

        if (draw(4) == 0)
                snprintf(text, sizeof(text),
                         "{'jsonrpc':'2.0','method':'notifications/roots/list_changed'}");
        else
                snprintf(
                        text, sizeof(text),
                        "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':"
                        "%u}}",
                        id > 0 ? 1 + draw((unsigned)id) : 0);
        (void)client_say(c, text);
}

/* With the input that was asked for, or without. */
static void retry(void)
{
        const struct asked *one = &asked[draw(N_ASKED)];
        const json_t *json = one->answer != NULL ? answer_json(one->answer) : NULL;
        char params[3000];

        if (json_at(json, "result/requestState") == NULL)
                return;
        snprintf(params, sizeof(params),
                 "{'name':'u_t','arguments':{},'requestState':'%s','inputResponses':{%s}}",
                 json_text_at(json, "result/requestState"), ONE_OF("", "'mgw-1':{'roots':[]}"));
        note(one->by, client_ask(one->by, ++id, "tools/call", params));
}

static void cut(void)
{
        struct answer *a = asked[draw(N_ASKED)].answer;

        if (a != NULL && !answer_is_closed(a))
                answer_cut(a);
}

/* ---- servers ---- */

static const char *const methods[] = {"initialize",
                                      "tools/list",
                                      "tools/call",
                                      "resources/list",
                                      "prompts/list",
                                      "resources/subscribe",
                                      "server/discover",
                                      "subscriptions/listen",
                                      "POST",
                                      "ping"};
#define N_METHODS (sizeof(methods) / sizeof(methods[0]))
static bool is_kept[N_METHODS];

/* What was kept for the test is not any more, or the other way round. */
static void keep_other(void)
{
        unsigned i = draw(N_METHODS);

        (is_kept[i] ? servers_keep_no_more : servers_keep)(methods[i]);
        is_kept[i] = !is_kept[i];
}

/* The beginning of a big answer. */
static void say_big(struct sent *sent)
{
        static char piece[100000];
        int n = snprintf(piece, sizeof(piece),
                         "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"content\":[{\"type\":"
                         "\"text\",\"text\":\"",
                         (int)json_integer_value(json_object_get(sent->msg, "id")));

        memset(piece + n, 'x', sizeof(piece) - (size_t)n);
        sent_bytes(sent, "application/json", piece, sizeof(piece));
        memset(piece, 'x', (size_t)n);
        for (unsigned left = draw(20); left > 0; left--)
                sent_bytes(sent, "", piece, sizeof(piece));
}

static void say_more(struct sent *sent)
{
        bool is_http = sent->http != NULL && strstr(sent->http->url, "/mcp") != NULL;
        unsigned kind = draw(3);

        if (kind == 0)
                sent_event(sent, NULL, "{'jsonrpc':'2.0','id':'q','method':'roots/list'}");
        else if (kind == 1)
                sent_event(sent, NULL,
                           "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':"
                           "'error','data':'d'}}");
        else if (is_http && !sent->is_stream)
                say_big(sent);
}

static void give_token(struct sent *sent)
{
        if (draw(4) == 0) {
                sent_status(sent, 400, "{}");
                return;
        }
        sent_text(sent, "application/json", "{\"access_token\":\"t\",\"expires_in\":100}");
        sent_end(sent);
}

static void serve(void)
{
        struct sent *sent = servers_find(methods[draw(N_METHODS)]);

        if (sent == NULL)
                return;
        if (strcmp(sent->method, "POST") == 0)
                give_token(sent);
        else if (draw(4) == 0)
                say_more(sent);
        else if (sent->is_stream && sent->http != NULL)
                sent_end(sent);
        else if (draw(4) == 0)
                sent_error(sent, -32603, "no");
        else if (sent->http != NULL && draw(4) == 0)
                sent_status(sent, 500, "no");
        else
                sent_honestly(sent);
}

static void reload(void)
{
        if (draw(8) == 0) {
                users_forget();
                users_add(users_ada, "ada@example.com", 1 + draw(2));
                if (draw(2) == 0)
                        users_add(users_bob, "bob@example.com", 1);
        }
        users_reload(draw_servers(), draw_settings());
}

/* ---- all of it ---- */

static void step(void)
{
        unsigned i = draw(N_CLIENTS), kind = draw(20);
        struct client *c = &clients[i];

        if (kind < 3 || !is_there[i])
                open_client(i);
        else if (kind < 8)
                ask(c);
        else if (kind < 9)
                say(c);
        else if (kind < 10)
                (draw(2) == 0 ? cut : retry)();
        else if (kind < 11)
                (void)get(c, ONE_OF("GET", "GET", "DELETE"), NULL);
        else if (kind < 13)
                keep_other();
        else if (kind < 15)
                serve();
        else if (kind < 16)
                gateway_pass_ms(1 + draw(draw(3) == 0 ? 30000 : 300));
        else
                reload();
        if (kind % 2 == 0)
                gateway_settle();
}

static unsigned given(const char *name, unsigned standard)
{
        const char *text = getenv(name);

        return text != NULL ? (unsigned)atoi(text) : standard;
}

Test(reload_random, nothing_breaks)
{
        unsigned first = given("MGW_RELOAD_FROM", 1), n = given("MGW_RELOAD_SEEDS", SEEDS);

        for (unsigned seed = first; seed < first + n; seed++) {
                fprintf(stderr, "reload_random: seed %u\n", seed);
                draw_begin(seed);
                id = 0;
                n_asked = 0;
                memset(asked, 0, sizeof(asked));
                memset(is_there, 0, sizeof(is_there));
                memset(is_kept, 0, sizeof(is_kept));
                users_start(draw_servers(), draw_settings());
                servers_are((enum servers_era)draw(3));
                for (unsigned i = 0; i < STEPS; i++)
                        step();
                gateway_stop();
        }
}
