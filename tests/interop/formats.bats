#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Images of formats that only qemu-img knows are refused by name, and raw disks
# that it has made are not.

load helpers

# expect_refused FORMAT FILE
expect_refused()
{
    refused img info "$2"
    grep -qxF "minblk-img: Could not open '$2': '$2' is a $1 image; minblk \
handles raw and vpc; give -f raw to treat it as raw" stderr
    refused io -c 'write 0 512' "$2"
    grep -qF "'$2' is a $1 image" stderr
}

# create FORMAT FILE OPTION...: by qemu-img.
create()
{
    echo "$*"
    qemu-img create -q -f "$1" "${@:3}" "$2" 1M
}

@test 'images of other formats are refused, and read as raw when told' {
    local format
    needs qemu-img
    for format in qcow qcow2 vhdx vmdk vdi qed parallels; do
        create $format disk
        cp disk before
        expect_refused $format disk
        cmp disk before
        silently img convert -f raw -O raw disk out
        cmp -n "$(size_of disk)" disk out
        rm disk
    done
}

@test 'variants of other formats' {
    needs qemu-img
    create qcow2 v2 -o compat=0.10
    expect_refused qcow2 v2
    create vmdk flat -o subformat=monolithicFlat
    expect_refused vmdk flat
    create vmdk stream -o subformat=streamOptimized
    expect_refused vmdk stream
    create vdi static -o static=on
    expect_refused vdi static
    # By hand, because qemu-img measures CPU time to make one, and fails where
    # a machine's clock for that is too coarse.
    printf 'LUKS\xba\xbe\0\1' >luks
    truncate -s 1M luks
    expect_refused luks luks
}

@test 'a fixed VHD that holds an image of another format is a VHD' {
    local format
    needs qemu-img
    for format in qcow2 vdi vmdk; do
        create $format inner
        qemu-img convert -f raw -O vpc -o subformat=fixed inner outer.vhd
        silently img info outer.vhd
        img info outer.vhd | grep -qx 'file format: vpc'
        silently img convert -O raw outer.vhd out
        cmp -n "$(size_of inner)" inner out
    done
}

@test 'what products refuse, and what mends it' {
    python3 "$BATS_TEST_DIRNAME/targets.py" "$(dirname "$MINBLK_IMG")" \
        ${MINBLK_TEST_IMAGES:+"$MINBLK_TEST_IMAGES"}
}

@test 'the footer of a fixed VHD in files of all lengths' {
    python3 "$BATS_TEST_DIRNAME/lengths.py" "$MINBLK_IMG"
}
