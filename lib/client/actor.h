/* Who does what an operator does, for the audit stream. */
#ifndef ORB_CLIENT_ACTOR_H
#define ORB_CLIENT_ACTOR_H

const char *orb_actor_who(void);  /* ORBITER_USER, or the user's name */
const char *orb_actor_from(void); /* hostname:pid */

#endif
