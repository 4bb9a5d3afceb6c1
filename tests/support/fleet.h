/* For tests: a client in this process and workers as children, on one private
 * redis-server. */
#ifndef TESTS_SUPPORT_FLEET_H
#define TESTS_SUPPORT_FLEET_H

#include "support/redis.h"
#include <orbiter/acl.h>
#include <orbiter/fleet.h>

struct test_fleet {
    struct test_redis redis;   /* config and password may be set before the start */
    struct orb_loop *loop;
    struct orb_client *client;
};

void test_fleet_start(struct test_fleet *fleet);
void test_fleet_stop(struct test_fleet *fleet); /* fine when it never started */
/* Another client, as a user who may what this role may. */
struct orb_client *test_client_as(struct test_fleet *fleet, enum orb_acl_role role, const char *name);
/* Runs the loop until ready(arg) is not 0; fails with `what` after timeout_ms. */
void test_loop_until(struct orb_loop *loop, const char *what, int (*ready)(void *arg), void *arg, int timeout_ms);
int test_is_set(void *arg); /* for the above: arg is an int */

/* Submits a task with this id for an agent named bot, and waits until it is queued. */
struct test_task {
    const char *id, *model, *input, *queue;
    const char *config;        /* in place of bot and the model */
    int detailed;
    double timeout_seconds;    /* 0 = the default */
    int priority;              /* 0 = the default */
    double delay_seconds;
};
void test_submit(struct test_fleet *fleet, const struct test_task *task);
/* As the Python client does: an entry with the payload, and nothing else. */
void test_submit_plain(const struct test_fleet *fleet, const char *id, const char *model);

/* Waits until a field of the task's hash is value. */
void test_wait_field(const struct test_fleet *fleet, const char *id, const char *name, const char *value, int timeout_ms);
void test_expect_field(const struct test_fleet *fleet, const char *id, const char *name, const char *value);
/* The stored events, in order, as words: "status:starting step:started text"
 * (pieces of text in a row are one word); fails unless seq counts from 1 within each
 * attempt. Attempts after the first begin with "|". The caller frees. */
extern int test_repeats; /* -1: an event that is there twice is a failure; else they are counted, as readers pass over them */
char *test_events(const struct test_fleet *fleet, const char *id);
/* Nothing is left in the queue, delivered or not. */
void test_expect_drained(const struct test_fleet *fleet, const char *queue);

/* orbiter-worker on this fleet's Redis with more arguments, NULL at the end;
 * returns when it serves. */
void test_worker_start(struct test_child *child, const struct test_fleet *fleet, const char *const args[], const char *const env[]);
/* SIGTERM, and its end with status 0. */
void test_worker_stop(struct test_child *child);

#endif
