#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# open, close and reopen.

load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    truncate -s 1M r
}

# run_io COMMAND...: with no image on the command line.
run_io()
{
    local words=() command
    for command in "$@"; do
        words+=(-c "$command")
    done
    io "${words[@]}"
}

usage_open='open [-rsCnkU] [-t cache] [-d discard] [-o options] [path] -- open'
usage_open+=' the file specified by path'

@test 'open and close' {
    run_io 'open -o driver=raw r' 'write -qP 3 0 512' close \
        'open -r -o driver=raw,file.filename=r' 'read -qP 3 0 512' length
    expect_status 0
    expect_out '1 MiB'
    expect_err ''
}

@test 'no image is open' {
    run_io 'read 0 1' length close flush info reopen 'aio_write 0 1' read
    expect_status 1
    expect_out ''
    expect_err "$(for _ in 1 2 3 4 5 6 7 8; do
                      echo "no file open, try 'help open'"
                  done)"
}

@test 'an image is open already' {
    run_io 'open -o driver=raw r' 'open -o driver=raw r' length
    expect_status 1
    expect_out '1 MiB'
    expect_err "minblk-io: file open already, try 'help close'"
}

@test 'open of what there is not' {
    run_io 'open nosuch'
    expect_status 1
    expect_out ''
    expect_err "minblk-io: can't open: Could not open 'nosuch': No such file\
 or directory"
}

@test 'an image of a format without a driver is not raw' {
    reason="'q' is a qcow2 image; minblk handles $handled; give \
-f raw to treat it as raw"
    printf 'QFI\xfb\0\0\0\x03' >q
    for flag in '' -r -s; do
        io $flag -c length q
        expect_status 1
        expect_out ''
        expect_err "minblk-io: can't open device q: $reason"
        run_io "open $flag q"
        expect_status 1
        expect_err "minblk-io: can't open: $reason"
    done
    run_io 'open -o driver=raw q' 'read -vq 0 3'
    expect_status 0
    io -f raw -c 'write -P 1 0 8' q
    expect_status 0
    expect_err ''
}

@test 'open with a driver, an option that there is not' {
    run_io 'open -o driver=frob r'
    expect_status 1
    [[ $stderr == "minblk-io: can't open: Unknown driver 'frob'
Known formats: "* ]]
    run_io 'open -o driver=raw,frob=1 r'
    expect_status 1
    expect_err "minblk-io: can't open: Block format 'raw' does not support the\
 option 'frob'"
}

@test 'open with nothing to open' {
    run_io 'open -r' open
    expect_status 1
    expect_err_but_usage "minblk-io: can't open: Must specify either driver or file
bad argument count 0 to open, expected at least 1 arguments"
}

@test 'open with words that are wrong' {
    run_io 'open -x r' 'open r r' 'open -t frob r' 'open -d frob r' \
        'open -i frob r' 'open -o'
    expect_status 1
    expect_out "$usage_open
$usage_open
$usage_open"
    expect_err "open: invalid option -- 'x'
minblk-io: Invalid cache option: frob
Accepted values: none, off, directsync, writeback, writethrough, unsafe
minblk-io: Invalid discard option: frob
Accepted values: off, ignore, on, unmap
minblk-io: Invalid aio option: frob
Accepted values: threads, native, io_uring
open: option requires an argument -- 'o'"
}

@test 'open read-only' {
    run_io 'open -r -o driver=raw r' 'write 0 512'
    expect_status 1
    expect_err 'minblk-io: Block node is read-only'
}

@test 'open with a throw-away overlay' {
    run_io 'open -s -o driver=raw r' 'write -qP 5 0 512' 'read -qP 5 0 512'
    expect_status 0
    zero_range r 0 512
}

@test 'several lists of options are one' {
    run_io 'open -o driver=raw,size=8k -o offset=1k -o size=4k r' length
    expect_status 0
    expect_out '4 KiB'
}

@test '-f belongs to the image of the command line' {
    io -f frob -c 'open -o driver=raw r' -c length
    expect_status 0
    expect_out '1 MiB'
}

@test 'reopen read-only and back' {
    io -f raw r -c 'reopen -r' -c 'write 0 512' -c 'reopen -w' \
        -c 'write -qP 4 0 512' -c 'read -qP 4 0 512'
    expect_status 1
    expect_out ''
    expect_err 'minblk-io: Block node is read-only'
}

@test 'an image of a reader becomes writable' {
    io -r -f raw r -c 'reopen -w' -c 'write -qP 4 0 512' -c 'reopen -r' \
        -c 'read -qP 4 0 512'
    expect_status 0
    expect_err ''
}

@test 'an image that is shared with writers stays read-only' {
    io -U -r -f raw r -c 'reopen -w' -c 'write 0 512' -c 'reopen -c none' \
        -c 'read -qP 0 0 512'
    expect_status 1
    expect_out ''
    expect_err 'minblk-io: force-share=on can only be used with read-only images
minblk-io: Block node is read-only'
    zero_range r 0 1M
}

@test 'reopen with every cache mode' {
    io -f raw r -c 'reopen -c none' -c 'write -qP 1 0 512' \
        -c 'reopen -c directsync' -c 'write -qP 2 512 3' \
        -c 'reopen -c unsafe' -c 'write -qP 3 1k 512' \
        -c 'reopen -c writethrough' -c 'read -qP 1 0 512' \
        -c 'reopen -c writeback' -c 'read -qP 2 512 3' -c 'read -qP 3 1k 512'
    expect_status 0
    expect_out ''
    expect_err ''
}

@test 'reopen with driver options' {
    io -f raw r -c 'write -qP 6 512 512' -c 'reopen -o size=1k,offset=512' \
        -c length -c 'read -qP 6 0 512' -c 'reopen -o size=2k' -c length \
        -c 'reopen -o driver=raw' -c length
    expect_status 0
    expect_out '1 KiB
2 KiB
2 KiB'
}

@test 'reopen with options that cannot change' {
    io -f raw r -c 'reopen -o frob=1' -c 'reopen -o driver=vpc' -c length
    expect_status 1
    expect_out '1 MiB'
    expect_err "minblk-io: Cannot change the option 'frob'
minblk-io: Cannot change the option 'driver'"
}

@test 'reopen with words that do not go together' {
    io -f raw r -c 'reopen -rw' -c 'reopen -r -o read-only=off' \
        -c 'reopen -c none -o cache.direct=off' -c 'reopen -c frob' \
        -c 'reopen frob' -c 'reopen -x'
    expect_status 1
    expect_out 'reopen [(-r|-w)] [-c cache] [-o options] -- reopens an image with new options
reopen [(-r|-w)] [-c cache] [-o options] -- reopens an image with new options'
    expect_err "minblk-io: Only one -r/-w option may be given
minblk-io: Cannot set both -r/-w and 'read-only'
minblk-io: Cannot set both -c and the cache options
minblk-io: Invalid cache option: frob
Accepted values: none, off, directsync, writeback, writethrough, unsafe
reopen: invalid option -- 'x'"
}

@test 'what is in flight ends before the image is reopened' {
    io -f raw r -c 'aio_write 0 64k' -c 'reopen -r' -c 'write 0 1'
    expect_status 1
    expect_lines 'wrote 65536/65536 bytes at offset 0' '64 KiB, 1 ops; TIME'
    expect_err 'minblk-io: Block node is read-only'
}
