/* The status page: at `/` of the inside port for operators, and outside for who is signed in by a
 * browser and a member of the policy's group `admins`. To others nothing is there. */
#pragma once

#include "mgw/fastcgi/request.h"

struct status;

/* Sets context->status; after the users and the browsers are there. */
void status_open(struct context *context);
/* After the last request is over; NULL is fine. */
void status_close(struct status *status);

/* Could the page be there for who sends this? */
bool status_is_there(const struct request *req);
/* In on_head: sets req->in->identity to who looks; NULL: nobody is signed in, and the page leads
 * them to where they do. false: to them it is not there. */
bool status_viewer_find(struct request *req);

/* GET / */
void status_on_page(struct request *req);
/* GET /status/page.css */
void status_on_style(struct request *req);
/* GET /status/page.js */
void status_on_script(struct request *req);
/* GET /status/events: a stream of `config` (when it has changed) and `snapshot` (every two seconds,
 * and when a stream comes or goes), each a JSON object. */
void status_on_events(struct request *req);
/* POST /status/mcp: a message of the stateless era, as the viewer. */
bool status_on_mcp_head(struct request *req);
void status_on_mcp(struct request *req);
