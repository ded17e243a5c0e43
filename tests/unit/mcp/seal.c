#include "mgw/mcp/seal.h"

#include "../check.h"
#include "../json.h"

#include <stdio.h>

#define NOW 1000000

static const uint8_t key[SEAL_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const struct seal_binding ada = {{"ada@example.com", 15}, {"digest", 6}};

/* A text that opens; the caller frees it. */
static char *sealed_text(const struct seal_binding *binding, struct str payload)
{
        struct buf out;
        char *text;

        buf_init(&out, 200000);
        check_int(seal_close(&out, key, binding, NOW + 1, payload), 0);
        text = str_dup(buf_bytes(&out));
        buf_finish(&out);
        return text;
}

static int opens(const uint8_t *with, const struct seal_binding *binding, int64_t now,
                 struct str text)
{
        struct buf out;
        int r;

        buf_init(&out, 200000);
        r = seal_open(&out, with, binding, now, text);
        if (r != 0)
                check_int(buf_bytes(&out).n, 0);
        buf_finish(&out);
        return r;
}

Test(seal, what_is_closed_opens)
{
        char big[SEAL_PAYLOAD_MAX_BYTES + 1] = "x";
        const struct str payloads[] = {
                STR(""), STR("{\"call\": 7}"), STR("\0\xff"), {big, SEAL_PAYLOAD_MAX_BYTES}};

        for (size_t i = 0; i < 4; i++) {
                char *text = sealed_text(&ada, payloads[i]);
                struct buf out;

                cr_assert_eq(strspn(text + 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789-_"),
                             strlen(text) - 5);
                buf_init(&out, 200000);
                check_int(buf_add_str(&out, STR("before ")), 0);
                check_int(seal_open(&out, key, &ada, NOW, str_from(text)), 0);
                buf_consume(&out, 7);
                check_str(buf_bytes(&out), payloads[i]);
                buf_finish(&out);
                free(text);
        }
        struct buf out;

        buf_init(&out, 200000);
        check_int(seal_close(&out, key, &ada, NOW, (struct str){big, sizeof(big)}), BUF_E_FULL);
        buf_finish(&out);
}

Test(seal, no_two_texts_are_the_same)
{
        char *a = sealed_text(&ada, STR("x"));
        char *b = sealed_text(&ada, STR("x"));

        cr_assert_str_neq(a, b);
        free(a);
        free(b);
}

Test(seal, it_opens_for_one_user_one_request_and_one_key_until_it_expires)
{
        char *text = sealed_text(&ada, STR("x"));
        struct str s = str_from(text);
        uint8_t other_key[SEAL_KEY_BYTES];
        const struct seal_binding others[] = {
                {STR("bob@example.com"), STR("digest")},
                {STR("ada@example.com"), STR("digesT")},
                {STR(""), STR("digest")},
                {STR("ada@example.com"), STR("")},
                {STR("ada@example.comd"), STR("igest")},
                {STR("digest"), STR("ada@example.com")},
        };

        check_int(opens(key, &ada, NOW, s), 0);
        check_int(opens(key, &ada, NOW + 1, s), SEAL_E_EXPIRED);
        check_int(opens(key, &ada, INT64_MAX, s), SEAL_E_EXPIRED);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                check_int(opens(key, &others[i], NOW, s), SEAL_E_BAD);
        memcpy(other_key, key, sizeof(key));
        other_key[31] ^= 1;
        check_int(opens(other_key, &ada, NOW, s), SEAL_E_BAD);
        /* of a foreign text nobody learns whether it has expired */
        check_int(opens(key, &others[0], NOW + 1, s), SEAL_E_BAD);
        free(text);
}

Test(seal, an_upstreams_state_is_told_from_ours)
{
        static const char *const foreign[] = {"", "mgw1", "mgw2.abc", "eyJhIjoxfQ", "MGW1.abc"};

        for (size_t i = 0; i < 5; i++)
                check_int(opens(key, &ada, NOW, str_from(foreign[i])), SEAL_E_BAD);
        check_int(opens(key, &ada, NOW, STR("mgw1.")), SEAL_E_BAD);
}

Test(seal, a_secret_makes_the_same_key_everywhere)
{
        uint8_t a[SEAL_KEY_BYTES], b[SEAL_KEY_BYTES], c[SEAL_KEY_BYTES];

        check_int(seal_key_from_secret(a, STR("a secret of many nodes")), 0);
        check_int(seal_key_from_secret(b, STR("a secret of many nodes")), 0);
        check_int(seal_key_from_secret(c, STR("a secret of many nodeS")), 0);
        cr_assert_arr_eq(a, b, SEAL_KEY_BYTES);
        cr_assert_arr_neq(a, c, SEAL_KEY_BYTES);
}

static bool digests_are_equal(const char *method_a, const char *a, const char *method_b,
                              const char *b)
{
        json_t *json_a = json_from(a), *json_b = json_from(b);
        uint8_t digest_a[SEAL_DIGEST_BYTES], digest_b[SEAL_DIGEST_BYTES];

        check_int(seal_digest(digest_a, method_a, json_is_null(json_a) ? NULL : json_a), 0);
        check_int(seal_digest(digest_b, method_b, json_b), 0);
        json_decref(json_a);
        json_decref(json_b);
        return memcmp(digest_a, digest_b, sizeof(digest_a)) == 0;
}

Test(seal, a_digest_knows_a_request_by_all_but_what_a_retry_changes)
{
        const char *call = "{'name': 't', 'arguments': {'a': 1, 'b': [1, 2]}}";

        cr_assert(digests_are_equal("tools/call", call, "tools/call",
                                    "{'arguments': {'b': [1, 2], 'a': 1}, '_meta': {'x': 1},"
                                    " 'inputResponses': {}, 'requestState': 's', 'name': 't'}"));
        cr_assert(digests_are_equal("tools/call", "null", "tools/call", "{'_meta': {}}"));
        cr_assert_not(digests_are_equal("tools/call", call, "prompts/get", call));
        cr_assert_not(digests_are_equal("tools/call", call, "tools/call", "{'name': 't'}"));
        cr_assert_not(digests_are_equal("tools/call", call, "tools/call",
                                        "{'name': 't', 'arguments': {'a': 1, 'b': [2, 1]}}"));
}

/* A linear congruential generator: the same mutations at every run. */
static uint32_t next(uint32_t *state)
{
        *state = *state * 1664525 + 1013904223;
        return *state >> 8;
}

#define N_TEXTS 50
#define N_MUTATIONS 100000

/* One of the ways to change a text; n bytes at p, with room for one more. */
static void mutate(char *p, size_t *n, const char *other, size_t other_n, uint32_t *state)
{
        size_t at = next(state) % *n;
        size_t end = at + next(state) % (*n - at);

        switch (next(state) % 6) {
        case 0: /* a bit */
                p[at] = (char)(p[at] ^ 1 << next(state) % 8);
                break;
        case 1: /* a character, which stays Base64 */
                p[at] = "AZaz09-_"[next(state) % 8];
                break;
        case 2: /* cut short */
                *n = at;
                break;
        case 3: /* a piece out of the middle */
                memmove(p + at, p + end, *n - end);
                *n -= end - at;
                break;
        case 4: /* the end of another one */
                if (at < other_n) {
                        memcpy(p + at, other + at, other_n - at);
                        *n = other_n;
                }
                break;
        default: /* a character more */
                memmove(p + at + 1, p + at, *n - at);
                *n += 1;
        }
}

Test(seal, no_mutation_is_accepted)
{
        const struct seal_binding bob = {STR("bob@example.com"), ada.request};
        const struct seal_binding elsewhere = {ada.user, STR("another")};
        const struct seal_binding *const bindings[] = {&ada, &ada, &bob, &elsewhere};
        char *texts[N_TEXTS];
        uint32_t state = 1;
        unsigned n_tried = 0, n_accepted = 0;

        for (size_t i = 0; i < N_TEXTS; i++)
                texts[i] = sealed_text(&ada, STR("{\"call\": 12345, \"ask\": \"a-1\"}"));
        while (n_tried < N_MUTATIONS) {
                const char *text = texts[next(&state) % N_TEXTS];
                const char *other = texts[next(&state) % N_TEXTS];
                const struct seal_binding *binding = bindings[next(&state) % 4];
                char changed[200];
                size_t n = strlen(text);
                bool is_one = false;

                memcpy(changed, text, n);
                mutate(changed, &n, other, strlen(other), &state);
                for (size_t i = 0; i < N_TEXTS; i++)
                        is_one |= str_eq((struct str){changed, n}, str_from(texts[i]));
                if (is_one && binding == &ada) /* nothing has changed */
                        continue;
                n_tried++;
                n_accepted += opens(key, binding, NOW, (struct str){changed, n}) != SEAL_E_BAD;
        }
        for (size_t i = 0; i < N_TEXTS; i++)
                free(texts[i]);
        printf("seal: %u mutations tried, %u accepted\n", n_tried, n_accepted);
        check_int(n_accepted, 0);
}
