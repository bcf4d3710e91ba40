#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# aio_read, aio_write and aio_flush.

load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    truncate -s 1M r
}

run_io()
{
    local words=() command
    for command in "$@"; do
        words+=(-c "$command")
    done
    io -f raw r "${words[@]}"
}

@test 'a request is reported when it has completed' {
    run_io 'aio_write -P 5 0 4k' aio_flush 'aio_read -P 5 0 1k 3k'
    expect_status 0
    expect_lines 'wrote 4096/4096 bytes at offset 0' '4 KiB, 1 ops; TIME' \
        'read 4096/4096 bytes at offset 0' '4 KiB, 1 ops; TIME'
}

@test 'several in flight are all reported at the end' {
    run_io 'aio_write -P 1 0 64k' 'aio_write -P 2 64k 64k' \
        'aio_write -P 3 128k 64k' 'aio_read 512k 64k' length
    expect_status 0
    [ "${lines[0]}" = '1 MiB' ]
    [ "$(grep -c '^wrote 65536/65536' <<<"$output")" -eq 3 ]
    [ "$(grep -c '^read 65536/65536' <<<"$output")" -eq 1 ]
    run_io 'read -qP 1 0 64k' 'read -qP 2 64k 64k' 'read -qP 3 128k 64k'
    expect_status 0
}

@test 'what is in flight is reported before the image is closed' {
    run_io 'aio_write 0 64k' close length
    expect_status 1
    expect_lines 'wrote 65536/65536 bytes at offset 0' '64 KiB, 1 ops; TIME'
    expect_err "no file open, try 'help open'"
}

@test 'what is in flight is reported before the end by quit' {
    run_io 'aio_write 0 64k' quit length
    expect_status 0
    expect_lines 'wrote 65536/65536 bytes at offset 0' '64 KiB, 1 ops; TIME'
}

@test 'a slow request does not hold up the commands that follow' {
    needs null-co
    io --image-opts driver=null-co,size=1M,latency-ns=1000000000 \
        -c 'aio_read 0 512' -c length -c aio_flush -c length
    expect_status 0
    expect_lines '1 MiB' 'read 512/512 bytes at offset 0' \
        '512 bytes, 1 ops; TIME' '1 MiB'
    [[ ${lines[2]} != *' 00.'* ]]
}

@test 'requests in flight go on side by side' {
    needs null-co
    local words=() start=$SECONDS
    for _ in {1..64}; do
        words+=(-c 'aio_read -q 0 512')
    done
    # One after the other they would take more than a minute.
    io --image-opts driver=null-co,size=1M,latency-ns=1000000000 "${words[@]}"
    expect_status 0
    expect_out ''
    [ $((SECONDS - start)) -lt 60 ]
}

@test 'overlapping writes: one of them wins whole' {
    run_io 'aio_write -qP 1 100 3000' 'aio_write -qP 2 100 3000' aio_flush \
        'read -qP 0 0 100' 'read -qP 0 3100 100'
    expect_status 0
    expect_out ''
    cmp <(dd if=r bs=1 skip=100 count=3000 status=none | tr -d '\001') \
        /dev/null ||
        cmp <(dd if=r bs=1 skip=100 count=3000 status=none | tr -d '\002') \
            /dev/null
}

@test 'neighbours in one sector do not destroy each other' {
    local words=() command
    for i in {1..32}; do
        words+=("aio_write -qP $i $((i * 16)) 16")
    done
    run_io "${words[@]}" aio_flush
    expect_status 0
    for i in {1..32}; do
        run_io "read -qP $i $((i * 16)) 16"
        expect_status 0
    done
}

@test 'failures do not change the exit status' {
    run_io 'aio_read 1M 1'
    expect_status 0
    expect_out 'readv failed: Input/output error'
    run_io 'aio_write 1M 1'
    expect_status 0
    expect_out 'aio_write failed: Input/output error'
    run_io 'aio_write -z 0 3G'
    expect_status 0
    expect_out 'aio_write failed: Input/output error'
    run_io 'aio_read -P 1 0 1'
    expect_status 0
    expect_lines 'Pattern verification failed at offset 0, 1 bytes' \
        'read 1/1 bytes at offset 0' '1 bytes, 1 ops; TIME'
}

@test 'zeroes' {
    run_io 'write -q 0 64k' 'aio_write -zu 4k 4k' aio_flush \
        'read -qP 0 4k 4k' 'read -qP 0xcd 8k 4k'
    expect_status 0
    expect_lines 'wrote 4096/4096 bytes at offset 4096' '4 KiB, 1 ops; TIME'
}

@test 'words that are wrong fail the command' {
    run_io 'aio_write -z 0 512 512'
    expect_status 1
    expect_out '-z supports only a single length parameter'
    run_io 'aio_write -u 0 512'
    expect_status 1
    expect_out '-u requires -z to be specified'
    run_io 'aio_read 0'
    expect_status 1
    expect_err_but_usage 'bad argument count 1 to aio_read, expected at least 2 arguments'
    run_io 'aio_read 0 2g'
    expect_status 1
    expect_out "Argument '2g' exceeds maximum size 2147483136"
    run_io 'aio_read -x 0 512'
    expect_status 1
    expect_err "aio_read: invalid option -- 'x'"
    run_io 'aio_flush 1'
    expect_status 1
    expect_err_but_usage 'bad argument count 1 to aio_flush, expected 0 arguments'
}

@test 'requests that are not made' {
    run_io 'aio_read -i 0 512' 'aio_write -i 0 512'
    expect_status 0
    expect_out 'injecting invalid read request
injecting invalid write request'
    zero_range r 0 512
}

@test 'dump, one line, quiet' {
    run_io 'aio_read -v 0 2' aio_flush 'aio_read -q 0 2' aio_flush \
        'aio_write -C 0 2'
    expect_status 0
    [ "${lines[0]}" = '00000000:  00 00  ..' ]
    [[ ${lines[3]} =~ ^2,1,0:00: ]]
    [ "${#lines[@]}" -eq 4 ]
}

@test 'however many are begun, all are done' {
    truncate -s 1M r
    seq 40000 | awk '{ print "aio_write -q -P " $1 % 200 " " $1 % 256 * 4096 " 4k" }
        END { print "aio_flush"; print "length" }' >commands
    say bash -c '"$MINBLK_IO" -f raw r <commands >out'
    expect_status 0
    expect_err ''
    grep -q '1 MiB' out
}
