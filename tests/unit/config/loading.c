#include "loading.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int loading_text(struct config *config, const char *text, char path[LOADING_PATH_SIZE],
                 char **toldp)
{
        size_t size;
        FILE *err = open_memstream(toldp, &size), *f;
        int r;

        strcpy(path, "/tmp/mgw-config-XXXXXX");
        f = fdopen(mkstemp(path), "w");
        cr_assert(f != NULL && fputs(text, f) >= 0);
        fclose(f);
        r = config_load(config, path, err);
        fclose(err);
        unlink(path);
        return r;
}

int loading_quoted(struct config *config, const char *text, char **toldp)
{
        char path[LOADING_PATH_SIZE], *json = strdup(text);
        int r;

        for (char *p = json; *p != '\0'; p++)
                *p = *p == '\'' ? '"' : *p;
        r = loading_text(config, json, path, toldp);
        free(json);
        return r;
}
