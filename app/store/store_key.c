/* Keys of parts. */
#include "mgw/base/alloc.h"
#include "mgw/store/store.h"
#include "mgw/wire/uri.h"

#include <stdarg.h>

char *store_key(const char *kind, ...)
{
        struct buf key;
        const char *part;
        char *text;
        va_list parts;
        int r;

        buf_init(&key, STORE_KEY_MAX_BYTES);
        r = buf_addf(&key, "%s", kind);
        va_start(parts, kind);
        while (r == 0 && (part = va_arg(parts, const char *)) != NULL) {
                r = buf_addf(&key, "/");
                if (r == 0)
                        r = uri_encode(&key, str_from(part));
        }
        va_end(parts);
        text = r == 0 ? alloc_str(buf_bytes(&key)) : NULL;
        buf_finish(&key);
        return text;
}
