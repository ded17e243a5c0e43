/* A form, as a body or a query. What is read holds no NUL and is UTF-8, and written anew it reads
 * the same. */
#include "fuzz.h"
#include "mgw/base/buf.h"
#include "mgw/wire/form.h"

#include <stdbool.h>

/* By another way than the program's: each name is decoded alone. */
static void check_fields(const struct form *form, struct str text)
{
        struct buf again;
        struct form *read;

        buf_init(&again, UINT32_MAX);
        while (text.n > 0) {
                struct str value = str_cut(&text, '&'), name;
                char key[1 << 14];

                if (value.n == 0)
                        continue;
                name = str_cut(&value, '=');
                REQUIRE(form_decode(name, key, sizeof(key)) == 0);
                REQUIRE(form_get(form, key) != NULL);
                REQUIRE(form_add(&again, key, form_get(form, key)) == 0);
        }
        if (again.len <= FORM_MAX_BYTES) {
                REQUIRE(form_read(&read, buf_bytes(&again)) == 0);
                REQUIRE((form_repeated(read) == NULL) == (form_repeated(form) == NULL));
                form_destroy(read);
        }
        buf_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        struct str text = {copy, size};
        struct form *form;

        if (form_read(&form, text) == 0)
                check_fields(form, text);
        else
                REQUIRE(form == NULL);
        form_destroy(form);
        free(copy);
        return 0;
}
