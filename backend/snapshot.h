/* Snapshots: how to get precise guest state inside a unit without write-back (DESIGN 3.4, after LuaJIT's).
 *
 * For each host instruction that can fault the emitter appends one record to compiled.snap_data:
 *
 *     struct snap_head {
    int32_t pc; /* guest pc - the unit's */
    uint16_t n; /* snap_locs that follow */
    uint16_t pad;
};

/** Fills cpu->regs and cpu->pc with the state at the record at offset `rec` of `data`, the unit's snapshot data,
 * from the interrupted host registers in `uc` (a Linux x86-64 signal context with FP state). `unit_pc` is the
 * unit's guest pc. Every source is read before any slot is written. Async-signal-safe. */
void snapshot_restore(struct cpu *cpu, const uint8_t *data, uint32_t rec, gaddr unit_pc,
                      const ucontext_t *uc);
