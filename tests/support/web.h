/* A small HTTP server in a process of its own, on 127.0.0.1 and ::1. What it does is in the path:
 *   /echo…         200, the request as it came
 *   /json          200, {"items": [{"t": "x", "n": [1, 2]}], "a/b": null}
 *   /weather?city=…  200, for the example of docs/tools.md
 *   /status/CODE   that status, with a short text
 *   /to/CODE?URL   that status, with Location: URL
 *   /far/N         302, with a Location of N bytes and some more
 *   /big/N         N bytes
 *   /flood         bytes without end
 *   /trailers      a byte, then trailers without end
 *   /hang          nothing
 *   /stall         half of a response, then nothing
 *   /cut           half of a response, then the end */
#ifndef TESTS_SUPPORT_WEB_H
#define TESTS_SUPPORT_WEB_H

#include <sys/types.h>

struct test_web {
    pid_t pid;
    int port;
};

void test_web_start(struct test_web *web);
void test_web_stop(struct test_web *web);

#endif
