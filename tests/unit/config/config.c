#include "../check.h"
#include "loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static char path[LOADING_PATH_SIZE];
static char *faults;

static int load(const char *text)
{
        return loading_text(&config, text, path, &faults);
}

static void finish(void)
{
        config_finish(&config);
        free(faults);
        faults = NULL;
}

/* The faults must hold "<path>:<line>:<rest>". */
static void check_fault(unsigned line, const char *rest)
{
        char want[256];

        snprintf(want, sizeof(want), "%s:%u:%s", path, line, rest);
        cr_assert_not_null(strstr(faults, want), "want \"%s\" in:\n%s", want, faults);
}

TestSuite(config, .fini = finish);

Test(config, without_a_file_the_defaults_hold)
{
        check_int(config_load(&config, NULL, stderr), 0);
        check_int(config.keepalive_ms, 30000);
        check_int(config.drain_ms, 25000);
        check_int(config.body_max_bytes, 4194304);
        check_int(config.socket_mode, 0660);
        cr_assert_str_eq(config.listen, "unix:/run/mgw/fcgi.sock");
        cr_assert(config.node[0] != '\0');
        check_int(config.n_servers, 0);
}

Test(config, a_whole_file)
{
        setenv("PORT_OF_SERVER", "3001", 1);
        check_int(load("{\"mcpServers\": {\"everything\": {\"url\": "
                       "\"http://127.0.0.1:${env:PORT_OF_SERVER}/mcp\"}},\n"
                       " \"gateway\": {\"keepalive_s\": 0.5, \"allowed_origins\": "
                       "[\"https://a.example.com\", \"*\"],\n"
                       "  \"auth\": {\"tokens_file\": \"t.json\"}, \"log_format\": \"json\"}}"),
                  0);
        cr_assert_str_eq(config.servers[0]->name, "everything");
        cr_assert_str_eq(config.servers[0]->url, "http://127.0.0.1:3001/mcp");
        check_int(config.keepalive_ms, 500);
        check_int(config.n_allowed_origins, 2);
        cr_assert_str_eq(config.auth_tokens_file, "/tmp/t.json", "beside the file");
        check_int(config.log_format, 1);
}

Test(config, the_environment_wins)
{
        setenv("MGW_KEEPALIVE_S", "7", 1);
        setenv("MGW_AUTH_TOKENS_FILE", "env.json", 1);
        setenv("MGW_ALLOWED_ORIGINS", "https://a.example.com, https://b.example.com", 1);
        check_int(load("{\"gateway\": {\"keepalive_s\": 3}}"), 0);
        check_int(config.keepalive_ms, 7000);
        cr_assert_str_eq(config.auth_tokens_file, "env.json");
        cr_assert_str_eq(config.allowed_origins[1], "https://b.example.com");
}

Test(config, every_fault_names_file_line_and_key)
{
        cr_assert(load("{\n"
                       " \"gateway\": {\n"
                       "  \"listen\": \"unix:/x{\\\"keepalive_s\\\":\",\n"
                       "  \"keepalive_s\": \"soon\",\n"
                       "  \"keepalive\": 3,\n"
                       "  \"auth\": {\n"
                       "   \"tokens\": 1},\n"
                       "  \"streams_max\": -1,\n"
                       "  \"sessions_max\": 1.5,\n"
                       "  \"log_format\": \"xml\"\n"
                       " },\n"
                       " \"server\": {}\n"
                       "}\n") < 0);
        check_fault(4, " gateway.keepalive_s: must be a number");
        check_fault(5, " gateway.keepalive: no such setting");
        check_fault(7, " gateway.auth.tokens: no such setting");
        check_fault(8, " gateway.streams_max: must be a whole number from 1");
        check_fault(9, " gateway.sessions_max: must be a whole number");
        check_fault(10, " gateway.log_format: must be \"text\" or \"json\"");
        check_fault(12, " server: not known");
}

Test(config, addresses_and_names_are_checked_with_the_file)
{
        check_int(load("{\"gateway\": {\n\"listen\": \"/run/x.sock\",\n\"node\": \"a.b\",\n"
                       "\"public_url\": \"mcp.example.com\",\n\"drain_s\": -1},\n"
                       "\"mcpServers\": {\"a.b\": {\"url\": \"http://127.0.0.1/\"}}}"),
                  -EINVAL);
        check_fault(2, " gateway.listen: must be unix:/path/to/socket or tcp:ADDRESS:PORT\n");
        check_fault(3, " gateway.node: must be 1 to 63 letters, digits or '-'\n");
        check_fault(4, " gateway.public_url: must begin with http:// or https:// and ");
        check_fault(5, " gateway.drain_s: must be a number from 0 to 10000000\n");
        check_fault(6, " mcpServers.a.b: is called \"a-b\" here");
}

Test(config, beyond_this_machine_the_address_of_clients_is_needed)
{
        check_int(load("{\"gateway\": {\n\"listen\": \"tcp:0.0.0.0:9000\"}}"), -EINVAL);
        check_fault(2, " gateway.public_url: say");
}

Test(config, beyond_this_machine_with_that_address_is_fine)
{
        check_int(load("{\"gateway\": {\"listen\": \"tcp:0.0.0.0:9000\", "
                       "\"public_url\": \"https://a.example.com\"}}"),
                  0);
}

Test(config, on_this_machine_no_address_is_needed)
{
        check_int(load("{\"gateway\": {\"listen\": \"tcp:[::1]:9000\"}}"), 0);
}

Test(config, an_empty_node_is_the_hosts_name)
{
        check_int(
                load("{\"gateway\": {\"node\": \"\", \"public_url\": \"https://a.example.com\"}}"),
                0);
        cr_assert(config.node[0] != '\0');
}

Test(config, broken_json_is_told_with_its_line)
{
        cr_assert(load("{\n \"gateway\": {,}\n}") < 0);
        check_fault(2, "14: string or '}' expected");
}

Test(config, servers_need_a_good_url)
{
        cr_assert(load("{\"mcpServers\": {\n\"bad_name\": {\"url\": \"ftp://x\"}}}") < 0);
        check_fault(2, " mcpServers.bad_name: needs a \"url\"");
}

Test(config, a_server_is_what_its_keys_say)
{
        const struct config_server *s;

        check_int(load("{\"mcpServers\": {"
                       " \"web\": {\"type\": \"http\", \"url\": \"https://x/mcp\", \"headers\":"
                       "  {\"Authorization\": \"Bearer ${env:PATH}\"}, \"timeout_s\": 1.5,"
                       "  \"prefix\": \"\", \"include\": [\"get_*\"], \"exclude\": [\"get_x\"],"
                       "  \"tools\": {\"a\": {\"name\": \"b\"}}},"
                       " \"gone\": {\"disabled\": true, \"whatever\": 1},"
                       " \"child\": {\"command\": \"npx\", \"args\": [\"-y\", \"server\"],"
                       "  \"env\": {\"KEY\": \"v\"}, \"cwd\": \"/tmp\", \"idle_s\": 60},"
                       " \"one\": {\"command\": \"x\", \"scope\": \"shared\"},"
                       " \"each\": {\"command\": \"x\", \"scope\": \"user\"}}}"),
                  0);
        check_int(config.n_servers, 4);
        s = config.servers[0];
        check_int(s->kind, CONFIG_SERVER_HTTP);
        cr_assert_eq(strncmp(s->account.headers[0], "Authorization: Bearer /", 23), 0);
        check_int(s->timeout_ms, 1500);
        cr_assert_str_eq(s->prefix, "");
        cr_assert_str_eq(s->include[0], "get_*");
        cr_assert_null(s->include[1]);
        cr_assert_str_eq(s->exclude[0], "get_x");
        s = config.servers[1];
        check_int(s->kind, CONFIG_SERVER_STDIO);
        cr_assert_str_eq(s->prefix, "child_");
        cr_assert_str_eq(s->argv[0], "npx");
        cr_assert_str_eq(s->argv[2], "server");
        cr_assert_null(s->argv[3]);
        cr_assert_str_eq(s->account.env[0], "KEY=v");
        cr_assert_str_eq(s->cwd, "/tmp");
        check_int(s->idle_ms, 60000);
        check_int(s->scope, CONFIG_SCOPE_SESSION);
        check_int(config.servers[2]->scope, CONFIG_SCOPE_SHARED);
        check_int(config.servers[3]->scope, CONFIG_SCOPE_USER);
}

Test(config, faults_of_servers_name_file_line_and_key)
{
        cr_assert(load("{\"mcpServers\": {\n"
                       "\"a\": {\"command\": \"\",\n"
                       "  \"args\": \"-y\",\n"
                       "  \"url\": \"http://x\"},\n"
                       "\"b\": {\"url\": \"http://x\",\n"
                       "  \"headers\": {\"X\": \"a\\r\\nb\"},\n"
                       "  \"timeout_s\": \"long\",\n"
                       "  \"type\": \"stdio\",\n"
                       "  \"tools\": {\"t\": {\"nam\": \"x\"}},\n"
                       "  \"colour\": 1},\n"
                       "\"c\": {\"url\": \"http://x\", \"prefix\": \"b_\"},\n"
                       "\"d\": 7,\n"
                       "\"e\": {\"command\": \"x\",\n"
                       "  \"scope\": \"everyone\"},\n"
                       "\"f\": {\"url\": \"http://x\",\n"
                       "  \"scope\": \"shared\"}\n"
                       "}}") < 0);
        check_fault(2, " mcpServers.a.command: must name a program");
        check_fault(3, " mcpServers.a.args: must be an array of strings");
        check_fault(4, " mcpServers.a.url: does not go with \"command\"");
        check_fault(6, " mcpServers.b.headers: X: ");
        check_fault(7, " mcpServers.b.timeout_s: must be a number");
        check_fault(8, " mcpServers.b.type: does not fit");
        check_fault(9, " mcpServers.b.tools: t: takes \"name\"");
        check_fault(10, " mcpServers.b.colour: not known");
        check_fault(11, " mcpServers.c: has the prefix of b");
        check_fault(12, " mcpServers.d: must be an object");
        check_fault(14, " mcpServers.e.scope: must be \"session\", \"user\" or \"shared\"");
        check_fault(16, " mcpServers.f.scope: does not go with \"url\"");
}

Test(config, an_unset_variable_is_named)
{
        unsetenv("NOT_THERE");
        cr_assert(load("{\"gateway\": {\"listen\": \"${env:NOT_THERE}\"}}") < 0);
        check_fault(1, " gateway.listen: the environment variable NOT_THERE is not set");
}

Test(config, a_bad_variable_is_told_by_its_name)
{
        setenv("MGW_KEEPALIVE_S", "often", 1);
        cr_assert(load("{}") < 0);
        cr_assert_not_null(strstr(faults, "MGW_KEEPALIVE_S: must be a number"));
}

static void check_unread(const char *file, const char *why)
{
        size_t size;
        FILE *err = open_memstream(&faults, &size);

        cr_assert(config_load(&config, file, err) < 0);
        fclose(err);
        cr_assert_not_null(strstr(faults, why), "%s", faults);
        finish();
}

Test(config, a_file_that_cannot_be_read_is_told)
{
        char big[] = "/tmp/mgw-config-XXXXXX";
        int fd = mkstemp(big);

        check_unread("/nowhere/mgw.json", "/nowhere/mgw.json: cannot be read: No such file");
        check_unread("/tmp", "/tmp: cannot be read: Is a directory");
        check_int(ftruncate(fd, (1 << 20) + 1), 0);
        close(fd);
        check_unread(big, ": cannot be read: File too large");
        unlink(big);
}

/* ---- what outlives mgw ---- */

Test(config, what_outlives_mgw_is_beside_the_tokens_where_there_is_such)
{
        check_int(load("{\"gateway\": {\"auth\": {\"tokens_file\": \"t.json\"}}}"), 0);
        cr_assert_str_empty(config.state_dir);
        cr_assert_not(config_needs_state(&config));
        finish();
        check_int(load("{\"gateway\": {\"public_url\": \"https://a.example.com\", "
                       "\"auth\": {\"tokens_file\": \"t.json\", \"login\": {\"tokens\": true}}}}"),
                  0);
        cr_assert(config_needs_state(&config));
        cr_assert_str_eq(config.state_dir, "/tmp");
        finish();
        check_int(load("{\"mcpServers\": {\"mail\": {\"url\": \"https://mail.example.com/mcp\", "
                       "\"oauth\": {\"scopes\": [\"read\"]}}}, "
                       "\"gateway\": {\"public_url\": \"https://a.example.com\"}}"),
                  0);
        cr_assert(config_needs_state(&config));
        cr_assert_str_empty(config.state_dir, "there is no file that it could be beside");
}

Test(config, where_it_is_kept_may_be_said)
{
        check_int(load("{\"gateway\": {\"state_dir\": \"mgw-not-there-yet\"}}"), 0);
        cr_assert_str_eq(config.state_dir, "/tmp/mgw-not-there-yet");
        cr_assert_neq(access(config.state_dir, F_OK), 0, "it is made when mgw starts, not here");
        finish();
        check_int(load("{\"gateway\": {\n\"state_dir\": \"/proc/none/state\",\n"
                       "\"state_key_old\": \"short\"}}"),
                  -EINVAL);
        check_fault(2, " gateway.state_dir: /proc/none/state cannot be written: No such file");
        check_fault(3, " gateway.state_key_old: must have 32 characters at least");
}
