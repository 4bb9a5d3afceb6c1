/* Runs a fuzz target over files: replay in place of libFuzzer, for any compiler.
 * FILE...; prints `ok replay NAME: N inputs`. */
#include "fuzz/fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define INPUT_MAX (1024 * 1024)

static const char *input = ""; /* that is being run */

void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

static void say_input(void)
{
    static const char text[] = "the input was: ";
    if (write(2, text, sizeof text - 1) < 0 || write(2, input, strlen(input)) < 0 || write(2, "\n", 1) < 0)
        return;
}

static void on_crash(int signo)
{
    say_input();
    signal(signo, SIG_DFL);
    raise(signo);
}

static int run(const char *name)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(name, "rb");
    if (!file) {
        perror(name);
        return -1;
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees what is read beyond */
    if (!exact)
        return -1;
    memcpy(exact, bytes, size);
    input = name;
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(say_input);
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    for (int i = 1; i < argc; i++)
        if (run(argv[i]))
            return 1;
    input = "(all of them: a leak)";
    printf("ok replay %s: %d inputs\n", name, argc - 1);
    return argc < 2;
}
