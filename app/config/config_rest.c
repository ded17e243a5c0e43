/* What an entry of mcpServers says of a REST API: the file that describes it. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/mcp/catalog.h"
#include "mgw/rest/openapi.h"
#include "mgw/rest/rest.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_MAX_BYTES (32u << 20)
/* Of a YAML document, all of whose values are made. */
#define VALUES_MAX 1500000
#define DEPTH_MAX 64
/* Of one document, told one by one. */
#define NOTES_MAX 200

/* ---- OpenAPI ---- */

/* A document, and who wants what of it. */
struct reading {
        struct loading *l; /* of the document */
        struct catalog_rule rule;
        size_t n_notes;
};

/* Operations that nobody will see are not read. */
static bool on_name(void *owner, const char *name)
{
        const struct reading *r = owner;
        char *shown = catalog_shown_name(&r->rule, name);
        bool is_wanted = shown != NULL;

        free(shown);
        return is_wanted;
}

/* Names and reasons are the document's: what is no text is not printed. */
static void on_note(void *owner, const char *where, const char *why, bool is_left_out)
{
        struct reading *r = owner;
        char text[700];

        if (++r->n_notes > NOTES_MAX)
                return;
        snprintf(text, sizeof(text), "%s%s", is_left_out ? "is left out: " : "", why);
        for (char *p = text; *p != '\0'; p++)
                if (iscntrl((unsigned char)*p))
                        *p = ' ';
        config_note(r->l, where, "%s", text);
}

/* A tool that the description's reader does not take costs itself: "tools.find.path". */
static void on_operation_fault(void *owner, const char *key, const char *why)
{
        struct reading *r = owner;
        char name[80];

        if (strncmp(key, "tools.", 6) != 0) {
                config_fault(r->l, key[0] != '\0' ? key : "the document", "%s", why);
                return;
        }
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(key + 6, "."), key + 6);
        on_note(r, name, why, true);
}

static bool has_credentials(const struct config_server *s)
{
        return s->account.headers != NULL || s->account.oauth != NULL ||
               s->account.security != NULL || s->n_users > 0;
}

/* Schemes that the document has not are slips; those that nobody has a credential for are told. */
static void check_schemes(struct loading *l, const struct config_server *s,
                          char *const *credentials)
{
        const json_t *schemes = rest_security_schemes(s->rest);

        for (; credentials != NULL && *credentials != NULL; credentials++) {
                int n = (int)strcspn(*credentials, "=");

                if (json_object_getn(schemes, *credentials, (size_t)n) == NULL)
                        config_fault(l, "security",
                                     "there is no scheme \"%.*s\" that could be used", n,
                                     *credentials);
        }
}

static void tell_schemes(struct reading *r, const struct config_server *s)
{
        json_t *schemes = rest_security_schemes(s->rest), *scheme;
        const char *name;

        if (has_credentials(s))
                return;
        json_object_foreach (schemes, name, scheme)
                on_note(r, name,
                        "is a security scheme without a credential (\"security\" of the entry)",
                        false);
}

static void describe(struct loading *l, struct json_lazy *document, struct config_server *s)
{
        struct reading reading = {.l = l,
                                  .rule = {.server = s->name,
                                           .prefix = "",
                                           .include = s->include,
                                           .exclude = s->exclude}};
        const struct openapi_caller caller = {on_name, on_note, &reading, s->base_url};
        const struct rest_faults faults = {on_operation_fault, &reading, true};
        json_t *description = NULL;
        char why[200] = "out of memory";

        if (openapi_describe(document, &caller, &description, why, sizeof(why)) != 0) {
                config_fault(l, "openapi", "%s", why);
                return;
        }
        if (rest_create(description, s->base_url, &s->rest, &faults) == -ENOMEM)
                config_fault(l, "the document", "out of memory");
        json_decref(description);
        if (s->rest != NULL) {
                check_schemes(l, s, s->account.security);
                for (size_t i = 0; i < s->n_users; i++)
                        check_schemes(l, s, s->users[i].security);
                tell_schemes(&reading, s);
        }
        if (reading.n_notes > NOTES_MAX)
                config_note(l, "the document", "and %zu more", reading.n_notes - NOTES_MAX);
}

/* ---- texts ---- */

static json_t *read_yaml(struct loading *l)
{
        static const struct yaml_limits limits = {DEPTH_MAX, VALUES_MAX};
        struct yaml_fault fault;
        json_t *root = NULL;
        int r = yaml_to_json(l->text, &limits, &root, &fault);

        if (r == -EINVAL)
                config_fault_place(l, fault.line, fault.column, fault.why);
        else if (r < 0)
                config_fault(l, "the document", "out of memory");
        return root;
}

/* What begins with a brace is JSON, of which no more is read than is wanted. */
static struct json_lazy *open_document(struct loading *l)
{
        struct json_lazy *lazy = NULL;
        size_t at = 0, i = 0;
        unsigned line = 1;
        json_t *root;

        if (l->text.n >= 3 && memcmp(l->text.p, "\xef\xbb\xbf", 3) == 0)
                i = 3;
        while (i < l->text.n && isspace((unsigned char)l->text.p[i]))
                i++;
        if (i < l->text.n && l->text.p[i] != '{') {
                root = read_yaml(l);
                return root != NULL ? json_lazy_of_take(root) : NULL;
        }
        if (json_lazy_create((struct str){l->text.p + i, l->text.n - i}, &lazy, &at) ==
            JSON_LAZY_E_TEXT) {
                const char *p = l->text.p, *end = p + (i + at < l->text.n ? i + at : l->text.n);

                while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
                        line++;
                        p++;
                }
                config_fault_place(l, line, 1,
                                   "is no JSON: it is cut off, or something is missing");
        }
        return lazy;
}

static void read_openapi(struct loading *l, struct config_server *s)
{
        struct json_lazy *document = open_document(l);
        struct str text = l->text;

        l->text = (struct str){NULL, 0}; /* what is told has no lines: the text may be long */
        if (document != NULL)
                describe(l, document, s);
        json_lazy_destroy(document);
        l->text = text;
}

static void on_description_fault(void *owner, const char *key, const char *why)
{
        config_fault(owner, key[0] != '\0' ? key : "the description", "%s", why);
}

static void read_description(struct loading *l, const json_t *json, struct config_server *s)
{
        const struct rest_faults faults = {on_description_fault, l, false};

        if (rest_create(json, s->base_url, &s->rest, &faults) == -ENOMEM)
                config_fault(l, "the description", "out of memory");
}

/* Strict, but for numbers: bounds like 9223372036854776000 stand in many published documents. */
static json_t *read_text(struct str text, json_error_t *error)
{
        json_t *json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, error);
        char why[160];

        if (json == NULL && json_error_code(error) == json_error_numeric_overflow)
                (void)rpc_parse_any(text, &json, why, sizeof(why));
        return json;
}

static void read_json(struct loading *l, struct config_server *s)
{
        json_error_t error;
        json_t *json = read_text(l->text, &error);

        if (json == NULL)
                config_fault_place(l, (unsigned)error.line, (unsigned)error.column, error.text);
        else
                read_description(l, json, s);
        json_decref(json);
}

/* FNV-1a, 64 bits: by it a text that has been edited is told from what it was. */
static uint64_t digest_of(struct str text)
{
        uint64_t digest = 14695981039346656037u;

        for (size_t i = 0; i < text.n; i++)
                digest = (digest ^ (unsigned char)text.p[i]) * 1099511628211u;
        return digest;
}

void config_rest_load(struct loading *l, const char *at, struct config_server *server)
{
        bool is_document = server->openapi_file != NULL;
        char *path = config_source_beside(l->path,
                                          is_document ? server->openapi_file : server->rest_file);
        struct loading file = {.config = l->config, .err = l->err, .path = path};
        int r = config_source_read(path, is_document ? DOCUMENT_MAX_BYTES : SOURCE_MAX_BYTES,
                                   &file.text);

        if (r < 0) {
                config_fault(l, at, "%s cannot be read: %s", path, strerror(-r));
        } else {
                server->description = digest_of(file.text);
                if (is_document)
                        read_openapi(&file, server);
                else
                        read_json(&file, server);
                l->n_faults += file.n_faults;
                free((void *)file.text.p);
        }
        free(path);
}
