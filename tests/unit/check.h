/* Comparisons that show both sides when they fail. */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/base/str.h"

#include <criterion/criterion.h>

#define check_str(actual, expected)                                                                \
        do {                                                                                       \
                struct str actual_ = (actual);                                                     \
                struct str expected_ = (expected);                                                 \
                cr_assert(str_eq(actual_, expected_), "got \"%.*s\" (%zu), want \"%.*s\" (%zu)",   \
                          STR_ARG(actual_), actual_.n, STR_ARG(expected_), expected_.n);           \
        } while (0)

#define check_int(actual, expected)                                                                \
        do {                                                                                       \
                long long actual_ = (long long)(actual);                                           \
                long long expected_ = (long long)(expected);                                       \
                cr_assert(actual_ == expected_, "%s: got %lld, want %lld", #actual, actual_,       \
                          expected_);                                                              \
        } while (0)
