/* A turn is everybody's: who has brought enough in it is held, and stands in line for a later one.
 * The line is its source's, so that no request goes before another of the same upstream. */
#include "http_inside.h"
#include "turn.h"

/* What a request may bring in one turn. */
#define HTTP_REQUEST_SPEND_MAX (64u << 10)

static void client_defer(struct http_client *client)
{
        if (!client->is_working)
                loop_defer(client->loop, &client->work);
}

void http_turn_defer(struct http_client *client, struct list *due)
{
        list_move_to_tail(&client->due, due);
        client_defer(client);
}

static uint32_t spent_in(const struct http_client *client, uint64_t turn, uint32_t spent)
{
        return turn == client->loop->n_turns ? spent : 0;
}

bool http_turn_is_spent(const struct http_request *request)
{
        const struct http_client *client = request->client;

        return spent_in(client, request->turn, request->spent) >= HTTP_REQUEST_SPEND_MAX ||
               http_source_spent(request->source, client->loop->n_turns) >= HTTP_SOURCE_SPEND_MAX;
}

static void source_hold(struct http_client *client, struct http_request *request)
{
        struct http_source *source = request->source;

        if (source->held.next == NULL)
                list_init(&source->held);
        list_move_to_tail(&source->held, &request->node);
        list_move_to_tail(&client->sources, &source->node);
        client_defer(client);
}

bool http_turn_holds(struct http_request *request)
{
        struct http_client *client = request->client;
        const struct list *held = &request->source->held;
        bool has_its_go = request->go_turn == client->loop->n_turns;
        bool has_others_before = !has_its_go && held->next != NULL && !list_is_empty(held);

        if (!has_others_before && !http_turn_is_spent(request))
                return false;
        source_hold(client, request);
        return true;
}

void http_turn_spend(struct http_request *request, uint32_t n_bytes)
{
        struct http_client *client = request->client;

        request->spent = spent_in(client, request->turn, request->spent) + n_bytes;
        request->turn = client->loop->n_turns;
        http_source_spend(request->source, request->turn, n_bytes);
}
