/* libyaml's own document: an alias is the node that it stands for, so that nothing grows. */
#include "mgw/wire/yaml_lines.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct yaml_lines {
        yaml_document_t document;
};

struct yaml_lines *yaml_lines_create(struct str text)
{
        struct yaml_lines *lines;
        yaml_parser_t parser;
        int is_read;

        if (yaml_parser_initialize(&parser) == 0)
                return NULL;
        lines = alloc_zeroed(sizeof(*lines));
        yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
        is_read = yaml_parser_load(&parser, &lines->document);
        yaml_parser_delete(&parser);
        if (is_read != 0)
                return lines;
        free(lines);
        return NULL;
}

void yaml_lines_destroy(struct yaml_lines *lines)
{
        if (lines != NULL)
                yaml_document_delete(&lines->document);
        free(lines);
}

/* A node on the way, and what is left of the path. */
struct walk {
        yaml_document_t *document;
        const yaml_node_t *node; /* NULL: none */
        const char *path;
        unsigned line;
};

static unsigned line_of(const yaml_node_t *node)
{
        return (unsigned)node->start_mark.line + 1;
}

static const char *behind_dot(const char *path)
{
        return path + (*path == '.');
}

/* As long as the key, where the path begins with it; else 0. */
static size_t n_shared(const yaml_node_t *key, const char *path)
{
        size_t n = key->type == YAML_SCALAR_NODE ? key->data.scalar.length : 0;

        if (n == 0 || strncmp(path, (const char *)key->data.scalar.value, n) != 0)
                return 0;
        return path[n] == '.' || path[n] == '\0' ? n : 0;
}

/* Of keys that hold dots the longest. */
static bool walk_into(struct walk *w)
{
        const yaml_node_pair_t *found = NULL, *it = w->node->data.mapping.pairs.start;
        size_t n = 0;

        for (; it < w->node->data.mapping.pairs.top; it++) {
                size_t n_key = n_shared(yaml_document_get_node(w->document, it->key), w->path);

                if (n_key <= n)
                        continue;
                found = it;
                n = n_key;
        }
        if (found == NULL)
                return false;
        w->line = line_of(yaml_document_get_node(w->document, found->key));
        w->node = yaml_document_get_node(w->document, found->value);
        w->path = behind_dot(w->path + n);
        return true;
}

static bool walk_to_element(struct walk *w)
{
        const yaml_node_item_t *items = w->node->data.sequence.items.start;
        char *rest;
        unsigned long n = strtoul(w->path, &rest, 10);

        if (n == 0 || n > (size_t)(w->node->data.sequence.items.top - items))
                return false;
        w->node = yaml_document_get_node(w->document, items[n - 1]);
        w->line = line_of(w->node);
        w->path = behind_dot(rest);
        return true;
}

static bool walk_on(struct walk *w)
{
        if (w->node == NULL || *w->path == '\0')
                return false;
        if (w->node->type == YAML_SEQUENCE_NODE)
                return walk_to_element(w);
        return w->node->type == YAML_MAPPING_NODE && walk_into(w);
}

unsigned yaml_lines_find(struct yaml_lines *lines, const char *path)
{
        struct walk w = {&lines->document, yaml_document_get_root_node(&lines->document), path, 1};

        while (walk_on(&w))
                ;
        return w.line;
}
