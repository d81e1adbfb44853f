#!/bin/sh
# Builds the locked zlib-ng through the stand-in of cmake.sh, although cmake may be there, and sends data through it:
# machines that have cmake would otherwise never notice that an update of libz-ng-sys broke the build without it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

crate=$(cargo metadata --locked --format-version 1 --manifest-path "$here/../../Cargo.toml" |
    sed -n 's/.*"manifest_path":"\([^"]*libz-ng-sys[^"]*\)\/Cargo.toml".*/\1/p')
[ -d "$crate/src/zlib-ng" ] || { echo "zlib-ng: sources of libz-ng-sys not found" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM

export ZLIB_NG_STAND_IN=always
"$here/cmake.sh" "$crate/src/zlib-ng" -B "$scratch/build" -DCMAKE_INSTALL_PREFIX="$scratch" -DCMAKE_BUILD_TYPE=Debug
"$here/cmake.sh" --build "$scratch/build" --target install --config Debug

cat >"$scratch/trip.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <zlib-ng.h>

static unsigned char in[1 << 20], packed[1 << 21], out[1 << 20];

int main(void) {
    for (size_t i = 0; i < sizeof in; i++) in[i] = (unsigned char)((i * i) >> 7);
    for (int level = 0; level <= 9; level++) {
        size_t packed_size = sizeof packed, out_size = sizeof out;
        if (zng_compress2(packed, &packed_size, in, sizeof in, level) != Z_OK) return 1;
        if (zng_uncompress(out, &out_size, packed, packed_size) != Z_OK) return 2;
        if (out_size != sizeof in || memcmp(in, out, sizeof in) != 0) return 3;
    }
    printf("zlib-ng: %s built without cmake, round trips at ten levels\n", zlibng_version());
    return 0;
}
END
"${CC:-cc}" -I"$scratch/include" "$scratch/trip.c" "$scratch/lib/libz-ng.a" -o "$scratch/trip"
"$scratch/trip"
