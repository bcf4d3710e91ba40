#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Images that one program makes and fills are read by the others; the contents
# are the same random writes, whoever does them, and a raw file has them too.

load helpers

MIB=1048576
GIB=1073741824
# Those where only the footer is another one need fewer.
FEW="512 1000001 $((136 * GIB)) $((2040 * GIB))"
SIZES="512 1000001 $MIB $((64 * MIB)) $((127 * GIB)) $((136 * GIB))
       $((1024 * GIB)) $((2040 * GIB))"

# make CREATE IO OPTIONS SIZE: image.vhd with the writes in it, ref.raw beside.
make()
{
    local size
    rm -f image.vhd ref.raw
    "$1" create -q -f vpc -o "$3" image.vhd "$4"
    size=$(virtual_size "$1" image.vhd -f vpc)
    "$python" "$here/writes.py" "$4" "$size" 30 >commands
    "$python" "$here/writes.py" "$4" "$size" 30 ref.raw
    "$2" -f vpc image.vhd <commands >said 2>&1
    if grep -q failed said; then
        cat said
        return 1
    fi
}

read_by_minblk()
{
    [ "$(virtual_size "$MINBLK_IMG" image.vhd -f vpc)" = "$(size_of ref.raw)" ]
    silently img convert -f vpc -O raw image.vhd out.raw
    same ref.raw out.raw
    silently img compare -q -f raw -F vpc ref.raw image.vhd
    silently img check -q -f vpc image.vhd
}

from_qemu()
{
    local options=$1 size sizes=$SIZES
    [ "$options" = subformat=dynamic ] || sizes=$FEW
    needs qemu-img qemu-io
    for size in $sizes; do
        echo "$options $size"
        make qemu-img qemu-io "$options" "$size"
        read_by_minblk
    done
}

for_others()
{
    local options=$1 size sizes=$SIZES
    [ "$options" = subformat=dynamic ] || sizes=$FEW
    needs qemu-img vhdiinfo
    needs_pyvhdi
    for size in $sizes; do
        echo "$options $size"
        make "$MINBLK_IMG" "$MINBLK_IO" "$options" "$size"
        read_by_minblk
        qemu-img compare -f raw -F vpc ref.raw image.vhd
        vhdiinfo image.vhd >info
        grep -q "Media size.*($(size_of ref.raw) bytes)" info
        vhdi_same image.vhd ref.raw
    done
}

# Both programs write into one image, in turns.
in_turns()
{
    local options=$1 size=$((64 * MIB))
    needs qemu-img qemu-io
    make qemu-img qemu-io "$options" "$size"
    size=$(size_of ref.raw)
    "$python" "$here/writes.py" 1 "$size" 30 >commands
    io -f vpc image.vhd <commands >said
    "$python" "$here/writes.py" 2 "$size" 30 >commands.2
    qemu-io -f vpc image.vhd <commands.2 >said
    cat commands commands.2 | qemu-io -f raw ref.raw >said
    read_by_minblk
    qemu-img compare -f raw -F vpc ref.raw image.vhd
}

@test "qemu-img's dynamic images" { from_qemu subformat=dynamic; }
@test "qemu-img's fixed images" { from_qemu subformat=fixed; }
@test "qemu-img's dynamic images, forced sizes" {
    from_qemu subformat=dynamic,force_size
}
@test "qemu-img's fixed images, forced sizes" {
    from_qemu subformat=fixed,force_size
}

@test "dynamic images for others" { for_others subformat=dynamic; }
@test "fixed images for others" { for_others subformat=fixed; }
@test "dynamic images for others, forced sizes" {
    for_others subformat=dynamic,force_size
}
@test "fixed images for others, forced sizes" {
    for_others subformat=fixed,force_size
}

@test "a dynamic image written in turns" { in_turns subformat=dynamic; }
@test "a fixed image written in turns" { in_turns subformat=fixed; }

@test "empty disks" {
    needs qemu-img
    local options tool
    for options in subformat=dynamic subformat=fixed \
        subformat=dynamic,force_size subformat=fixed,force_size; do
        for tool in qemu-img "$MINBLK_IMG"; do
            "$tool" create -q -f vpc -o "$options" image.vhd 0
            [ "$(virtual_size "$MINBLK_IMG" image.vhd -f vpc)" = 0 ]
            silently img convert -f vpc -O raw image.vhd out.raw
            [ "$(size_of out.raw)" = 0 ]
        done
    done
}

# hold PROGRAM: it has image.vhd open for writing until `let_go`.
hold()
{
    mkfifo commands
    # 3 and 4 are bats's own.
    stdbuf -oL "$1" -f vpc image.vhd <commands >said 2>&1 3>&- 4>&- &
    exec 9>commands
    echo 'write 0 512' >&9
    # A look at the image would take locks, which could keep it from opening it.
    timeout 60 sh -c 'until grep -q "wrote 512/512" said; do sleep 0.05; done'
}

let_go()
{
    exec 9>&-
    wait
}

@test "a disk that a running qemu-io uses" {
    needs qemu-io stdbuf
    img create -q -f vpc image.vhd 1M
    hold qemu-io
    refused io -f vpc -c 'write 0 512' image.vhd
    grep -q 'Failed to get "write" lock' stderr
    refused img info -f vpc image.vhd
    io -f vpc -r -U -c 'read -q 0 512' image.vhd
    img info -U -f vpc image.vhd
    let_go
    silently io -f vpc -c 'read -q -P 0xcd 0 512' image.vhd
}

@test "a disk that a running minblk-io uses" {
    needs qemu-io qemu-img stdbuf
    img create -q -f vpc image.vhd 1M
    hold "$MINBLK_IO"
    for tool in qemu-io "$MINBLK_IO"; do
        refused "$tool" -f vpc -c 'write 0 512' image.vhd
        grep -q 'Failed to get "write" lock' stderr
    done
    refused qemu-img info -f vpc image.vhd
    qemu-img info -U -f vpc image.vhd
    let_go
    qemu-io -f vpc -c 'read -P 0xcd 0 512' image.vhd >said
    grep -q '^read 512/512' said
}

# What others have to read of each option of creation; QEMU before 10.0 has to be
# told that the geometry is not the size for creators that it does not know.
@test "each option of creation, for others" {
    needs qemu-img vhdiinfo
    needs_pyvhdi
    local options current=driver=vpc,force_size_calc=current_size
    for options in block_size=4k block_size=64k,force_size block_size=512k \
        block_size=4M block_size=256M,force_size preallocation=metadata \
        preallocation=falloc,block_size=512k preallocation=full,force_size \
        subformat=fixed,preallocation=falloc subformat=fixed,preallocation=full \
        'creator=mine,creator_version=1.2,creator_os=Mac ' \
        uuid=00112233-4455-6677-8899-aabbccddeeff,timestamp=946684800 \
        target=azure target=hyperv target=hyperv,subformat=fixed \
        target=hyperv,block_size=512k target=xenserver \
        target=xenserver,preallocation=metadata target=virtualbox \
        target=virtualpc; do
        echo "$options"
        make "$MINBLK_IMG" "$MINBLK_IO" "$options" $((64 * MIB))
        read_by_minblk
        qemu-img compare --image-opts driver=raw,file.filename=ref.raw \
            "$current,file.filename=image.vhd"
        vhdiinfo image.vhd >info
        grep -q "Media size.*($(size_of ref.raw) bytes)" info
        vhdi_same image.vhd ref.raw
    done
}

@test "the exact size, for QEMU too" {
    needs qemu-img
    local options size=$((64 * MIB))
    for options in force_size subformat=fixed,force_size target=azure \
        target=hyperv target=xenserver; do
        img create -q -f vpc -o "$options" image.vhd $size
        [ "$(virtual_size qemu-img image.vhd -f vpc)" = $size ]
    done
}
