/* Files and folders: open flags, seek, stat, directories, links, times, poll, select, sockets, fcntl.
 * build: -O2 dynamic; -O0 static
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int only_entries(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void folders(void)
{
    mkdir("dir", 0750);
    close(open("dir/b", O_CREAT | O_WRONLY, 0640));
    symlink("b", "dir/link") == 0 && link("dir/b", "dir/hard") == 0 ? puts("linked") : puts("not linked");
    struct dirent **entries;
    int n = scandir("dir", &entries, only_entries, alphasort);
    for (int i = 0; i < n; i++) {
        printf("%s:%d ", entries[i]->d_name, entries[i]->d_type);
    }
    struct stat st;
    lstat("dir/link", &st);
    printf("%d %ld", S_ISLNK(st.st_mode), (long)st.st_size);
    stat("dir/link", &st);
    printf(" %o %ld\n", st.st_mode, (long)st.st_nlink);
    struct timespec times[2] = { { 1000000000, 5 }, { 1200000000, 7 } };
    utimensat(AT_FDCWD, "dir/b", times, 0);
    stat("dir/b", &st);
    printf("%ld.%ld\n", (long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
    printf("rename %d", rename("dir/hard", "dir/moved"));
    printf(" rmdir %d", rmdir("dir"));
    printf(" %d", errno == ENOTEMPTY);
    printf(" access %d %d\n", access("dir/moved", R_OK), access("dir/hard", R_OK));
}

static void events(void)
{
    int pair[2], event = eventfd(3, EFD_NONBLOCK), epoll = epoll_create1(EPOLL_CLOEXEC);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct epoll_event want = { .events = EPOLLIN, .data.u64 = 0x123456789abcdef0 }, got = { 0 };
    epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &want);
    printf("epoll %d", epoll_wait(epoll, &got, 1, 0));
    struct iovec parts[2] = { { (char *)"hello ", 6 }, { (char *)"world", 5 } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    char control[CMSG_SPACE(sizeof(int))] = { 0 }, buffer[32] = { 0 };
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &event, sizeof event);
    printf(" sent %zd", sendmsg(pair[1], &message, 0));
    printf(" epoll %d", epoll_wait(epoll, &got, 1, 1000));
    printf(" %llx", (unsigned long long)got.data.u64);
    struct iovec into = { buffer, sizeof buffer };
    memset(control, 0, sizeof control);
    message = (struct msghdr){ .msg_iov = &into, .msg_iovlen = 1, .msg_control = control,
                               .msg_controllen = sizeof control };
    printf(" received %zd", recvmsg(pair[0], &message, 0));
    int passed;
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof passed);
    unsigned long value = 0;
    printf(" [%s] %zd", buffer, read(passed, &value, 8));
    printf(" %lu\n", value);
    struct pollfd polls[2] = { { pair[0], POLLIN, 0 }, { pair[1], POLLOUT, 0 } };
    printf("poll %d", poll(polls, 2, 0));
    printf(" %x %x", polls[0].revents, polls[1].revents);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[1], &set);
    struct timeval none = { 0, 0 };
    printf(" select %d", select(pair[1] + 1, NULL, &set, NULL, &none));
    int size = 0;
    socklen_t length = sizeof size;
    printf(" type %d", getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &size, &length));
    printf(" %d", size);
    int ready = write(pair[1], "abc", 3) == 3 && ioctl(pair[0], FIONREAD, &size) == 0;
    printf(" %d %d\n", ready, size);
}

int main(void)
{
    int fd = open("./file", O_RDWR | O_CREAT | O_EXCL, 0600);
    printf("%d again %d", fd >= 0, open("./file", O_RDWR | O_CREAT | O_EXCL, 0600));
    printf(" %d\n", errno == EEXIST);
    struct iovec parts[3] = { { (char *)"ab", 2 }, { (char *)"cdef", 4 }, { (char *)"gh", 2 } };
    printf("writev %zd", writev(fd, parts, 3));
    printf(" seek %ld", (long)lseek(fd, -3, SEEK_END));
    char buffer[32] = { 0 };
    printf(" read %zd", read(fd, buffer, 32));
    printf(" %s pwrite %zd", buffer, pwrite(fd, "XY", 2, 1));
    printf(" truncate %d", ftruncate(fd, 5));
    struct stat st;
    fstat(fd, &st);
    printf(" size %ld mode %o\n", (long)st.st_size, st.st_mode);
    int copy = dup(fd), high = fcntl(fd, F_DUPFD_CLOEXEC, 50);
    printf("%d %d %d", copy > fd, high, fcntl(high, F_GETFD));
    printf(" %d", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 3 };
    printf(" %d %d", fcntl(fd, F_SETLK, &lock), flock(fd, LOCK_EX | LOCK_NB));
    fcntl(fd, F_GETLK, &lock);
    printf(" %d\n", lock.l_type == F_UNLCK);
    printf("not a folder %d", open("./file/x", O_RDONLY));
    printf(" %d", errno == ENOTDIR);
    printf(" directory flag %d", open("./file", O_DIRECTORY));
    printf(" %d", errno == ENOTDIR);
    symlink("loop", "loop") == 0 ? printf(" nofollow %d", open("loop", O_NOFOLLOW)) : 0;
    printf(" %d\n", errno == ELOOP);
    folders();
    events();
    char *here = getcwd(NULL, 0);
    printf("cwd %d chdir %d", here != NULL, chdir("dir"));
    printf(" %d tty %d", access("b", F_OK), isatty(fd));
    printf(" %d umask %o", errno == ENOTTY, umask(022));
    printf(" %o\n", umask(077));
    return 0;
}
