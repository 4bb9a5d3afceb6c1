/* EventPublisher: writes the events of the tasks that run here, each to its
 * stream (replay) and its channel (live), pipelined over all tasks.
 *
 * Text comes in pieces: a piece after a pause goes out at once; pieces that
 * follow within 20 ms are joined and go out together at the end of those 20 ms.
 * What all tasks have to write goes out together, at the end of the loop's turn; while
 * there are many, a millisecond after the write before.
 *
 * After a lost connection, what had been written goes through the replay script: an event
 * is stored and published once, or if the link broke between the two, only stored.
 *
 * A stream is full with 10,000 entries or 8 MiB. From then on text is not stored, only
 * published, and results of tools lose their arguments ({}) and all but 4 KiB of
 * their text. Other events are small, and are stored as ever.
 *
 * For a task that runs without Redis there is a publisher that gives each event, as its JSON, to a function
 * instead: nothing is stored, and so nothing is ever full. */
#ifndef ORB_EVENT_PUBLISHER_H
#define ORB_EVENT_PUBLISHER_H

#include "event/event.h"
#include "store/store.h"

#define ORB_COALESCE_MS 17 /* the wait for the next write and the loop's own turn come on top: 20 is the promise */
#define ORB_STREAM_ENTRIES_MAX 10000
#define ORB_STREAM_BYTES_MAX (8 * 1024 * 1024)
#define ORB_STREAM_RESULT_MAX 4096 /* a tool's result in a full stream */

struct orb_publisher;
struct orb_acked;
struct orb_publisher *orb_publisher_new(struct orb_loop *loop, struct orb_store *store);
typedef void (*orb_publisher_fn)(void *arg, const char *json, size_t len);
struct orb_publisher *orb_publisher_new_local(struct orb_loop *loop, orb_publisher_fn fn, void *arg);
/* The store goes in the same turn: what is under way there belongs to the publisher. */
void orb_publisher_free(struct orb_publisher *publisher);
/* Everything given so far goes into the pipeline now, unless it is held back. */
void orb_publisher_flush(struct orb_publisher *publisher);
/* A worker may only write while it is known to hold its lease: after this time (loop's clock) events are held back, until a
 * later time is told; then they go out, those of attempts that have ended meanwhile excepted. */
void orb_publisher_trust(struct orb_publisher *publisher, int64_t until_ms);
int orb_publisher_is_held(const struct orb_publisher *publisher);
/* Events that Redis refused since the last call (they are lost, the task goes on). */
int64_t orb_publisher_take_refused(struct orb_publisher *publisher, struct orb_error *why);

/* The events of one attempt; embedded in what runs it. */
struct orb_event_stream {
    struct orb_publisher *publisher;
    const char *task_id;          /* borrowed for its life */
    int attempt;
    int64_t seq;                  /* of the latest event */
    int unwritten;                /* events that wait to be written */
    struct orb_acked *acked;
    int64_t entries, bytes;       /* stored so far */
    int is_truncated;
    int64_t armed_ms, flushed_ms; /* when the stream's expiry was set; when text last went out */
    int is_armed;                 /* it was set while there were entries */
    struct orb_buf text;          /* waiting to be joined */
    int text_is_reasoning;
    char *text_agent;
    struct orb_event_stream *next, **link; /* among those with waiting text; what points to this one */
    int is_waiting;
};
void orb_event_stream_init(struct orb_event_stream *stream, struct orb_publisher *publisher, const char *task_id, int attempt);
/* What waits goes out first. */
void orb_event_stream_done(struct orb_event_stream *stream);
void orb_event_stream_put(struct orb_event_stream *stream, const struct orb_event_out *event);
/* For a task that says nothing: to be called now and then while it runs. Sets the
 * stream's expiry anew when that is more than 5 minutes ago, else costs nothing. */
void orb_event_stream_touch(struct orb_event_stream *stream);
/* Was the stream's expiry set less than a hundredth of its time ago? */
int orb_event_stream_is_fresh(const struct orb_event_stream *stream);
/* The seq of the latest event that Redis has said it has stored; 0 = none, or the stream is full and has gaps. */
int64_t orb_event_stream_acked(const struct orb_event_stream *stream);
/* What waits goes into the pipeline, unless it is held back; then the seq for an event that a script will write. */
int64_t orb_event_stream_last_seq(struct orb_event_stream *stream);

#endif
