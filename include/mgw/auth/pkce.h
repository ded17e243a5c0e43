/* Proof Key for Code Exchange, S256 alone (RFC 7636 4). */
#pragma once

#include "mgw/base/str.h"

#include <stdbool.h>

#define PKCE_SIZE 44 /* 43 characters and a NUL */

/* A new verifier of 32 random bytes, and its challenge. */
void pkce_make(char verifier[PKCE_SIZE], char challenge[PKCE_SIZE]);
/* 43 to 128 unreserved characters, whose digest is the challenge? Compared in constant time. */
bool pkce_fits(struct str verifier, struct str challenge);
/* Can it be a challenge at all: 43 characters of base64url? */
bool pkce_is_challenge(struct str challenge);
