#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The program that docs/library.md explains, examples/read.c.

load helpers

@test 'the disk of a VHD and of a raw image comes out' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 3M
    "$MINBLK_IO" -f vpc -c 'write -P 7 1000001 99999' v >/dev/null
    "$MINBLK_IMG" convert -f vpc -O raw v r
    "$MINBLK_READ" vpc v | cmp - r
    "$MINBLK_READ" raw r | cmp - r
}

@test 'what cannot be opened or written is an error' {
    truncate -s 1M r
    say "$MINBLK_READ" nosuch r
    expect_status 1
    [[ $stderr == "read: Unknown driver 'nosuch'"* ]]
    say "$MINBLK_READ" raw
    expect_status 1
    [ "$stderr" = 'read: usage: read FORMAT IMAGE' ]
    status=0
    "$MINBLK_READ" raw r >/dev/full 2>.stderr || status=$?
    expect_status 1
    grep -q 'offset 0: No space left on device' .stderr
    # So is what cannot be written at last.
    truncate -s 512 r
    status=0
    "$MINBLK_READ" raw r >/dev/full 2>.stderr || status=$?
    expect_status 1
    grep -q 'offset 512: No space left on device' .stderr
}
