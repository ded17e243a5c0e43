#include "mgw/login/page.h"

int page_add_text(struct buf *out, struct str text)
{
        int r = 0;

        for (size_t i = 0; i < text.n && r == 0; i++) {
                switch (text.p[i]) {
                case '&':
                        r = buf_addf(out, "&amp;");
                        break;
                case '<':
                        r = buf_addf(out, "&lt;");
                        break;
                case '>':
                        r = buf_addf(out, "&gt;");
                        break;
                case '"':
                        r = buf_addf(out, "&quot;");
                        break;
                case '\'':
                        r = buf_addf(out, "&#39;");
                        break;
                default:
                        r = buf_add(out, text.p + i, 1);
                }
        }
        return r;
}
