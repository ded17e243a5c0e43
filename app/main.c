/* Arguments -> configuration -> server -> exit code. */
#include "mgw/auth/policy.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/base/privilege.h"
#include "mgw/base/strv.h"
#include "mgw/base/syscall_filter.h"
#include "mgw/config/config.h"
#include "mgw/core/user.h"
#include "mgw/probe/probe.h"
#include "mgw/server/server.h"

#include <curl/curl.h>
#include <getopt.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_DAYS 90
#define EXIT_USAGE 2
#define LOG_FINISH_MS 500

static void print_help(void)
{
        printf("mgw %s: an MCP gateway. Any client, any upstream, and no stream goes idle.\n\n"
               "  mgw [--config FILE]                        serve FastCGI (FILE also by "
               "MGW_CONFIG)\n"
               "  mgw [--config FILE] --replace              the same, in the place of the mgw "
               "that "
               "serves there: docs/replace.md\n"
               "  mgw --check-config FILE                    say what is wrong with FILE\n"
               "  mgw import FILE...                         print one FILE made of those of MCP "
               "clients\n"
               "  mgw token EMAIL [--days N] [--file FILE]   make a user's token, print it once\n"
               "  mgw policy check USER [TOOL]               say what USER may, and which rule "
               "decides\n",
               MGW_VERSION);
        probe_print_help(stdout);
        fputs("  mgw --help, mgw --version\n\n"
              "FILE is JSON (comments are fine) or YAML: {\"mcpServers\": {\"name\": {\"url\": "
              "\"http://...\"}}, \"gateway\": "
              "{...}}\n"
              "(or \"command\", \"rest\", \"openapi\" in place of \"url\": docs/upstreams.md)\n"
              "or a file of an MCP client as it is: docs/clients.md; with these settings under "
              "\"gateway\"\n"
              "(the environment wins over the file; ${NAME} or ${NAME:-default} in any string of "
              "the file\n"
              "stands for an environment variable):\n\n",
              stdout);
        config_print_help(stdout);
}

static void print_version(void)
{
        printf("mgw %s (jansson %s, %s, %s)\n", MGW_VERSION, jansson_version_str(), curl_version(),
               OpenSSL_version(OPENSSL_VERSION));
}

static int check_tokens(const struct config *config)
{
        struct user_table *users = NULL;
        int r = user_table_create(&users, config->auth_tokens_file, stderr);

        user_table_destroy(users);
        return r;
}

static int check_config(const char *path)
{
        struct config config;
        int r = config_load(&config, path, stderr);

        if (r == 0)
                r = check_tokens(&config);
        if (r == 0 && config.n_left_out > 0)
                printf("%s: ok, but %zu of %zu servers left out\n", path, config.n_left_out,
                       config.n_left_out + config.n_servers);
        else if (r == 0 && config.policy != NULL && config.policy->n_dead > 0)
                printf("%s: ok, but %zu of %zu rules can never match\n", path,
                       config.policy->n_dead, config.policy->n_rules);
        else if (r == 0)
                printf("%s: ok\n", path);
        config_finish(&config);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int import(char **paths)
{
        size_t n = strv_count((const char *const *)paths);

        if (n == 0 || paths[0][0] == '-') {
                fprintf(stderr, "usage: mgw import FILE...\n");
                return EXIT_USAGE;
        }
        return config_import(paths, n, stdout, stderr) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int token_usage(void)
{
        fprintf(stderr, "usage: mgw token EMAIL [--days 1-36500] [--file FILE]\n");
        return EXIT_USAGE;
}

static int make_token(int argc, char **argv)
{
        static const struct option options[] = {{"days", required_argument, NULL, 'd'},
                                                {"file", required_argument, NULL, 'f'},
                                                {0}};
        unsigned long days = TOKEN_DAYS;
        const char *file = getenv("MGW_AUTH_TOKENS_FILE");
        char *end = "";
        int o;

        while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
                if (o == 'd')
                        days = strtoul(optarg, &end, 10);
                else if (o == 'f')
                        file = optarg;
                else
                        return token_usage();
        }
        if (argc - optind != 1 || *end != '\0' || days < 1 || days > 36500)
                return token_usage();
        return user_token_make(argv[optind], (unsigned)days, file, stdout, stderr) == 0
                       ? EXIT_SUCCESS
                       : EXIT_FAILURE;
}

/* Some sandboxes have no place for it: that it does not hold is told. */
static void deny_syscalls(void)
{
        int r = syscall_filter_enter();

        if (r < 0)
                log_warn(NULL, "[mgw] no system calls can be denied (seccomp): %s", strerror(-r));
}

static int serve(const char *path, bool replaces)
{
        struct config config;
        int code = EXIT_FAILURE;
        int r = privilege_give_up();

        if (r < 0) {
                fprintf(stderr, "mgw: cannot give up privileges: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        if (config_load(&config, path, stderr) == 0) {
                config.replaces = replaces;
                log_setup(STDERR_FILENO, (enum log_format)config.log_format,
                          (enum log_level)config.log_level);
                if (config.has_syscall_filter)
                        deny_syscalls();
                code = server_run(&config);
                log_finish(LOG_FINISH_MS);
        }
        config_finish(&config);
        return code;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                                {"check-config", required_argument, NULL, 'k'},
                                                {"replace", no_argument, NULL, 'r'},
                                                {"help", no_argument, NULL, 'h'},
                                                {"version", no_argument, NULL, 'v'},
                                                {0}};
        const char *path = getenv("MGW_CONFIG");
        bool replaces = false;
        int o;

        json_set_alloc_funcs(alloc_for_library, free);
        if (argc > 1 && strcmp(argv[1], "token") == 0)
                return make_token(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], "policy") == 0)
                return policy_explain_command(argc - 1, argv + 1, stdout, stderr);
        if (argc > 1 && strcmp(argv[1], "probe") == 0)
                return probe_command(argc - 1, argv + 1, stdout, stderr);
        if (argc > 1 && strcmp(argv[1], "inspect") == 0)
                return inspect_command(argc - 1, argv + 1, stdout, stderr);
        if (argc > 1 && strcmp(argv[1], "import") == 0)
                return import(argv + 2);
        while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
                switch (o) {
                case 'c':
                        path = optarg;
                        break;
                case 'r':
                        replaces = true;
                        break;
                case 'k':
                        return check_config(optarg);
                case 'h':
                        print_help();
                        return EXIT_SUCCESS;
                case 'v':
                        print_version();
                        return EXIT_SUCCESS;
                default:
                        fprintf(stderr, "mgw --help tells what can be given\n");
                        return EXIT_USAGE;
                }
        }
        if (optind < argc) {
                fprintf(stderr, "mgw: what is \"%s\"? mgw --help tells what can be given\n",
                        argv[optind]);
                return EXIT_USAGE;
        }
        return serve(path, replaces);
}
