/* What the files of actions share. An action is one thing that a client, a worker or misfortune does: it draws whom, does it,
 * and holds the answer against ref.c. */
#ifndef TESTS_CHAOS_MODEL_ACT_H
#define TESTS_CHAOS_MODEL_ACT_H

#include "chaos/model/model.h"

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define TTLS "86400", "3600"

/* hold.c */
int is_repeated(void); /* is this call to be sent twice? */
struct worker *any_worker(int queue, int is_python);
int number(const struct worker *w);
struct task *any_task(void);
int is_mine(const struct hold *h);
struct hold *hold_add(int worker, const struct entry *e);
struct hold *any_hold(int is_begun);
void call_of(const struct hold *h, struct view *v, int twice, const struct orb_script *script, const char *key, const char *const *args);
void settle(const struct hold *h, const struct view *v, const char *expected);

/* client.c */
const char *key_of(const struct task *t);
int known(const char *id);
void submit(void);
void submit_again(void);
void python_submit(void);
void cancel(void);
void python_cancel(void);

/* attempt.c */
int expect_lane(int queue, int lane, int count, int worker, int is_back, struct entry **out);
void claim(struct worker *w, int most, int is_back);
void claim_new(void);
void look_back(void);
void begin(struct hold *h);
void take_alone(struct hold *h);
void begin_one(void);
void begin_again(void);
void event(void);
void finish(struct hold *h, enum state outcome);
void finish_one(void);
void retry(void);
void requeue(void);
void check(void);
void poison(struct hold *h);
void poison_one(void);

/* fleet.c */
void lease(struct worker *w, const char *ms);
void start_process(struct worker *w);
void join(void);
void die(void);
void leave(void);
void recover(void);
void sweep(struct worker *w, int is_urgent);
void sweep_one(void);
void repair(int queue);

/* trouble.c */
void lose_group(void);
void lose_key(void);
void retire(struct task *t);
void retire_one(void);
void python_take(void);
void python_end(void);

#endif
