#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A writer that is killed leaves an image that opens, whatever was lost: space that
# no entry names yet is a leak, and a repair gives it up.

load helpers

# Sound, or with leaks alone, which can be given up in a copy.
no_corruption()
{
    local status=0
    img check -q -f vpc image.vhd || status=$?
    [ "$status" -ne 3 ] || {
        cp --sparse=always image.vhd copy.vhd
        img check -q -f vpc -r leaks copy.vhd
        status=$?
    }
    return "$status"
}

# killed CACHE ENGINE ROUNDS
killed()
{
    needs_engine "$2"
    "$python" "$here/kill.py" "$3" "$1" "$2" "$MINBLK_IO"
    silently img info -f vpc image.vhd
    silently no_corruption
    silently img convert -f vpc -O raw image.vhd out.raw
    if command -v qemu-img >/dev/null; then
        qemu-img compare -f vpc -F raw image.vhd out.raw
    fi
}

@test "threads, killed with cache=writeback" { killed writeback threads 20; }
@test "threads, killed with cache=writethrough" {
    killed writethrough threads 15
}
@test "threads, killed with cache=none" { killed none threads 15; }
@test "io_uring, killed with cache=writeback" { killed writeback io_uring 20; }
@test "io_uring, killed with cache=writethrough" {
    killed writethrough io_uring 15
}
@test "io_uring, killed with cache=none" { killed none io_uring 15; }
