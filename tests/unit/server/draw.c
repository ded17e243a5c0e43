#include "draw.h"

static unsigned state;

void draw_begin(unsigned seed)
{
        state = seed;
}

unsigned draw(unsigned n)
{
        state = state * 1103515245u + 12345u;
        return (state >> 16) % n;
}
