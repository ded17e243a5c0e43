/* What is drawn by a seed: the same seed draws the same. */
#pragma once

void draw_begin(unsigned seed);
/* Below n. */
unsigned draw(unsigned n);

#define ONE_OF(...)                                                                                \
        (((const char *const[]){                                                                   \
                __VA_ARGS__})[draw(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])
