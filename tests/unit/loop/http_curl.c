/* All of http.c once more, by curl, which carries what needs more than a connection of our own. */
#define CARRIER http_curl
#define IS_CURLS true
#include "http.c"
