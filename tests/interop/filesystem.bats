#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A file system carried raw -> dynamic -> fixed -> raw is still sound, and holds
# what it held.

load helpers

# carry RAW: to back.raw
carry()
{
    silently img convert -f raw -O vpc -o force_size "$1" dynamic.vhd
    silently img convert -f vpc -O vpc -o subformat=fixed,force_size \
        dynamic.vhd fixed.vhd
    silently img convert -f vpc -O raw fixed.vhd back.raw
    same "$1" back.raw 0
    # And the geometry's way, where the disk grows a little.
    silently img convert -O vpc "$1" dynamic.vhd
    silently img convert -O vpc -o subformat=fixed dynamic.vhd fixed.vhd
    silently img convert -O raw fixed.vhd grown.raw
    same "$1" grown.raw any
}

@test "ext4" {
    needs mkfs.ext4 fsck.ext4 debugfs
    mkdir files
    for i in 1 2 3; do
        head -c "${i}00000" /dev/urandom >"files/$i"
    done
    truncate -s 48M fs.raw
    mkfs.ext4 -q -F -d files fs.raw
    carry fs.raw
    for disk in back.raw grown.raw; do
        fsck.ext4 -f -n "$disk"
        for i in 1 2 3; do
            debugfs -R "cat /$i" "$disk" 2>/dev/null | cmp - "files/$i"
        done
    done
}

@test "vfat" {
    needs mkfs.vfat fsck.vfat
    truncate -s 33M fs.raw
    mkfs.vfat fs.raw >/dev/null
    carry fs.raw
    fsck.vfat -n back.raw
    fsck.vfat -n grown.raw
}
