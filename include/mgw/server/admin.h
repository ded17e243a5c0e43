/* What operators ask: health, readiness, metrics, announcements. Who does not come by the inside
 * port is told of health no more than that. */
#pragma once

#include "mgw/fastcgi/request.h"

void admin_on_health(struct request *req);
void admin_on_ready(struct request *req);
void admin_on_metrics(struct request *req);
/* Body: {"message": "...", "level": "info", "user": "email"}; user chooses the newest stream of one
 * user. */
void admin_on_announce(struct request *req);
