#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk and QEMU write to one image in turns: what one of them lays out, the
# other one may go on with.

load helpers

# turns MODE NAME
turns()
{
    needs qemu-img qemu-io
    "$python" "$here/turns.py" "$1" "$2" "$MINBLK_IO" "$MINBLK_IMG"
}

@test "made by minblk" { turns created force_size; }
@test "made by minblk, size rounded" { turns created subformat=dynamic; }
@test "made by minblk, blocks of 64 KiB" {
    turns created force_size,block_size=64k
}
@test "made by minblk, blocks of 512 KiB" {
    turns created force_size,block_size=512k
}
@test "made by minblk, blocks of 4 MiB" {
    turns created force_size,block_size=4M
}
@test "made by minblk, preallocated" {
    turns created force_size,block_size=64k,preallocation=metadata
}
@test "made by minblk for Hyper-V" {
    turns created target=hyperv,block_size=512k
}
@test "made by minblk for Virtual PC" {
    turns created target=virtualpc,block_size=512k
}
@test "made by minblk for VirtualBox" { turns created target=virtualbox; }
@test "made by minblk for XenServer" { turns created target=xenserver; }

@test "made by Windows" { turns layout windows; }
@test "made by Windows, blocks of 512 KiB" { turns layout windows-512k; }
@test "made by Virtual PC" { turns layout virtualpc; }
@test "made by disk2vhd" { turns layout disk2vhd; }
@test "made by VirtualBox" { turns layout virtualbox; }
@test "made by XenServer" { turns layout xenserver; }
@test "made by QEMU" { turns layout qemu; }
@test "made by QEMU, size forced" { turns layout qemu-forced; }

@test "repaired: Windows" { turns repaired windows; }
@test "repaired: Virtual PC" { turns repaired virtualpc; }
@test "repaired: disk2vhd" { turns repaired disk2vhd; }
@test "repaired: VirtualBox" { turns repaired virtualbox; }
@test "repaired: XenServer" { turns repaired xenserver; }
@test "repaired: QEMU" { turns repaired qemu; }

@test "QEMU's image without its footer" { turns cut subformat=dynamic; }
@test "QEMU's image without its footer, size forced" {
    turns cut subformat=dynamic,force_size=on
}

@test "after a kill, minblk first" { turns killed 6; }
