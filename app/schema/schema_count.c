/* Counts: as JSON Schema writes them, and whether there are enough of what they count. */
#include "schema_inside.h"

bool schema_count(const json_t *json, uint64_t *np)
{
        double real = rpc_number_value(json);

        if (json_is_integer(json) && json_integer_value(json) >= 0) {
                *np = (uint64_t)json_integer_value(json);
                return true;
        }
        if (!rpc_is_number(json) || real < 0 || real >= 9007199254740992.0 ||
            real != (double)(uint64_t)real)
                return false;
        *np = (uint64_t)real;
        return true;
}

uint64_t schema_count_or(const json_t *json, uint64_t otherwise)
{
        uint64_t n;

        return json != NULL && schema_count(json, &n) ? n : otherwise;
}

const struct noun schema_noun_characters = {"character", "characters"};
const struct noun schema_noun_items = {"item", "items"};
const struct noun schema_noun_properties = {"property", "properties"};

static int refuse_count(struct spot *at, const char *bound, uint64_t n, const struct noun *what)
{
        return schema_run_refuse(at->run, at->place, "must have %s %llu %s", bound,
                                 (unsigned long long)n, n == 1 ? what->one : what->many);
}

int schema_check_least(struct spot *at, uint64_t least, uint64_t n, const struct noun *what)
{
        return n >= least ? 0 : refuse_count(at, "at least", least, what);
}

int schema_check_most(struct spot *at, uint64_t most, uint64_t n, const struct noun *what)
{
        return n <= most ? 0 : refuse_count(at, "at most", most, what);
}
