#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A disk that is full, and what comes after: full.py.

load helpers

teardown()
{
    cd / || return 1
    if mountpoint -q "${BATS_TEST_TMPDIR:?}/small"; then
        umount "$BATS_TEST_TMPDIR/small"
    fi
    rm -rf "${BATS_TEST_TMPDIR:?}"
}

# full LAYOUT WAY ENGINE
full()
{
    needs qemu-img qemu-io stdbuf
    needs_engine "$3"
    if [ "$2" = disk ]; then
        mkdir small
        mount -t tmpfs -o size=16M none small 2>/dev/null || skip 'cannot mount'
        cd small || return
    fi
    "$python" "$here/full.py" "$@"
}

@test "a full disk: Windows" { full windows disk threads; }
@test "a full disk: Virtual PC, io_uring" { full virtualpc disk io_uring; }
@test "a full disk: QEMU" { full qemu disk threads; }
@test "a full disk: XenServer" { full xenserver disk threads; }
@test "a limit: Windows" { full windows limit threads; }
@test "a limit: VirtualBox, io_uring" { full virtualbox limit io_uring; }
@test "a limit: disk2vhd" { full disk2vhd limit threads; }
@test "a limit: XenServer" { full xenserver limit threads; }
