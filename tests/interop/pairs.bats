#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Two commands on one image, the second as soon as the first has ended: the
# kernel may still clean up after the first, but no lock is left.

load helpers

pairs=75

new_images()
{
    needs_engine "$1"
    img create -q -f vpc a.vhd 8M
    img create -q -f vpc b.vhd 8M
    io -f vpc -c 'write -qP 7 0 5M' a.vhd
}

# convert_and_check ENGINE: check with a repair, which opens for writing.
convert_and_check()
{
    local a=driver=vpc,file.filename=a.vhd,file.aio=$1
    local b=driver=vpc,file.filename=b.vhd,file.aio=$1

    new_images "$1"
    for _ in $(seq "$pairs"); do
        img convert -n --image-opts --target-image-opts "$a" "$b"
        img check -q -r all --image-opts "$b"
    done
}

# write_and_write ENGINE
write_and_write()
{
    new_images "$1"
    for _ in $(seq "$pairs"); do
        io -i "$1" -t writeback -f vpc -c 'aio_write -q 0 1M' \
            -c 'aio_write -q 4M 64k' b.vhd
        io -i "$1" -f vpc -c 'write -q 1M 4k' b.vhd
    done
}

@test "threads: check after convert" { convert_and_check threads; }
@test "threads: write after write" { write_and_write threads; }
@test "io_uring: check after convert" { convert_and_check io_uring; }
@test "io_uring: write after write" { write_and_write io_uring; }
