/* Like assert(), but never compiled out. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition)                                                                         \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition);   \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)
