#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# read, readv, write and writev.

load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    truncate -s 1M r
}

# run_io COMMAND...: on the raw image r.
run_io()
{
    local words=() command
    for command in "$@"; do
        words+=(-c "$command")
    done
    io -f raw r "${words[@]}"
}

# fails_with TEXT COMMAND: exactly this line on standard output, and at most
# hints on standard error.
fails_with()
{
    run_io "$2"
    expect_status 1
    expect_out "$1"
    [ -z "$(without_hints <<<"$stderr")" ]
}

usage_read='read [-abCqv] [-P pattern [-s off] [-l len]] off len -- reads a'
usage_read+=' number of bytes at a specified offset'

@test 'the report of a read' {
    run_io 'read 0 64k'
    expect_status 0
    expect_lines 'read 65536/65536 bytes at offset 0' '64 KiB, 1 ops; TIME'
    [[ ${lines[1]} =~ 00\.[0-9][0-9]\ sec\ \([0-9.]+\ .iB/sec\ and\ [0-9]+\.[0-9]{4}\ ops/sec\)$ ]]
}

@test 'sizes in reports' {
    run_io 'write 1 42' 'write 1k 3584' 'write 0 4k' 'read 0 1M' 'read 7 0'
    expect_status 0
    expect_lines 'wrote 42/42 bytes at offset 1' '42 bytes, 1 ops; TIME' \
        'wrote 3584/3584 bytes at offset 1024' '3.500 KiB, 1 ops; TIME' \
        'wrote 4096/4096 bytes at offset 0' '4 KiB, 1 ops; TIME' \
        'read 1048576/1048576 bytes at offset 0' '1 MiB, 1 ops; TIME' \
        'read 0/0 bytes at offset 7' '0 bytes, 1 ops; TIME'
}

@test 'the report in one line' {
    run_io 'write -C 0 512'
    expect_status 0
    [[ $output =~ ^512,1,0:00:[0-9]{2}\.[0-9]{2},[0-9.]+,[0-9.]+$ ]]
}

@test 'quiet' {
    run_io 'write -q 0 512' 'read -q 0 512' 'readv -q 0 512' 'writev -q 0 1' \
        'read -qv 0 16'
    expect_status 0
    expect_out ''
}

@test 'a write without a pattern fills 0xcd' {
    run_io 'write -q 0 100' 'writev -q 200 50 50' 'read -qP 0xcd 0 100' \
        'read -qP 205 200 100' 'read -qP 0 100 100'
    expect_status 0
    expect_out ''
}

@test 'patterns in decimal, hexadecimal and octal; letters combine' {
    run_io 'write -qP 10 0 16' 'read -qP 0xa 0 16' 'read -qP 012 0 16' \
        'write -pqP 0XfF 0 16' 'read -qpP255 0 16' 'write -qP0 0 16' \
        'read -pP 0 0 1'
    expect_status 0
    expect_lines 'read 1/1 bytes at offset 0' '1 bytes, 1 ops; TIME'
}

@test 'what is no pattern byte' {
    for pattern in 256 -1 abc 0x 0x1g 5k 1.5 99999999999999999999; do
        for command in read write readv writev aio_read aio_write; do
            fails_with "$pattern is not a valid pattern byte" \
                "$command -P $pattern 0 16"
        done
    done
}

@test 'a pattern that is not there' {
    run_io 'read -P 1 512 512'
    expect_status 1
    expect_lines 'Pattern verification failed at offset 512, 512 bytes' \
        'read 512/512 bytes at offset 512' '512 bytes, 1 ops; TIME'
}

@test 'one wrong byte at the end is found' {
    run_io 'write -qP 9 0 511' 'read -qP 9 0 512'
    expect_status 1
    expect_out 'Pattern verification failed at offset 0, 512 bytes'
}

@test 'a part is verified' {
    run_io 'write -qP 9 100 50' 'read -qP 9 -s 100 -l 50 0 512' \
        'read -qP 9 -s 100 0 150'
    expect_status 0
    run_io 'read -qP 9 -s 99 -l 50 0 512'
    expect_status 1
    expect_out 'Pattern verification failed at offset 99, 50 bytes'
}

@test 'a part that is not within the read' {
    for part in '-s 513' '-l 513' '-s 500 -l 13' '-s 1 -l 512'; do
        fails_with 'pattern verification range exceeds end of read data' \
            "read -P 0 $part 0 512"
    done
}

@test 'a part without a pattern' {
    fails_with "$usage_read" 'read -s 1 0 512'
    fails_with "$usage_read" 'read -l 1 0 512'
}

@test 'a dump' {
    printf '0Az\n\n..' >bytes
    run_io 'write -qs bytes 510 7' 'read -v 510 4' 'readv -v 500 16 1'
    expect_status 0
    expect_lines '000001fe:  30 41 7a 0a  0Az.' \
        'read 4/4 bytes at offset 510' '4 bytes, 1 ops; TIME' \
        '000001f4:  00 00 00 00 00 00 00 00 00 00 30 41 7a 0a 0a 2e  ..........0Az...' \
        '00000204:  2e  .' \
        'read 17/17 bytes at offset 500' '17 bytes, 1 ops; TIME'
}

@test 'a file as a pattern' {
    printf 'abc' >bytes
    run_io 'write -qs bytes 1 8' 'read -v 0 10'
    expect_status 0
    [ "${lines[0]}" = '00000000:  00 61 62 63 61 62 63 61 62 00  .abcabcab.' ]
}

@test 'files that are no pattern' {
    : >empty
    run_io 'write -s empty 0 16' 'write -s nosuch 0 16' 'write -s . 0 16'
    expect_status 1
    expect_out ''
    expect_err 'empty: file is empty
nosuch: No such file or directory
.: Is a directory'
}

@test 'a vector is one operation' {
    run_io 'writev -P 3 1000 1 0 511 2k' 'readv -P 3 1000 2k 512'
    expect_status 0
    expect_lines 'wrote 2560/2560 bytes at offset 1000' \
        '2.500 KiB, 1 ops; TIME' 'read 2560/2560 bytes at offset 1000' \
        '2.500 KiB, 1 ops; TIME'
}

@test 'past the end' {
    for range in '1M 1' '1048575 2' '0 1048577' '2M 1' '6E 1' '1M 512'; do
        for command in read write 'write -z' readv writev; do
            fails_with "${command% -z} failed: Input/output error" \
                "$command $range"
        done
    done
}

@test 'up to the end' {
    run_io 'write -qP 4 1048575 1' 'read -qP 4 1048575 1' 'read -q 0 1M' \
        'read -q 1M 0' 'write -q 1M 0'
    expect_status 0
    expect_out ''
    [ "$(size_of r)" -eq 1048576 ]
}

@test 'lengths that no request can have' {
    fails_with 'length cannot exceed 2147483136, given 2g' 'read 0 2g'
    fails_with 'length cannot exceed 2147483136 without -n, given 2147483137' \
        'write 0 2147483137'
    fails_with "Argument '2g' exceeds maximum size 2147483136" 'readv 0 2g'
    fails_with 'The total number of bytes exceed the maximum size 2147483136' \
        'writev 0 2147483136 1'
}

@test 'what is no size' {
    text='Parsing error: non-numeric argument, or extraneous/unrecognized'
    text+=' suffix'
    for size in abc 1z 1kB 1KiB 0xg 1.5 1e3 .5k k; do
        for command in read write readv writev 'write -z'; do
            fails_with "$text -- $size" "$command $size 512"
            fails_with "$text -- $size" "$command 0 $size"
        done
    done
    fails_with "$text -- -1" 'read -- -1 512'
}

@test 'sizes that are too large' {
    for size in 8E 9999999999999999999 99999999999999999999 16E; do
        fails_with "Parsing error: argument too large -- $size" \
            "read $size 512"
        fails_with "Parsing error: argument too large -- $size" \
            "write 0 $size"
    done
}

@test 'sizes with suffixes' {
    run_io 'write -qP 1 0x10 0x10' 'write -qP 2 1k 0.5k' 'read -qP 1 16 16' \
        'read -qP 2 1K 512' 'read -q 0 1m' 'read -q 0b 1'
    expect_status 0
    expect_out ''
}

@test 'write: options that do not go together' {
    one='Only one of -z, -P, and -s can be specified at the same time'
    fails_with "$one" 'write -z -P 1 0 512'
    fails_with "$one" 'write -z -s x 0 512'
    fails_with "$one" 'write -P 1 -s x 0 512'
    fails_with '-b and -z cannot be specified at the same time' \
        'write -bz 0 512'
    fails_with '-f and -b or -c cannot be specified at the same time' \
        'write -fb 0 512'
    fails_with '-f and -b or -c cannot be specified at the same time' \
        'write -fc 0 512'
    fails_with '-u requires -z to be specified' 'write -u 0 512'
    fails_with '-n requires -z to be specified' 'write -n 0 512'
}

@test 'the state of a machine, and compressed data, are not supported' {
    fails_with 'read failed: Operation not supported' 'read -b 0 512'
    fails_with 'write failed: Operation not supported' 'write -b 0 512'
    fails_with 'write failed: Operation not supported' 'write -c 0 512'
    fails_with "5 is not a sector-aligned value for 'offset'" 'read -b 5 512'
    fails_with "5 is not a sector-aligned value for 'count'" 'write -c 0 5'
    fails_with "307 is not a sector-aligned value for 'count'" 'read -b 0 0.3k'
}

@test 'zeroes' {
    run_io 'write -q 0 1M' 'write -z 100 70000' 'read -qP 0 100 70000' \
        'read -qP 0xcd 0 100' 'read -qP 0xcd 70100 1000' 'write -qzu 64k 64k' \
        'read -qP 0 64k 64k' 'write -qzf 1 2'
    expect_status 0
    expect_lines 'wrote 70000/70000 bytes at offset 100' \
        '68.359 KiB, 1 ops; TIME'
}

@test 'zeroes longer than one request' {
    truncate -s 5G r
    run_io 'write -q 4G 512' 'write -qzn 0 5G' 'read -qP 0 4G 512'
    expect_status 0
    expect_out ''
    run_io 'write -zn 0 6G'
    expect_status 1
    expect_out 'write failed: Input/output error'
}

@test 'letters that there are not' {
    run_io 'read -z 0 512'
    expect_status 1
    expect_out "$usage_read"
    expect_err "read: invalid option -- 'z'"
    run_io 'writev -z 0 512'
    expect_status 1
    expect_err "writev: invalid option -- 'z'"
    run_io 'read 0 512 -P'
    expect_out "$usage_read"
    expect_err "read: option requires an argument -- 'P'"
}

@test 'too few words, too many words' {
    run_io read 'read 0' 'writev 0' 'read 0 1 2'
    expect_status 1
    expect_out "$usage_read"
    expect_err_but_usage 'bad argument count 0 to read, expected at least 2 arguments
bad argument count 1 to read, expected at least 2 arguments
bad argument count 1 to writev, expected at least 2 arguments'
}

@test 'words are separated by blanks and tabs' {
    run_io $'  write\t-qP \t 6  0\t16 ' $'\tread -qP 6 0 16\t'
    expect_status 0
    expect_out ''
    expect_err ''
}

@test 'short forms' {
    run_io 'w -qP 6 0 16' 'r -qP 6 0 16'
    expect_status 0
    expect_out ''
}

@test 'a failure does not stop what follows, and is remembered' {
    run_io 'read 1M 1' 'write -qP 8 0 512'
    expect_status 1
    expect_out 'read failed: Input/output error'
    run_io 'read -qP 8 0 512'
    expect_status 0
}
