/* The console: anything that may happen to it (keys, sizes, messages from Redis, in any order), taken from bytes; and, beginning with {, the
 * lines of a recording. What must hold is said in support/havoc.c. */
#include "fuzz/fuzz.h"
#include "support/havoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == '{')
        havoc_replay((const char *)data, size);
    else
        havoc_play(data, size);
    return 0;
}
