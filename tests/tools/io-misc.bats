#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The commands beside reading and writing, help, and standard input.

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

# feed TEXT [ARGUMENT...]: to standard input of minblk-io on the image r.
feed()
{
    printf '%b' "$1" >commands
    run --separate-stderr bash -c \
        '"$0" "${@:2}" <commands; s=$?; echo "|"; exit $s' "$MINBLK_IO" "$@" \
        -f raw r
}

@test 'length' {
    run_io length
    expect_status 0
    expect_out '1 MiB'
    truncate -s 402653184 r
    run_io length
    expect_out '384 MiB'
    truncate -s 1000 r
    run_io length l
    expect_out '1 KiB
1 KiB'
    truncate -s 0 r
    run_io length
    expect_out '0 bytes'
}

@test 'info' {
    run_io info
    expect_status 0
    expect_out 'format name: raw
cluster size: 0 bytes
vm state offset: 0 bytes'
}

@test 'info of a VHD' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc a.vhd 64M
    io -f vpc a.vhd -c info
    expect_status 0
    expect_out 'format name: vpc
cluster size: 2 MiB
vm state offset: 0 bytes'
}

@test 'map' {
    run_io map
    expect_status 0
    expect_out '1 MiB (0x100000) bytes     allocated at offset 0 bytes (0x0)'
    truncate -s 0 r
    run_io map
    expect_status 0
    expect_out ''
}

@test 'map of an overlay' {
    io -s -f raw r -c 'write -q 64k 64k' -c map
    expect_status 0
    expect_out '64 KiB (0x10000) bytes not allocated at offset 0 bytes (0x0)
64 KiB (0x10000) bytes     allocated at offset 64 KiB (0x10000)
896 KiB (0xe0000) bytes not allocated at offset 128 KiB (0x20000)'
}

@test 'alloc' {
    run_io 'alloc 0' 'alloc 512 1k' 'alloc 1048000 1k' 'alloc 1M' 'alloc 2M 5'
    expect_status 0
    expect_out '512/512 bytes allocated at offset 0 bytes
1024/1024 bytes allocated at offset 512 bytes
576/576 bytes allocated at offset 1023.438 KiB
0/0 bytes allocated at offset 1 MiB
0/0 bytes allocated at offset 2 MiB'
}

@test 'alloc of an overlay' {
    io -s -f raw r -c 'write -q 64k 64k' -c 'alloc 0 1M' -c 'alloc 64k'
    expect_status 0
    expect_out '65536/1048576 bytes allocated at offset 0 bytes
512/512 bytes allocated at offset 64 KiB'
}

@test 'discard reads as zeroes, of two bytes, too' {
    run_io 'write -q 0 64k' 'discard 3 2' 'read -v 0 8' 'discard -q 4k 8k' \
        'read -qP 0 4k 8k' 'read -qP 0xcd 12k 4k'
    expect_status 0
    expect_lines 'discard 2/2 bytes at offset 3' '2 bytes, 1 ops; TIME' \
        '00000000:  cd cd cd 00 00 cd cd cd  ........' \
        'read 8/8 bytes at offset 0' '8 bytes, 1 ops; TIME'
}

@test 'discard that is ignored' {
    io -f raw -d ignore r -c 'write -q 0 64k' -c 'discard -q 0 64k' \
        -c 'read -qP 0xcd 0 64k'
    expect_status 0
    expect_out ''
}

@test 'discard past the end' {
    run_io 'discard 1M 1'
    expect_status 1
    expect_out 'discard failed: Input/output error'
    run_io 'discard 0 3g'
    expect_status 1
    expect_out 'length cannot exceed 2147483136, given 3g'
}

@test 'truncate is silent, and grows with zeroes' {
    run_io 'write -q 0 1M' 'truncate 64k' 'truncate 3M' length \
        'read -qP 0xcd 0 64k' 'read -qP 0 64k 3008k'
    expect_status 0
    expect_out '3 MiB'
    expect_err ''
}

@test 'truncate with preallocation' {
    run_io 'truncate -m full 2M' 'truncate -m falloc 3M' length \
        'read -qP 0 1M 2M'
    expect_status 0
    expect_out '3 MiB'
    [ "$(du -k r | cut -f 1)" -ge 2048 ]
}

@test 'truncate that fails' {
    run_io 'truncate -m frob 2M' 'truncate -m metadata 2M' \
        'truncate -m full 4k' 'truncate -m full'
    expect_status 1
    expect_out 'truncate [-m prealloc_mode] off -- truncates the current file at the given offset'
    expect_err "minblk-io: Invalid preallocation mode 'frob'
Accepted values: off, falloc, full
minblk-io: Unsupported preallocation mode: metadata
minblk-io: Cannot use preallocation for shrinking files"
}

@test 'no driver takes break points' {
    run_io 'break read_aio A' 'wait_break A' 'resume A' 'remove_break A'
    expect_status 1
    expect_out 'Could not set breakpoint: Operation not supported
Could not wait for breakpoint A: no request is in flight
Could not resume request: Operation not supported
Could not remove breakpoint A: Operation not supported'
}

@test 'sleep' {
    run_io 'sleep 1' 'sleep 0x1' 'sleep -1' 'sleep 1x' \
        'sleep 99999999999999999999'
    expect_status 1
    expect_out '-1 is not a valid number
1x is not a valid number
99999999999999999999 is not a valid number'
}

@test 'a signal that is raised' {
    run_io length 'sigraise 15' length
    expect_status 143
    expect_out '1 MiB'
}

@test 'what is no signal' {
    run_io 'sigraise 0' 'sigraise 1000' 'sigraise -1'
    expect_status 1
    expect_out "signal argument '1000' is too large to be a valid signal
Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- -1"
}

@test 'abort' {
    run_io abort
    expect_status 134
}

@test 'commands that there are not' {
    run_io frob 'Read 0 16' 'help frob'
    expect_status 1
    expect_out 'command frob not found'
    expect_err 'command "frob" not found
command "Read" not found
Did you mean '\''read'\''?'
}

@test 'an empty command' {
    io -f raw r -c '' -c ' '
    expect_status 0
    expect_out ''
    expect_err ''
}

@test 'numbers of words' {
    run_io 'flush 1' alloc 'alloc 1 2 3' 'break 1' truncate 'help 1 2'
    expect_status 1
    expect_out ''
    expect_err_but_usage 'bad argument count 1 to flush, expected 0 arguments
bad argument count 0 to alloc, expected between 1 and 2 arguments
bad argument count 3 to alloc, expected between 1 and 2 arguments
bad argument count 1 to break, expected 2 arguments
bad argument count 0 to truncate, expected between 1 and 3 arguments
bad argument count 2 to help, expected between 0 and 1 arguments'
}

@test 'help lists all commands' {
    io -c help
    expect_status 0
    expect_golden io-help
}

@test 'help for every command' {
    local words=() command
    for name in abort aio_flush aio_read aio_write alloc break close discard \
        flush help info length map open quit read readv remove_break reopen \
        resume sigraise sleep truncate wait_break write writev r w; do
        words+=(-c "help $name")
    done
    io "${words[@]}"
    expect_status 0
    expect_golden io-help-commands
}

@test 'standard input: a prompt each, none after quit' {
    feed 'length\nquit\nlength\n'
    expect_status 0
    expect_out 'minblk-io> 1 MiB
minblk-io> |'
}

@test 'standard input: the end comes without a newline' {
    feed 'length'
    expect_status 0
    expect_out 'minblk-io> 1 MiB
minblk-io> |'
    feed ''
    expect_out 'minblk-io> |'
}

@test 'standard input: empty lines, failures' {
    feed '\n\nfrob\nread 1M 1\nlength\n'
    expect_status 1
    expect_out 'minblk-io> minblk-io> minblk-io> minblk-io> read failed: Input/output error
minblk-io> 1 MiB
minblk-io> |'
    expect_err 'command "frob" not found'
}

@test 'standard input: what is in flight is reported at the end' {
    feed 'aio_write 0 512\n'
    expect_status 0
    expect_lines 'minblk-io> minblk-io> wrote 512/512 bytes at offset 0' \
        '512 bytes, 1 ops; TIME' '|'
}

@test 'standard input: requests go on while nothing is typed' {
    needs null-co
    coproc "$MINBLK_IO" --image-opts \
        driver=null-co,size=1M,latency-ns=50000000
    pid=$COPROC_PID
    echo 'aio_read 0 512' >&"${COPROC[1]}"
    read -r -t 10 -u "${COPROC[0]}" line
    [ "$line" = 'minblk-io> minblk-io> read 512/512 bytes at offset 0' ]
    echo quit >&"${COPROC[1]}"
    wait "$pid"
}

@test 'standard input is not read when there are commands' {
    feed 'frob\n' -c length
    expect_status 0
    expect_out '1 MiB
|'
}

@test 'without standard output and error nothing is written to the image' {
    local status=0
    cp r before
    "$MINBLK_IO" -f raw -c bogus -c 'read 2M 1' r >&- 2>&- || status=$?
    expect_status 1
    cmp r before
    # It cannot say so, but it writes what it was told to.
    status=0
    "$MINBLK_IO" -f raw -c 'write -P 7 512 512' r <&- >&- 2>&- || status=$?
    expect_status 1
    "$MINBLK_IO" -f raw -c 'read -P 0 0 512' -c 'read -P 7 512 512' r
    [ "$(stat -c %s r)" = 1048576 ]
}
