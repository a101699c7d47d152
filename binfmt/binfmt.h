/* Registration with the kernel's binfmt_misc (Documentation/admin-guide/binfmt-misc.rst), so that foreign programs start
 * like native ones.
 *
 *     dragoman binfmt install|remove|status|print [OPTIONS] [GUEST...]
 *
 * One entry a guest, called dragoman-GUEST. Magic and mask cover the ELF header up to e_machine: OSABI is ignored, the type
 * may be EXEC or DYN. All of it follows from the list of guests.
 *
 * Flags. F: the kernel keeps the translator open from registration on, so it need not be in a chroot or container. P: the kernel
 * hands on argv[0] as a word of its own and says so in AT_FLAGS (loader/options.c). C on request (--credentials):
 * setuid programs get their rights, and the kernel sets AT_SECURE.
 */
#pragma once

/** The subcommand; argv[0] is "binfmt". Returns the exit status: 0, 1 if something could not be done, 125 for a command line
 * that makes no sense. */
int binfmt_main(int argc, char **argv);
