/* A node is opened when one of its members is asked for: these are found, and kept as texts. A
 * value is made when it is asked for. What has been made is kept; both are bounded. */
#include "mgw/wire/json_lazy.h"

#include "mgw/base/alloc.h"
#include "mgw/base/hash.h"
#include "mgw/wire/json_pointer.h"
#include "rpc_read.h"
#include "rpc_size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct json_node {
        char *key;       /* NULL: the root */
        struct str text; /* of the value; p NULL: it was made by somebody else */
        json_t *value;   /* NULL: not made yet */
        struct json_node *members;
        bool is_open; /* its members have been looked for */
        UT_hash_handle hh;
};

struct json_lazy {
        struct json_node root;
        size_t n_nodes;
        size_t n_bytes;
        bool was_short;
};

/* ---- the text ---- */

static size_t skip_space(struct str text, size_t at)
{
        while (at < text.n && strchr(" \t\r\n", text.p[at]) != NULL && text.p[at] != '\0')
                at++;
        return at;
}

static bool is_at(struct str text, size_t at, char c)
{
        return at < text.n && text.p[at] == c;
}

/* The byte behind the value at; brackets and strings are told apart, all else is whoever's who
 * makes it. text.n + 1: it has no end. */
static size_t skip_value(struct str text, size_t at)
{
        size_t depth = 0;

        while (at < text.n) {
                char c = text.p[at++];

                if (c == '"')
                        at = rpc_skip_string(text, at);
                else if (c == '{' || c == '[')
                        depth++;
                else if (c == '}' || c == ']')
                        depth -= depth > 0;
                if (depth > 0)
                        continue;
                if (c == '"' || c == '}' || c == ']')
                        return at;
                while (at < text.n && strchr(",}] \t\r\n", text.p[at]) == NULL)
                        at++;
                return at;
        }
        return text.n + 1;
}

/* ---- nodes ---- */

static struct json_node *add_member(struct json_lazy *lazy, struct json_node *node, struct str key,
                                    struct str text, json_t *value)
{
        struct json_node *member;

        HASH_FIND(hh, node->members, key.p, key.n, member);
        if (member == NULL) {
                char *copy = lazy->n_nodes < JSON_LAZY_NODES_MAX ? str_dup(key) : NULL;

                if (copy == NULL) {
                        lazy->was_short = true;
                        return NULL;
                }
                member = alloc_zeroed(sizeof(*member));
                member->key = copy;
                HASH_ADD_KEYPTR(hh, node->members, member->key, key.n, member);
                lazy->n_nodes++;
        }
        member->text = text;
        member->value = json_incref(value);
        return member;
}

/* A key with escapes in it. */
static struct json_node *add_escaped(struct json_lazy *lazy, struct json_node *node,
                                     struct str quoted, struct str text)
{
        struct rpc_read outcome;
        json_t *key = rpc_read(quoted, true, &outcome);
        struct json_node *member = NULL;

        if (json_is_string(key) && strlen(json_string_value(key)) == json_string_length(key))
                member = add_member(lazy, node, str_from(json_string_value(key)), text, NULL);
        json_decref(key);
        return member;
}

/* One member of an object, from its key on: the byte behind it; 0: there is none. */
static size_t open_member(struct json_lazy *lazy, struct json_node *node, size_t at)
{
        struct str text = node->text, key, value;
        size_t key_end, from, end;

        if (!is_at(text, at, '"'))
                return 0;
        key_end = rpc_skip_string(text, at + 1);
        from = skip_space(text, key_end);
        if (!is_at(text, from, ':'))
                return 0;
        from = skip_space(text, from + 1);
        end = skip_value(text, from);
        if (from >= text.n || end > text.n || end == from)
                return 0;
        key = (struct str){text.p + at, key_end - at};
        value = (struct str){text.p + from, end - from};
        if (memchr(key.p, '\\', key.n) != NULL)
                add_escaped(lazy, node, key, value);
        else
                add_member(lazy, node, (struct str){key.p + 1, key.n - 2}, value, NULL);
        return end;
}

/* What cannot be read ends the walk: what stood before it is there. The byte where it ended; 0: it
 * did not. */
static size_t open_text(struct json_lazy *lazy, struct json_node *node)
{
        struct str text = node->text;
        size_t at = skip_space(text, 0), next;

        if (!is_at(text, at, '{'))
                return 0;
        at = skip_space(text, at + 1);
        if (is_at(text, at, '}'))
                return 0;
        while ((next = open_member(lazy, node, at)) != 0) {
                at = skip_space(text, next);
                if (is_at(text, at, '}') && skip_space(text, at + 1) == text.n)
                        return 0;
                if (!is_at(text, at, ','))
                        break;
                at = skip_space(text, at + 1);
        }
        return at > 0 ? at : 1;
}

static size_t open_node(struct json_lazy *lazy, struct json_node *node)
{
        const char *key;
        json_t *value;

        if (node->is_open)
                return 0;
        node->is_open = true;
        if (node->text.p != NULL)
                return open_text(lazy, node);
        json_object_foreach (node->value, key, value)
                add_member(lazy, node, str_from(key), (struct str){NULL, 0}, value);
        return 0;
}

static void node_finish(struct json_node *node)
{
        struct json_node *member, *next;

        HASH_ITER(hh, node->members, member, next)
        {
                HASH_DEL(node->members, member);
                node_finish(member);
                free(member);
        }
        free(node->key);
        json_decref(node->value);
}

/* ---- what others see ---- */

int json_lazy_create(struct str text, struct json_lazy **lazyp, size_t *atp)
{
        struct json_lazy *lazy = alloc_zeroed(sizeof(*lazy));
        size_t at;

        lazy->root.text = text;
        at = skip_space(text, 0);
        *atp = is_at(text, at, '{') ? open_node(lazy, &lazy->root) : at + 1;
        if (*atp != 0) {
                json_lazy_destroy(lazy);
                return JSON_LAZY_E_TEXT;
        }
        *lazyp = lazy;
        return 0;
}

struct json_lazy *json_lazy_of_take(json_t *root)
{
        struct json_lazy *lazy = alloc_zeroed(sizeof(*lazy));

        lazy->root.value = root;
        return lazy;
}

void json_lazy_destroy(struct json_lazy *lazy)
{
        if (lazy == NULL)
                return;
        node_finish(&lazy->root);
        free(lazy);
}

bool json_lazy_was_short(const struct json_lazy *lazy)
{
        return lazy->was_short;
}

struct json_node *json_lazy_root(struct json_lazy *lazy)
{
        return &lazy->root;
}

struct json_node *json_lazy_get(struct json_lazy *lazy, struct json_node *node, const char *key)
{
        struct json_node *member = NULL;

        if (node == NULL)
                return NULL;
        open_node(lazy, node);
        HASH_FIND_STR(node->members, key, member);
        return member;
}

struct json_node *json_lazy_first(struct json_lazy *lazy, struct json_node *node)
{
        if (node == NULL)
                return NULL;
        open_node(lazy, node);
        return node->members;
}

struct json_node *json_lazy_next(struct json_node *node)
{
        return node->hh.next;
}

const char *json_lazy_key(const struct json_node *node)
{
        return node->key;
}

json_t *json_lazy_value(struct json_lazy *lazy, struct json_node *node)
{
        struct rpc_read outcome;
        struct rpc_size size;
        struct str text;

        if (node == NULL || node->value != NULL || node->text.p == NULL)
                return node != NULL ? node->value : NULL;
        text = node->text;
        rpc_size_of(text, SIZE_MAX - 1, &size);
        if (size.bytes > JSON_LAZY_BYTES_MAX - lazy->n_bytes) {
                lazy->was_short = true;
                return NULL;
        }
        lazy->n_bytes += size.bytes;
        node->value = size.is_too_deep ? NULL : rpc_read(text, true, &outcome);
        if (node->value == NULL && node->members == NULL)
                node->text = (struct str){NULL, 0}; /* it is not tried again */
        return node->value;
}

struct json_node *json_lazy_at(struct json_lazy *lazy, const char *pointer, const char **restp)
{
        struct json_node *node = &lazy->root, *member;
        char token[256];

        for (*restp = pointer; *pointer != '\0'; *restp = pointer) {
                if (!json_pointer_token(&pointer, token, sizeof(token)))
                        return NULL;
                member = json_lazy_get(lazy, node, token);
                if (member == NULL)
                        return node->members == NULL ? node : NULL;
                node = member;
        }
        return node;
}
