#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img convert --salvage of damaged VHDs: what can be read is read, and each
# sector that cannot be is named.

load helpers

# v: 64 MiB whose blocks 1 to 3 hold 7, 8 and 9; the table is at 1536, the blocks
# 4104 sectors apart, the first of them at sector 7, its data at 4096.
setup_vpc()
{
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 64M
    "$MINBLK_IO" -f vpc -c 'write -P 7 2M 2M' -c 'write -P 8 4M 2M' \
        -c 'write -P 9 6M 2M' v >/dev/null
}

# patch OFFSET BYTES: writes into v; the bytes as printf takes them.
patch()
{
    # shellcheck disable=SC2059
    printf "$2" | dd of=v bs=1 seek="$1" conv=notrunc status=none
}

# reads COMMAND...: all of them, on the raw disk r.
reads()
{
    local command
    for command in "$@"; do
        io -f raw -c "read $command" r
        expect_status 0
    done
}

# expect_lost [START-END...]: exactly the sectors of these ranges were named, by
# the last command that salvaged.
expect_lost()
{
    local found
    found=$(sed -n 's/.*: warning: error while reading offset \([0-9]*\): .*/\1/p' \
                lost |
            awk 'NR > 1 && $1 == end { end += 512; next }
                 NR > 1 { print start "-" end }
                 { start = $1; end = $1 + 512 }
                 END { if (NR) print start "-" end }' | tr '\n' ' ')
    same_text 'lost ranges' "$*" "${found% }"
}

# salvage ARGUMENT...: of v, which is not to be had otherwise.
salvage()
{
    img convert "$@" v r
    expect_status 1
    img convert --salvage "$@" v r
    expect_status 0
    expect_out ''
    cp .stderr lost
}

@test 'a file that was cut off inside its last block' {
    setup_vpc
    # 1 MiB of block 3 is left.
    truncate -s $((4096 + 2 * 4104 * 512 + 1048576)) v
    salvage
    reads '-P 0 0 2M' '-P 7 2M 2M' '-P 8 4M 2M' '-P 9 6M 1M' '-P 0 7M 57M'
    expect_lost 7340032-8388608
}

@test 'blocks that overlap' {
    setup_vpc
    # Block 2 begins 1 MiB into the data of block 1.
    patch 1544 '\0\0\10\10'
    salvage
    reads '-P 0 0 2M' '-P 7 2M 1M' '-P 9 6M 2M'
    expect_lost 3145728-6291456
}

@test 'an entry that points past the end' {
    setup_vpc
    patch 1544 '\177\377\377\377'
    salvage
    reads '-P 7 2M 2M' '-P 0 4M 2M' '-P 9 6M 2M'
    expect_lost 4194304-6291456
}

@test 'lost footers are no loss' {
    setup_vpc
    truncate -s -512 v
    quietly "$MINBLK_IMG" convert --salvage v r
    reads '-P 7 2M 2M' '-P 8 4M 2M' '-P 9 6M 2M'
    truncate -s +512 v
    patch 0 'nothing'
    img convert -f vpc --salvage v r
    expect_status 1
}

@test 'checksums that are stale' {
    setup_vpc
    size=$(stat -c %s v)
    patch 27 '\1'
    patch $((size - 512 + 27)) '\1'
    patch 612 'x'
    salvage
    expect_lost
    reads '-P 7 2M 2M' '-P 8 4M 2M' '-P 9 6M 2M'
}

@test 'without its parent nothing of a differencing disk is had' {
    needs vpc
    needs_images
    img convert --salvage -f vpc "$MINBLK_TEST_IMAGES/fat-differential.vhd" r
    expect_status 0
    cp .stderr lost
    expect_lost 0-4194304
}
