#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Breakpoints and injected errors: blkdebug at the hands of the commands.

load helpers

debug="driver=raw,file.driver=blkdebug,file.image.driver=file,\
file.image.filename=disk"

# on COMMAND...: runs the commands on a new image of zeroes under blkdebug.
on()
{
    local args=() command
    for command in "$@"; do
        args+=(-c "$command")
    done
    truncate -s 0 disk
    truncate -s 1M disk
    say timeout 30 "$MINBLK_IO" --image-opts "${args[@]}" "$debug$more"
}

@test 'a request stops and is resumed' {
    on 'break write_aio A' 'aio_write -P 7 0 1k' 'wait_break A' \
        'read -P 0 4k 1k' 'resume A' aio_flush 'read -q -P 7 0 1k'
    expect_status 0
    expect_err ''
    expect_lines "blkdebug: Suspended request 'A'" \
        'read 1024/1024 bytes at offset 4096' '1 KiB, 1 ops; TIME' \
        "blkdebug: Resuming request 'A'" \
        'wrote 1024/1024 bytes at offset 0' '1 KiB, 1 ops; TIME'
}

@test 'requests of one tag: the last to stop goes first' {
    more=,file.align=4096
    # The write of a part of the last waits for it, and for ever otherwise.
    on 'break write_aio A' 'aio_write 0 4k' 'break write_aio A' \
        'aio_write 4k 8k' 'wait_break A' 'resume A' 'write 5k 512' 'resume A' \
        aio_flush
    expect_status 0
    expect_lines "blkdebug: Suspended request 'A'" \
        "blkdebug: Suspended request 'A'" "blkdebug: Resuming request 'A'" \
        'wrote 8192/8192 bytes at offset 4096' '8 KiB, 1 ops; TIME' \
        'wrote 512/512 bytes at offset 5120' '512 bytes, 1 ops; TIME' \
        "blkdebug: Resuming request 'A'" \
        'wrote 4096/4096 bytes at offset 0' '4 KiB, 1 ops; TIME'
}

@test 'what no event, no tag and no node answers to' {
    on 'break foo A' 'resume A' 'remove_break A' 'break read_aio B' \
        'remove_break B' 'remove_break B'
    expect_status 1
    expect_out 'Could not set breakpoint: No such file or directory
Could not resume request: No such file or directory
Could not remove breakpoint A: No such file or directory
Could not remove breakpoint B: No such file or directory'
    io -f raw -c 'break read_aio A' -c 'resume A' -c 'remove_break A' disk
    expect_status 1
    expect_out 'Could not set breakpoint: Operation not supported
Could not resume request: Operation not supported
Could not remove breakpoint A: Operation not supported'
}

@test 'removing a breakpoint resumes what it stopped' {
    on 'break read_aio A' 'aio_read 0 512' 'wait_break A' 'remove_break A' \
        aio_flush
    expect_status 1
    expect_lines "blkdebug: Suspended request 'A'" \
        "blkdebug: Resuming request 'A'" \
        'Could not remove breakpoint A: No such file or directory' \
        'read 512/512 bytes at offset 0' '512 bytes, 1 ops; TIME'
}

@test 'waiting without a request is an error' {
    on 'break read_aio A' 'wait_break A'
    expect_status 1
    expect_out \
        'Could not wait for breakpoint A: no request is in flight'
}

@test 'aio_flush, close, quit and reopen resume what is stopped' {
    local last
    for last in aio_flush close quit 'reopen -r' length; do
        on 'break write_aio A' 'aio_write -q -P 7 0 512' 'wait_break A' "$last"
        expect_status 0
        [[ "$output" == *"Suspended request 'A'"*"Resuming request 'A'"* ]]
        io -f raw -c 'read -q -P 7 0 512' disk
        expect_status 0
        expect_out ''
    done
}

@test 'an error is injected once, or after some requests' {
    more=,file.inject-error.0.event=none,file.inject-error.0.once=on
    on 'read -q 0 512' 'read -q 0 512'
    expect_status 1
    expect_out 'read failed: Input/output error'
    more=,file.inject-error.0.event=none,file.inject-error.0.iotype=read
    more+=,file.inject-error.0.skip=1,file.inject-error.0.errno=28
    on 'read -q 0 512' 'write -q 0 512' 'read -q 0 512'
    expect_status 1
    expect_out 'read failed: No space left on device'
    more=,file.inject-error.0.event=none,file.inject-error.0.iotype=truncate
    on 'truncate 2M' 'read -q 0 512' length
    expect_status 1
    expect_out '1 MiB'
    expect_err 'minblk-io: Could not resize image: Input/output error'
}

@test 'rules from a file' {
    cat >rules <<'END'
[inject-error]
event = "write_aio"
errno = "28"
once = "on"
END
    truncate -s 1M disk
    io -f raw -c 'write -q 0 512' -c 'write -q 0 512' blkdebug:rules:disk
    expect_status 1
    expect_out 'write failed: No space left on device'
    img info blkdebug:rules:disk
    [ "${lines[0]}" = 'image: blkdebug:rules:disk' ]
    [ "${lines[3]}" = 'disk size: unavailable' ]
}

@test 'blkverify tells a difference and fails the read' {
    truncate -s 1M disk other
    io -f raw -c 'write -q -P 5 1000 5000' -c 'read -q -P 5 1000 5000' \
        blkverify:other:disk
    expect_status 0
    cmp disk other
    io -f raw -c 'write -q 1234 1' other
    io --image-opts -c 'read -q 0 4k' -c 'read -q 4k 4k' \
        driver=blkverify,test.driver=file,test.filename=disk,raw.driver=file,raw.filename=other
    expect_status 1
    expect_out 'read failed: Input/output error'
    expect_err 'minblk-io: blkverify: read offset=0 bytes=4096 contents mismatch at offset 1234'
}

# As QEMU has it: A is stopped, B waits for A, and C overlaps B alone.
@test 'a request that waits is overtaken' {
    local program
    truncate -s 1M disk
    for program in "$MINBLK_IO" qemu-io; do
        command -v "$program" >/dev/null || continue
        say timeout 30 "$program" --image-opts \
            -c 'break pwritev_rmw_after_head A' -c 'aio_write -P 1 512 512' \
            -c 'wait_break A' -c 'aio_write -P 2 1k 8k' \
            -c 'write -P 3 5k 512' -c 'resume A' -c aio_flush \
            -c 'read -P 1 512 512' -c 'read -P 2 1k 8k' "$debug,file.align=4096"
        expect_status 0
        expect_lines "blkdebug: Suspended request 'A'" \
            'wrote 512/512 bytes at offset 5120' '512 bytes, 1 ops; TIME' \
            "blkdebug: Resuming request 'A'" \
            'wrote 512/512 bytes at offset 512' '512 bytes, 1 ops; TIME' \
            'wrote 8192/8192 bytes at offset 1024' '8 KiB, 1 ops; TIME' \
            'read 512/512 bytes at offset 512' '512 bytes, 1 ops; TIME' \
            'read 8192/8192 bytes at offset 1024' '8 KiB, 1 ops; TIME'
    done
}
