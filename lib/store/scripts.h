/* The Lua scripts, embedded at build time by embed.sh from the files beside
 * this one. Each file's head says its keys, arguments and reply. */
#ifndef ORB_STORE_SCRIPTS_H
#define ORB_STORE_SCRIPTS_H

struct orb_script {
    const char *name, *sha1, *text;
};

#define ORB_SCRIPTS(X) X(submit) X(begin) X(finish) X(retry) X(requeue) X(sweep) X(recover) X(claim) X(check) X(cancel) X(poison) X(join) X(leave) X(replay) \
    X(pause) X(purge) X(drain) X(resubmit) X(purge_dead) X(advance)
#define ORB_SCRIPT_DECLARE(name) extern const struct orb_script orb_script_##name;
ORB_SCRIPTS(ORB_SCRIPT_DECLARE)
#undef ORB_SCRIPT_DECLARE

#endif
