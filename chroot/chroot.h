/* `dragoman chroot`: a foreign system in a folder, for everybody.
 *
 *     dragoman chroot [OPTIONS] DIR [COMMAND [ARGUMENTS]]
 *
 * An ordinary user gets a user namespace in which he is root: with the ids that /etc/subuid and /etc/subgid give him, through
 * newuidmap and newgidmap, else with his own id alone (then files can't be given to others, and groups not be set). Root
 * needs none. In a mount namespace of its own DIR becomes the root, with the system's /proc, /dev, /sys and /etc/resolv.conf.
 * Nothing is started for this: the process itself moves, then runs COMMAND as dragoman runs any program. Its own executable
 * and the folder of kept translations were opened before, so neither has to be inside.
 */
#pragma once

#include <stdbool.h>

/** Whether files can be given to other ids than the user's own after chroot_become_root(): to root always, to others with newuidmap and
 * ranges in /etc/subuid and /etc/subgid. */
bool chroot_has_ids(void);

/** A mount namespace of our own, and for ordinary users a user namespace in which they are root. Exits with 125 after a message
 * if there is none. */
void chroot_become_root(void);

/** Moves into the root that argv[1..] describe; argv[0] is "chroot". Returns the number of words in *out, dragoman's
 * own command line for COMMAND inside the root, with a null pointer at its end. Exits after a message if that can't be done: 125,
 * or 126 and 127 for the command as env(1). Native commands are executed at once. */
int chroot_enter(int argc, char **argv, char ***out);
