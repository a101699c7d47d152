/* Damaged ELF files: a small good one (static or with an interpreter) with random changes, above all in its headers, is loaded as a
 * program. The loader has to refuse it with a reason or map it, whatever it says. */
#include "fuzz.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frontend/guest.h"
#include "loader/elf.h"
#include "loader/probe.h"
#include "loader/space.h"

enum { SEGMENTS = 6, SIZE = 3 * SPACE_PAGE };

static union { uint8_t bytes[SIZE]; uint64_t align; } file;

static void start(uint64_t first)
{
    const uint64_t seed = 1;
    space_init(GUEST_TOP, &seed, NULL);
}

static Elf64_Phdr segment(uint32_t type, uint32_t flags, uint64_t offset, uint64_t vaddr, uint64_t filesz, uint64_t memsz)
{
    return (Elf64_Phdr){ .p_type = type, .p_flags = flags, .p_offset = offset, .p_vaddr = vaddr, .p_paddr = vaddr,
                         .p_filesz = filesz, .p_memsz = memsz, .p_align = SPACE_PAGE };
}

static void good_file(struct fuzz *f)
{
    const struct guest *guest = guest_by_index((unsigned)fuzz_below(f, 2));
    bool fixed = fuzz_below(f, 2);
    uint64_t base = fixed ? 0x10000 : 0;
    Elf64_Ehdr head = {
        .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = fixed ? ET_EXEC : ET_DYN,
        .e_machine = guest->elf_machine, .e_version = EV_CURRENT, .e_entry = base + 0x400, .e_phoff = sizeof head,
        .e_ehsize = sizeof head, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = SEGMENTS,
    };
    Elf64_Phdr segments[SEGMENTS] = {
        segment(PT_PHDR, PF_R, sizeof head, base + sizeof head, sizeof segments, sizeof segments),
        segment(PT_INTERP, PF_R, 0x300, base + 0x300, 16, 16),
        segment(PT_LOAD, PF_R | PF_X, 0, base, 0x1000, 0x1000),
        segment(PT_LOAD, PF_R | PF_W, 0x1800, base + 0x2800, 0x300, 0x2000),
        segment(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0),
        segment(PT_LOAD, PF_R, 0x2000, base + 0x8000, 0x1000, 0x1000),
    };
    memset(file.bytes, 0, SIZE);
    memcpy(file.bytes, &head, sizeof head);
    memcpy(file.bytes + sizeof head, segments, sizeof segments);
    strcpy((char *)file.bytes + 0x300, "/lib/ld-none.so");
}

/* Values where sizes and addresses turn over. */
static uint64_t edge(struct fuzz *f)
{
    static const uint64_t edges[] = {
        0, 1, 0xfff, 0x1000, 0x1001, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, GUEST_TOP - 0x1000, GUEST_TOP, GUEST_TOP + 1,
        0x7ffffffff000, 0x800000000000, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX - 0xfff, UINT64_MAX,
    };
    uint64_t value = edges[fuzz_below(f, sizeof edges / sizeof *edges)];
    return fuzz_below(f, 3) ? value : value + fuzz_below(f, 0x3000) - 0x1800;
}

static void damage(struct fuzz *f)
{
    enum { HEADERS = sizeof(Elf64_Ehdr) + SEGMENTS * sizeof(Elf64_Phdr) };
    for (uint64_t n = 1 + fuzz_below(f, 4); n; n--) {
        uint64_t value = edge(f), at = fuzz_below(f, HEADERS);
        switch (fuzz_below(f, 4)) {
        case 0:
            file.bytes[at] ^= (uint8_t)(1u << fuzz_below(f, 8));
            break;
        case 1:   /* a field of a program header */
            at = sizeof(Elf64_Ehdr) + fuzz_below(f, SEGMENTS) * sizeof(Elf64_Phdr) + 8 * fuzz_below(f, 7);
            memcpy(file.bytes + at, &value, 8);
            break;
        case 2:   /* a field of the header from e_entry on */
            memcpy(file.bytes + 24 + fuzz_below(f, 40), &value, 1 + fuzz_below(f, 8));
            break;
        default:
            file.bytes[fuzz_below(f, SIZE)] = (uint8_t)fuzz_next(f);
        }
    }
}

static void one(struct fuzz *f)
{
    static struct elf_image image;
    struct elf_error error = { 0 };
    struct probe probe;
    good_file(f);
    damage(f);
    int fd = memfd_create("elf", 0);
    size_t size = fuzz_below(f, 4) ? SIZE : fuzz_below(f, SIZE + 1);
    if (fd < 0 || write(fd, file.bytes, size) != (ssize_t)size)
        exit(2);
    probe_fd(fd, &probe);
    bool ok = elf_load(fd, "a file", fuzz_below(f, 4) ? ELF_PROGRAM : ELF_INTERPRETER, guest_by_index((unsigned)fuzz_below(f, 2)),
                       &image, &error);
    if (!ok && (!error.number || !error.reason[0]))
        abort();   /* refused without a reason */
    if (ok && (image.end > GUEST_TOP || !memchr(image.interpreter, 0, sizeof image.interpreter)))
        abort();
    space_munmap(SPACE_PAGE * 16, GUEST_TOP - SPACE_PAGE * 16);
    close(fd);
}

int main(int argc, char **argv)
{
    const struct fuzz_target target = { .name = "elf", .group = 500, .seconds = 300, .start = start, .one = one };
    return fuzz_main(&target, argc, argv);
}
