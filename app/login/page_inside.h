#pragma once

#include "mgw/base/str.h"

/* CSS, for /oauth/style.css. */
extern const struct str page_style;
