#!/bin/bash
# Runs the fuzz targets for MINUTES each, at the lowest priority, built with gcc's sanitizers:
#
#     tests/fuzz/long.sh MINUTES [FIRST-SEED] [BUILD-FOLDER]
#
# The ELF loader maps files where they say, over AddressSanitizer's own memory too, so that target has the other sanitizer only; so can
# system calls, so the memory calls are made in the other build only.
set -euo pipefail
minutes=$1 first=${2:-1000000} folder=${3:-/tmp/dragoman-fuzz-build}
cd "$(dirname "$0")/../.."
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# target FOLDER SANITIZERS NAME...
target() {
    local build=$1 sanitizers=$2
    shift 2
    [[ -f $build/build.ninja ]] ||
        meson setup "$build" --buildtype=debugoptimized "-Db_sanitize=$sanitizers" -Db_lundef=false >"$build.log" 2>&1
    nice -n 19 ninja -C "$build" "${@/#/tests/fuzz/fuzz_}" >>"$build.log"
}

# fuzz PROGRAM COUNT: runs of COUNT seeds until the time is over; a line at the end.
fuzz() {
    local seed=$first crashes=0 end=$((SECONDS + 60 * minutes)) out=$folder/out.$(echo "$1" | tr / _)
    while ((SECONDS < end)); do
        local status=0
        nice -n 19 "$1" "$seed" "$2" >"$out" 2>&1 || status=$?
        if ((status)); then
            cat "$out"
            ((status != 77)) || return 0   # not on this system
            crashes=$((crashes + 1))
        fi
        seed=$((seed + $2))
    done
    echo "${1##*/}: $((seed - first)) inputs in $minutes minutes, $crashes runs with crashes"
}

mkdir -p "$folder"
target "$folder/address" address,undefined decode syscall
target "$folder/undefined" undefined elf syscall
fuzz "$folder/undefined/tests/fuzz/fuzz_elf" 5000 &
fuzz "$folder/address/tests/fuzz/fuzz_decode" 500 &
fuzz "$folder/address/tests/fuzz/fuzz_syscall" 2000 &
fuzz "$folder/undefined/tests/fuzz/fuzz_syscall" 2000 &
wait
