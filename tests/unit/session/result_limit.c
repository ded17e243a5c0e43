#include "mgw/session/result_limit.h"

#include "../check.h"
#include "../json.h"
#include "mgw/wire/json_raw.h"

/* 1000 letters, and a thousand of two bytes each. */
static char letters[1001], umlauts[2001];

static void begin(void)
{
        memset(letters, 'x', 1000);
        for (int i = 0; i < 1000; i++)
                memcpy(umlauts + 2 * i, "\xc3\xa4", 2);
}

/* With the text in place of the first $. */
static json_t *answer_with(const char *form, const char *text)
{
        const char *at = strchr(form, '$');
        json_t *answer;
        char *all;

        cr_assert(asprintf(&all, "%.*s%s%s", (int)(at - form), form, text, at + 1) >= 0);
        answer = json_from(all);
        free(all);
        return answer;
}

static const char *note_of(const json_t *answer)
{
        const json_t *content = json_at(answer, "result/content");

        return json_text_at(json_array_get(content, json_array_size(content) - 1), "text");
}

TestSuite(result_limit, .init = begin);

Test(result_limit, what_fits_stays_as_it_is)
{
        json_t *answer =
                answer_with("{'result':{'content':[{'type':'text','text':'$'}]}}", letters);
        json_t *before = json_deep_copy(answer);

        result_limit(answer, 2000);
        cr_assert(json_equal(answer, before));
        json_decref(answer);
        json_decref(before);
}

Test(result_limit, an_error_stays)
{
        json_t *answer = answer_with("{'error':{'code':-1,'message':'$'}}", letters);

        result_limit(answer, 300);
        check_int(strlen(json_text_at(answer, "error/message")), 1000);
        json_decref(answer);
}

Test(result_limit, a_text_is_cut_and_says_so)
{
        json_t *answer = answer_with("{'result':{'content':[{'type':'text','text':'$'},{'type':'"
                                     "text','text':'more'}]}}",
                                     letters);

        result_limit(answer, 300);
        check_int(json_array_size(json_at(answer, "result/content")), 2);
        check_int(strlen(json_text_at(answer, "result/content/0/text")), 300);
        cr_assert_not_null(strstr(note_of(answer), "longer than the 300 bytes allowed here: 300 of "
                                                   "1004 bytes of text are above. Ask for less"),
                           "%s", note_of(answer));
        cr_assert_null(json_at(answer, "result/isError"));
        json_decref(answer);
}

Test(result_limit, no_character_is_cut)
{
        for (size_t max = 300; max < 304; max++) {
                json_t *answer =
                        answer_with("{'result':{'content':[{'type':'text','text':'$'}]}}", umlauts);

                result_limit(answer, max);
                check_int(strlen(json_text_at(answer, "result/content/0/text")), max / 2 * 2);
                json_decref(answer);
        }
}

Test(result_limit, a_link_stays_and_is_named)
{
        json_t *answer = answer_with("{'result':{'content':[{'type':'text','text':'$'},"
                                     "{'type':'image','data':'AAAA','mimeType':'image/png'},"
                                     "{'type':'resource_link','uri':'r://whole','name':'w'}]}}",
                                     letters);

        result_limit(answer, 300);
        check_int(json_array_size(json_at(answer, "result/content")), 3);
        cr_assert_str_eq(json_text_at(answer, "result/content/1/uri"), "r://whole");
        cr_assert_not_null(strstr(note_of(answer),
                                  "1 parts that are no text are left out. The rest "
                                  "is in the resource r://whole"),
                           "%s", note_of(answer));
        json_decref(answer);
}

Test(result_limit, the_name_of_a_link_is_cut_nowhere)
{
        char uri[1100] = "r://xx";
        json_t *answer;

        for (size_t n = strlen(uri); n < 1090; n += 2)
                strcpy(uri + n - 1, "\xc3\xa9");
        answer = answer_with("{'result':{'content':[{'type':'text','text':'$'}]}}", letters);
        json_array_append_new(
                json_object_get(json_object_get(answer, "result"), "content"),
                json_pack("{s:s, s:s, s:s}", "type", "resource_link", "uri", uri, "name", "w"));
        result_limit(answer, 300);
        cr_assert_not_null(strstr(note_of(answer), uri));
        json_decref(answer);
}

Test(result_limit, structure_that_fits_stays_and_else_it_is_an_error)
{
        json_t *fits = answer_with("{'result':{'content':[{'type':'text','text':'$'}],"
                                   "'structuredContent':{'n':1}}}",
                                   letters);
        json_t *big = answer_with("{'result':{'content':[{'type':'text','text':'short'}],"
                                  "'structuredContent':{'n':'$'},'_meta':{'k':1}}}",
                                  letters);

        result_limit(fits, 300);
        check_int(json_integer_value(json_at(fits, "result/structuredContent/n")), 1);
        cr_assert_null(json_at(fits, "result/isError"));
        result_limit(big, 300);
        cr_assert_null(json_at(big, "result/structuredContent"));
        cr_assert(json_is_true(json_at(big, "result/isError")));
        cr_assert_str_eq(json_text_at(big, "result/content/0/text"), "short");
        cr_assert_not_null(strstr(note_of(big), "structuredContent is left out"));
        json_decref(fits);
        json_decref(big);
}

Test(result_limit, whatever_else_it_has_is_bounded_too)
{
        json_t *answer = answer_with("{'result':{'content':[{'type':'text','text':'short'}],"
                                     "'_meta':{'k':'$'},'other':1}}",
                                     letters);

        result_limit(answer, 300);
        cr_assert_null(json_at(answer, "result/_meta"));
        cr_assert_not_null(json_at(answer, "result/other"));
        json_decref(answer);
}

Test(result_limit, a_result_that_is_kept_as_text_is_looked_into)
{
        char *text;
        json_t *answer = json_object();

        cr_assert(asprintf(&text, "{\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]}", letters) >=
                  0);
        json_object_set_new(answer, "result", json_raw(str_from(text)));
        result_limit(answer, 300);
        check_int(strlen(json_text_at(answer, "result/content/0/text")), 300);
        json_decref(answer);
        free(text);
}
