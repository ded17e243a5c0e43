/* Characters that steer or mislead whoever reads a text, and are not seen themselves. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Is the code point one of them? Those of ASCII below DEL are not looked at. */
bool unseen_is(uint32_t code_point);
