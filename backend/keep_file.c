#include "backend/keep_file.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "loader/hostfd.h"

/* Names: 32 hexadecimal digits and this; what is being written has another ending. */
#define ENDING ".dtc"
enum { DIGITS = 32, SETTLED = 2 /* s */, HOUR = 60 * 60, DAY = 24 * HOUR };

/* --- identities ---------------------------------------------------------------------------------- */

bool keep_file_identity(int fd, struct keep_file *file)
{
    struct stat st;
    struct timespec now;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || clock_gettime(CLOCK_REALTIME, &now) < 0)
        return false;
    *file = (struct keep_file){
        .dev = st.st_dev, .ino = st.st_ino, .size = (uint64_t)st.st_size,
        .mtime = st.st_mtim.tv_sec, .mtime_ns = (uint32_t)st.st_mtim.tv_nsec,
        .ctime = st.st_ctim.tv_sec, .ctime_ns = (uint32_t)st.st_ctim.tv_nsec,
    };
    /* The status changes with the contents. A time in the future says nothing. */
    return st.st_ctim.tv_sec + SETTLED < now.tv_sec;
}

/* The note that the linker made of a hash of the whole executable. */
static bool build_id(uint8_t id[20])
{
    extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
    const uint8_t *base = (const uint8_t *)&__ehdr_start;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(base + __ehdr_start.e_phoff);

    for (unsigned i = 0; i < __ehdr_start.e_phnum; i++) {
        if (ph[i].p_type != PT_NOTE)
            continue;
        const uint8_t *p = base + ph[i].p_vaddr, *end = p + ph[i].p_memsz;

        while (p + sizeof(Elf64_Nhdr) <= end) {
            const Elf64_Nhdr *n = (const Elf64_Nhdr *)p;
            const uint8_t *desc = p + sizeof *n + ((n->n_namesz + 3) & ~3u);

            if (n->n_type == NT_GNU_BUILD_ID && n->n_descsz == 20) {
                memcpy(id, desc, 20);
                return true;
            }
            p = desc + ((n->n_descsz + 3) & ~3u);
        }
    }
    return false;
}

bool keep_key_init(struct keep_key *key, uint64_t salt)
{
    memset(key, 0, sizeof *key);
    key->salt = salt;
    return build_id(key->build);
}

uint64_t keep_sum(uint64_t sum, const void *data, size_t size)
{
    const uint64_t *words = data;

    for (size_t i = 0; i < size / 8; i++) {
        sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    return sum;
}

/* --- the directory -------------------------------------------------------------------------------- */

static bool is_ours(int fd, mode_t kind)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() && !(st.st_mode & 022);
}

/* The directory for those who did not name one: the system's for root, who often lives in a root file system that is
 * to become an image; everybody's own else. It is made only where the folder for such things is there. */
static bool usual_dir(char *path, size_t size)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (geteuid() == 0)
        return snprintf(path, size, "/var/cache/dragoman") > 0;
    if (base && base[0] == '/')
        return (size_t)snprintf(path, size, "%s/dragoman", base) < size && (mkdir(path, 0700) == 0 || errno == EEXIST);
    return home && home[0] == '/' && (size_t)snprintf(path, size, "%s/.cache/dragoman", home) < size &&
           (mkdir(path, 0700) == 0 || errno == EEXIST);
}

int keep_dir_find(const char *dir)
{
    char usual[4096];

    if (dir && strcmp(dir, "off") == 0)
        return -1;
    if (dir)
        mkdir(dir, 0700);
    else if (usual_dir(usual, sizeof usual))
        dir = usual;
    return dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

int keep_dir_open(const struct keep_how *how)
{
    int fd = how->dir_fd >= 0 ? how->dir_fd : keep_dir_find(how->dir);

    if (fd >= 0 && !is_ours(fd, S_IFDIR)) {
        close(fd);
        return -1;
    }
    return fd < 0 ? -1 : hostfd_keep(fd);
}

void keep_name(char name[40], const struct keep_key *key)
{
    _Static_assert(sizeof *key % 8 == 0, "made of words");

    snprintf(name, 40, "%016llx%016llx" ENDING, (unsigned long long)keep_sum(1, key, sizeof *key),
             (unsigned long long)keep_sum(2, key, sizeof *key));
}

static bool is_image_name(const char *name)
{
    return strspn(name, "0123456789abcdef") == DIGITS && name[DIGITS] == '.';
}

/* When the system was started, by the clock that files' times are of. */
static time_t system_start(void)
{
    struct timespec now, up;

    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return now.tv_sec - up.tv_sec;
}

int keep_image_open(int dir, const char *name, bool *sure)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return -1;
    if (!is_ours(fd, S_IFREG) || fstat(fd, &st) < 0) {
        close(fd);
        return -1;
    }
    *sure = st.st_mtim.tv_sec > system_start() + SETTLED;
    if (*sure && st.st_mtim.tv_sec + DAY < time(NULL))
        futimens(fd, NULL);     /* keep_dir_trim() goes by it */
    return fd;
}

int keep_image_create(int dir, char temp[40], uint64_t size)
{
    struct rlimit limit;

    /* Beyond the limit the kernel would send SIGXFSZ, and that would be the guest's. */
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur < size)
        return -1;
    snprintf(temp, 40, "%0*llx.tmp", DIGITS, (unsigned long long)getpid());
    return openat(dir, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void keep_image_done(int dir, int fd, const char *temp, const char *name, bool complete)
{
    close(fd);
    if (!complete || renameat(dir, temp, dir, name) < 0)
        unlinkat(dir, temp, 0);
}

/* --- trimming ------------------------------------------------------------------------------------- */

struct found { char name[40]; time_t used; uint64_t size; };

static int by_use(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    return (x->used > y->used) - (x->used < y->used);
}

/* The provisional file of a process that was killed while it wrote. */
static bool is_abandoned(const char *name, const struct stat *st)
{
    return strcmp(name + DIGITS, ".tmp") == 0 && st->st_mtim.tv_sec + HOUR < time(NULL);
}

/* All images, as a new array; *bytes is their sum. What was abandoned goes. */
static struct found *list(DIR *d, size_t *count, uint64_t *bytes)
{
    struct found *all = NULL;
    size_t room = 0;

    *count = 0;
    *bytes = 0;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;

        if (!is_image_name(e->d_name) || strlen(e->d_name) >= sizeof all->name ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (is_abandoned(e->d_name, &st)) {
            unlinkat(dirfd(d), e->d_name, 0);
            continue;
        }
        if (*count == room) {
            struct found *more = realloc(all, (room = room * 2 + 64) * sizeof *all);

            if (!more)
                break;
            all = more;
        }
        all[*count] = (struct found){ .used = st.st_mtim.tv_sec, .size = (uint64_t)st.st_size };
        strcpy(all[(*count)++].name, e->d_name);
        *bytes += (uint64_t)st.st_size;
    }
    return all;
}

void keep_dir_trim(int dir, uint64_t max_bytes)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    size_t count;
    uint64_t bytes;

    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    struct found *all = list(d, &count, &bytes);

    if (bytes > max_bytes) {
        qsort(all, count, sizeof *all, by_use);
        for (size_t i = 0; i < count && bytes > max_bytes; i++)
            if (unlinkat(dir, all[i].name, 0) == 0)
                bytes -= all[i].size;
    }
    free(all);
    closedir(d);
}
