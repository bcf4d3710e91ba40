#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A writer that is killed leaves an image that opens, whatever was lost.

load helpers

killed()
{
    "$python" "$here/kill.py" "$2" "$1" "$MINBLK_IO"
    silently img info -f vpc image.vhd
    silently img check -q -f vpc image.vhd
    silently img convert -f vpc -O raw image.vhd out.raw
    if command -v qemu-img >/dev/null; then
        qemu-img compare -f vpc -F raw image.vhd out.raw
    fi
}

@test "killed with cache=writeback" { killed writeback 10; }
@test "killed with cache=writethrough" { killed writethrough 4; }
@test "killed with cache=none" { killed none 4; }
