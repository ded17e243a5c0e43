/* A borrowed piece of text: pointer and length, not NUL-terminated, never owned. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
        const char *p;
        size_t n;
};

#define STR(lit) ((struct str){(lit), sizeof(lit) - 1})

/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

/* NULL gives the empty string. */
struct str str_from(const char *cstr);
bool str_eq(struct str a, struct str b);
/* ASCII case only, as HTTP wants it (RFC 9110 5.1). */
bool str_eq_nocase(struct str a, struct str b);
bool str_has_prefix(struct str s, struct str prefix);
/* Without spaces and tabs at both ends. */
struct str str_trim(struct str s);
/* Cuts *restp at the first sep: returns what stands before it, *restp is what stands after it
 * (empty when there is none). */
struct str str_cut(struct str *restp, char sep);
/* Decimal digits only, the whole of s. 0, -EINVAL, -ERANGE. */
int str_to_u64(struct str s, uint64_t *np);
/* A NUL-terminated copy of a text that may be big; the caller frees it. NULL: out of memory.
 * Of small ones: alloc_str(). */
char *str_dup(struct str s);

/* 0 to 15; -1: it is none. */
int str_hex_digit(char c);
/* Bytes of the UTF-8 character that s begins with (1 to 4, RFC 3629), and which one it is; 0 when
 * there is none. */
size_t str_utf8_first(struct str s, uint32_t *code_point);
/* As much of s as fits into text, whole characters and a NUL; a '?' stands for each byte that is no
 * UTF-8, and for a control, be it one of direction or of lines. */
void str_to_text(struct str s, char *text, size_t size);
