/* What becomes of the provider, and of those who sign in there, when the configuration is another.
 */
#include "browser_inside.h"
#include "mgw/config/config.h"
#include "sign_in_inside.h"

#include <stdlib.h>
#include <string.h>

/* Those who sign in at the former provider begin anew. */
void browser_follow(struct context *context, const struct config *before)
{
        struct browser *browser = context->browser;
        const struct config *config = context->config;
        struct issuer *former = browser->issuer;
        struct list *it;

        if (strcmp(config->login.issuer, before->login.issuer) == 0 &&
            strcmp(config->login.client_id, before->login.client_id) == 0 &&
            strcmp(config->upstream_ca_file, before->upstream_ca_file) == 0)
                return;
        while ((it = list_first(&browser->sign_ins)) != NULL)
                sign_in_refuse_for_now(container_of(it, struct sign_in, node),
                                       "the configuration has changed");
        if (browser->ca_file != NULL) /* what was cancelled names it until the turn ends */
                loop_bury(context->loop, browser->ca_file, free);
        browser->ca_file = NULL;
        browser->source.tls.ca_file = NULL;
        browser->issuer = NULL;
        browser_open_issuer(browser);
        issuer_destroy(former);
}
