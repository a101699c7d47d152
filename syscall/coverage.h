/* The list of system calls, for people. */
#pragma once

#include <stdio.h>

/** Prints a line for each system call number of each guest: number, name, guests, and whether it is passed on to the host,
 * converted, emulated or refused (with what and why). */
void coverage_print(FILE *f);
