#include "backend/x86/homes.h"

#include <string.h>

/* rbx rsi rdi r8 r9 r10 r14 r15 rbp r13 r12 */
const uint8_t homes_gpr_list[HOMES_GPR] = { 3, 6, 7, 8, 9, 10, 14, 15, 5, 13, 12 };
const uint8_t homes_xmm_list[HOMES_XMM] = { 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

struct homes homes;

void homes_init(const struct guest *guest)
{
    memset(&homes, 0, sizeof homes);
    memset(homes.of_guest, HOME_NONE, sizeof homes.of_guest);
    memset(homes.gpr_guest, HOME_NONE, sizeof homes.gpr_guest);
    memset(homes.xmm_guest, HOME_NONE, sizeof homes.xmm_guest);

    for (unsigned r = 0; r < guest->nregs && r < GUEST_MAX_REGS; r++) {
        bool fp = homes_is_fp(guest, r);
        unsigned rank = guest->regs[r].home;

        if (rank == 0 || rank > (fp ? HOMES_XMM : HOMES_GPR))
            continue;
        uint8_t h = fp ? homes_xmm_list[rank - 1] : homes_gpr_list[rank - 1];
        uint8_t *back = fp ? homes.xmm_guest : homes.gpr_guest;

        if (back[h] != HOME_NONE)
            continue;
        back[h] = (uint8_t)r;
        homes.of_guest[r] = h;
        if (fp)
            homes.xmm_mask |= (uint16_t)(1u << h);
        else
            homes.gpr_mask |= (uint16_t)(1u << h);
    }
}
