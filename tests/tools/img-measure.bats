#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img measure of VHDs: the numbers are the lengths of the files that
# create, convert and writing every block make.

load helpers

options=(subformat=dynamic force_size block_size=4k block_size=64K,force_size
         block_size=512K block_size=4M block_size=256M subformat=fixed
         subformat=fixed,force_size,preallocation=falloc
         preallocation=metadata preallocation=falloc,block_size=1M
         preallocation=full,force_size preallocation=metadata,block_size=4k
         'creator=tap\x00,block_size=8k'
         target=azure target=hyperv target=hyperv,subformat=fixed
         target=hyperv,block_size=512k,preallocation=full
         target=xenserver target=xenserver,preallocation=metadata
         target=virtualbox target=virtualpc)

# measured ARGUMENT...: sets $required and $full.
measured()
{
    img measure -O vpc "$@"
    expect_status 0
    required=${lines[0]#required size: }
    full=${lines[1]#fully allocated size: }
}

# length WHAT EXPECTED: that of the file v.
length() { same_text "$1" "$2" "$(size_of v)"; }

# fill: writes all of the disk in v.
fill()
{
    local size
    size=$("$MINBLK_IMG" info --output=json -f vpc v |
        sed -n 's/.*"virtual-size": \([0-9]*\),/\1/p')
    "$MINBLK_IO" -f vpc -c "write -P 7 0 $size" v >/dev/null
}

@test 'an empty image, and a full one' {
    needs vpc
    for o in "${options[@]}"; do
        measured -o "$o" --size 21M
        quietly "$MINBLK_IMG" create -q -f vpc -o "$o" v 21M
        length "$o, empty" "$required"
        fill
        length "$o, full" "$full"
        quietly "$MINBLK_IMG" check -q -f vpc v
    done
}

@test 'a converted image: zeroes that were written take no block' {
    needs vpc
    truncate -s 21M r
    for at in 0 5 6 13; do
        head -c 70000 /dev/zero | dd of=r bs=1M seek=$at conv=notrunc \
            status=none
    done
    printf 'x' | dd of=r bs=1 seek=1000000 conv=notrunc status=none
    printf 'x' | dd of=r bs=1 seek=5300000 conv=notrunc status=none
    head -c 3M /dev/urandom | dd of=r bs=1000 seek=8390 conv=notrunc status=none
    printf 'x' | dd of=r bs=1 seek=22020095 conv=notrunc status=none
    for o in "${options[@]}"; do
        measured -o "$o" -f raw r
        quietly "$MINBLK_IMG" convert -f raw -O vpc -o "$o" r v
        length "$o, converted" "$required"
        fill
        length "$o, full" "$full"
    done
}

@test 'sizes at which the table grows by a page' {
    needs vpc
    # 4 KiB for 1024 entries; the footer follows the table.
    for size in 0 512 1996M 1998M 4092M 2040G; do
        measured -o force_size --size $size
        quietly "$MINBLK_IMG" create -q -f vpc -o force_size v $size
        length "$size" "$required"
    done
}

@test 'what create refuses' {
    needs vpc
    img measure -O vpc -o target=azure --size 1000000
    expect_status 1
    expect_out ''
    [[ $stderr == *'size 1000448 is not a multiple of 1 MiB'* ]]
    img measure -O vpc -o block_size=3000 --size 1M
    expect_status 1
    img measure -O vpc --size 2041G
    expect_status 1
}

@test 'a size larger than the source, as convert takes it' {
    needs vpc
    truncate -s 21000000 src
    img measure -O vpc -o target=azure src
    expect_status 1
    size=$(sed -n 's/^Try \(size=[0-9]*\)$/\1/p' .stderr)
    img measure -O vpc -o "target=azure,$size" src
    expect_status 0
    expect_out 'required size: 22020608
fully allocated size: 22020608'
    quietly "$MINBLK_IMG" convert -O vpc -o "target=azure,$size" src v
    [ "$(size_of v)" -eq 22020608 ]
}
