# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the interop tests share.  MINBLK_IMG and MINBLK_IO name the programs
# under test; each test runs in an empty folder of its own.

export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
here=$BATS_TEST_DIRNAME
# The system's own Python has libvhdi's module.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
export PYTHONDONTWRITEBYTECODE=1

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Disks of many GiB are large only as long as they are sparse.
teardown()
{
    cd / && rm -rf "${BATS_TEST_TMPDIR:?}"
}

img() { "$MINBLK_IMG" "$@"; }
io() { "$MINBLK_IO" "$@"; }

# needs PROGRAM...: skips the test, by name of what is missing.
needs()
{
    local program
    for program; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

needs_pyvhdi()
{
    "$python" -c 'import pyvhdi' 2>/dev/null ||
        skip 'python3-libvhdi is not installed'
}

# needs_engine threads|io_uring: some systems forbid io_uring.
needs_engine()
{
    truncate -s 512 engine
    io -r -f raw -i "$1" -c length engine || skip "no $1 here"
}

# needs_images: the sample images, made by other programs.
needs_images()
{
    [ -n "${MINBLK_TEST_IMAGES-}" ] ||
        skip 'MINBLK_TEST_IMAGES is not set: no sample images'
    [ -r "$MINBLK_TEST_IMAGES/INDEX.md" ] ||
        skip "no sample images in $MINBLK_TEST_IMAGES"
}

# silently COMMAND...: succeeds, without a byte on standard error.
silently()
{
    if ! "$@" 2>stderr; then
        echo "failed: $*"
        cat stderr
        return 1
    fi
    if [ -s stderr ]; then
        echo "not silent: $*"
        cat stderr
        return 1
    fi
}

# sparse.py's comparisons; says what differs.
same() { "$python" "$here/sparse.py" same "$@"; }
zero() { "$python" "$here/sparse.py" zero "$@"; }
vhdi_same() { "$python" "$here/sparse.py" vhdi "$@"; }

size_of() { stat -c %s "$1"; }

# virtual_size TOOL FILE [OPTION...]
virtual_size()
{
    local tool=$1 file=$2
    shift 2
    "$tool" info --output=json "$@" "$file" |
        sed -n 's/^ *"virtual-size": \([0-9]*\),*$/\1/p'
}

# rounded_size BYTES: the size of a disk whose size was not forced.
rounded_size()
{
    "$python" -c 'import sys; sys.path.insert(0, sys.argv[1])
import vhd; print(vhd.rounded(int(sys.argv[2])))' "$here" "$1"
}

# refused COMMAND...: fails, no signal, with one line that says why (a hint may
# follow).
refused()
{
    local status=0
    "$@" >stdout 2>stderr || status=$?
    if [ "$status" != 1 ] || [ "$(grep -c '^[a-z-]*: [^ ]' stderr)" != 1 ]; then
        echo "status $status: $*"
        cat stdout stderr
        return 1
    fi
}
