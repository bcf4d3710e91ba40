#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# -s: writes go to a throw-away overlay, reads see the image under it.

load helpers

@test 'the image does not change by a byte' {
    head -c 300000 /dev/urandom >disk
    cp disk before
    io -s -f raw -c 'write -P 5 100 200k' -c 'read -P 5 100 200k' \
        -c 'write -z 1000 70000' -c 'read -P 0 1000 70000' \
        -c 'discard 0 64k' -c 'truncate 10k' -c 'truncate 1M' \
        -c 'read -P 0 10k 1038336' -c flush disk
    expect_status 0
    expect_err ''
    cmp disk before
}

@test 'what was not written is read from the image' {
    tr '\0' '\7' </dev/zero | head -c 1M >disk
    io -s -f raw -c 'write -P 5 1 1' -c 'read -P 7 0 1' -c 'read -P 5 1 1' \
        -c 'read -P 7 2 1048574' disk
    expect_status 0
}

@test 'a file that nobody may write serves too' {
    truncate -s 1M disk
    chmod 444 disk
    io -s -f raw -c 'write 0 64k' disk
    expect_status 0
}

@test 'over a reader nothing is written' {
    truncate -s 1M disk
    io -s -r -f raw -c 'write 0 512' disk
    expect_status 1
    expect_err 'minblk-io: Block node is read-only'
}
