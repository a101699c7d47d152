#include "syscall/flags.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/loop.h>
#include <linux/nsfs.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const struct sys_flag sys_flags[] = {
#define BIT(set, name) { #set, #name, (uint32_t)name, true },
#define VAL(set, name) { #set, #name, (uint32_t)name, false },
#include "syscall/flags.def"
#undef BIT
#undef VAL
#define PRCTL(name, number, what) { "prctl", #name, number, false },
#include "syscall/prctl.def"
#undef PRCTL
};
const size_t sys_nflags = sizeof sys_flags / sizeof *sys_flags;
