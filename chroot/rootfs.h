/* `dragoman rootfs`: makes a foreign Debian in a folder.
 *
 *     dragoman rootfs --arch ARCH [OPTIONS] DIR [PACKAGE...]
 *
 * mmdebstrap (a native program) downloads and unpacks the essential packages and apt; for that a user needs no root rights, as
 * he is root in the same user namespace as with `dragoman chroot`. What comes then runs foreign programs, the packages' scripts,
 * and so can't be mmdebstrap's work without a registration with binfmt_misc: dpkg of the new system configures the essential packages,
 * its apt the others, both inside `dragoman chroot`. With --variant extract this second stage is left out.
 */
#pragma once

/** Makes the root that argv[1..] describe; argv[0] is "rootfs". Returns the number of words in *out, dragoman's own command line
 * for the second stage inside the new root, as chroot_enter() does. Exits with 125 after a message if something is wrong, and with 0 after
 * --variant extract. */
int rootfs_make(int argc, char **argv, char ***out);
