/* What is told of a configuration: "FILE:LINE: KEY: what is wrong, what is right", one a line.
 * Faults are counted, notes are not. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/wire/yaml_lines.h"

#include <stdarg.h>

unsigned config_line(const struct loading *l, const char *key)
{
        if (l->lines != NULL)
                return yaml_lines_find(l->lines, key);
        return l->text.n > 0 ? config_source_line(l->text, key) : 0;
}

static void __attribute__((format(printf, 4, 0)))
tell_fault(struct loading *l, const char *key, const char *where, const char *fmt, va_list ap)
{
        unsigned line = config_line(l, key);

        l->n_faults++;
        if (line > 0)
                fprintf(l->err, "%s:%u: ", l->path, line);
        else if (l->path != NULL)
                fprintf(l->err, "%s: ", l->path);
        if (where[0] != '\0')
                fprintf(l->err, "%s: ", where);
        vfprintf(l->err, fmt, ap);
        fputc('\n', l->err);
}

void config_fault(struct loading *l, const char *key, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        tell_fault(l, key, key, fmt, ap);
        va_end(ap);
}

void config_fault_at(struct loading *l, const char *key, const char *where, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        tell_fault(l, key, where, fmt, ap);
        va_end(ap);
}

void config_note(struct loading *l, const char *key, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        tell_fault(l, key, key, fmt, ap);
        va_end(ap);
        l->n_faults--;
}

void config_key(char full[CONFIG_KEY_SIZE], const char *at, const char *key)
{
        if (snprintf(full, CONFIG_KEY_SIZE, "%s%s%s", at, at[0] != '\0' ? "." : "", key) >=
            CONFIG_KEY_SIZE)
                full[CONFIG_KEY_SIZE - 1] = '\0';
}

void config_fault_place(struct loading *l, unsigned line, unsigned column, const char *why)
{
        fprintf(l->err, "%s:%u:%u: %s\n", l->path, line, column, why);
        l->n_faults++;
}
