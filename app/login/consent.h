/* What users have allowed clients: kept ("consent/<user>/<client and where it leads>"), so that
 * they are asked once. Only where the client is who it says: of an address that leads to a program
 * of this machine, or to an application, nobody can tell whose it is (RFC 8252 8.6). */
#pragma once

#include "mgw/auth/authorization_request.h"
#include "mgw/auth/client.h"
#include "mgw/fastcgi/request.h"

/* Where the store has it; the caller frees it. */
char *consent_key(const char *email, const struct authorization_request *ar);
bool consent_may_be_kept(const struct authorization_request *ar);
/* Does what was allowed (a record's value) hold all that is asked for? */
bool consent_covers(struct str value, const struct authorization_request *ar);
/* How long it is remembered. */
int64_t consent_expires_ms(void);

/* Answers with the page that asks. */
void consent_reply_page(struct request *req, const struct client *client, const char *email,
                        const struct authorization_request *ar);
