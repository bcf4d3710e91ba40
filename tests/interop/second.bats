#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A session that ended badly, and those after it: second.py.

load helpers

# second LAYOUT ENGINE EFFECT [FIRST [STEP [CACHE]]]
second()
{
    needs qemu-img qemu-io stdbuf
    needs_engine "$2"
    "$python" "$here/second.py" "$@"
}

@test "killed: Windows" { second windows threads KILL; }
@test "killed: Virtual PC" { second virtualpc threads KILL; }
@test "killed: QEMU" { second qemu threads KILL; }
@test "killed: Windows, io_uring" { second windows io_uring KILL 1 2; }
@test "killed: XenServer" { second xenserver threads KILL; }
@test "killed: XenServer, io_uring" { second xenserver io_uring KILL 2 3; }
@test "killed: VirtualBox, writethrough" {
    second virtualbox threads KILL 1 3 writethrough
}
@test "killed: disk2vhd, O_DIRECT" { second disk2vhd threads KILL 2 3 none; }
@test "one EIO: Windows" { second windows threads EIO 1 3; }
@test "one EIO: XenServer" { second xenserver threads EIO 2 3; }
@test "one ENOSPC: Virtual PC" { second virtualpc threads ENOSPC 1 3; }
@test "EIO from then on: QEMU, size forced" {
    second qemu-forced threads EIO+ 1 3
}
@test "EIO from then on: XenServer" { second xenserver threads EIO+ 1 3; }
@test "ENOSPC from then on: Windows" { second windows threads ENOSPC+ 3 3; }
@test "ENOSPC from then on: XenServer" {
    second xenserver threads ENOSPC+ 2 3
}
