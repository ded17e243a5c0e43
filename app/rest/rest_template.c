/* Templates of JSON. An argument stands alone in its string and keeps its type: nothing that a
 * caller says can change what stands around it. */
#include "mgw/wire/json_str.h"
#include "rest_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 32

static const char mail_key[] = "$mail";
static const char *const mail_parts[] = {"to",          "cc",         "bcc", "subject",
                                         "in_reply_to", "references", "text"};

/* The name in "{name}", empty when the string is something else. */
static struct str argument_name(const json_t *string)
{
        struct str s = json_str(string);

        if (s.n < 3 || s.p[0] != '{' || s.p[s.n - 1] != '}' ||
            memchr(s.p + 1, '{', s.n - 1) != NULL || memchr(s.p, '}', s.n - 1) != NULL)
                return STR("");
        return (struct str){s.p + 1, s.n - 2};
}

bool rest_template_knows(const json_t *input, struct str name)
{
        return json_object_getn(json_object_get(input, "properties"), name.p, name.n) != NULL;
}

/* An argument within other text would be sent as it stands there: surely not what was meant. */
static int check_text(const json_t *string, const json_t *input, char *why, size_t why_size)
{
        struct str name = argument_name(string);
        const char *key;
        json_t *property;

        if (name.n > 0 && rest_template_knows(input, name))
                return 0;
        if (name.n > 0) {
                snprintf(why, why_size, "{%.*s}: inputSchema.properties has no such argument",
                         STR_ARG(name));
                return REST_E_FAULT;
        }
        json_object_foreach (json_object_get(input, "properties"), key, property) {
                char braced[130];

                snprintf(braced, sizeof(braced), "{%s}", key);
                if (strstr(json_string_value(string), braced) == NULL)
                        continue;
                snprintf(why, why_size, "%s must stand alone in its string", braced);
                return REST_E_FAULT;
        }
        return 0;
}

static bool is_mail_part(const char *key)
{
        for (size_t i = 0; i < sizeof(mail_parts) / sizeof(mail_parts[0]); i++)
                if (strcmp(mail_parts[i], key) == 0)
                        return true;
        return false;
}

static int check_mail(const json_t *template, const json_t *mail, char *why, size_t why_size)
{
        const char *key;
        json_t *part;

        if (json_object_size(template) != 1 || json_object_get(mail, "to") == NULL) {
                snprintf(why, why_size, "\"$mail\" stands alone, with at least \"to\"");
                return REST_E_FAULT;
        }
        json_object_foreach ((json_t *)mail, key, part)
                if (!is_mail_part(key)) {
                        snprintf(why, why_size,
                                 "\"$mail\" has to, cc, bcc, subject, in_reply_to, references and "
                                 "text, not \"%s\"",
                                 key);
                        return REST_E_FAULT;
                }
        return 0;
}

static int check_at(const json_t *template, const json_t *input, unsigned depth, char *why,
                    size_t why_size)
{
        const json_t *mail = json_object_get(template, mail_key);
        const char *key;
        json_t *part;
        size_t i;
        int r = 0;

        if (depth > DEPTH_MAX) {
                snprintf(why, why_size, "is nested deeper than %d levels", DEPTH_MAX);
                return REST_E_FAULT;
        }
        if (json_is_string(template))
                return check_text(template, input, why, why_size);
        if (mail != NULL)
                r = check_mail(template, mail, why, why_size);
        json_object_foreach ((json_t *)template, key, part)
                if (r == 0)
                        r = check_at(part, input, depth + 1, why, why_size);
        json_array_foreach ((json_t *)template, i, part)
                if (r == 0)
                        r = check_at(part, input, depth + 1, why, why_size);
        return r;
}

int rest_template_check(const json_t *template, const json_t *input, char *why, size_t why_size)
{
        return check_at(template, input, 0, why, why_size);
}

struct filling {
        const json_t *arguments;
        char *why;
        size_t why_size;
};

static int fill(struct filling *f, const json_t *template, json_t **filledp);

/* What is left out of all its parts is left out itself, unless it was written empty. */
static int fill_object(struct filling *f, json_t *template, json_t **filledp)
{
        json_t *all = json_object(), *part, *filled;
        const char *key;
        int r = 0;

        json_object_foreach (template, key, part) {
                if (r == 0)
                        r = fill(f, part, &filled);
                if (r == 0 && filled != NULL && json_object_set_new(all, key, filled) < 0)
                        r = -ENOMEM;
        }
        if (r == 0 && (json_object_size(all) > 0 || json_object_size(template) == 0))
                *filledp = json_incref(all);
        json_decref(all);
        return r;
}

static int fill_array(struct filling *f, json_t *template, json_t **filledp)
{
        json_t *all = json_array(), *part, *filled;
        size_t i;
        int r = 0;

        json_array_foreach (template, i, part) {
                if (r == 0)
                        r = fill(f, part, &filled);
                if (r == 0 && filled != NULL && json_array_append_new(all, filled) < 0)
                        r = -ENOMEM;
        }
        if (r == 0 && (json_array_size(all) > 0 || json_array_size(template) == 0))
                *filledp = json_incref(all);
        json_decref(all);
        return r;
}

static int fill_mail(struct filling *f, json_t *mail, json_t **filledp)
{
        json_t *parts = NULL;
        int r = fill_object(f, mail, &parts);

        if (r == 0)
                r = rest_mail_encode(parts, filledp, f->why, f->why_size);
        json_decref(parts);
        return r;
}

static int fill(struct filling *f, const json_t *template, json_t **filledp)
{
        struct str name = argument_name(template);
        json_t *mail = json_object_get(template, mail_key);

        *filledp = NULL;
        if (mail != NULL)
                return fill_mail(f, mail, filledp);
        if (json_is_object(template))
                return fill_object(f, (json_t *)template, filledp);
        if (json_is_array(template))
                return fill_array(f, (json_t *)template, filledp);
        *filledp = json_incref(name.n > 0 ? json_object_getn(f->arguments, name.p, name.n)
                                          : (json_t *)template);
        return 0;
}

int rest_template_fill(const json_t *template, const json_t *arguments, json_t **filledp, char *why,
                       size_t why_size)
{
        struct filling f = {arguments, why, why_size};

        return fill(&f, template, filledp);
}
