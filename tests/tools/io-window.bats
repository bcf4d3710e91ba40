#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# raw's offset and size: what lies outside the window is neither read nor
# written.

load helpers

window="driver=raw,file.filename=disk"

make_disk()
{
    needs raw file
    tr '\0' '\1' </dev/zero | head -c 8192 >disk
}

@test 'a window with a size bounds every operation' {
    make_disk
    io --image-opts "$window,offset=100,size=1024" -c 'write -P 2 0 1024' \
        -c 'write -z 0 3' -c 'discard 1021 3' -c length
    expect_status 0
    [ "${lines[-1]}" = '1 KiB' ]
    head -c 100 disk | cmp -n 100 - <(tr '\0' '\1' </dev/zero)
    tail -c +1125 disk | cmp -n 7068 - <(tr '\0' '\1' </dev/zero)
    zero_range disk 100 3
    zero_range disk 1121 3
    tail -c +104 disk | cmp -n 1018 - <(tr '\0' '\2' </dev/zero)
    [ "$(stat -c %s disk)" -eq 8192 ]
}

@test 'requests past the end of the window fail and change nothing' {
    make_disk
    cp disk before
    for command in 'write 1023 2' 'write -z 1024 1' 'read 1000 25' \
        'discard 0 1025' 'writev 0 512 513' 'truncate 2048'; do
        io --image-opts "$window,offset=512,size=1024" -c "$command"
        expect_status 1
        cmp disk before
    done
}

@test 'a window without a size moves with the end of the file' {
    make_disk
    io --image-opts "$window,offset=512" -c length -c 'truncate 16k' \
        -c length -c 'read -P 0 7680 8704'
    expect_status 0
    [ "${lines[0]}" = '7.500 KiB' ]
    [ "${lines[1]}" = '16 KiB' ]
    [ "$(stat -c %s disk)" -eq 16896 ]
}

@test 'windows that do not fit are refused' {
    make_disk
    io --image-opts "$window,offset=8193" -c length
    expect_status 1
    expect_err "minblk-io: can't open: Offset (8193) cannot be greater than \
size of the containing file (8192)"
    io --image-opts "$window,offset=512,size=8192" -c length
    expect_err "minblk-io: can't open: The sum of offset (512) and size (8192) \
has to be smaller or equal to the  actual size of the containing file (8192)"
    io --image-opts "$window,size=100" -c length
    expect_err "minblk-io: can't open: Specified size is not multiple of 512"
}

@test 'reopening moves the window' {
    make_disk
    io --image-opts "$window,offset=512" -c 'reopen -o offset=1024' -c length \
        -c 'reopen -o size=2048' -c length -c 'reopen -o driver=raw' \
        -c 'reopen -o size=100' -c 'reopen -o foo=bar' -c length
    expect_out '7 KiB
2 KiB
2 KiB'
    expect_err "minblk-io: Specified size is not multiple of 512
minblk-io: Cannot change the option 'foo'"
}
