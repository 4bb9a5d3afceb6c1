#include "support/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void tell(const struct rig *rig, const char *command)
{
    char *text = test_redis_text(&rig->fleet.redis, command);
    if (!strncmp(text, "(error)", 7))
        fail_msg("%s: %s", command, text);
    free(text);
}

static void kill_server(struct rig *rig)
{
    test_redis_kill(&rig->fleet.redis);
}

static void restart_server(struct rig *rig)
{
    test_redis_launch(&rig->fleet.redis);
    rig_until(rig, "redis-server to answer", test_redis_answers, &rig->fleet.redis, 20000);
}

static void kill_and_wipe(struct rig *rig)
{
    char path[TEST_PATH_MAX + 32];
    kill_server(rig);
    snprintf(path, sizeof path, "%s/appendonlydir", rig->fleet.redis.dir);
    test_rmtree(path);
    snprintf(path, sizeof path, "%s/dump.rdb", rig->fleet.redis.dir);
    remove(path);
}

static void fill(struct rig *rig)
{
    free(test_redis_text(&rig->fleet.redis, "EVAL %s 0",
                         "if redis.call('EXISTS', 'junk:1') == 0 then for i = 1, 8000 do redis.call('SET', 'junk:' .. i, i) end end"));
}

/* It reads what it has for some seconds, and says so. */
static void load_slowly(struct rig *rig)
{
    char path[TEST_PATH_MAX + 16], text[4096];
    kill_server(rig);
    snprintf(path, sizeof path, "%s/redis.conf", rig->fleet.redis.dir);
    char *config = test_file_read(path, NULL);
    assert_non_null(config);
    snprintf(text, sizeof text, "%skey-load-delay 300\n", config);
    test_file_write(path, text);
    test_redis_launch(&rig->fleet.redis);
    test_child_expect(&rig->fleet.redis.child, "Server initialized", 10000);
    test_file_write(path, config);
    free(config);
}

static void load_fast(struct rig *rig)
{
    char *text = test_redis_text(&rig->fleet.redis, "PING");
    if (strncmp(text, "(error) LOADING", 15))
        fail_msg("the server is not loading: %s", text);
    free(text);
    tell(rig, "CONFIG SET key-load-delay 0");
    rig_until(rig, "the server to have loaded", test_redis_answers, &rig->fleet.redis, 20000);
}

static void freeze(struct rig *rig)
{
    test_redis_freeze(&rig->fleet.redis);
}

static void thaw(struct rig *rig)
{
    test_redis_thaw(&rig->fleet.redis);
}

static void destroy_group(struct rig *rig)
{
    tell(rig, "XGROUP DESTROY orbiter:tasks orbiter:tasks:group");
}

static void delete_queue(struct rig *rig)
{
    tell(rig, "DEL orbiter:tasks");
}

static void become_replica(struct rig *rig)
{
    tell(rig, "REPLICAOF 127.0.0.1 1");
}

static void become_stale(struct rig *rig)
{
    tell(rig, "CONFIG SET replica-serve-stale-data no");
    become_replica(rig);
}

static void become_primary(struct rig *rig)
{
    tell(rig, "REPLICAOF NO ONE");
    tell(rig, "CONFIG SET replica-serve-stale-data yes");
}

static void run_out_of_memory(struct rig *rig)
{
    tell(rig, "CONFIG SET maxmemory 1");
}

static void have_memory(struct rig *rig)
{
    tell(rig, "CONFIG SET maxmemory 0");
}

static int save_status_is(const struct rig *rig, const char *status)
{
    char *text = test_redis_text(&rig->fleet.redis, "INFO persistence"), wanted[64];
    snprintf(wanted, sizeof wanted, "rdb_last_bgsave_status:%s", status);
    int is_it = strstr(text, wanted) && strstr(text, "rdb_bgsave_in_progress:0");
    free(text);
    return is_it;
}

static int save_has_failed(void *rig)
{
    return save_status_is(rig, "err");
}

static int save_is_fine(void *rig)
{
    return save_status_is(rig, "ok");
}

static void snapshot_path(const struct rig *rig, char path[TEST_PATH_MAX + 16])
{
    snprintf(path, TEST_PATH_MAX + 16, "%s/dump.rdb", rig->fleet.redis.dir);
}

/* A folder is at the place of its file. */
static void fail_to_save(struct rig *rig)
{
    char path[TEST_PATH_MAX + 16];
    snapshot_path(rig, path);
    remove(path);
    assert_int_equal(mkdir(path, 0700), 0);
    free(test_redis_text(&rig->fleet.redis, "CONFIG SET save %s", "3600 1000000"));
    tell(rig, "BGSAVE");
    rig_until(rig, "the save to fail", save_has_failed, rig, 10000);
}

static void save_again(struct rig *rig)
{
    char path[TEST_PATH_MAX + 16];
    snapshot_path(rig, path);
    assert_int_equal(rmdir(path), 0);
    tell(rig, "BGSAVE");
    rig_until(rig, "the save", save_is_fine, rig, 10000);
}

/* Events may be written: they are not kept for a permission that may never come. */
static void forbid(struct rig *rig)
{
    tell(rig, "ACL SETUSER default -xreadgroup -@scripting -@pubsub +publish");
    tell(rig, "CLIENT KILL TYPE pubsub");
}

static void allow(struct rig *rig)
{
    tell(rig, "ACL SETUSER default +@all");
}

static void flush_scripts(struct rig *rig)
{
    tell(rig, "SCRIPT FLUSH");
}

static void kill_clients(struct rig *rig)
{
    rig->link_id = rig_listening_id(rig);
    tell(rig, rig_random(rig, 2) ? "CLIENT KILL TYPE normal" : "CLIENT KILL TYPE pubsub");
}

static void kill_all_clients(struct rig *rig)
{
    rig->link_id = rig_listening_id(rig);
    tell(rig, "CLIENT KILL TYPE normal");
    tell(rig, "CLIENT KILL TYPE pubsub");
}

static void pause_clients(struct rig *rig)
{
    tell(rig, "CLIENT PAUSE 2000 ALL");
}

/* It answers when that is over. */
static void wait_for_clients(struct rig *rig)
{
    tell(rig, "PING");
}

static void be_slow(struct rig *rig)
{
    test_proxy_set(&rig->proxy, TEST_PROXY_SLOW, 2000 + rig_random(rig, 18000));
}

static void be_late(struct rig *rig)
{
    test_proxy_set(&rig->proxy, TEST_PROXY_LATE, 200 + rig_random(rig, 400));
}

static void be_mute(struct rig *rig)
{
    test_proxy_set(&rig->proxy, TEST_PROXY_HOLE, 0);
}

static void refuse(struct rig *rig)
{
    test_proxy_set(&rig->proxy, TEST_PROXY_REFUSE, 0);
    test_proxy_cut(&rig->proxy);
}

static void cut(struct rig *rig)
{
    rig->link_id = rig_listening_id(rig);
    test_proxy_cut(&rig->proxy);
}

static void reset(struct rig *rig)
{
    rig->link_id = rig_listening_id(rig);
    test_proxy_reset(&rig->proxy);
}

static void be_fine(struct rig *rig)
{
    test_proxy_set(&rig->proxy, TEST_PROXY_PASS, 0);
}

/* All that was acknowledged is on the replica: what is lost otherwise is another proof's. */
static void lose_primary(struct rig *rig)
{
    be_mute(rig);
    rig_wait_replica(rig);
    kill_server(rig);
    refuse(rig);
}

static void promote(struct rig *rig)
{
    rig_promote_replica(rig);
    be_fine(rig);
}

const struct fault faults[] = {
    { "restart", 1000, 0, NULL, kill_server, NULL, restart_server },
    { "restart_lossy", 1000, FAULT_LOSES_ALL, NULL, kill_and_wipe, NULL, restart_server },
    { "nogroup", 800, FAULT_IS_REACHABLE, NULL, destroy_group, NULL, destroy_group },
    { "unblocked", 800, FAULT_IS_REACHABLE, NULL, delete_queue, NULL, NULL },
    { "loading", 1500, 0, fill, load_slowly, NULL, load_fast },
    { "readonly", 1500, 0, NULL, become_replica, NULL, become_primary },
    { "masterdown", 1500, 0, NULL, become_stale, NULL, become_primary },
    { "oom", 1500, 0, NULL, run_out_of_memory, NULL, have_memory },
    { "misconf", 1500, 0, NULL, fail_to_save, NULL, save_again },
    { "noperm", 1500, 0, NULL, forbid, NULL, allow },
    { "noscript", 1000, FAULT_IS_REACHABLE, NULL, flush_scripts, flush_scripts, flush_scripts },
    { "clientkill", 1500, FAULT_IS_REACHABLE | FAULT_BREAKS_LINK, NULL, kill_all_clients, kill_clients, kill_all_clients },
    { "clientpause", 1900, 0, NULL, pause_clients, NULL, wait_for_clients },
    { "frozen", 3600, 0, NULL, freeze, NULL, thaw },
    { "slow", 3000, FAULT_IS_REACHABLE, NULL, be_slow, NULL, be_fine },
    { "late", 1500, FAULT_IS_REACHABLE, NULL, be_late, NULL, be_fine },
    { "halfopen", 1500, FAULT_IS_REACHABLE | FAULT_BREAKS_LINK, NULL, be_mute, NULL, be_fine },
    { "halfopen_long", 4000, FAULT_IS_REACHABLE | FAULT_BREAKS_LINK, NULL, be_mute, NULL, be_fine },
    { "cut", 1000, FAULT_IS_REACHABLE | FAULT_BREAKS_LINK, NULL, cut, cut, cut },
    { "reset", 1000, FAULT_IS_REACHABLE | FAULT_BREAKS_LINK, NULL, reset, reset, reset },
    { "refused", 1500, FAULT_IS_REACHABLE | FAULT_BREAKS_LINK, NULL, refuse, NULL, be_fine },
    { "failover", 1000, 0, rig_add_replica, lose_primary, NULL, promote },
    { 0 },
};
