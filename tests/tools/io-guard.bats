#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Raw images whose format was guessed: a guest cannot give itself another format.

load helpers

make_vhds()
{
    needs vpc
    quietly "$MINBLK_IMG" create -q -f vpc -o subformat=fixed,force_size \
        fixed.vhd 1M
    quietly "$MINBLK_IMG" create -q -f vpc dynamic.vhd 10M
    tail -c 512 fixed.vhd >footer
    head -c 511 footer >footer511
    head -c 512 dynamic.vhd >head
}

# refuses SIZE COMMAND: on zeroes of that size, with the reason, once.
refuses()
{
    truncate -s 0 disk
    truncate -s "$1" disk
    io -c "$2" disk
    expect_status 1
    [[ "$stderr" == *"format 'vpc'"*"give '-f raw'"* ]]
    img info -f raw disk
    expect_status 0
    img info disk
    [[ "$output" == *'file format: raw'* ]]
}

@test 'a header cannot be written to the first sector' {
    make_vhds
    refuses 1048576 'write -s head 0 512'
}

@test 'a footer cannot be written to the last sector' {
    make_vhds
    refuses 1049088 'write -s footer 1M 512'
}

@test 'a footer of 511 bytes cannot be written to the end' {
    make_vhds
    refuses 1049087 'write -s footer511 1M 511'
}

# Whatever it says: the rest of a VHD could be written before it or after it.
@test 'no footer can be written to the last sector' {
    local size
    make_vhds
    for size in 1049088 1048576 4M; do
        for name in footer head; do
            truncate -s 0 disk
            truncate -s "$size" disk
            refuses "$size" "write -s $name $(($(size_of disk) - 512)) 512"
        done
    done
    # In halves, and with the header of a dynamic disk in its place.
    tail -c +513 dynamic.vhd | head -c 1024 >header
    truncate -s 0 disk
    truncate -s 1M disk
    head -c 256 head >first
    tail -c +257 head >second
    io -c 'write -s header 512 1024' -c 'write -s second 1048320 256' \
        -c 'write -s first 1048064 256' disk
    expect_status 1
    img info disk
    [[ "$output" == *'file format: raw'* ]]
}

@test 'a discard over the end of a file of odd length uncovers no footer' {
    make_vhds
    printf '\1' >one
    # The last byte of a footer is zero.
    truncate -s 1048676 disk
    head -c 511 footer | cat - one >almost
    io -c 'write -s almost 1048164 512' disk
    expect_status 0
    io -d unmap -c 'discard 1048675 400' disk
    expect_status 1
    img info disk
    [[ "$output" == *'file format: raw'* ]]
}

@test 'a footer cannot become the last sector' {
    make_vhds
    truncate -s 1049600 disk
    io -c 'write -s footer 1M 512' disk
    expect_status 0
    io -c 'truncate 1049088' disk
    expect_status 1
    [ "$(stat -c %s disk)" -eq 1049600 ]
}

@test 'two halves of a header do not come together' {
    make_vhds
    truncate -s 1M disk
    head -c 4 head >first
    tail -c +5 head >second
    io -c 'write -s first 0 4' -c 'write -s second 4 508' disk
    expect_status 1
    io -c 'read -P 0 4 508' disk
    expect_status 0
}

@test 'the magic of a format without a driver cannot be written' {
    printf 'LUKS\xba\xbe\0\x01' >luks
    printf koly >koly
    truncate -s 1M disk
    io -c 'write -s luks 0 8' -c 'write -s luks 0 8' disk
    expect_status 1
    [[ "$stderr" == *"format 'luks'"*"give '-f raw'"* ]]
    [ "$(grep -c "format 'luks'" <<<"$stderr")" = 1 ]
    io -c 'write -s koly 1048064 4' disk
    expect_status 1
    [[ "$stderr" == *"format 'dmg'"*"give '-f raw'"* ]]
    io -c 'read -P 0 0 1M' disk
    expect_status 0
}

@test 'with -f raw everything may be written' {
    make_vhds
    truncate -s 1049088 disk
    io -f raw -c 'write -s footer 1M 512' -c 'write -s head 0 512' disk
    expect_status 0
    expect_err ''
}

@test 'a fixed VHD that lost bytes is refused, and raw when told' {
    make_vhds
    local n or
    for n in 1 511 512 100352; do
        tail -c +$((n + 1)) fixed.vhd >short
        or=
        # Where a sector begins the footer is found.
        if [ $((n % 512)) -eq 0 ]; then
            or=' or -f vpc'
            img check -f vpc short
            expect_status 2
        fi
        img info short
        expect_failure 1 "Could not open 'short': short looks like a fixed \
VHD, $n bytes short; give -f raw$or"
        quietly "$MINBLK_IMG" convert -f raw -O raw short out
        cmp -n "$(size_of short)" short out
    done
}

@test 'a dynamic VHD without its first sector is found, but not written to' {
    make_vhds
    dd if=/dev/zero of=dynamic.vhd bs=512 count=1 conv=notrunc status=none
    img info dynamic.vhd
    expect_status 0
    [[ "$output" == *'file format: vpc'* ]]
    sum=$(md5sum <dynamic.vhd)
    io -c 'write 0 512' dynamic.vhd
    expect_status 1
    expect_err "minblk-io: can't open device dynamic.vhd: Image format 'vpc' \
was recognised by the last sector only; specify the format explicitly to open \
the image for writing"
    same_text sum "$sum" "$(md5sum <dynamic.vhd)"
    # Its header decides; without it the footer may be a guest's.
    dd if=/dev/zero of=dynamic.vhd bs=1 seek=1000 count=1 conv=notrunc \
        status=none
    printf '\1' | dd of=dynamic.vhd bs=1 seek=1500 conv=notrunc status=none
    img info dynamic.vhd
    [[ "$output" == *'file format: raw'* ]]
}

@test 'all else of a guessed image may be written' {
    make_vhds
    truncate -s 1M disk
    io -c 'write -s head 512 512' -c 'write -P 1 0 512' \
        -c 'write -P 2 1048064 512' -c 'discard 0 2' disk
    expect_status 0
    [[ "$stderr" == *'WARNING: Image format was not specified'* ]]
}
