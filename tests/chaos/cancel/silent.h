/* For the proof of cancels: a provider that takes requests and says nothing. */
#ifndef TESTS_CHAOS_CANCEL_SILENT_H
#define TESTS_CHAOS_CANCEL_SILENT_H

#include "chaos/chaos.h"

int silent_listen(struct chaos *c);    /* on a port of the loopback, which is returned */
int silent_count_asked(void);          /* requests that were read */
double silent_closed_at(int task);     /* its connection was closed then, by the monotonic clock; 0 = it is open */
void silent_stop(void);

#endif
