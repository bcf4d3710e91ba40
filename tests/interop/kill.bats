#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A writer that is killed leaves an image that opens, whatever was lost.

load helpers

killed()
{
    img create -q -f vpc -o force_size image.vhd 256M
    "$python" "$here/kill.py" 12 $((256 * 1048576)) "$1" "$MINBLK_IO"
    silently img info -f vpc image.vhd
    silently img check -q -f vpc image.vhd
    silently img convert -f vpc -O raw image.vhd out.raw
    if command -v qemu-img >/dev/null; then
        qemu-img compare -f vpc -F raw image.vhd out.raw
    fi
}

@test "killed with cache=writeback" { killed writeback; }
@test "killed with cache=writethrough" { killed writethrough; }
@test "killed with cache=none" { killed none; }
