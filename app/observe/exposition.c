/* One family after the other, as Prometheus wants them. */
#include "mgw/observe/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void exposition_family(struct buf *out, const char *name, enum exposition_type type,
                       const char *help)
{
        static const char *const types[] = {"counter", "gauge", "histogram"};

        (void)buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

void exposition_label(struct buf *labels, const char *name, const char *value)
{
        if (value == NULL || value[0] == '\0')
                return;
        (void)buf_addf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
        while (value[0] != '\0') {
                size_t n = strcspn(value, "\\\"\n");

                (void)buf_add(labels, value, n);
                value += n;
                if (value[0] != '\0')
                        (void)buf_addf(labels, "\\%c", value[0] == '\n' ? 'n' : value[0]);
                value += value[0] != '\0';
        }
        (void)buf_add_str(labels, STR("\""));
}

static void add_name(struct buf *out, const char *name, const char *suffix,
                     const struct buf *labels, const char *bound)
{
        struct str more = labels != NULL ? buf_bytes(labels) : STR("");

        (void)buf_add_str(out, str_from(name));
        (void)buf_add_str(out, str_from(suffix));
        if (more.n == 0 && bound == NULL)
                return;
        (void)buf_add_str(out, STR("{"));
        (void)buf_add_str(out, more);
        if (bound != NULL)
                (void)buf_addf(out, "%sle=\"%s\"", more.n > 0 ? "," : "", bound);
        (void)buf_add_str(out, STR("}"));
}

void exposition_sample(struct buf *out, const char *name, const struct buf *labels, uint64_t value)
{
        add_name(out, name, "", labels, NULL);
        (void)buf_addf(out, " %" PRIu64 "\n", value);
}

void exposition_seconds(struct buf *out, const char *name, const struct buf *labels, double value)
{
        add_name(out, name, "", labels, NULL);
        (void)buf_addf(out, " %.6f\n", value);
}

void exposition_histogram(struct buf *out, const char *name, const struct buf *labels,
                          const struct histogram *h)
{
        uint64_t sum = 0;
        char bound[32];

        for (size_t i = 0; i < h->bounds->n; i++) {
                sum += h->n[i];
                snprintf(bound, sizeof(bound), "%g", (double)h->bounds->us[i] / 1e6);
                add_name(out, name, "_bucket", labels, bound);
                (void)buf_addf(out, " %" PRIu64 "\n", sum);
        }
        sum += h->n[h->bounds->n];
        add_name(out, name, "_bucket", labels, "+Inf");
        (void)buf_addf(out, " %" PRIu64 "\n", sum);
        add_name(out, name, "_sum", labels, NULL);
        (void)buf_addf(out, " %.6f\n", (double)h->sum_us / 1e6);
        add_name(out, name, "_count", labels, NULL);
        (void)buf_addf(out, " %" PRIu64 "\n", sum);
}

void exposition_single(struct buf *out, const char *name, enum exposition_type type,
                       const char *help, uint64_t value)
{
        exposition_family(out, name, type, help);
        exposition_sample(out, name, NULL, value);
}
