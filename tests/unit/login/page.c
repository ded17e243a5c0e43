#include "mgw/login/page.h"
#include "../check.h"

Test(page, text_is_escaped)
{
        struct buf out;

        buf_init(&out, 200);
        check_int(page_add_text(&out, STR("<a href=\"x\" b='y'>&amp;\xc3\xa9</a>")), 0);
        check_str(buf_bytes(&out), STR("&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;"
                                       "\xc3\xa9&lt;/a&gt;"));
        buf_finish(&out);
        check_int(page_add_text(&out, (struct str){NULL, 0}), 0);
        check_str(buf_bytes(&out), STR(""));
        buf_finish(&out);
}

Test(page, text_that_does_not_fit_is_told)
{
        struct buf out;

        buf_init(&out, 5);
        check_int(page_add_text(&out, STR("a<b")), BUF_E_FULL);
        buf_finish(&out);
}

Test(page, a_field_of_a_form)
{
        struct buf out;

        buf_init(&out, 200);
        check_int(page_add_field(&out, "path", "/x?a=1&b=\""), 0);
        check_str(buf_bytes(&out), STR("<input type=\"hidden\" name=\"path\" "
                                       "value=\"/x?a=1&amp;b=&quot;\">\n"));
        buf_finish(&out);
}
