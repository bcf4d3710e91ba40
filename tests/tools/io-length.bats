#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Padding to the alignment of requests never changes the length of a file.

load helpers

teardown()
{
    if [ -n "${loop:-}" ]; then
        umount mnt 2>/dev/null || true
        losetup -d "$loop" || true
    fi
}

length_is()
{
    [ "$(stat -c %s "$1")" -eq "$2" ]
}

# keeps_length FILE OPTION...: writes in, across and at the end of FILE.
keeps_length()
{
    local file=$1
    shift
    head -c 1000 /dev/zero | tr '\0' a >"$file"
    io "$@" -c 'write -P 1 10 20' -c 'write -z 500 7' "$file"
    expect_status 0
    length_is "$file" 1000
    io "$@" -c 'write -P 2 995 15' "$file"
    expect_status 0
    length_is "$file" 1010
    io "$@" -c 'read -P 2 -s 0 -l 15 995 29' -c 'read -P 0 1010 14' \
        -c 'read -P 0x61 507 488' -c 'read -P 0 500 7' -c 'read -P 1 10 20' \
        "$file"
    expect_status 0
    length_is "$file" 1010
}

# direct FILE: skips where the file system has no direct I/O.
direct()
{
    : >"$1"
    dd if=/dev/zero of="$1" bs=4096 count=1 oflag=direct 2>/dev/null ||
        skip 'no direct I/O here'
}

@test 'a named raw image' {
    needs raw file
    keeps_length disk -f raw
}

@test 'a guessed raw image' {
    needs raw file
    keeps_length disk
}

@test 'with direct I/O' {
    needs raw file
    direct disk
    keeps_length disk -f raw -t none
    keeps_length disk -t none
    keeps_length disk -f raw -t directsync
}

@test 'with direct I/O on sectors of 4 KiB' {
    needs raw file
    needs_command losetup mkfs.ext4
    truncate -s 64M fs
    loop=$(losetup -f --show -b 4096 fs 2>/dev/null) ||
        skip 'no loop devices here'
    mkfs.ext4 -q -F "$loop"
    mkdir mnt
    mount "$loop" mnt 2>/dev/null || skip 'no mounts here'
    direct mnt/disk
    keeps_length mnt/disk -f raw -t none
    keeps_length mnt/disk -t none
}
