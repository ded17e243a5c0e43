/* Files as people have them, from the clients that they were written for. */
#include "../check.h"
#include "mgw/config/config.h"

#include "../../../app/config/config_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config config;
static char folder[] = "/tmp/mgw-client-XXXXXX";
static char path[160];
static char *told;

static void put_file(const char *name, const char *text)
{
        static bool is_made;
        FILE *f;

        if (!is_made)
                cr_assert_not_null(mkdtemp(folder));
        is_made = true;
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "we");
        cr_assert_not_null(f);
        fputs(text, f);
        fclose(f);
}

/* The text is JSON, or what its name says. */
static int load_as(const char *name, const char *text)
{
        size_t size;
        FILE *err = open_memstream(&told, &size);
        int r;

        put_file(name, text);
        r = config_load(&config, path, err);
        fclose(err);
        return r;
}

static int load(const char *text)
{
        return load_as("mcp.json", text);
}

static void finish(void)
{
        char command[200];

        config_finish(&config);
        free(told);
        snprintf(command, sizeof(command), "rm -rf %s", folder);
        cr_assert_eq(system(command), 0);
}

static void check_told(const char *what)
{
        cr_assert_not_null(strstr(told, what), "want \"%s\" in:\n%s", what, told);
}

static void check_loads(const char *text, size_t n_servers)
{
        int r = load(text);

        cr_assert_eq(r, 0, "%s", told);
        check_int(config.n_servers, n_servers);
        check_int(config.n_left_out, 0);
}

TestSuite(config_client, .fini = finish);

/* ---- whose file it is ---- */

Test(config_client, keys_that_are_a_clients_business_are_named_once_and_ignored)
{
        check_loads("{\"mcpServers\": {\"a\": {\"command\": \"x\", \"autoApprove\": [], "
                    "\"alwaysAllow\": [\"y\"], \"_hint\": 1},\n"
                    "\"b\": {\"url\": \"http://x\", \"autoApprove\": [], \"colour\": {}}},\n"
                    "\"theme\": \"dark\"}",
                    2);
        check_told("mcp.json: not for mgw, ignored: autoApprove, alwaysAllow, _hint, colour, "
                   "theme\n");
}

Test(config_client, a_slip_in_a_key_of_ours_costs_its_entry_in_a_clients_file)
{
        check_int(load("{\"mcpServers\": {\"a\": {\"command\": \"x\",\n\"exlude\": [\"b\"]},\n"
                       "\"b\": {\"url\": \"http://x\"},\n"
                       "\"c\": {\"url\": \"http://x\",\n\"Timeout_S\": 5},\n"
                       "\"d\": {\"url\": \"http://x\", \"prefxi\": \"\"}}}"),
                  0);
        check_int(config.n_servers, 1);
        check_int(config.n_left_out, 3);
        check_told("mcp.json:2: mcpServers.a.exlude: not known: is \"exclude\" meant?");
        check_told("mcp.json:1: mcpServers.a: is left out");
        check_told("mcp.json:5: mcpServers.c.Timeout_S: not known: is \"timeout_s\" meant?");
        check_told("mcpServers.d.prefxi: not known: is \"prefix\" meant?");
}

Test(config_client, in_a_file_of_ours_what_nobody_knows_is_a_fault)
{
        check_int(load("{\"mcpServers\": {\"a\": {\"command\": \"x\", \"autoApprove\": [],\n"
                       "\"colour\": 1}}, \"gateway\": {}}"),
                  -EINVAL);
        check_told("mcp.json:2: mcpServers.a.colour: not known (docs/");
        check_told("not for mgw, ignored: autoApprove\n");
}

Test(config_client, a_key_that_mgw_alone_has_makes_the_file_ours)
{
        check_int(load("{\"mcpServers\": {\"a\": {\"command\": \"x\", \"prefix\": \"\"},\n"
                       "\"b\": {\"url\": \"http://x\", \"colour\": 1}}}"),
                  -EINVAL);
        check_told("mcp.json:2: mcpServers.b.colour: not known");
}

Test(config_client, a_file_without_any_servers_is_told)
{
        check_int(load("{\"theme\": \"dark\"}"), -EINVAL);
        check_told("holds no \"mcpServers\", \"servers\" or \"context_servers\"");
}

Test(config_client, what_only_looks_like_its_key_holds_no_servers)
{
        check_int(load("{\"server\": {\"type\": \"node\"}}"), -EINVAL);
        check_told("holds no \"mcpServers\"");
}

Test(config_client, slips_at_the_top_are_told)
{
        check_int(load("{\n\"mcpservers\": {}}"), -EINVAL);
        check_told("mcp.json:2: mcpservers: not known; the keys here are");
}

Test(config_client, a_file_whose_servers_are_all_faulty_does_not_start)
{
        check_int(load("{\"mcpServers\": {\"a\": {\"url\": \"ftp://x\"}}}"), -EINVAL);
        check_told("none of its servers can be used");
}

Test(config_client, a_name_that_stands_twice_is_told_and_the_last_is_taken)
{
        check_loads("{\"mcpServers\": {\"a\": {\"command\": \"x\"},\n\"a\": {\"command\": \"y\"}}}",
                    1);
        cr_assert_str_eq(config.servers[0]->argv[0], "y");
        check_told("mcp.json:2:");
        check_told("duplicate object key near '\"a\"': the last one is taken");
}

Test(config_client, in_a_file_of_ours_it_is_a_fault)
{
        check_int(load("{\"gateway\": {}, \"mcpServers\": {\"a\": {\"command\": \"x\"},\n"
                       "\"a\": {\"command\": \"y\"}}}"),
                  -EINVAL);
        check_told("duplicate object key near '\"a\"'\n");
}

/* ---- shapes ---- */

Test(config_client, comments_commas_and_a_mark_are_no_matter_and_lines_stay)
{
        check_int(load("\xef\xbb\xbf{ // ours\n \"mcpServers\": { /* two\n lines */\n"
                       "  \"a\": {\"command\": \"x\", \"args\": [\"//\", \"/*\",],},\n"
                       "  \"b\": 7,\n }, }"),
                  0);
        cr_assert_str_eq(config.servers[0]->argv[1], "//");
        check_told("mcp.json:5: mcpServers.b: must be an object");
        config_finish(&config);
        free(told);
        check_loads("{ // ours\r\"mcpServers\": {\"a\": {\"command\": \"x\"}}}", 1);
}

Test(config_client, utf16_and_toml_have_a_word_of_their_own)
{
        check_int(load("\xff\xfe{"), -EINVAL);
        check_told("mcp.json:1:1: is UTF-16: save it as UTF-8");
        config_finish(&config);
        free(told);
        check_int(load_as("config.toml", "[mcp_servers.a]\n"), -EINVAL);
        check_told("is TOML");
}

Test(config_client, a_syntax_fault_names_its_line)
{
        check_int(load("{ // one\n \"mcpServers\": { nonsense }\n}"), -EINVAL);
        check_told("mcp.json:2:25: ");
}

Test(config_client, vs_code)
{
        setenv("MGW_INPUT_API_KEY", "k", 1);
        check_loads(
                "{\"inputs\": [{\"type\": \"promptString\", \"id\": \"api-key\"},"
                " {\"id\": \"mode\", \"type\": \"pickString\", \"default\": \"fast\"}],"
                "\"servers\": {\"a\": {\"type\": \"http\", \"url\": \"https://x/mcp\","
                "  \"headers\": {\"Authorization\": \"Bearer ${input:api-key}\"}},"
                " \"b\": {\"type\": \"stdio\", \"command\": \"${workspaceFolder}/x\","
                "  \"args\": [\"${input:mode}\", \"${workspaceFolderBasename}${pathSeparator}\"],"
                "  \"dev\": {\"watch\": \"*.ts\"}, \"gallery\": true}}}",
                2);
        cr_assert_str_eq(config.servers[0]->account.headers[0], "Authorization: Bearer k");
        cr_assert_eq(strncmp(config.servers[1]->argv[0], folder, strlen(folder)), 0);
        cr_assert_str_eq(config.servers[1]->argv[1], "fast");
        cr_assert_eq(strncmp(config.servers[1]->argv[2], folder + 5, strlen(folder) - 5), 0);
        check_told("not for mgw, ignored: dev, gallery");
}

Test(config_client, vs_codes_settings)
{
        check_loads("{\"editor.fontSize\": 12, \"mcp\": {\"inputs\": [], \"servers\": {\"a\": "
                    "{\"command\": \"x\"}}}}",
                    1);
        check_told("ignored: editor.fontSize\n");
}

Test(config_client, an_input_that_is_not_given_names_its_variable)
{
        unsetenv("MGW_INPUT_GITHUB_TOKEN");
        check_int(
                load("{\"inputs\": [{\"id\": \"github_token\", \"description\": \"A token\"}],\n"
                     "\"servers\": {\"b\": {\"command\": \"x\"},\n\"a\": {\"url\": \"http://x\",\n"
                     "\"headers\": {\"X\": \"${input:github_token}\"}}}}"),
                0);
        check_told("mcp.json:4: servers.a.headers: the environment variable "
                   "MGW_INPUT_GITHUB_TOKEN is not set, which stands for ${input:github_token}: "
                   "A token\n");
        check_int(config.n_servers, 1);
}

Test(config_client, zed)
{
        check_loads("{\"context_servers\": {\"a\": {\"source\": \"custom\", \"command\": \"x\","
                    " \"args\": [\"y\"], \"env\": {}}, \"b\": {\"command\": {\"path\": \"p\","
                    " \"args\": [\"q\"], \"env\": {\"K\": \"v\"}}, \"settings\": {}},"
                    " \"c\": {\"url\": \"http://x\", \"headers\": {\"K\": \"v\"}}}}",
                    3);
        cr_assert_str_eq(config.servers[1]->argv[0], "p");
        cr_assert_str_eq(config.servers[1]->argv[1], "q");
        cr_assert_str_eq(config.servers[1]->account.env[0], "K=v");
}

Test(config_client, gemini_cli)
{
        setenv("MY_KEY", "k", 1);
        check_loads("{\"mcpServers\": {\"a\": {\"url\": \"http://old/sse\", \"httpUrl\": "
                    "\"http://new/mcp\", \"timeout\": 5000, \"trust\": true, \"includeTools\": "
                    "[\"one\"], \"excludeTools\": [\"two\"], \"oauth\": {\"enabled\": true}},"
                    " \"b\": {\"command\": \"x\", \"args\": [\"pa$$word\", \"$Ab\", \"x$MY_KEY\"],"
                    "  \"env\": {\"K\": \"$MY_KEY\", \"L\": \"Bearer $MY_KEY\", \"M\": \"a $NO_KEY "
                    "b\"}}}}",
                    2);
        cr_assert_str_eq(config.servers[0]->url, "http://new/mcp");
        check_int(config.servers[0]->timeout_ms, 5000);
        cr_assert_str_eq(config.servers[0]->include[0], "one");
        cr_assert_str_eq(config.servers[0]->exclude[0], "two");
        cr_assert_null(config.servers[0]->account.oauth);
        cr_assert_str_eq(config.servers[1]->argv[1], "pa$$word");
        cr_assert_str_eq(config.servers[1]->argv[2], "$Ab");
        cr_assert_str_eq(config.servers[1]->argv[3], "x$MY_KEY");
        cr_assert_str_eq(config.servers[1]->account.env[0], "K=k");
        cr_assert_str_eq(config.servers[1]->account.env[1], "L=Bearer k");
        cr_assert_str_eq(config.servers[1]->account.env[2], "M=a $NO_KEY b");
        check_told("ignored: trust, oauth");
}

Test(config_client, librechat_in_yaml)
{
        int r = load_as("librechat.yaml",
                        "version: 1.2.1\ncache: true\nmcpServers:\n  files:\n    type: stdio\n"
                        "    command: npx\n    args: [-y, server, 8080]\n    timeout: 60000\n"
                        "    iconPath: /x.svg\n  web:\n    type: streamable-http\n"
                        "    url: https://x/mcp\n    initTimeout: 10000\n    env: {}\n"
                        "  each:\n    url: https://x/mcp\n    headers:\n"
                        "      X-User: \"{{LIBRECHAT_USER_ID}}\"\n");

        cr_assert_eq(r, 0, "%s", told);
        check_int(config.n_servers, 2);
        cr_assert_str_eq(config.servers[0]->argv[3], "8080");
        check_int(config.servers[0]->timeout_ms, 60000);
        check_told(
                "librechat.yaml:17: mcpServers.each.headers: {{LIBRECHAT_USER_ID}} is filled in by "
                "its client for each user");
        check_told("ignored: iconPath, initTimeout, version, cache\n");
}

Test(config_client, yaml_that_cannot_be_read_names_its_line)
{
        check_int(load_as("x.yml", "mcpServers:\n  a: [\n"), -EINVAL);
        check_told("x.yml:3:1: ");
}

Test(config_client, faults_in_yaml_have_lines)
{
        check_int(load_as("x.yml", "# mine\ngateway:\n  keepalive_s: x\n\nmcpServers:\n  a:\n"
                                   "    url: http://x/\n    nope: 1\npolicy:\n  rules:\n"
                                   "    - {who: [\"*\"], allow: {servers: [\"*\"]}}\n"
                                   "    - who: [\"*\"]\n      allow: {tols: [a]}\n"),
                  -EINVAL);
        check_told("x.yml:3: gateway.keepalive_s: must be");
        check_told("x.yml:8: mcpServers.a.nope: not known");
        check_told("x.yml:13: policy.rules.2.allow.tols: not known");
}

Test(config_client, continues_list)
{
        int r = load_as("c.yaml", "mcpServers:\n  - name: SQLite MCP\n    command: npx\n"
                                  "  - name: web\n    type: streamable-http\n    url: http://x\n");

        cr_assert_eq(r, 0, "%s", told);
        cr_assert_str_eq(config.servers[0]->name, "SQLite-MCP");
        cr_assert_str_eq(config.servers[1]->url, "http://x");
}

Test(config_client, continues_secrets_are_variables)
{
        setenv("V_SECRET", "s", 1);
        unsetenv("V_NONE");
        check_int(load_as("c.yaml", "mcpServers:\n"
                                    "  - name: a\n    url: http://x\n    requestOptions:\n"
                                    "      headers:\n"
                                    "        Authorization: Bearer ${{ secrets.V_SECRET }}\n"
                                    "  - name: b\n    command: x\n"
                                    "    env: {A: \"${{inputs.V_SECRET}}\", "
                                    "B: \"${{ secrets.V_NONE }}\"}\n"),
                  0);
        check_int(config.n_servers, 1);
        cr_assert_str_eq(config.servers[0]->account.headers[0], "Authorization: Bearer s");
        check_told("mcpServers.b.env: the environment variable V_NONE is not set");
}

Test(config_client, goose)
{
        setenv("V_SECRET", "s", 1);
        check_int(load_as("config.yaml",
                          "extensions:\n"
                          "  developer: {type: builtin, name: developer, bundled: true}\n"
                          "  github:\n    cmd: npx\n    args: [-y, x]\n    type: stdio\n"
                          "    env_keys: [V_SECRET]\n    envs: {A: b}\n    timeout: 300\n"
                          "    available_tools: []\n"
                          "  web: {type: streamable_http, uri: \"http://x/mcp\", enabled: true}\n"
                          "GOOSE_MODEL: x\n"),
                  0);
        check_int(config.n_servers, 2);
        check_int(config.n_left_out, 1);
        cr_assert_str_eq(config.servers[0]->argv[0], "npx");
        cr_assert_str_eq(config.servers[0]->account.env[0], "A=b");
        cr_assert_str_eq(config.servers[0]->account.env[1], "V_SECRET=s");
        cr_assert_str_eq(config.servers[1]->url, "http://x/mcp");
        check_told("extensions.developer: is left out");
        check_told("ignored: name, bundled, GOOSE_MODEL\n");
}

Test(config_client, wherever_they_stand)
{
        static const char *const texts[] = {
                "{\"a\": {\"command\": \"x\", \"start_on_launch\": true},\n\"b\": 7}",
                "{\"mcp_servers\": {\"a\": {\"command\": \"x\"},\n\"b\": 7}}",
                "{\"mcp\": {\"mcpServers\": {\"a\": {\"command\": \"x\"},\n\"b\": 7}}}",
                ("{\"folders\": [], \"settings\": {\"mcp\": {\"servers\": {\"a\": {\"command\": "
                 "\"${input:i}\"},\n\"b\": 7}, \"inputs\": [{\"id\": \"i\", \"default\": "
                 "\"x\"}]}}}"),
                ("{\"customizations\": {\"vscode\": {\"mcp\": {\"servers\": {\"a\": {\"command\": "
                 "\"x\"},\n\"b\": 7}}}}}"),
        };
        static const char *const told_of[] = {
                "mcp.json:2: b: must be an object",
                "mcp.json:2: mcp_servers.b: must be",
                "mcp.json:2: mcp.mcpServers.b: must be",
                "mcp.json:2: settings.mcp.servers.b: must be",
                "mcp.json:2: customizations.vscode.mcp.servers.b: must be",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                cr_assert_eq(load(texts[i]), 0, "%s", told);
                check_int(config.n_servers, 1);
                cr_assert_str_eq(config.servers[0]->argv[0], "x");
                check_told(told_of[i]);
                config_finish(&config);
                free(told);
        }
        check_loads("{\"mcpServers\": {}}", 0);
}

Test(config_client, pairs_in_lists)
{
        check_loads("{\"mcpServers\": [{\"name\": \"a\", \"command\": \"x\", \"env\": "
                    "[{\"name\": \"A\", \"value\": 1}, \"B=c=d:e\"]},"
                    "{\"name\": \"b\", \"url\": \" http://x/ \", \"headers\": "
                    "[{\"name\": \"X\", \"value\": \"y\"}, \"Z: a=b\"]}]}",
                    2);
        cr_assert_str_eq(config.servers[0]->account.env[0], "A=1");
        cr_assert_str_eq(config.servers[0]->account.env[1], "B=c=d:e");
        cr_assert_str_eq(config.servers[1]->url, "http://x/");
        cr_assert_str_eq(config.servers[1]->account.headers[0], "X: y");
        cr_assert_str_eq(config.servers[1]->account.headers[1], "Z: a=b");
}

Test(config_client, what_a_shell_would_run_is_refused_where_credentials_stand)
{
        check_int(load("{\"mcp\": {\"a\": {\"command\": \"sh\", \"args\": [\"-c\", \"echo "
                       "$(date)\"]},\n\"b\": {\"url\": \"http://x\", \"headers\": "
                       "{\"Authorization\": \"$(echo Bearer $TOKEN)\"}},\n"
                       "\"c\": {\"command\": \"x\", \"env\": {\"A\": \"$(gh auth token)\"}}}}"),
                  0);
        check_int(config.n_servers, 1);
        cr_assert_str_eq(config.servers[0]->argv[2], "echo $(date)");
        check_told("mcp.json:2: mcp.b.headers: $(...) is run by a shell");
        check_told("mcp.json:3: mcp.c.env: $(...) is run by a shell");
}

Test(config_client, every_spelling_of_where_and_how)
{
        check_loads(
                "{\"mcpServers\": {"
                "\"a\": {\"serverUrl\": \"http://a\", \"command\": \"\", \"args\": []},"
                "\"b\": {\"type\": \"sse\", \"url\": \"http://b\"},"
                "\"c\": {\"transport\": \"streamable_http\", \"url\": \"http://c\"},"
                "\"d\": {\"transportType\": \"SSE\", \"url\": \"http://d\"},"
                "\"e\": {\"transport\": {\"type\": \"streamable-http\", \"url\": \"http://e\","
                "  \"headers\": {\"X\": 1}}},"
                "\"f\": {\"type\": \"local\", \"command\": [\"x\", \"y\"], \"environment\": "
                "{\"K\": 1.5}},"
                "\"g\": {\"type\": \"Streamable HTTP\", \"server_url\": \"http://g\"},"
                "\"h\": {\"type\": \"remote\", \"url\": \"http://h\", \"requestInit\": "
                "{\"headers\": {\"X\": \"y\"}}, \"env\": {\"A\": \"b\"}},"
                "\"i\": {\"type\": \"stdio\", \"command\": \"x\", \"url\": \"\", \"headers\": {}},"
                "\"j\": {\"enabled\": false, \"url\": 7},"
                "\"k\": {\"isActive\": false, \"url\": \"http://k\"}}}",
                9);
        check_int(config.servers[1]->kind, CONFIG_SERVER_SSE);
        check_int(config.servers[3]->kind, CONFIG_SERVER_SSE);
        cr_assert_str_eq(config.servers[4]->account.headers[0], "X: 1");
        cr_assert_str_eq(config.servers[5]->argv[1], "y");
        cr_assert_str_eq(config.servers[5]->account.env[0], "K=1.5");
        cr_assert_str_eq(config.servers[6]->url, "http://g");
        cr_assert_str_eq(config.servers[7]->account.headers[0], "X: y");
        check_told("ignored: env\n");
}

Test(config_client, a_transport_that_mgw_has_not_costs_its_entry)
{
        check_int(load("{\"mcpServers\": {\"a\": {\"command\": \"x\"},\n"
                       "\"b\": {\"type\": \"websocket\", \"url\": \"http://x\"},\n"
                       "\"c\": {\"url\": \"ws://x\"}}}"),
                  0);
        check_int(config.n_left_out, 2);
        check_told("mcp.json:2: mcpServers.b.type: does not fit");
        check_told("mcp.json:3: mcpServers.c: needs a \"url\" that begins with");
}

Test(config_client, numbers_booleans_and_nulls_where_texts_belong)
{
        check_loads("{\"mcpServers\": {\"a\": {\"command\": \"x\", \"args\": [1, true, null, 0.1], "
                    "\"env\": {\"PORT\": 8080, \"D\": true, \"N\": null}, \"cwd\": null}}}",
                    1);
        cr_assert_str_eq(config.servers[0]->argv[1], "1");
        cr_assert_str_eq(config.servers[0]->argv[2], "true");
        cr_assert_str_eq(config.servers[0]->argv[3], "0.1");
        cr_assert_str_eq(config.servers[0]->account.env[0], "PORT=8080");
        cr_assert_str_eq(config.servers[0]->account.env[1], "D=true");
        cr_assert_null(config.servers[0]->account.env[2]);
        cr_assert_null(config.servers[0]->cwd);
}

Test(config_client, timeouts_in_seconds_or_milliseconds)
{
        check_loads("{\"mcpServers\": {\"a\": {\"command\": \"x\", \"timeout\": 60},"
                    "\"b\": {\"command\": \"x\", \"timeout\": 3600},"
                    "\"c\": {\"command\": \"x\", \"timeout\": 30000},"
                    "\"d\": {\"command\": \"x\", \"timeout\": 0}}}",
                    4);
        check_int(config.servers[0]->timeout_ms, 60000);
        check_int(config.servers[1]->timeout_ms, 3600000);
        check_int(config.servers[2]->timeout_ms, 30000);
        check_int(config.servers[3]->timeout_ms, 0);
}

Test(config_client, filters)
{
        check_loads("{\"mcpServers\": {\"a\": {\"command\": \"x\", \"tools\": [\"*\"]},"
                    "\"b\": {\"command\": \"x\", \"tools\": [\"t\"], \"disabledTools\": [\"u\"]},"
                    "\"c\": {\"command\": \"x\", \"enabledTools\": [], \"disabledTools\": []}}}",
                    3);
        cr_assert_null(config.servers[0]->include);
        cr_assert_str_eq(config.servers[1]->include[0], "t");
        cr_assert_str_eq(config.servers[1]->exclude[0], "u");
        cr_assert_null(config.servers[2]->include);
}

/* ---- names ---- */

Test(config_client, names_are_made_safe_and_stay_unique)
{
        check_loads(
                "{\"mcpServers\": {\"a_b\": {\"command\": \"1\"}, \"a.b\": {\"command\": \"2\"},"
                "\"a-b\": {\"command\": \"3\"}, \"__\": {\"command\": \"4\"}, \"\": {\"command\":"
                "\"5\"}, \"@scope/x y\": {\"command\": \"6\"}, \"caf\xc3\xa9\": {\"command\": "
                "\"7\"}, \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg"
                "\": {\"command\": \"8\"}}}",
                8);
        cr_assert_str_eq(config.servers[0]->name, "a-b");
        cr_assert_str_eq(config.servers[0]->prefix, "a-b_");
        cr_assert_str_eq(config.servers[1]->name, "a-b-2");
        cr_assert_str_eq(config.servers[2]->name, "a-b-3");
        cr_assert_str_eq(config.servers[3]->name, "server");
        cr_assert_str_eq(config.servers[4]->name, "server-2");
        cr_assert_str_eq(config.servers[5]->name, "scope-x-y");
        cr_assert_str_eq(config.servers[6]->name, "caf");
        check_int(strlen(config.servers[7]->name), 56);
        check_told("mcp.json:1: mcpServers.a.b: is called \"a-b-2\" here");
}

/* ---- ${...} ---- */

Test(config_client, variables_in_every_string)
{
        setenv("V_HOST", "h", 1);
        setenv("V_EMPTY", "", 1);
        unsetenv("V_NONE");
        check_loads("{\"mcpServers\": {\"a\": {\"url\": \"https://${V_HOST}/${V_NONE:-mcp}\","
                    " \"headers\": {\"X\": \"${env:V_HOST}${V_EMPTY}${V_EMPTY:-e}\","
                    "  \"Y\": \"${V_NONE:-${V_HOST}}${V_NONE:-}\", \"Z\": \"$${V_NONE} $ $x {{a}} "
                    "{{}}\"}},"
                    "\"b\": {\"command\": \"${V_HOST}\", \"args\": [\"--header\", "
                    "\"Authorization:${AUTH}\", \"${env:V_HOST}\"], \"env\": {\"AUTH\": \"Bearer "
                    "${V_HOST}\", \"V_HOST\": \"${V_HOST}\"}, \"cwd\": \"${userHome}/x\"}}}",
                    2);
        cr_assert_str_eq(config.servers[0]->url, "https://h/mcp");
        cr_assert_str_eq(config.servers[0]->account.headers[0], "X: he");
        cr_assert_str_eq(config.servers[0]->account.headers[1], "Y: h");
        cr_assert_str_eq(config.servers[0]->account.headers[2], "Z: ${V_NONE} $ $x {{a}} {{}}");
        cr_assert_str_eq(config.servers[1]->argv[0], "h");
        cr_assert_str_eq(config.servers[1]->argv[2], "Authorization:Bearer h",
                         "mcp-remote fills that in from its environment");
        cr_assert_str_eq(config.servers[1]->account.env[0], "AUTH=Bearer h");
        cr_assert_str_eq(config.servers[1]->account.env[1], "V_HOST=h");
        cr_assert_eq(strncmp(config.servers[1]->cwd, getenv("HOME"), strlen(getenv("HOME"))), 0);
}

Test(config_client, what_is_not_known_or_not_set_is_refused)
{
        unsetenv("V_NONE");
        check_int(
                load("{\"mcpServers\": {\"good\": {\"command\": \"x\"},\n"
                     "\"a\": {\"url\": \"https://${V_NONE}/\"},\n"
                     "\"b\": {\"command\": \"x\", \"args\": [\"${command:pick}\"]},\n"
                     "\"c\": {\"command\": \"x\", \"cwd\": \"${V_NONE\"},\n"
                     "\"d\": {\"command\": \"x\", \"env\": {\"A\": \"${{ github.token }}\"}},\n"
                     "\"e\": {\"command\": \"x\", \"env\": {\"A\": \"$V_NONE\"}},\n"
                     "\"f\": {\"command\": \"x\", \"args\": [\"${A}\"], \"env\": {\"A\": "
                     "\"${A}\"}},\n"
                     "\"g\": {\"command\": \"x\", \"args\": [\"${a:-${b:-${c:-${d:-${e:-${f:-${g:-"
                     "${h:-${i:-}}}}}}}}}\"]},\n"
                     "\"h\": {\"command\": \"x\", \"args\": [\"${user_config.key}\"]}}}"),
                0);
        check_int(config.n_servers, 1);
        check_int(config.n_left_out, 8);
        check_told("mcp.json:2: mcpServers.a.url: the environment variable V_NONE is not set");
        check_told("mcp.json:3: mcpServers.b.args: ${command:pick} is nothing that mgw knows");
        check_told("mcp.json:4: mcpServers.c.cwd: ${ has no } behind it");
        check_told("mcp.json:5: mcpServers.d.env: ${{...}} is nothing that mgw knows");
        check_told("mcp.json:6: mcpServers.e.env: the environment variable V_NONE is not set");
        check_told("mcp.json:7: mcpServers.f.args: the environment variable A is not set");
        check_told("mcp.json:8: mcpServers.g.args: ${...} stands too deep");
        check_told("mcp.json:9: mcpServers.h.args: ${user_config.key} is nothing");
}

Test(config_client, the_workspace_of_a_hidden_folder_is_what_holds_it)
{
        char hidden[100], made[100];

        put_file("x", "");
        snprintf(hidden, sizeof(hidden), "%s/.cursor", folder);
        snprintf(made, sizeof(made), "%s/.env", folder);
        cr_assert_eq(mkdir(hidden, 0700), 0);
        put_file(".env", "K=of the workspace\n");
        check_int(load_as(".cursor/mcp.json",
                          "{\"mcpServers\": {\"a\": {\"command\": \"${workspaceFolder}/x\", "
                          "\"envFile\": \".env\"}}}"),
                  0);
        cr_assert_eq(strncmp(config.servers[0]->argv[0], folder, strlen(folder)), 0);
        cr_assert_str_eq(config.servers[0]->argv[0] + strlen(folder), "/x");
        cr_assert_str_eq(config.servers[0]->account.env[0], "K=of the workspace");
}

/* ---- env_file ---- */

Test(config_client, a_file_of_variables)
{
        put_file("vars", "\xef\xbb\xbf# one\r\nA=1 # not this\r\n\r\nexport B = 'two # # words'\r\n"
                         "C=\"a\\n\\\"b\\\"\"\nD=\nE=a=b#c\nF=ours\n  G=\"\" \nH=${A}\n");
        check_loads("{\"mcpServers\": {\"a\": {\"command\": \"x\", \"envFile\": \"vars\", \"env\": "
                    "{\"F\": \"entry's\"}}}}",
                    1);
        static const char *const want[] = {"F=entry's",  "A=1",   "B=two # # words",
                                           "C=a\n\"b\"", "D=",    "E=a=b#c",
                                           "G=",         "H=${A}"};

        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
                cr_assert_str_eq(config.servers[0]->account.env[i], want[i]);
        cr_assert_null(config.servers[0]->account.env[sizeof(want) / sizeof(want[0])]);
}

Test(config_client, one_that_is_not_there_is_told_and_costs_nothing)
{
        check_loads("{\"mcpServers\": {\"a\": {\"command\": \"x\",\n\"envFile\": \"none.env\"}}}",
                    1);
        check_told("/none.env is not there: the program starts without it");
}

Test(config_client, one_that_cannot_be_read_is_told_with_its_line)
{
        put_file("vars", "A=1\nnonsense\nB=\"open\n");
        check_int(load("{\"mcpServers\": {\"a\": {\"command\": \"x\", \"env_file\": \"vars\"}}}"),
                  -EINVAL);
        check_told("/vars:2: must be NAME=value");
        check_told("/vars:3: has a quote that is not closed");
}

/* ---- slips ---- */

Test(config_client, slips_differ_in_one_place)
{
        static const char *const slips[] = {"exlude",  "excluude", "exclode", "exculde",
                                            "EXCLUDE", "exclud",   "xclude"};
        static const char *const others[] = {"exclude", "exlde", "include", "excludeTools", ""};
        static const char *const shorts[][2] = {
                {"auth", "oauth"}, {"scopes", "scope"}, {"test", "rest"}, {"dev", "env"}};

        for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++)
                cr_assert(config_is_slip(slips[i], "exclude"), "%s", slips[i]);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                cr_assert_not(config_is_slip(others[i], "exclude"), "%s", others[i]);
        for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++)
                cr_assert_not(config_is_slip(shorts[i][0], shorts[i][1]), "%s", shorts[i][0]);
}
