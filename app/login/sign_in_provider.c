/* Signing in at the OpenID provider: not there yet. */
#include "sign_in.h"

#include "mgw/login/page.h"

#include <stdlib.h>

void sign_in_provider_begin(struct request *req, char *path_take)
{
        free(path_take);
        page_fault(req, 503, "Nobody can sign in yet", "Come again when this gateway is newer.");
}

void browser_on_callback(struct request *req)
{
        page_fault(req, 503, "Nobody can sign in yet", "Come again when this gateway is newer.");
}
