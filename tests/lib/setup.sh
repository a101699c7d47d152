# What ./quickstart and ./check share: install missing packages, build.  Sourced by bash.

# What the build needs (Debian 12).  The static link wants the libraries behind glib and libelf too.
BUILD_PACKAGES="meson ninja-build pkg-config gcc libc6-dev python3 libglib2.0-dev libelf-dev libcapstone-dev
    libcmocka-dev libpcre2-dev zlib1g-dev libzstd-dev"
# What the tests need on top: cross compiler, QEMU to compare with, and the native twins of foreign programs.
TEST_PACKAGES="gcc-riscv64-linux-gnu libc6-dev-riscv64-cross gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    qemu-user mmdebstrap uidmap ca-certificates
    bash coreutils perl sqlite3 xz-utils openssl diffutils procps git"

say() {
    printf '\033[1m== %s\033[0m\n' "$*"
}

# need_packages PACKAGE...: installs those that are missing, as root or through sudo; says what to do otherwise.
need_packages() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null; then
        echo "This is not a Debian system: make sure that the equivalents of these are installed:" "$@"
        return
    fi
    for package in "$@"; do
        if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
            missing+=("$package")
        fi
    done
    if (( ${#missing[@]} == 0 )); then
        return
    fi
    local become=()
    if (( EUID != 0 )); then
        if ! command -v sudo >/dev/null; then
            echo "Missing packages. As root, run: apt-get install ${missing[*]}" >&2
            return 1
        fi
        become=(sudo)
    fi
    echo "installing: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { "${become[@]}" apt-get update -q \
           && "${become[@]}" env DEBIAN_FRONTEND=noninteractive \
              apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        cat "$log" >&2
        echo "apt-get could not install: ${missing[*]}" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# build FOLDER MESON_OPTION...: configures if that was not done yet with these options, then compiles; shows the
# log only if something is wrong.
build() {
    local folder=$1 log setup=()
    shift
    mkdir -p "$folder"
    log=$folder/build.log
    : >"$log"
    if [[ ! -f $folder/build.ninja ]]; then
        setup=(meson setup "$folder" "$@")
    elif [[ $(cat "$folder/configured-with" 2>/dev/null) != *"$*"* ]]; then
        setup=(meson setup --reconfigure "$folder" "$@")
    fi
    if (( ${#setup[@]} )) && ! "${setup[@]}" >"$log" 2>&1 || ! ninja -C "$folder" >>"$log" 2>&1; then
        grep -A 20 -E '^FAILED|error:|ERROR:' "$log" | tail -n 60 >&2 || tail -n 60 "$log" >&2
        echo "could not build $folder; the whole log is $log" >&2
        return 1
    fi
    if (( ${#setup[@]} )); then
        echo "$*" >"$folder/configured-with"
    fi
}
