/* YAML (1.2, as libyaml reads it) as JSON values, for files that are ours to read: configurations
 * and descriptions of APIs.
 *
 * What it takes: one document, of mappings whose keys are scalars, sequences and scalars. Plain
 * scalars are what the core schema says (YAML 1.2.2, 10.3.2): null, true, false, whole numbers
 * (also 0x and 0o), numbers, else strings; "yes", "no", "on", "off" and dates are strings.
 * Numbers that JSON or a double cannot hold (.inf, .nan, 1e999) are strings, and whole numbers past
 * 64 bits are doubles. A quoted or block scalar, and one with the tag !!str or !, is a string.
 * Anchors and aliases: an alias is a copy of its own, which counts as if it had been written there;
 * "<<" merges mappings, whose own keys win.
 *
 * What it refuses: other tags, keys that are no scalars, keys that stand twice in a mapping, a
 * second document, and what passes the limits. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

struct yaml_limits {
        unsigned depth_max;  /* of mappings and sequences within each other */
        size_t n_values_max; /* with what aliases stand for; a text counts one more for each 64
                                bytes */
};

struct yaml_fault {
        unsigned line, column; /* from 1 */
        char why[200];
};

/* 0: *jsonp is the caller's; an empty text is null. -EINVAL: *fault says where and why. -ENOMEM. */
int yaml_to_json(struct str text, const struct yaml_limits *limits, json_t **jsonp,
                 struct yaml_fault *fault);
