/* The guests. The only place outside their folders that names them. */

#include "frontend/aarch64/aarch64.h"
#include "frontend/guest.h"
#include "frontend/riscv/riscv.h"

static const struct guest *const guests[] = {
    &riscv64_guest,
    &aarch64_guest,
};

enum { NGUESTS = sizeof guests / sizeof guests[0] };

const struct guest *guest_by_index(unsigned index)
{
    return index < NGUESTS ? guests[index] : NULL;
}

const struct guest *guest_by_elf(uint16_t machine, uint8_t elf_class)
{
    for (unsigned i = 0; i < NGUESTS; i++)
        if (guests[i]->elf_machine == machine && guests[i]->elf_class == elf_class)
            return guests[i];
    return NULL;
}
