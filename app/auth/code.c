#include "mgw/auth/code.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>

#define CODE_MAX_BYTES 8192

void code_finish(struct code *code)
{
        authorization_finish(&code->authorization);
        free(code->redirect);
        free(code->challenge);
        *code = (struct code){.redirect = NULL};
}

char *code_make(const struct sealed_keys *keys, const struct code *code, int64_t now_ms)
{
        json_t *content = authorization_to_json(&code->authorization, NULL);
        char *text;

        json_object_set_new(content, "r", json_string(code->redirect));
        json_object_set_new(content, "h", json_string(code->challenge));
        text = sealed_close(keys, SEALED_CODE, now_ms + CODE_LIFE_MS, content, CODE_MAX_BYTES);
        json_decref(content);
        return text;
}

int code_read(const struct sealed_keys *keys, struct code *code, struct str text, int64_t now_ms)
{
        json_t *content;
        int r = sealed_open(keys, SEALED_CODE, now_ms, text, &content);

        *code = (struct code){.redirect = NULL};
        if (r != 0)
                return r;
        if (!authorization_from_json(&code->authorization, content) ||
            !json_is_string(json_object_get(content, "r")) ||
            !json_is_string(json_object_get(content, "h")))
                r = SEAL_E_BAD;
        if (r == 0) {
                code->redirect = alloc_text(json_string_value(json_object_get(content, "r")));
                code->challenge = alloc_text(json_string_value(json_object_get(content, "h")));
        }
        json_decref(content);
        return r;
}
