#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The tools with two drivers that are none of ours and work in sectors:
# tests/driver/foreign-vhdx.c and foreign-parallels.c, which have the names and
# schemas of QEMU's and layouts of their own.

load helpers

# make_disk FILE: 5 MiB, data at both ends.
make_disk()
{
    head -c 1000000 /dev/urandom >"$1"
    truncate -s 5241344 "$1"
    head -c 1536 /dev/urandom >>"$1"
}

@test 'convert to and from them, and between them' {
    needs vpc
    make_disk disk
    for options in '' '-m 16 -W' '-t none' '-S 0' '-p -q'; do
        quietly "$MINBLK_IMG" convert $options -f raw -O vhdx \
            -o block_size=64k disk a.vhdx
        quietly "$MINBLK_IMG" convert $options -O parallels \
            -o cluster_size=32k a.vhdx a.hdd
        quietly "$MINBLK_IMG" convert $options -O vpc -o force_size a.hdd a.vhd
        quietly "$MINBLK_IMG" convert $options -O vhdx -o subformat=fixed \
            a.vhd b.vhdx
        quietly "$MINBLK_IMG" convert $options -O raw b.vhdx b
        cmp disk b
        for image in a.vhdx a.hdd b.vhdx; do
            img compare -f raw disk "$image"
            expect_out 'Images are identical.'
            img check "$image"
            expect_status 0
            expect_err ''
        done
    done
}

@test 'what is zero takes no cluster' {
    make_disk disk
    quietly "$MINBLK_IMG" convert -O parallels -o cluster_size=64k disk a.hdd
    img map --output=json a.hdd
    expect_status 0
    [[ $output == *'"start": 1048576, "length": 4128768, "depth": 0, "present": false, "zero": true, "data": false'* ]]
    img check a.hdd
    [[ $output == *'17/80 = 21.25% allocated'* ]]
    # Without block status all is data, but zeroes are found in it.
    quietly "$MINBLK_IMG" convert -O vhdx -o block_size=64k disk a.vhdx
    img map --output=json a.vhdx
    [[ $output == *'"start": 0, "length": 5242880, "depth": 0, "present": true, "zero": false, "data": true'* ]]
    img check a.vhdx
    [[ $output == *'17/80 = 21.25% allocated'* ]]
}

@test 'create: options of the schema, checked by it' {
    quietly "$MINBLK_IMG" create -q -f vhdx \
        -o subformat=fixed,log_size=8k,block_size=64k,block_state_zero=off \
        a.vhdx 10M
    [ "$(size_of a.vhdx)" -gt 10485760 ]
    img info --output=json a.vhdx
    [[ $output == *'"virtual-size": 10485760'* ]]
    [[ $output == *'"cluster-size": 65536'* ]]
    [[ $output == *'"format": "vhdx"'* ]]
    quietly "$MINBLK_IMG" create -q -f parallels -o cluster_size=4k a.hdd 1000
    img info a.hdd
    [[ $output == *'virtual size: 1 KiB (1024 bytes)'* ]]
    [[ $output == *'cluster_size: 4096'* ]]

    img create -q -f vhdx -o subformat=fixd b.vhdx 1M
    expect_status 1
    [[ $stderr == *"Parameter 'subformat' does not accept value 'fixd'"* ]]
    img create -q -f vhdx -o block_size=5000 b.vhdx 1M
    expect_status 1
    [[ $stderr == *'A block must be a power of two'* ]]
    img create -q -f parallels -o cluster_siz=4k b.hdd 1M
    expect_status 1
    [[ $stderr == *"'cluster_size'"* ]]
}

@test 'requests in bytes become whole sectors' {
    img create -q -f vhdx -o block_size=4k a.vhdx 1M
    img create -q -f parallels -o cluster_size=4k a.hdd 1M
    for image in a.vhdx a.hdd; do
        io -c 'write -P 7 1000 5000' -c 'write -P 8 4095 2' -c flush "$image"
        expect_status 0
        io -c 'read -P 7 1000 3095' -c 'read -P 8 4095 2' \
            -c 'read -P 7 4097 1903' -c 'read -P 0 0 1000' \
            -c 'read -P 0 6000 2192' "$image"
        expect_status 0
        [[ $output != *'verification failed'* ]]
        img check "$image"
        expect_status 0
    done
}

@test 'a log is replayed by whoever may write' {
    img create -q -f vhdx -o block_size=4k a.vhdx 1M
    io -c 'write 0 4k' --image-opts "driver=vhdx,file.driver=blkdebug,\
file.image.driver=file,file.image.filename=a.vhdx,\
file.inject-error.0.event=l2_update,file.inject-error.0.iotype=write"
    expect_status 1
    img info a.vhdx
    expect_status 1
    [[ $stderr == *"'a.vhdx' has a log to be replayed, and was opened read-only"* ]]
    [[ $stderr == *'A check that may write replays it:'* ]]
    img check -r all a.vhdx
    expect_status 0
    [[ $output == *'1 corruptions'* ]]
    img info a.vhdx
    expect_status 0
}

@test 'a mark of use is cleared by a repair' {
    img create -q -f parallels -o cluster_size=4k a.hdd 1M
    io -c 'write -P 5 0 4k' -c flush -c abort a.hdd
    io -c 'write 0 512' a.hdd
    expect_status 1
    [[ $stderr == *'The image is marked as in use; it cannot be written'* ]]
    io -r -c 'read -P 5 0 4k' a.hdd
    expect_status 0
    img check a.hdd
    expect_status 2
    img check -r all a.hdd
    expect_status 0
    io -c 'read -P 5 0 4k' -c 'write 4k 4k' a.hdd
    expect_status 0
    img check a.hdd
    expect_status 0
}

@test 'a runtime option is an enumeration of the driver' {
    img create -q -f parallels -o cluster_size=4k a.hdd 1M
    for growth in zeroes length; do
        io -c 'write 64k 4k' --image-opts \
            "driver=parallels,file.filename=a.hdd,grow-with=$growth,grow-by=64k"
        expect_status 0
        expect_err ''
    done
    io -c length --image-opts \
        driver=parallels,file.filename=a.hdd,grow-with=lengths
    expect_status 1
    [[ $stderr == *'invalid parameter value: lengths'* ]]
    [[ $stderr == *"'length'"* ]]
}

@test 'what they cannot do is said by name' {
    img create -q -f parallels -o cluster_size=4k a.hdd 1M
    img resize a.hdd 2M
    expect_status 1
    [[ $stderr == *'Image format driver does not support resize'* ]]
    truncate -s 1M disk
    img convert -c -O vhdx disk a.vhdx
    expect_status 1
    [[ $stderr == *'Compression not supported for this file format'* ]]
    img measure -O vhdx disk
    expect_status 1
    [[ $stderr == *"Block driver 'vhdx' does not support size measurement"* ]]
}
