#!/bin/sh
# Stands in for cmake, so that a Rust toolchain and a C compiler are all a build needs.
#
# Pingora forces the zlib-ng backend of flate2, and libz-ng-sys builds it through cmake. Where a real cmake and a
# make program exist they are used, with every argument passed on. Where they do not, the two calls made by the
# `cmake` crate are understood, for zlib-ng only: configure remembers its arguments, `--build` compiles the portable
# C sources (no CPU-specific code) and installs the static library and its headers. It never guesses: any other
# source tree, or a target without a Unix-like C compiler, is refused with the remedy. ZLIB_NG_STAND_IN=always uses
# it although cmake is there; scripts/build/check.sh does so.
set -eu

fail() {
    echo "scripts/build/cmake.sh: $*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

if [ "${ZLIB_NG_STAND_IN:-}" != always ] && have cmake && { have make || have gmake || have ninja || [ -n "${CMAKE_GENERATOR:-}" ]; }; then
    exec cmake "$@"
fi

memory=stand-in.conf   # in the build directory: what configure was told, one KEY=VALUE a line

configure() {
    source='' build=. prefix='' compiler="${CC:-cc}" flags='' kind=Release system=''
    while [ $# -gt 0 ]; do
        case $1 in
            -B) build=$2; shift ;;
            -G) shift ;;
            -DCMAKE_INSTALL_PREFIX=*) prefix=${1#*=} ;;
            -DCMAKE_C_COMPILER=*) compiler=${1#*=} ;;
            -DCMAKE_C_FLAGS=*) flags=${1#*=} ;;
            -DCMAKE_BUILD_TYPE=*) kind=${1#*=} ;;
            -DCMAKE_SYSTEM_NAME=*) system=${1#*=} ;;
            -DZLIB_COMPAT=ON) fail "only the native zlib-ng interface is built here; install cmake" ;;
            -*) ;;
            *) source=$1 ;;
        esac
        shift
    done
    [ -f "$source/zlib-ng.h.in" ] || fail "'$source' is not zlib-ng, the one thing built without cmake; install cmake and make"
    [ "$system" != Windows ] || fail "building for Windows needs cmake; install it"
    have "$compiler" || fail "no C compiler '$compiler'; install one or set CC"
    case $source in /*) ;; *) source=$PWD/$source ;; esac
    mkdir -p "$build"
    cat >"$build/$memory" <<END
source=$source
prefix=$prefix
compiler=$compiler
flags=$flags
kind=$kind
END
}

# One value that configure remembered.
recall() {
    sed -n "s/^$1=//p" "$build/$memory"
}

# The optimisation cmake would choose for this build type; zlib-ng lowers -O3 to -O2.
optimisation() {
    case $1 in
        Debug) echo '-O1 -g' ;;
        RelWithDebInfo) echo '-O2 -g' ;;
        MinSizeRel) echo '-Os' ;;
        *) echo '-O2' ;;
    esac
}

# The public headers are templates; no symbol prefix is asked for, so each placeholder becomes nothing.
headers() {
    mkdir -p "$prefix/include"
    sed 's/@ZLIB_SYMBOL_PREFIX@//g' "$source/zlib-ng.h.in" >"$prefix/include/zlib-ng.h"
    sed 's/^#ifdef HAVE_UNISTD_H.*/#if 1/' "$source/zconf-ng.h.in" >"$prefix/include/zconf-ng.h"
    cp "$source/zlib_name_mangling.h.empty" "$prefix/include/zlib_name_mangling-ng.h"
    sed 's/@ZLIB_SYMBOL_PREFIX@//g' "$source/gzread_mangle.h.in" >"$build/gzread_mangle.h"
}

# Facts that cmake would probe for and that every gcc and clang of the last ten years fulfils.
probed='-DHAVE_ATTRIBUTE_ALIGNED -DHAVE_BUILTIN_ASSUME_ALIGNED -DHAVE_BUILTIN_CTZ -DHAVE_BUILTIN_CTZLL
    -DHAVE_VISIBILITY_HIDDEN -D_LARGEFILE64_SOURCE=1 -D_GNU_SOURCE'
wanted='-DZLIBNG_NATIVE_API -DWITH_GZFILEOP -DWITH_ALL_FALLBACKS'

# Compiler and flags come as words, as they would in a makefile, hence the unquoted expansions.
compile() {
    rm -rf "$build/objects"
    mkdir -p "$build/objects" "$prefix/lib"
    for file in "$source"/*.c "$source"/arch/generic/*.c; do
        # shellcheck disable=SC2086
        "$compiler" -std=gnu11 -fPIC -fno-lto -fvisibility=hidden $(optimisation "$kind") $flags $probed $wanted \
            -I"$prefix/include" -I"$build" -I"$source" -c "$file" -o "$build/objects/$(basename "$file" .c).o"
    done
    rm -f "$prefix/lib/libz-ng.a"
    "${AR:-ar}" rcs "$prefix/lib/libz-ng.a" "$build"/objects/*.o
}

build() {
    build=$1
    [ -f "$build/$memory" ] || fail "'$build' was not configured"
    source=$(recall source) prefix=$(recall prefix) compiler=$(recall compiler)
    flags=$(recall flags) kind=$(recall kind)
    headers
    compile
}

case ${1:-} in
    --version) echo 'cmake version 3.22.0 (stand-in for zlib-ng)' ;;
    --build) build "${2:?}" ;;
    '') fail 'nothing asked for' ;;
    *) configure "$@" ;;
esac
