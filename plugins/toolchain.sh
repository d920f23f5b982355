#!/usr/bin/env bash
# Makes ready what building a guest for wasm32-unknown-unknown needs, and says which way was taken. Run it before
# `fonds plugin build`, which finds out for itself what there is. Run again, it changes nothing.
#
#   installed    the target's standard library lies beside the host's (rustup, or put there by hand)
#   from source  Debian's rustc-web has none, so the standard library is built from rust-web-src's sources with
#                RUSTC_BOOTSTRAP=1 cargo build -Zbuild-std=std,panic_abort, and linked by rust-lld. Debian's rust-lld is a
#                link to an lld that its own package holds (rust-lld -> lld-22, package lld-22).
set -euo pipefail

target=wasm32-unknown-unknown

fail() { printf 'no guest toolchain: %s\n' "$*" >&2; exit 1; }

# What `fonds plugin build` looks at, in the same order.
installed() { [ -d "$1/lib/rustlib/$target/lib" ]; }
sources() { [ -f "$1/lib/rustlib/src/rust/library/std/Cargo.toml" ]; }

linker() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    [ -x "$1/lib/rustlib/$host/bin/rust-lld" ] || { command -v rust-lld >/dev/null && rust-lld -flavor wasm --version >/dev/null 2>&1; }
}

# Where Debian's rust-lld leads to, when that is absent; the package has the same name.
linker_package() {
    local link
    link=$(readlink /usr/bin/rust-lld 2>/dev/null || true)
    basename "${link:-lld}"
}

apt() {
    local sudo=
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
        sudo='sudo -n'
    fi
    echo "installing $*" >&2
    $sudo apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >&2
}

command -v rustc >/dev/null && command -v cargo >/dev/null || fail "no rustc or no cargo on the path: install Rust 1.95 or newer, from https://rustup.rs"
sysroot=$(rustc --print sysroot)

if ! installed "$sysroot" && command -v rustup >/dev/null && [[ $sysroot == "$(rustup show home 2>/dev/null)"/* ]]; then
    rustup target add "$target" >&2 || echo "rustup could not add $target; looking for sources" >&2
fi
if installed "$sysroot"; then
    echo "guest toolchain: $target is installed in $sysroot"
    exit 0
fi

[ -d "$sysroot/lib/rustlib" ] || fail "$sysroot is no sysroot of Rust"
if ! sources "$sysroot"; then
    # The sources must be those of this very compiler: only Debian's own packages say that they are.
    dpkg -S "$(command -v rustc)" 2>/dev/null | grep -q '^rustc-web:' ||
        fail "$target is not installed in $sysroot: run \`rustup target add $target\`, or on Debian install rustc-web, cargo-web and rust-web-src"
    apt rust-web-src || fail "run \`apt-get install rust-web-src\`: the standard library is built from its sources"
    sources "$sysroot" || fail "rust-web-src is installed, and $sysroot/lib/rustlib/src/rust has no sources"
fi
if ! linker "$sysroot"; then
    [ -L /usr/bin/rust-lld ] || apt rust-web-llvm || fail "run \`apt-get install rust-web-llvm\`: it holds rust-lld"
    linker "$sysroot" || apt "$(linker_package)" || fail "run \`apt-get install $(linker_package)\`: rust-lld is a link to it"
    linker "$sysroot" || fail "rust-lld does not run; it must be on the path"
fi
echo "guest toolchain: the standard library for $target is built from the sources in $sysroot/lib/rustlib/src"
