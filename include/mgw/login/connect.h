/* Pages on which people connect accounts of their own at upstreams: which they have, the way to the
 * provider and back, and the end of it. */
#pragma once

#include "mgw/fastcgi/request.h"

/* Sets context->connects. */
void connect_create(struct context *context);
/* What is under way is given up. Before the HTTP client, the upstreams and the store go; NULL is
 * fine. */
void connect_destroy(struct connect *connect);

/* GET /connect: what the signed-in user has connected, and can. */
void connect_on_page(struct request *req);
/* GET /connect/start: to the provider, by a link (upstream/connect_link) of this user's. */
void connect_on_start(struct request *req);
/* GET /connect/callback: back from there (RFC 6749 4.1.2, RFC 9207). */
void connect_on_callback(struct request *req);
/* POST /connect/end: revoked at the provider, and forgotten here. */
void connect_on_end(struct request *req);
/* GET /oauth/client.json: who we are as a client (client ID metadata document). */
void connect_on_client_document(struct request *req);
