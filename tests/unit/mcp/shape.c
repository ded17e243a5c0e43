/* What is mended, what is left out, and what is told of it. */
#include "mgw/mcp/shape.h"

#include "mgw/wire/rpc.h"

#include "../check.h"
#include "../json.h"

#include <stdlib.h>
#include <string.h>

static void check_text(json_t *value_take, const char *want)
{
        struct str text;

        check_int(rpc_dump_sorted(value_take, &text), 0);
        check_str(text, str_from(want));
        free((char *)text.p);
        json_decref(value_take);
}

/* want: what it is then, names sorted; NULL: it is left out. told: what the reason must say ("":
 * nothing). */
static void check_entry(const char *list, const char *entry, const char *want, const char *told)
{
        json_t *json = json_from(entry);
        char why[160];
        bool is_shown = shape_mend_entry(list, json, why, sizeof(why));

        cr_assert_eq(is_shown, want != NULL, "%s: %s", entry, why);
        cr_assert(told[0] == '\0' ? why[0] == '\0' : strstr(why, told) != NULL, "%s: %s", entry,
                  why);
        if (want != NULL)
                check_text(json, want);
        else
                json_decref(json);
}

#define OBJECT "'inputSchema':{'type':'object'}"

/* ' for ", as json_from() has it. */
static void check_tool(const char *entry, const char *want, const char *told)
{
        char text[1000];
        size_t n = strlen(want == NULL ? "" : want);

        memcpy(text, want == NULL ? "" : want, n + 1);
        for (size_t i = 0; i < n; i++)
                if (text[i] == '\'')
                        text[i] = '"';
        check_entry("tools", entry, want == NULL ? NULL : text, told);
}

Test(shape, a_sound_tool_stays)
{
        check_tool("{'name':'a','title':'A','description':'d','inputSchema':{'type':'object',"
                   "'properties':{'x':{'type':'int'},'y':true},'required':['x']},'extra':null}",
                   "{'description':'d','extra':null,'inputSchema':{'properties':{'x':{'type':'int'}"
                   ",'y':true},'required':['x'],'type':'object'},'name':'a','title':'A'}",
                   "");
}

Test(shape, null_members_go)
{
        check_tool("{'name':'a','title':null,'description':null,'annotations':null,'icons':null,"
                   "'outputSchema':null,'_meta':null,'execution':null," OBJECT "}",
                   "{" OBJECT ",'name':'a'}", "");
        check_tool("{'name':'a','annotations':{'title':null,'readOnlyHint':null}," OBJECT "}",
                   "{'annotations':{}," OBJECT ",'name':'a'}", "");
}

Test(shape, schemas_of_arguments)
{
        static const char *const open[] = {"{}",
                                           "[]",
                                           "null",
                                           "true",
                                           "{'type':null}",
                                           "{'type':['object','null']}",
                                           "{'properties':[]}",
                                           "{'properties':null,'required':null,'$schema':7}",
                                           "{'type':'object','required':true}",
                                           "{'type':'OBJECT'}",
                                           "{'type':'Object'}"};
        static const char *const none[] = {
                "{'type':'string'}", "{'type':['array']}", "'object'", "7", "false", "[1]",
                "{'type':{}}"};
        char text[200];

        for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
                snprintf(text, sizeof(text), "{'name':'a','inputSchema':%s}", open[i]);
                check_tool(text, "{" OBJECT ",'name':'a'}", "");
        }
        check_tool("{'name':'a'}", "{" OBJECT ",'name':'a'}", "");
        check_tool("{'name':'a','inputSchema':{'anyOf':[{'type':'object'}]}}",
                   "{'inputSchema':{'anyOf':[{'type':'object'}],'type':'object'},'name':'a'}", "");
        check_tool("{'name':'a','inputSchema':{'properties':{'x':null,'y':[],'z':{}},"
                   "'required':['x',null,{}]}}",
                   "{'inputSchema':{'properties':{'x':{},'y':{},'z':{}},'required':['x','{}'],"
                   "'type':'object'},'name':'a'}",
                   "required");
        check_tool("{'name':'a','inputSchema':{'type':'object','required':'x'}}",
                   "{'inputSchema':{'required':['x'],'type':'object'},'name':'a'}", "");
        check_tool("{'name':'a','inputSchema':{'type':'object','required':['x','y','x']}}",
                   "{'inputSchema':{'required':['x','y'],'type':'object'},'name':'a'}", "");
        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
                snprintf(text, sizeof(text), "{'name':'a','inputSchema':%s}", none[i]);
                check_tool(text, NULL, "inputSchema");
        }
}

Test(shape, wrong_types_are_mended_or_left_out)
{
        check_tool("{'name':'a','description':5,'title':true," OBJECT "}",
                   "{'description':'5'," OBJECT ",'name':'a','title':'true'}", "");
        check_tool("{'name':'a','annotations':{'readOnlyHint':'true','openWorldHint':0,"
                   "'destructiveHint':'maybe'}," OBJECT "}",
                   "{'annotations':{'openWorldHint':false,'readOnlyHint':true}," OBJECT
                   ",'name':'a'}",
                   "destructiveHint");
        check_tool("{'name':'a','annotations':'none'," OBJECT "}", "{" OBJECT ",'name':'a'}",
                   "annotations");
        check_tool("{'name':'a','_meta':[],'annotations':[],'icons':{}," OBJECT "}",
                   "{'_meta':{},'annotations':{},'icons':[]," OBJECT ",'name':'a'}", "");
        check_tool("{'name':'a','icons':[{'src':'https://a/b.png','sizes':'48x48','theme':'pink'},"
                   "{'src':'b.png'},7]," OBJECT "}",
                   "{'icons':[{'sizes':['48x48'],'src':'https://a/b.png'}]," OBJECT ",'name':'a'}",
                   "theme");
        check_tool("{'name':'a','outputSchema':{'type':7}," OBJECT "}", "{" OBJECT ",'name':'a'}",
                   "outputSchema");
}

Test(shape, what_has_no_name_is_left_out)
{
        check_tool("{" OBJECT "}", NULL, "name is missing");
        check_tool("{'name':''," OBJECT "}", NULL, "name");
        check_tool("{'name':null," OBJECT "}", NULL, "name");
        check_tool("{'name':7," OBJECT "}", NULL, "name");
        check_tool("{'name':'a\\u0000b'," OBJECT "}", NULL, "name");
        check_entry("tools", "[]", NULL, "no object");
        check_entry("prompts", "{'description':'d'}", NULL, "name");
        check_entry("resources", "{'name':'a'}", NULL, "uri");
        check_entry("resources", "{'name':'a','uri':'no scheme'}", NULL, "uri");
        check_entry("resources", "{'name':'a','uri':'/etc/passwd'}", NULL, "uri");
        check_entry("resources", "{'name':'a','uri':'1a:b'}", NULL, "uri");
        check_entry("resources", "{'name':'a','uri':'a:b\\nc'}", NULL, "uri");
        check_entry("resources", "{'name':'a','uri':'a:'}", NULL, "uri");
        check_entry("resourceTemplates", "{'uriTemplate':'a:{b'}", NULL, "uriTemplate");
        check_entry("resourceTemplates", "{'uriTemplate':'a:{b c}'}", NULL, "uriTemplate");
        check_entry("resourceTemplates", "{'name':'a'}", NULL, "uriTemplate");
}

Test(shape, other_lists)
{
        check_entry("prompts",
                    "{'name':'p','arguments':[{'name':'a','required':'false'},{'description':'x'},"
                    "{'name':'b','title':null}]}",
                    "{\"arguments\":[{\"name\":\"a\",\"required\":false},{\"name\":\"b\"}],"
                    "\"name\":\"p\"}",
                    "name is missing");
        check_entry("prompts", "{'name':'p','arguments':null}", "{\"name\":\"p\"}", "");
        check_entry("resources", "{'uri':'a:b','name':null,'size':1.5,'mimeType':null}",
                    "{\"name\":\"a:b\",\"uri\":\"a:b\"}", "size");
        check_entry("resources",
                    "{'uri':'a:b','name':'n','size':12.0,'annotations':{'priority':2,"
                    "'audience':['user','robot']}}",
                    "{\"annotations\":{\"audience\":[\"user\"]},\"name\":\"n\",\"size\":12,"
                    "\"uri\":\"a:b\"}",
                    "audience");
        check_entry("resources", "{'uri':'file:///a b','name':'n','size':-1}",
                    "{\"name\":\"n\",\"uri\":\"file:///a b\"}", "size");
        check_entry("resources", "{'uri':'a:b','name':'n','size':1e30}",
                    "{\"name\":\"n\",\"uri\":\"a:b\"}", "size");
        check_entry("resourceTemplates", "{'uriTemplate':'a:{b}','title':null}",
                    "{\"name\":\"a:{b}\",\"uriTemplate\":\"a:{b}\"}", "");
}

static void check_result(const char *method, const char *result, const char *want, const char *told)
{
        json_t *json = json_from(result);
        char why[160];
        bool is_whole = shape_mend_result(method, json, why, sizeof(why));

        cr_assert_eq(is_whole, told[0] == '\0', "%s: %s", result, why);
        cr_assert(strstr(why, told) != NULL, "%s: %s", result, why);
        check_text(json, want);
}

Test(shape, results_of_calls)
{
        check_result("tools/call", "{}", "{\"content\":[]}", "");
        check_result("tools/call",
                     "{'content':null,'isError':null,'structuredContent':null,"
                     "'_meta':null}",
                     "{\"content\":[]}", "");
        check_result("tools/call", "{'content':{},'isError':'true'}",
                     "{\"content\":[],\"isError\":true}", "");
        check_result("tools/call", "{'content':'said'}",
                     "{\"content\":[{\"text\":\"said\",\"type\":\"text\"}]}", "");
        check_result("tools/call", "{'content':{'type':'text','text':'said'}}",
                     "{\"content\":[{\"text\":\"said\",\"type\":\"text\"}]}", "");
        check_result("tools/call",
                     "{'content':[{'type':'text','text':null},{'type':'text','text':{'a':1}},"
                     "{'text':'x'},{'type':'text','text':7,'annotations':null}]}",
                     "{\"content\":[{\"text\":\"\",\"type\":\"text\"},{\"text\":\"{\\\"a\\\":1}\","
                     "\"type\":\"text\"},{\"text\":\"x\",\"type\":\"text\"},{\"text\":\"7\","
                     "\"type\":\"text\"}]}",
                     "");
        check_result("tools/call", "{'content':[{'type':'video','data':'AA=='},null]}",
                     "{\"content\":[{\"text\":\"{\\\"type\\\":\\\"video\\\",\\\"data\\\":"
                     "\\\"AA==\\\"}\",\"type\":\"text\"}]}",
                     "block");
        check_result("tools/call",
                     "{'content':[{'type':'image','mimeType':'image/png','data':'-_8\\nA'},"
                     "{'type':'image','data':'AA'}]}",
                     "{\"content\":[{\"data\":\"+/8A\",\"mimeType\":\"image/png\",\"type\":"
                     "\"image\"},{\"data\":\"AA==\",\"mimeType\":\"application/octet-stream\","
                     "\"type\":\"image\"}]}",
                     "");
        check_result("tools/call", "{'content':[{'type':'image','data':'%%%%'}]}",
                     "{\"content\":[{\"text\":\"{\\\"type\\\":\\\"image\\\",\\\"data\\\":"
                     "\\\"%%%%\\\"}\",\"type\":\"text\"}]}",
                     "data");
        check_result("tools/call", "{'content':[{'type':'resource','resource':{'uri':'a:b'}}]}",
                     "{\"content\":[{\"resource\":{\"text\":\"\",\"uri\":\"a:b\"},\"type\":"
                     "\"resource\"}]}",
                     "");
}

Test(shape, what_is_said_elsewhere_than_in_the_content)
{
        check_result("tools/call", "{'structuredContent':{'a':1}}",
                     "{\"content\":[{\"text\":\"{\\\"a\\\":1}\",\"type\":\"text\"}],"
                     "\"structuredContent\":{\"a\":1}}",
                     "");
        check_result("tools/call", "{'content':[],'structuredContent':{'a':1}}",
                     "{\"content\":[],\"structuredContent\":{\"a\":1}}", "");
        check_result("tools/call", "{'toolResult':'done'}",
                     "{\"content\":[{\"text\":\"done\",\"type\":\"text\"}],"
                     "\"toolResult\":\"done\"}",
                     "");
        check_result("tools/call", "{'content':[7,true,null,['a'],{}]}",
                     "{\"content\":[{\"text\":\"7\",\"type\":\"text\"},{\"text\":\"true\","
                     "\"type\":\"text\"},{\"text\":\"[\\\"a\\\"]\",\"type\":\"text\"},"
                     "{\"text\":\"{}\",\"type\":\"text\"}]}",
                     "content");
        check_result("tools/call",
                     "{'content':[{'type':'image','mimeType':'image/png',"
                     "'data':'data:image/png;base64,AA'}]}",
                     "{\"content\":[{\"data\":\"AA==\",\"mimeType\":\"image/png\",\"type\":"
                     "\"image\"}]}",
                     "");
}

static void check_notice(const char *method, const char *params, const char *want)
{
        json_t *json = params != NULL ? json_from(params) : NULL;
        char why[160];
        bool is_said = shape_mend_notice(method, json, why, sizeof(why));

        cr_assert_eq(is_said, want != NULL, "%s: %s", params, why);
        if (want != NULL && json != NULL)
                check_text(json, want);
        else
                json_decref(json);
        cr_assert(want != NULL || why[0] != '\0');
}

Test(shape, notifications)
{
        static const char *const levels[][2] = {
                {"'warn'", "warning"},   {"'INFO'", "info"},           {"'Error'", "error"},
                {"'fatal'", "critical"}, {"'loud'", "info"},           {"7", "info"},
                {"null", "info"},        {"'emergency'", "emergency"},
        };
        char params[100], want[100];

        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
                snprintf(params, sizeof(params), "{'level':%s,'data':1}", levels[i][0]);
                snprintf(want, sizeof(want), "{\"data\":1,\"level\":\"%s\"}", levels[i][1]);
                check_notice("notifications/message", params, want);
        }
        check_notice("notifications/message", "{'message':'m','logger':null}",
                     "{\"data\":\"m\",\"level\":\"info\",\"message\":\"m\"}");
        check_notice("notifications/message", "{'level':'info'}", NULL);
        check_notice("notifications/message", NULL, NULL);
        check_notice("notifications/progress",
                     "{'progressToken':1,'progress':2,'total':'9','message':5}",
                     "{\"message\":\"5\",\"progress\":2,\"progressToken\":1}");
        check_notice("notifications/resources/updated", "{'uri':'file:///a b'}",
                     "{\"uri\":\"file:///a b\"}");
        check_notice("notifications/resources/updated", "{'uri':'/a'}", NULL);
        check_notice("notifications/resources/updated", NULL, NULL);
        check_notice("notifications/elicitation/complete", "{}", NULL);
        check_notice("notifications/tools/list_changed", NULL, "");
        check_notice("notifications/tools/list_changed", "{'_meta':'x'}", "{}");
        check_notice("notifications/their/own", "{'a':null}", "{\"a\":null}");
}

static void check_error(const char *error, const char *want)
{
        json_t *json = json_from(error);

        shape_mend_error(json);
        check_text(json, want);
}

Test(shape, errors_that_promise_data)
{
        check_error("{'code':-32042,'message':'m'}", "{\"code\":-32603,\"message\":\"m\"}");
        check_error("{'code':-32042,'message':'m','data':{'elicitations':[{'url':'/a'}]}}",
                    "{\"code\":-32603,\"data\":{\"elicitations\":[]},\"message\":\"m\"}");
        check_error("{'code':-32042,'message':'m','data':{'elicitations':{'url':'a:b',"
                    "'elicitationId':7}}}",
                    "{\"code\":-32042,\"data\":{\"elicitations\":[{\"elicitationId\":\"7\","
                    "\"message\":\"\",\"mode\":\"url\",\"url\":\"a:b\"}]},\"message\":\"m\"}");
        check_error("{'code':-32000,'message':'m'}", "{\"code\":-32000,\"message\":\"m\"}");
}

Test(shape, capabilities)
{
        static const char *const cases[][2] = {
                {"{}", "{}"},
                {"null", "{}"},
                {"true", "{}"},
                {"'tools'", "{}"},
                {"[]", "{}"},
                {"['tools',7]", "{\"tools\":{}}"},
                {"{'tools':true,'prompts':null,'resources':false,'logging':'yes','a':{'b':1}}",
                 "{\"a\":{\"b\":1},\"logging\":{},\"tools\":{}}"},
        };
        json_t *none = json_object();

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *hello = json_pack("{s:o}", "capabilities", json_from(cases[i][0]));

                shape_mend_init_result(hello);
                check_text(json_incref(json_object_get(hello, "capabilities")), cases[i][1]);
                json_decref(hello);
        }
        shape_mend_init_result(none);
        check_text(none, "{\"capabilities\":{}}");
}

Test(shape, other_results)
{
        check_result("prompts/get",
                     "{'messages':[{'role':'user','content':'hi'},{'role':'system','content':"
                     "{'type':'text','text':'x'}}],'description':null}",
                     "{\"messages\":[{\"content\":{\"text\":\"hi\",\"type\":\"text\"},\"role\":"
                     "\"user\"}]}",
                     "role");
        check_result("resources/read", "{'contents':{'uri':'a:b','text':'x','mimeType':null}}",
                     "{\"contents\":[{\"text\":\"x\",\"uri\":\"a:b\"}]}", "");
        check_result("resources/read", "{}", "{\"contents\":[]}", "");
        check_result("completion/complete", "{'completion':{'values':['a',2],'total':null}}",
                     "{\"completion\":{\"values\":[\"a\",\"2\"]}}", "");
        check_result("completion/complete", "{'completion':7}", "{\"completion\":{\"values\":[]}}",
                     "completion");
        check_result("logging/setLevel", "{'_meta':null}", "{}", "");
        check_result("tools/call", "{'resultType':'input_required','content':null}",
                     "{\"content\":null,\"resultType\":\"input_required\"}", "");
}

Test(shape, output_schemas_that_nobody_can_check_by)
{
        static const char *const unsound[] = {
                "{'type':'int'}", "{'type':'object','properties':{'a':{'type':'str'}}}",
                "{'type':'object','properties':{'a':{'$ref':'#/$defs/none'}}}",
                "{'type':'object','properties':{'a':{'pattern':'('}}}"};
        char text[200], why[400];

        for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++) {
                snprintf(text, sizeof(text), "{'name':'a','outputSchema':%s}", unsound[i]);
                json_t *json = json_from(text);

                cr_assert(shape_drop_unsound_output(json, why, sizeof(why)), "%s", text);
                cr_assert_neq(why[0], '\0');
                check_text(json, "{\"name\":\"a\"}");
        }
        json_t *sound = json_from("{'name':'a','outputSchema':{'type':'object'}}");
        cr_assert(!shape_drop_unsound_output(sound, why, sizeof(why)));
        check_int(json_object_size(sound), 2);
        json_decref(sound);
}
