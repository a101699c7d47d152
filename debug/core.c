#include "debug/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/cache.h"
#include "backend/run.h"
#include "debug/core_place.h"
#include "frontend/guest.h"
#include "loader/options.h"
#include "loader/space.h"
#include "syscall/access.h"
#include "syscall/sys.h"

enum { PAGE = SPACE_PAGE, CHUNK = 16 << 20, FRAMES = 40 };

/* A line of the guest's /proc/self/maps. */
struct part {
    uint64_t start, end, offset;
    char perms[5];
    bool file, special;      /* special: [vdso] */
    bool excluded;           /* by MADV_DONTDUMP, or memory of a device */
    const char *path;
};

/* What is being written. */
struct core {
    struct thread *t;
    const siginfo_t *info;
    struct part *parts;
    size_t nparts;
    char *maps;              /* the text that paths point into */
    FILE *notes;
    char *note_bytes;
    size_t note_size;
};

bool core_signal(int signo)
{
    return signo == SIGQUIT || signo == SIGILL || signo == SIGABRT || signo == SIGFPE || signo == SIGSEGV || signo == SIGBUS ||
           signo == SIGTRAP || signo == SIGSYS || signo == SIGXCPU || signo == SIGXFSZ;
}

bool core_allowed(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur >= PAGE && prctl(PR_GET_DUMPABLE) == 1;
}

/* --- what memory there is ------------------------------------------------------------------------------ */

static bool parse_part(char *line, struct part *p)
{
    uint64_t inode;
    int path = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64 " %n", &p->start, &p->end, p->perms, &p->offset,
               &inode, &path) < 5)
        return false;
    p->path = line + path;
    p->file = inode != 0;
    p->special = strcmp(p->path, "[vdso]") == 0;
    return true;
}

static bool read_parts(struct core *c)
{
    size_t size, room = 0;
    FILE *f = open_memstream(&c->maps, &size);
    if (!f)
        return false;
    space_print_maps(f);
    fclose(f);
    for (char *line = c->maps, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (c->nparts == room) {
            room = room ? room * 2 : 64;
            c->parts = reallocarray(c->parts, room, sizeof *c->parts);
            if (!c->parts)
                return false;
        }
        if (parse_part(line, &c->parts[c->nparts]))
            c->nparts++;
    }
    return true;
}

/* By the kernel's flags, VmFlags in proc_pid_smaps(5). No part is of two of its mappings. */
static void mark_excluded(struct core *c)
{
    FILE *f = fopen("/proc/self/smaps", "re");
    char *line = NULL;
    size_t size = 0;
    uint64_t start, end, from = 0, to = 0;
    while (f && getline(&line, &size, f) > 0) {
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2) {
            from = start;
            to = end;
        } else if (strncmp(line, "VmFlags:", 8) == 0 && (strstr(line, " dd") || strstr(line, " io"))) {
            for (size_t i = 0; i < c->nparts; i++)
                c->parts[i].excluded |= c->parts[i].start >= from && c->parts[i].end <= to;
        }
    }
    free(line);
    if (f)
        fclose(f);
}

/* fs/coredump.c, vma_dump_size(). That a private mapping of a file has been written to is not known: it may be if it is writable. */
static uint64_t dumped_size(const struct part *p, unsigned filter)
{
    uint64_t all = p->end - p->start;
    bool shared = p->perms[3] == 's', readable = p->perms[0] == 'r' || p->perms[2] == 'x';
    if (!readable)
        return 0;
    if (p->special)
        return all;
    if (p->excluded)
        return 0;
    if (shared)
        return filter >> (p->file ? 3 : 1) & 1 ? all : 0;
    if (!p->file || p->perms[1] == 'w')
        return filter & 1 ? all : 0;
    if (filter >> 2 & 1)
        return all;
    char magic[SELFMAG];
    bool elf = p->offset == 0 && copy_from_guest(magic, p->start, SELFMAG) && memcmp(magic, ELFMAG, SELFMAG) == 0;
    return elf && (filter >> 4 & 1) ? PAGE : 0;
}

static unsigned coredump_filter(void)
{
    unsigned filter = 0x33;
    FILE *f = fopen("/proc/self/coredump_filter", "re");
    if (f && fscanf(f, "%x", &filter) != 1)
        filter = 0x33;
    if (f)
        fclose(f);
    return filter;
}

/* --- notes ---------------------------------------------------------------------------------------------- */

static void note(struct core *c, const char *name, uint32_t type, const void *data, size_t size)
{
    static const char zero[4];
    Elf64_Nhdr h = { (Elf64_Word)strlen(name) + 1, (Elf64_Word)size, type };
    fwrite(&h, sizeof h, 1, c->notes);
    fwrite(name, h.n_namesz, 1, c->notes);
    fwrite(zero, -h.n_namesz & 3, 1, c->notes);
    fwrite(data, size, 1, c->notes);
    fwrite(zero, -size & 3, 1, c->notes);
}

/* include/linux/elfcore.h for 64-bit guests: what comes before and after the registers. */
struct prstatus_head {
    int32_t signo, code, error;
    int16_t cursig, pad;
    uint64_t pending, held;
    int32_t pid, ppid, pgrp, sid;
    uint64_t times[4][2];
};
_Static_assert(sizeof(struct prstatus_head) == 112, "linux/elfcore.h");

static void note_thread(struct core *c, const struct thread *t)
{
    const struct abi_regset *set = linux_state.abi->regsets;
    uint8_t status[sizeof(struct prstatus_head) + REGSET_MAX + 8] = { 0 };
    struct prstatus_head head = {
        .signo = c->info->si_signo, .code = c->info->si_code, .cursig = (int16_t)c->info->si_signo, .held = t->blocked,
        .pid = (int32_t)t->tid, .ppid = getppid(), .pgrp = getpgrp(), .sid = getsid(0),
    };
    uint32_t fpvalid = 1;
    memcpy(status, &head, sizeof head);
    set->get(t->cpu, status + sizeof head);
    memcpy(status + sizeof head + set->size, &fpvalid, sizeof fpvalid);
    note(c, "CORE", NT_PRSTATUS, status, sizeof head + set->size + 8);
}

static void note_registers(struct core *c, const struct thread *t)
{
    uint8_t bytes[REGSET_MAX];
    for (const struct abi_regset *set = linux_state.abi->regsets + 1; set->note; set++) {
        memset(bytes, 0, sizeof bytes);
        set->get(t->cpu, bytes);
        note(c, set->note == NT_FPREGSET ? "CORE" : "LINUX", set->note, bytes, set->size);
    }
}

struct prpsinfo {
    char state, sname, zombie, nice;
    uint32_t pad;
    uint64_t flag;
    uint32_t uid, gid;
    int32_t pid, ppid, pgrp, sid;
    char fname[16], psargs[80];
};
_Static_assert(sizeof(struct prpsinfo) == 136, "linux/elfcore.h");

static void note_process(struct core *c)
{
    struct prpsinfo p = {
        .sname = 'R', .uid = getuid(), .gid = getgid(), .pid = getpid(), .ppid = getppid(), .pgrp = getpgrp(), .sid = getsid(0),
    };
    uint64_t n = linux_state.arg_end - linux_state.arg_start;
    prctl(PR_GET_NAME, p.fname);
    if (copy_from_guest(p.psargs, linux_state.arg_start, n < 79 ? n : 79))
        for (size_t i = 0; i + 1 < n && i < 79; i++)
            if (!p.psargs[i])
                p.psargs[i] = ' ';
    note(c, "CORE", NT_PRPSINFO, &p, sizeof p);
}

static void note_memory(struct core *c, gaddr start, gaddr end, uint32_t type)
{
    void *copy = malloc(end - start);
    if (copy && copy_from_guest(copy, start, end - start))
        note(c, "CORE", type, copy, end - start);
    free(copy);
}

/* fs/binfmt_elf.c, fill_files_note(): count, page size, {start, end, offset in pages} each, then the names. */
static void note_files(struct core *c)
{
    char *bytes = NULL;
    size_t size;
    FILE *f = open_memstream(&bytes, &size);
    uint64_t count = 0, page = PAGE;
    if (!f)
        return;
    for (size_t i = 0; i < c->nparts; i++)
        count += c->parts[i].file;
    fwrite(&count, 8, 1, f);
    fwrite(&page, 8, 1, f);
    for (size_t i = 0; i < c->nparts; i++)
        if (c->parts[i].file)
            fwrite((uint64_t[]){ c->parts[i].start, c->parts[i].end, c->parts[i].offset / PAGE }, 24, 1, f);
    for (size_t i = 0; i < c->nparts; i++)
        if (c->parts[i].file)
            fwrite(c->parts[i].path, strlen(c->parts[i].path) + 1, 1, f);
    fclose(f);
    note(c, "CORE", NT_FILE, bytes, size);
    free(bytes);
}

static void note_other_thread(struct cpu *cpu, void *arg)
{
    struct core *c = arg;
    if (!cpu->thread || cpu->thread == c->t)
        return;
    note_thread(c, cpu->thread);
    note_registers(c, cpu->thread);
}

static bool make_notes(struct core *c)
{
    c->notes = open_memstream(&c->note_bytes, &c->note_size);
    if (!c->notes)
        return false;
    note_thread(c, c->t);
    note_process(c);
    note(c, "CORE", NT_SIGINFO, c->info, sizeof *c->info);
    note_memory(c, linux_state.auxv_start, linux_state.auxv_end, NT_AUXV);
    note_files(c);
    note_registers(c, c->t);
    if (!c->t->vfork_child)
        cpus_each(note_other_thread, c);
    return fclose(c->notes) == 0;
}

/* --- the file ------------------------------------------------------------------------------------------- */

/* Writes [start, start+n) of guest memory at `at`; what was never touched, or can't be read, stays a hole. */
static void write_memory(int fd, uint64_t at, gaddr start, uint64_t n, bool anonymous)
{
    static unsigned char resident[CHUNK / PAGE];
    for (uint64_t done = 0; done < n; done += CHUNK) {
        uint64_t len = n - done < CHUNK ? n - done : CHUNK;
        bool known = anonymous && mincore(host(start + done), len, resident) == 0;
        for (uint64_t page = 0, end; page < len; page = end) {
            end = page + PAGE;
            if (known && !(resident[page / PAGE] & 1))
                continue;
            while (end < len && (!known || (resident[end / PAGE] & 1)))
                end += PAGE;
            if (pwrite(fd, host(start + done + page), end - page, (off_t)(at + done + page)) < 0 && errno == EFBIG)
                return;
        }
    }
}

static uint64_t page_up(uint64_t n)
{
    return (n + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static void write_core(struct core *c, int fd, uint64_t limit)
{
    unsigned filter = coredump_filter();
    size_t nphdrs = c->nparts + 1;
    Elf64_Phdr *ph = calloc(nphdrs, sizeof *ph);
    if (!ph)
        return;
    Elf64_Ehdr eh = {
        .e_type = ET_CORE, .e_machine = linux_state.guest->elf_machine, .e_version = EV_CURRENT, .e_phoff = sizeof eh,
        .e_ehsize = sizeof eh, .e_phentsize = sizeof *ph, .e_phnum = (Elf64_Half)(nphdrs < PN_XNUM ? nphdrs : PN_XNUM - 1),
    };
    memcpy(eh.e_ident, ELFMAG, SELFMAG);
    eh.e_ident[EI_CLASS] = ELFCLASS64;
    eh.e_ident[EI_DATA] = ELFDATA2LSB;
    eh.e_ident[EI_VERSION] = EV_CURRENT;
    nphdrs = eh.e_phnum;
    ph[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = sizeof eh + nphdrs * sizeof *ph, .p_filesz = c->note_size, .p_align = 4 };
    uint64_t at = page_up(ph[0].p_offset + c->note_size);
    for (size_t i = 1; i < nphdrs; i++) {
        const struct part *p = &c->parts[i - 1];
        ph[i] = (Elf64_Phdr){
            .p_type = PT_LOAD, .p_offset = at, .p_vaddr = p->start, .p_memsz = p->end - p->start, .p_filesz = dumped_size(p, filter),
            .p_flags = (p->perms[0] == 'r' ? PF_R : 0u) | (p->perms[1] == 'w' ? PF_W : 0u) | (p->perms[2] == 'x' ? PF_X : 0u),
            .p_align = PAGE,
        };
        at += ph[i].p_filesz;
    }
    /* The limit is the file system's own: a write beyond it is EFBIG. */
    struct rlimit size;
    if (getrlimit(RLIMIT_FSIZE, &size) == 0 && limit < size.rlim_cur) {
        size.rlim_cur = limit;
        setrlimit(RLIMIT_FSIZE, &size);
    }
    if (pwrite(fd, &eh, sizeof eh, 0) == sizeof eh && pwrite(fd, ph, nphdrs * sizeof *ph, sizeof eh) > 0 &&
        pwrite(fd, c->note_bytes, c->note_size, (off_t)ph[0].p_offset) > 0)
        for (size_t i = 1; i < nphdrs; i++)
            write_memory(fd, ph[i].p_offset, ph[i].p_vaddr, ph[i].p_filesz, !c->parts[i - 1].file);
    (void)!ftruncate(fd, (off_t)(at < limit ? at : limit));   /* the end may be a hole */
    free(ph);
}

void core_dump(struct thread *t, const siginfo_t *info)
{
    struct core c = { .t = t, .info = info };
    char name[PATH_MAX];
    struct rlimit limit;
    if (!core_signal(info->si_signo) || !core_allowed() || !core_name(name, sizeof name, info->si_signo, t->tid))
        return;
    if (!t->vfork_child)
        cpus_halt(t->cpu);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_CORE, &limit);
    int fd = core_open(name);
    if (fd >= 0 && read_parts(&c) && make_notes(&c)) {
        mark_excluded(&c);
        write_core(&c, fd, limit.rlim_cur);
    }
    if (fd >= 0)
        close(fd);
    core_divert(fd >= 0 ? name : NULL, !t->vfork_child);
}

/* --- the report ----------------------------------------------------------------------------------------- */

static void report_instruction(FILE *f, gaddr pc)
{
    uint8_t code[8];
    char text[128];
    size_t n = copy_from_guest(code, pc, 8) ? 8 : copy_from_guest(code, pc, 4) ? 4 : 0;
    if (n && linux_state.guest->disas(code, n, pc, text, sizeof text))
        fprintf(f, "at %#" PRIx64 ": %s\n", pc, text);
    else
        fprintf(f, "at %#" PRIx64 ": no instruction can be read\n", pc);
}

/* Where `pc` is: file and offset. */
static void report_frame(FILE *f, const struct core *c, unsigned n, gaddr pc)
{
    fprintf(f, "  #%-2u %#" PRIx64, n, pc);
    for (size_t i = 0; i < c->nparts; i++)
        if (pc >= c->parts[i].start && pc < c->parts[i].end)
            fprintf(f, "  %s+%#" PRIx64, *c->parts[i].path ? c->parts[i].path : "anonymous memory",
                    pc - c->parts[i].start + c->parts[i].offset);
    fprintf(f, "\n");
}

/* By frame pointers: what code without them called is missing. A function that calls nobody may have saved only the caller's
 * frame pointer, where the return address would be. */
static void report_backtrace(FILE *f, const struct core *c)
{
    const struct guest_linux *abi = linux_state.abi;
    gaddr fp = *cpu_slot(c->t->cpu, abi->fp_off), ra = *cpu_slot(c->t->cpu, abi->ra_off);
    report_frame(f, c, 0, c->t->cpu->pc);
    report_frame(f, c, 1, ra);
    for (unsigned n = 2; n < FRAMES; n++) {
        gaddr record[2];
        if (!copy_from_guest(record, fp + (gaddr)abi->frame_record, sizeof record))
            return;
        if (n == 2 && record[0] <= fp && record[1] > fp) {
            fp = record[1];
            continue;
        }
        if (record[0] <= fp || !record[1])
            return;
        if (record[1] != ra)
            report_frame(f, c, n, record[1]);
        fp = record[0];
        ra = 0;
    }
}

void core_report(struct thread *t, const siginfo_t *info)
{
    struct core c = { .t = t, .info = info };
    FILE *f = fdopen(dup(2), "w");
    if (!f)
        return;
    fprintf(f, "dragoman: %s (%d) died of signal %d (%s), code %d", linux_state.exe, getpid(), info->si_signo,
            strsignal(info->si_signo), info->si_code);
    if (core_signal(info->si_signo) && info->si_code > 0)
        fprintf(f, ", address %#" PRIx64, (uint64_t)(uintptr_t)info->si_addr);
    fprintf(f, "\n");
    linux_state.guest->dump(t->cpu, f);
    report_instruction(f, t->cpu->pc);
    if (read_parts(&c))
        report_backtrace(f, &c);
    fclose(f);
}
