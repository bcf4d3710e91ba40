#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What create writes is what qemu-img writes, byte for byte but for uuid,
# timestamp and checksum, and but for the geometry of force_size.

load helpers

sweep()
{
    needs qemu-img
    "$python" "$here/create-sweep.py" "$MINBLK_IMG" qemu-img "$@"
}

@test "headers of dynamic images of many sizes" {
    sweep subformat=dynamic
}
@test "headers of fixed images of many sizes" {
    sweep subformat=fixed
}
@test "headers of dynamic images of many forced sizes" {
    sweep subformat=dynamic,force_size
}
@test "headers of fixed images of many forced sizes" {
    sweep subformat=fixed,force_size
}
