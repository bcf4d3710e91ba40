#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Images in files that go on after them.

load helpers

# longer MODE LAYOUT
longer()
{
    local status=0
    "$python" "$here/longer.py" "$1" "$2" "$MINBLK_IO" "$MINBLK_IMG" ||
        status=$?
    [ "$status" -ne 77 ] || skip 'no file of 3 TiB here'
    return "$status"
}

@test "amend changes all footers that count" { longer amend qemu-forced; }
@test "amend changes them, Windows" { longer amend windows; }
@test "amend changes them, XenServer" { longer amend xenserver; }
@test "blocks in a file of 3 TiB" { longer huge qemu-forced; }
@test "blocks in a file of 3 TiB, XenServer" { longer huge xenserver; }
