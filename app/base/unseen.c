/* What is not seen itself, but changes what is: the controls of Unicode that are none of ASCII's
 * (a terminal may obey them), format characters (Cf, with what turns the direction of a text),
 * separators of lines and paragraphs, and spaces that are not ' '. */
#include "mgw/base/unseen.h"

#include <stddef.h>

static const struct {
        uint32_t first, last;
} unseen[] = {
        {0x7f, 0xa0},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
        {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
        {0x1680, 0x1680},   {0x180e, 0x180e},   {0x2000, 0x200f},   {0x2028, 0x202f},
        {0x205f, 0x206f},   {0x3000, 0x3000},   {0xfeff, 0xfeff},   {0xfff9, 0xfffb},
        {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe007f},
};

bool unseen_is(uint32_t code_point)
{
        for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]) && code_point >= unseen[i].first;
             i++)
                if (code_point <= unseen[i].last)
                        return true;
        return false;
}
