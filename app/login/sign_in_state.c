/* Each sign-in has a cookie of its own, so that tabs that begin at the same time do not meet.
 *
 * There is room for the long paths of two sign-ins at once, so that what a browser sends stays
 * within what proxies take: the third takes the place of one of them, and ends at the page that
 * nobody asked for. */
#include "sign_in_state.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "return_path.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEALED_SIGN_IN "sign-in 1"
#define CONTENT_MAX_BYTES 1500

/* A path of so many bytes stands in the state itself. */
#define SHORT_PATH_BYTES 512
#define N_SLOTS 2
#define N_PIECES 2
#define PIECE_BYTES (RETURN_PATH_MAX_BYTES / N_PIECES)
#define NAME_SIZE 48
#define DIGEST_TEXT_SIZE 65

void sign_in_state_finish(struct sign_in_state *state)
{
        free(state->path);
        state->path = NULL;
}

/* ---- whose it is ---- */

static void own_name(char name[NAME_SIZE], const struct sign_in_state *state)
{
        snprintf(name, NAME_SIZE, "mgw-sign-in-%s", state->id);
}

/* 0, SIGN_IN_STATE_E_BROWSER, SIGN_IN_STATE_E_NO_COOKIES. */
static int judge_browser(const struct request *req, struct cookies *cookies,
                         const struct sign_in_state *state)
{
        char name[NAME_SIZE];

        own_name(name, state);
        if (cookie_find(req, name).n == 0)
                return browser_id_brought(req).n == 0 ? SIGN_IN_STATE_E_NO_COOKIES
                                                      : SIGN_IN_STATE_E_BROWSER;
        cookies_add(cookies, request_context(req), name, STR(""), 0);
        return 0;
}

/* ---- a long path ---- */

static void piece_name(char name[NAME_SIZE], unsigned slot, unsigned piece)
{
        snprintf(name, NAME_SIZE, "mgw-path-%u%u", slot, piece);
}

static struct str find_piece(const struct request *req, unsigned slot, unsigned piece)
{
        char name[NAME_SIZE];

        piece_name(name, slot, piece);
        return cookie_find(req, name);
}

static void digest_of(struct str path, char text[DIGEST_TEXT_SIZE])
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (EVP_Digest(path.p, path.n, digest, &n, EVP_sha256(), NULL) != 1)
                abort();
        for (unsigned i = 0; i < n; i++)
                snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
}

/* One that is free, or any. */
static unsigned choose_slot(const struct request *req)
{
        for (unsigned slot = 0; slot < N_SLOTS; slot++)
                if (find_piece(req, slot, 0).n == 0)
                        return slot;
        return rand_below(N_SLOTS);
}

static void keep_path(const struct request *req, struct cookies *cookies, json_t *content,
                      struct str path)
{
        unsigned slot = choose_slot(req);
        char digest[DIGEST_TEXT_SIZE];

        digest_of(path, digest);
        json_object_set_new(content, "s", json_integer(slot));
        json_object_set_new(content, "h", json_string(digest));
        for (unsigned i = 0; path.n > 0; i++) {
                struct str piece = {path.p, path.n < PIECE_BYTES ? path.n : PIECE_BYTES};
                char name[NAME_SIZE];

                piece_name(name, slot, i);
                cookies_add(cookies, request_context(req), name, piece, SIGN_IN_LIFE_MS);
                path.p += piece.n;
                path.n -= piece.n;
        }
}

/* NULL: they are of another path. */
static char *join_pieces(const struct request *req, unsigned slot, const char *digest)
{
        char *path = alloc_format("%.*s%.*s", STR_ARG(find_piece(req, slot, 0)),
                                  STR_ARG(find_piece(req, slot, 1)));
        char found[DIGEST_TEXT_SIZE];

        digest_of(str_from(path), found);
        if (digest != NULL && strcmp(found, digest) == 0)
                return path;
        free(path);
        return NULL;
}

static char *find_path(const struct request *req, struct cookies *cookies, const json_t *content)
{
        const char *path = json_string_value(json_object_get(content, "p"));
        unsigned slot = (unsigned)json_integer_value(json_object_get(content, "s"));
        char *found;

        if (path != NULL)
                return alloc_text(path);
        found = join_pieces(req, slot, json_string_value(json_object_get(content, "h")));
        for (unsigned i = 0; found != NULL && i < N_PIECES; i++) {
                char name[NAME_SIZE];

                piece_name(name, slot, i);
                if (find_piece(req, slot, i).n > 0)
                        cookies_add(cookies, request_context(req), name, STR(""), 0);
        }
        return found;
}

/* ---- the provider ---- */

static void issuer_digest(const struct request *req, char text[DIGEST_TEXT_SIZE])
{
        digest_of(str_from(request_context(req)->config->login.issuer), text);
}

/* A code is not shown to another provider than that which gave it: a reload may have put one in its
 * place. */
static bool is_of_issuer(const struct request *req, const json_t *content)
{
        const char *began_at = json_string_value(json_object_get(content, "o"));
        char digest[DIGEST_TEXT_SIZE];

        issuer_digest(req, digest);
        return began_at == NULL || strcmp(began_at, digest) == 0;
}

/* ---- the whole ---- */

char *sign_in_state_close(struct request *req, struct cookies *cookies,
                          const struct sign_in_state *state)
{
        const struct context *context = request_context(req);
        struct str path = str_from(state->path);
        json_t *content = json_pack("{s:s, s:s}", "i", state->id, "v", state->verifier);
        char name[NAME_SIZE], issuer[DIGEST_TEXT_SIZE], *text;

        issuer_digest(req, issuer);
        json_object_set_new(content, "o", json_string(issuer));
        own_name(name, state);
        cookies_add(cookies, context, name, STR("1"), SIGN_IN_LIFE_MS);
        (void)browser_id(req); /* who keeps no cookies is told by it */
        if (path.n <= SHORT_PATH_BYTES)
                json_object_set_new(content, "p", json_stringn(path.p, path.n));
        else
                keep_path(req, cookies, content, path);
        text = sealed_close(&context->browser->keys, SEALED_SIGN_IN,
                            clock_wall_ms() + SIGN_IN_LIFE_MS, content, CONTENT_MAX_BYTES);
        json_decref(content);
        return text;
}

static bool take_text(char *out, size_t size, const json_t *value)
{
        struct str text = {json_string_value(value), json_string_length(value)};

        if (text.n + 1 != size)
                return false;
        memcpy(out, text.p, size);
        return true;
}

int sign_in_state_open(struct request *req, struct cookies *cookies, struct sign_in_state *state,
                       struct str text)
{
        json_t *content;
        int r = sealed_open(&request_context(req)->browser->keys, SEALED_SIGN_IN, clock_wall_ms(),
                            text, &content);

        memset(state, 0, sizeof(*state));
        if (r != 0)
                return r;
        if (!take_text(state->id, sizeof(state->id), json_object_get(content, "i")) ||
            !take_text(state->verifier, sizeof(state->verifier), json_object_get(content, "v")))
                r = SEAL_E_BAD;
        else
                r = judge_browser(req, cookies, state);
        if (r == 0 && !is_of_issuer(req, content))
                r = SIGN_IN_STATE_E_ISSUER;
        if (r == 0)
                state->path = find_path(req, cookies, content);
        json_decref(content);
        return r;
}
