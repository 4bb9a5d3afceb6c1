/* Tools that hang, for the proof of cancels: their tool files, which calls of them run, and when each was gone. */
#ifndef TESTS_CHAOS_CANCEL_TOOLS_H
#define TESTS_CHAOS_CANCEL_TOOLS_H

#include "chaos/chaos.h"

/* What "gone" means: of exec and stuck, that the program and its child are dead (of stuck, the whole Python process is); of
 * python, that the coroutine has ended, or its process; of mcp, that the server has been told. */
enum hanging { HANGING_EXEC, HANGING_PYTHON, HANGING_MCP, HANGING_STUCK, HANGINGS };

/* Writes the tool files; the folder is for --tools. */
const char *hanging_files(struct chaos *c);
/* What an agent's "tools" has for it, and how the model calls it. */
const char *hanging_item(enum hanging kind);
const char *hanging_name(enum hanging kind);
/* How many calls of tasks within [from, to) run, or ran: what they are made of is watched from then on. */
int hanging_count_running(struct chaos *c, int from, int to);
/* When it was gone, by the monotonic clock; 0 = it is still there. */
double hanging_gone_at(struct chaos *c, int task);
/* Do all of these run in one process, and does it live? */
int hanging_is_shared(int from, int to);
void hanging_done(void);

#endif
