/* Signing in at the OpenID provider, and what follows however people sign in. */
#pragma once

#include "browser_inside.h"

/* Answers the request or owns it: leads to the provider. path has been read (login/return_path);
 * taken. asks_who: it is to ask, whoever is signed in there. */
void sign_in_go_away(struct request *req, char *path_take, bool asks_who);

#define SIGN_IN_PATH "/oauth/sign-in"
/* Where who has been refused may sign in as another. */
#define SIGN_IN_AS_ANOTHER SIGN_IN_PATH "?as=another"

/* Answers: the person is signed in from here on, and led to path; NULL: what they wanted is not
 * known any more. cookies: that go with it. */
void sign_in_succeed(struct request *req, struct cookies *cookies, const struct person *person,
                     const char *path);
/* Why it has not come to it. */
struct sign_in_fault {
        unsigned status;
        const char *what;
        const char *what_to_do;
        const char *detail; /* for the log, as is: */
        const char *user;   /* NULL: none */
        const char *again;  /* where to try again; NULL: where people sign in */
};

/* A line in the log, with whose address and request it is; NULL: not known. */
void sign_in_log(struct request *req, const char *what, const char *email, const char *detail);
/* Answers with it, and logs it. */
void sign_in_fail(struct request *req, struct cookies *cookies, const struct sign_in_fault *fault);
