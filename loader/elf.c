#include "loader/elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/guest.h"
#include "loader/space.h"

/* ELF_ET_DYN_BASE: programs at two thirds of the address space, so that the break has room above. */
#define PROGRAM_BASE (GUEST_TOP / 3 * 2)
#define PROGRAM_RANDOM ((uint64_t)1 << 36)
enum { MAX_SEGMENTS = 64, MAX_PHDRS = 65536 / sizeof(Elf64_Phdr) };

struct loading {
    int fd;
    const char *path;
    Elf *elf;
    struct elf_image *image;
    struct elf_error *error;
    uint64_t file_size;
    GElf_Ehdr header;
    size_t phnum;
    GElf_Phdr segments[MAX_SEGMENTS];   /* PT_LOAD, ascending */
    size_t nsegments;
    uint64_t align;                     /* largest p_align */
};

bool elf_fail(struct elf_error *error, int number, const char *file, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->number = number;
    snprintf(error->file, sizeof error->file, "%s", file);
    vsnprintf(error->reason, sizeof error->reason, format, args);
    va_end(args);
    return false;
}

int elf_exit_code(const struct elf_error *error)
{
    return error->number == ENOENT || error->number == ENOTDIR ? 127 : 126;
}

#define FAIL(l, number, ...) elf_fail((l)->error, number, (l)->path, __VA_ARGS__)

static uint64_t page_down(uint64_t x)
{
    return x & ~(uint64_t)(SPACE_PAGE - 1);
}

static uint64_t page_up(uint64_t x)
{
    return page_down(x + SPACE_PAGE - 1);
}

/* --- reading and checking */

static bool read_header(struct loading *l, enum elf_role role, const struct guest *wanted)
{
    elf_version(EV_CURRENT);
    l->elf = elf_begin(l->fd, ELF_C_READ, NULL);
    if (!l->elf || elf_kind(l->elf) != ELF_K_ELF)
        return FAIL(l, ENOEXEC, "not an ELF file");
    if (!gelf_getehdr(l->elf, &l->header))
        return FAIL(l, ENOEXEC, "damaged ELF header");
    const GElf_Ehdr *h = &l->header;
    if (h->e_ident[EI_DATA] != ELFDATA2LSB)
        return FAIL(l, ENOEXEC, "big-endian programs are not supported");
    const struct guest *guest = guest_by_elf(h->e_machine, h->e_ident[EI_CLASS]);
    if (!guest)
        return FAIL(l, ENOEXEC, "a %d-bit program for ELF machine %d, which dragoman does not run",
                    h->e_ident[EI_CLASS] == ELFCLASS32 ? 32 : 64, h->e_machine);
    if (wanted && guest != wanted)
        return FAIL(l, ELIBBAD, "an interpreter for %s, the program is for %s", guest->name, wanted->name);
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return FAIL(l, role == ELF_PROGRAM ? ENOEXEC : ELIBBAD, "not an executable (ELF type %d)",
                    h->e_type);
    l->image->guest = guest;
    l->image->position_independent = h->e_type == ET_DYN;
    return true;
}

static bool add_segment(struct loading *l, const GElf_Phdr *ph)
{
    if (ph->p_memsz == 0)
        return true;
    if (ph->p_filesz > ph->p_memsz)
        return FAIL(l, EINVAL, "damaged: a segment is larger in the file than in memory");
    if (ph->p_vaddr + ph->p_memsz < ph->p_vaddr || ph->p_vaddr + ph->p_memsz > GUEST_TOP)
        return FAIL(l, ENOMEM, "too large: a segment of %#llx bytes at %#llx lies outside the address space",
                    (unsigned long long)ph->p_memsz, (unsigned long long)ph->p_vaddr);
    if (ph->p_filesz && (ph->p_vaddr - ph->p_offset) % SPACE_PAGE)
        return FAIL(l, EINVAL, "damaged: a segment's address and file offset differ within a page");
    if (ph->p_filesz && (ph->p_filesz > l->file_size || ph->p_offset > l->file_size - ph->p_filesz))
        return FAIL(l, ENOEXEC, "truncated: a segment ends at byte %llu, the file at %llu",
                    (unsigned long long)(ph->p_offset + ph->p_filesz),
                    (unsigned long long)l->file_size);
    if (l->nsegments == MAX_SEGMENTS)
        return FAIL(l, ENOEXEC, "more than %d segments", MAX_SEGMENTS);
    if (l->nsegments) {
        const GElf_Phdr *last = &l->segments[l->nsegments - 1];
        if (ph->p_vaddr < last->p_vaddr + last->p_memsz)
            return FAIL(l, EINVAL, "damaged: segments overlap or are out of order");
    }
    if (ph->p_align > l->align && (ph->p_align & (ph->p_align - 1)) == 0)
        l->align = ph->p_align;
    l->segments[l->nsegments++] = *ph;
    return true;
}

static bool read_interpreter(struct loading *l, const GElf_Phdr *ph)
{
    char *name = l->image->interpreter;
    if (*name)
        return true;                            /* the first one counts */
    if (ph->p_filesz < 2 || ph->p_filesz > sizeof l->image->interpreter)
        return FAIL(l, ENOEXEC, "damaged: the interpreter's name has %llu bytes",
                    (unsigned long long)ph->p_filesz);
    if (pread(l->fd, name, ph->p_filesz, (off_t)ph->p_offset) != (ssize_t)ph->p_filesz)
        return FAIL(l, EIO, "truncated: the interpreter's name is missing");
    if (name[ph->p_filesz - 1])
        return FAIL(l, ENOEXEC, "damaged: the interpreter's name does not end");
    return true;
}

static bool read_segments(struct loading *l, enum elf_role role)
{
    l->align = SPACE_PAGE;
    if (elf_getphdrnum(l->elf, &l->phnum) < 0 || l->phnum == 0)
        return FAIL(l, ENOEXEC, "no program headers");
    if (l->phnum > MAX_PHDRS)
        return FAIL(l, ENOEXEC, "damaged: %zu program headers", l->phnum);
    for (size_t i = 0; i < l->phnum; i++) {
        GElf_Phdr ph;
        if (!gelf_getphdr(l->elf, (int)i, &ph))
            return FAIL(l, ENOEXEC, "truncated: program headers are missing");
        if (ph.p_type == PT_LOAD && !add_segment(l, &ph))
            return false;
        if (ph.p_type == PT_INTERP && role == ELF_PROGRAM && !read_interpreter(l, &ph))
            return false;
        if (ph.p_type == PT_GNU_STACK)
            l->image->exec_stack = ph.p_flags & PF_X;
    }
    return l->nsegments ? true : FAIL(l, ENOEXEC, "nothing to load");
}

/* --- mapping */

static bool choose_bias(struct loading *l, enum elf_role role)
{
    const GElf_Phdr *first = &l->segments[0], *last = &l->segments[l->nsegments - 1];
    gaddr start = page_down(first->p_vaddr);
    uint64_t total = page_up(last->p_vaddr + last->p_memsz) - start;
    l->image->bias = 0;
    if (!l->image->position_independent)
        return true;
    /* The bias is a multiple of the alignment, so that aligned addresses stay aligned. */
    uint64_t below = start & (l->align - 1);
    gaddr hint = role == ELF_PROGRAM ? PROGRAM_BASE + space_random_layout(PROGRAM_RANDOM, SPACE_PAGE) : 0;
    gaddr at = space_find(below + total, l->align, hint);
    if (!at)
        return FAIL(l, ENOMEM, "too large: no room for %#llx bytes", (unsigned long long)total);
    l->image->bias = at - (start - below);
    return true;
}

static int prot_of(const GElf_Phdr *ph)
{
    return (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) |
           (ph->p_flags & PF_X ? PROT_EXEC : 0);
}

/* Maps one piece; `shared_page`: its first page is the previous segment's last. */
static bool map_piece(struct loading *l, gaddr start, gaddr end, int prot, bool shared_page, int fd,
                      uint64_t offset)
{
    int flags = MAP_PRIVATE | (shared_page ? MAP_FIXED : MAP_FIXED_NOREPLACE) |
                (fd < 0 ? MAP_ANONYMOUS : 0);
    int64_t result = space_mmap(start, end - start, prot, flags, fd, offset);
    if (result == -EEXIST)
        return FAIL(l, ENOMEM, "its addresses %#llx-%#llx are taken", (unsigned long long)start,
                    (unsigned long long)end);
    if (result < 0)
        return FAIL(l, (int)-result, "cannot map %#llx-%#llx: %s", (unsigned long long)start,
                    (unsigned long long)end, strerror((int)-result));
    return true;
}

static bool map_segment(struct loading *l, const GElf_Phdr *ph, gaddr mapped_end)
{
    gaddr vaddr = ph->p_vaddr + l->image->bias;
    gaddr start = page_down(vaddr), file_end = vaddr + ph->p_filesz, end = page_up(vaddr + ph->p_memsz);
    gaddr bss = ph->p_filesz ? page_up(file_end) : start;
    int prot = prot_of(ph);
    bool shared_page = start < mapped_end;
    if (!ph->p_filesz && shared_page)           /* the bss begins in a page that is there already */
        bss = mapped_end;
    if (ph->p_filesz &&
        !map_piece(l, start, bss, prot, shared_page, l->fd, page_down(ph->p_offset)))
        return false;
    if (ph->p_filesz && ph->p_memsz > ph->p_filesz && (prot & PROT_WRITE))
        memset(host(file_end), 0, bss - file_end);
    return bss >= end || map_piece(l, bss, end, prot, false, -1, 0);
}

static void note_bounds(struct elf_image *m, const GElf_Phdr *ph)
{
    gaddr start = ph->p_vaddr + m->bias, end = start + ph->p_filesz;
    if (ph->p_flags & PF_X) {
        if (!m->start_code || start < m->start_code)
            m->start_code = start;
        if (end > m->end_code)
            m->end_code = end;
    }
    if (start > m->start_data)
        m->start_data = start;
    if (end > m->end_data)
        m->end_data = end;
    if (start + ph->p_memsz > m->end)
        m->end = start + ph->p_memsz;
}

static bool map_segments(struct loading *l)
{
    struct elf_image *m = l->image;
    gaddr mapped_end = 0;
    for (size_t i = 0; i < l->nsegments; i++) {
        const GElf_Phdr *ph = &l->segments[i];
        if (!map_segment(l, ph, mapped_end))
            return false;
        mapped_end = page_up(ph->p_vaddr + m->bias + ph->p_memsz);
        note_bounds(m, ph);
        uint64_t table_end = l->header.e_phoff + l->phnum * l->header.e_phentsize;
        if (l->header.e_phoff >= ph->p_offset && table_end <= ph->p_offset + ph->p_filesz)
            m->phdr = l->header.e_phoff - ph->p_offset + ph->p_vaddr + m->bias;
    }
    m->entry = l->header.e_entry + m->bias;
    m->phnum = (uint16_t)l->phnum;
    m->phentsize = l->header.e_phentsize;
    return true;
}

bool elf_load(int fd, const char *path, enum elf_role role, const struct guest *guest,
              struct elf_image *image, struct elf_error *error)
{
    struct loading l = { .fd = fd, .path = path, .image = image, .error = error };
    struct stat st;
    memset(image, 0, offsetof(struct elf_image, interpreter));
    image->interpreter[0] = 0;
    error->number = 0;
    if (fstat(fd, &st) < 0)
        return FAIL(&l, errno, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return FAIL(&l, EACCES, "is a directory");
    if (!S_ISREG(st.st_mode))
        return FAIL(&l, EACCES, "not a regular file");
    l.file_size = (uint64_t)st.st_size;
    bool ok = read_header(&l, role, guest) && read_segments(&l, role) && choose_bias(&l, role) &&
              map_segments(&l);
    elf_end(l.elf);
    return ok;
}
