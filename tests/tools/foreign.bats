#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The tools with drivers that are none of ours: formats in several files, with
# backing images, of compressed clusters, and a filter.  MINBLK_IMG and
# MINBLK_IO are built with tests/driver/foreign-*.c.

load helpers
load faults

# make_disk FILE: 2930 KiB: five clusters of 64 KiB of data, zeroes, and some
# data in the last, which is not whole.
make_disk()
{
    head -c 327680 /dev/urandom >"$1"
    truncate -s 2998272 "$1"
    head -c 2048 /dev/urandom >>"$1"
}

# expect_same IMAGE...: holds what disk holds, and the check has no finding.
expect_same()
{
    local image
    for image; do
        img compare -f raw -F fextents disk "$image"
        expect_out 'Images are identical.'
        img check "$image"
        expect_status 0
        expect_err ''
    done
}

# stored_at IMAGE: where the image has data, in clusters.
stored_at()
{
    "$MINBLK_IMG" map --output=json "$1" |
        sed -n 's/.*"start": \([0-9]*\), "length": \([0-9]*\),.*"present": true.*/\1 \2/p' |
        awk '{ printf "%d+%g ", $1 / 65536, $2 / 65536 }'
}

@test 'convert -c: whole clusters in order, zeroes left out, and an end' {
    make_disk disk
    for options in '' '-m 1' '-m 16' '-p -q' '-S 128k' '-t none'; do
        quietly "$MINBLK_IMG" convert -c $options -f raw -O fextents \
            -o subformat=stream disk c.fx
        expect_same c.fx
        [ "$(stored_at c.fx)" = '0+5 45+0.78125 ' ]
        [ $(($(size_of c-s001.fx) % 512)) -eq 0 ]
        [[ "$("$MINBLK_IMG" check c.fx)" == *'100.00% compressed clusters' ]]
    done
}

@test 'convert -c: zeroes found in data, and -S 0' {
    head -c 2M /dev/zero >disk
    echo x | dd of=disk bs=1 seek=300000 conv=notrunc status=none
    quietly "$MINBLK_IMG" convert -c -O fextents -o subformat=stream disk c.fx
    expect_same c.fx
    [ "$(stored_at c.fx)" = '4+1 ' ]
    quietly "$MINBLK_IMG" convert -c -S 0 -O fextents -o subformat=stream \
        disk d.fx
    expect_same d.fx
    [ "$(stored_at d.fx)" = '0+32 ' ]
}

@test 'convert -c: the progress counts clusters' {
    make_disk disk
    truncate -s 327680 disk
    img convert -p -c -O fextents -o subformat=stream disk c.fx
    [ "$(tr '\r' '\n' <<<"$output" | tr -s ' \n' '  ')" = ' (0.00/100%)'\
' (20.00/100%) (40.00/100%) (60.00/100%) (80.00/100%) (100.00/100%)'\
' (100.00/100%) ' ]
}

@test 'a format that needs compressed writes gets them without -c' {
    make_disk disk
    quietly "$MINBLK_IMG" convert -O fextents -o subformat=stream disk c.fx
    expect_same c.fx
    quietly "$MINBLK_IMG" convert -C -O fextents -o subformat=stream disk d.fx
    expect_same d.fx
}

@test 'convert -c: several sources, which do not end at clusters' {
    make_disk disk
    head -c 100352 disk >one
    tail -c +100353 disk >two
    quietly "$MINBLK_IMG" convert -c -O fextents -o subformat=stream one two c.fx
    expect_same c.fx
}

@test 'convert -c into a longer image: the last cluster is whole' {
    make_disk disk
    img create -f fextents -o subformat=stream n.fx 8M
    quietly "$MINBLK_IMG" convert -c -n -O fextents disk n.fx
    quietly "$MINBLK_IMG" convert -c -O fextents \
        -o subformat=stream,size=8M disk o.fx
    truncate -s 8M disk
    expect_same n.fx o.fx
    [ "$(stored_at n.fx)" = '0+5 45+1 ' ]
    # What is behind the source stays.
    img create -f fextents p.fx 192k
    io -c 'write -P 7 0 192k' p.fx
    head -c 64512 /dev/urandom >disk
    quietly "$MINBLK_IMG" convert -c -n -O fextents disk p.fx
    head -c 132096 /dev/zero | tr '\0' '\7' >>disk
    expect_same p.fx
}

@test 'convert -c --salvage: only what cannot be read is lost' {
    make_disk disk
    img convert -c --salvage --image-opts -O fextents -o subformat=stream \
        'driver=blkdebug,image.driver=file,image.filename=disk,'\
'inject-error.0.event=none,inject-error.0.iotype=read,'\
'inject-error.0.sector=200,inject-error.0.once=off' c.fx
    expect_status 0
    expect_err 'minblk-img: warning: error while reading offset 102400: '\
'Input/output error'
    dd if=/dev/zero of=disk bs=512 seek=200 count=1 conv=notrunc status=none
    expect_same c.fx
}

@test 'convert -c: refused before anything is made' {
    make_disk disk
    img convert -c -O fextents -o nosuch=1 disk c.fx
    expect_status 1
    img convert -c -C -O fextents disk c.fx
    expect_failure 1 'Cannot enable copy offloading when -c is used'
    for drv in raw vpc; do
        needs "$drv"
        img convert -c -O $drv disk c.fx
        expect_failure 1 'Compression not supported for this file format'
        img convert -c -o preallocation=full -O raw disk c.fx
        expect_failure 1 'Compression not supported for this file format'
    done
    img convert -c -O fextents -o preallocation=full disk c.fx
    expect_failure 1 'Compression and preallocation not supported at the same '\
'time'
    [ ! -e c.fx ]
    truncate -s 4M there
    img convert -c -n -O raw disk there
    expect_failure 1 'Compression not supported for this file format'
    img convert -c -n --target-image-opts disk driver=raw,file.filename=there
    expect_failure 1 'Compression not supported for this file format'
    zero_range there 0 4194304
}

@test 'convert -c without clusters' {
    make_disk disk
    img convert -c -O fextents -o subformat=flat disk c.fx
    expect_failure 1 'invalid cluster size'
    [ ! -e c.fx ]
    quietly "$MINBLK_IMG" convert -O fextents -o subformat=flat disk c.fx
    expect_same c.fx
}

@test 'convert -c on a full disk: no image is left' {
    make_disk disk
    mkdir d
    mount -t tmpfs -o size=200k none d 2>/dev/null || skip 'cannot mount'
    img convert -c -O fextents -o subformat=stream disk d/c.fx
    local names="$(echo d/*)"
    umount d
    expect_status 1
    [[ $stderr =~ ^'minblk-img: error while writing at byte '[0-9]+': No space' ]]
    [[ $stderr == *"The file is 'd/c.fx'"* ]]
    [[ $names != *d/c.fx* ]]
}

@test 'convert -c: each system call of the target fails' {
    make_disk disk
    prepare() { rm -f c*.fx; }
    left_over() { [ ! -e c.fx ]; }
    verify() { expect_same c.fx; }
    tried=0
    for call in 'write ENOSPC' 'ftruncate ENOSPC' 'open EIO'; do
        each_fault $call "$MINBLK_IMG" convert -c -f raw -O fextents \
            -o subformat=stream disk c.fx
    done
    [ $tried -gt 30 ]
    # Each of the files says so when it could not be flushed.
    n=0
    until [ $n -gt 0 ] && [ ! -e .hit ]; do
        n=$((n + 1))
        prepare
        faulty fdatasync:$n:EIO "$MINBLK_IMG" convert -c -f raw -O fextents \
            -o subformat=stream disk c.fx
        keeps_promise 'Input/output error'
    done
    [ $n -gt 5 ]
}

@test 'dd into several files' {
    make_disk disk
    quietly "$MINBLK_IMG" dd if=disk of=c.fx -O fextents bs=1M
    expect_same c.fx
}

@test 'minblk-io write -c' {
    img create -f fextents -o subformat=stream c.fx 1000k
    io -c 'write -c -P 1 64k 64k' -c 'write -c -P 2 960k 40k' \
        -c 'read -P 1 64k 64k' -c 'read -P 2 960k 40k' -c 'read -P 0 128k 832k' \
        c.fx
    expect_status 0
    io -c 'write -c -P 1 256k 32k' c.fx
    expect_lines 'write failed: Invalid argument'
    io -c 'write -c -P 1 64k 64k' c.fx
    expect_lines 'write failed: Input/output error'
    io -c 'write -P 1 128k 64k' c.fx
    expect_lines 'write failed: Operation not supported'
    img check c.fx
    expect_status 2
    # No bytes: it is ended.
    io -c 'write -c 0 0' c.fx
    expect_lines 'wrote 0/0 bytes at offset 0' '0 bytes, 1 ops; TIME'
    img check c.fx
    expect_status 0
    truncate -s 1M r
    io -f raw -c 'write -c 0 64k' r
    expect_lines 'write failed: Operation not supported'
}

# ---- backing images ---------------------------------------------------------

# make_chain: base.fx, 3s in its first MiB, and top.fx over it.
make_chain()
{
    img create -q -f fextents base.fx 2560k
    io -c 'write -P 3 0 1M' base.fx
    quietly "$MINBLK_IMG" create -q -f fextents -b base.fx -F fextents top.fx
}

@test 'create -b: the size and the name of the backing image' {
    make_chain
    mkdir sub
    img create -f fextents -b ../base.fx -F fextents sub/top.fx
    expect_status 0
    expect_out "Formatting 'sub/top.fx', fmt=fextents size=2621440 \
backing_file=../base.fx backing_fmt=fextents"
    img info sub/top.fx
    [[ $output == 'image: sub/top.fx'$'\n'* ]]
    [[ $output == *'
backing file: ../base.fx (actual path: sub/../base.fx)
backing file format: fextents
'* ]]
    img info --output=json sub/top.fx
    [[ $output == *'"backing-filename-format": "fextents",'* ]]
    [[ $output == *'"full-backing-filename": "sub/../base.fx",'* ]]
    [[ $output == *'"backing-filename": "../base.fx",'* ]]
    quietly "$MINBLK_IMG" create -q -f fextents -b "file:$PWD/base.fx" \
        -F fextents sub/named.fx
    quietly "$MINBLK_IMG" convert -O raw sub/named.fx disk
    expect_same base.fx
    # Of a chain each image has its own part.
    img info --backing-chain top.fx
    [ "$(grep '^image: ' <<<"$output")" = 'image: top.fx
image: base.fx' ]
}

@test 'create over one of its own backing images, by any name' {
    make_chain
    ln -s base.fx link.fx
    truncate -s 1M disk
    sha256sum ./*.fx >before
    for names in './base.fx base.fx' 'link.fx base.fx' 'base.fx link.fx' \
        "$PWD/base.fx base.fx" 'top.fx base.fx'; do
        img create -q -f fextents -b ${names% *} -F fextents ${names#* } 1M
        expect_status 1
        [[ $stderr == *"is the same file as"*", which this program has open" ]]
        img convert -O fextents -B ${names% *} -F fextents disk ${names#* }
        expect_status 1
        [[ $stderr == *"is the same file as"*", which this program has open" ]]
        sha256sum --quiet -c before
    done
    # One that is no backing image of it is made anew.
    quietly "$MINBLK_IMG" create -q -f fextents -b base.fx -F fextents top.fx
}

@test 'create -b: what is refused, as by qemu-img' {
    make_chain
    truncate -s 1M raw
    img create -f fextents -b base.fx x.fx
    expect_failure 1 'x.fx: Backing file specified without backing format'
    [[ $stderr == *'Detected format of fextents.' ]]
    img create -u -f fextents -b nosuch x.fx 1M
    expect_failure 1 'x.fx: Backing file specified without backing format'
    img create -f fextents -b nosuch -F fextents x.fx 1M
    expect_failure 1 "x.fx: Could not open 'nosuch': No such file or directory"
    [[ $stderr == *'Could not open backing image.' ]]
    img create -u -f fextents -b nosuch -F fextents x.fx
    expect_failure 1 'x.fx: Image creation needs a size parameter'
    img create -f fextents -b '' x.fx 1M
    expect_failure 1 'x.fx: Expected backing file name, got empty string'
    img create -f fextents -b base.fx -F fextents base.fx
    expect_failure 1 'base.fx: Error: Trying to create an image with the same '\
'filename as the backing file'
    for name in 'json:{"driver": "fextents", "file.filename": "base.fx"}' \
        blkdebug::base.fx; do
        img create -f fextents -b "$name" -F fextents x.fx
        expect_failure 1 "x.fx: backing_file is '$name', but an image can only \
name the path of a file"
    done
    for drv in raw vhdx parallels; do
        img create -f $drv -b base.fx -F fextents x.fx
        expect_failure 1 "x.fx: Backing file not supported for file format \
'$drv'"
    done
    [ ! -e x.fx ]
    img create -q -f fextents -b raw -F raw x.fx
    expect_failure 1 'x.fx: The backing image must be one of fextents'
}

@test 'reads, writes and the map go through a backing image' {
    make_chain
    io -c 'write -P 5 64k 100' -c 'read -P 5 64k 100' -c 'read -P 3 65636 900k' \
        -c 'read -P 0 1M 1536k' top.fx
    expect_status 0
    img map --output=json top.fx
    expect_out '[{ "start": 0, "length": 65536, "depth": 1, "present": true, "zero": false, "data": true, "offset": 1024},
{ "start": 65536, "length": 65536, "depth": 0, "present": true, "zero": false, "data": true, "offset": 1024},
{ "start": 131072, "length": 917504, "depth": 1, "present": true, "zero": false, "data": true, "offset": 132096},
{ "start": 1048576, "length": 1572864, "depth": 1, "present": false, "zero": true, "data": false}]'
    quietly "$MINBLK_IMG" convert -O raw top.fx disk
    expect_same top.fx
    # Relative to the image, whatever it is read through.
    mkdir sub
    quietly "$MINBLK_IMG" create -q -f fextents -b ../base.fx -F fextents \
        sub/top.fx
    io --image-opts -c 'read -P 3 0 1M' \
        driver=fextents,file.driver=blkdebug,file.image.filename=sub/top.fx
    expect_status 0
    # By options it is another one, or none.
    io --image-opts -c 'read -P 0 128k 64k' \
        'driver=fextents,file.filename=top.fx,backing='
    expect_status 0
}

@test 'convert -B: what the source has from its backing stays there' {
    make_chain
    io -c 'write -P 5 64k 100' top.fx
    quietly "$MINBLK_IMG" convert -O raw top.fx disk
    for options in '' '-c -o subformat=stream' '-S 0' '-m 1 -W'; do
        quietly "$MINBLK_IMG" convert $options -O fextents -B base.fx \
            -F fextents top.fx new.fx
        expect_same new.fx
        [[ "$("$MINBLK_IMG" check new.fx)" == *$'\n''1/40 = '* ]]
    done
    # A source that has none is copied, zeroes too.
    quietly "$MINBLK_IMG" convert -f raw -O fextents -B base.fx -F fextents \
        disk new.fx
    expect_same new.fx
    # So is what a shorter backing image does not have.
    img create -q -f fextents short.fx 160k
    io -c 'write -P 3 0 160k' short.fx
    quietly "$MINBLK_IMG" convert -O fextents -B short.fx -F fextents top.fx \
        new.fx
    expect_same new.fx
    img convert -O fextents -B base.fx top.fx x.fx
    expect_failure 1 'Use of backing file requires explicit backing format'
    [ ! -e x.fx ]
}

@test 'convert -B of a source that is longer than its own backing image' {
    img create -q -f fextents base.fx 1000k
    io -c 'write -P 3 0 1000k' base.fx
    img create -q -f fextents -b base.fx -F fextents top.fx 2M
    img create -q -f fextents longer.fx 2M
    io -c 'write -P 3 0 1000k' -c 'write -P 4 1000k 500k' longer.fx
    quietly "$MINBLK_IMG" convert -O raw top.fx disk
    for options in '' '-S 0' '-m 1 -W'; do
        quietly "$MINBLK_IMG" convert $options -O fextents -B longer.fx \
            -F fextents top.fx new.fx
        expect_same new.fx
        # 1000k to 1500k, and with -S 0 to the end: zeroes of its own.
        [[ "$("$MINBLK_IMG" check new.fx)" =~ $'\n'(9|17)'/32 = ' ]]
    done
}

@test 'convert -B of several sources: refused, as by qemu-img' {
    make_chain
    for options in '-B base.fx -F fextents' '-B base.fx' '-n -B base.fx' \
        '-o backing_file=base.fx,backing_fmt=fextents'; do
        img convert -O fextents $options top.fx top.fx x.fx
        expect_failure 1 'Having a backing file for the target makes no sense '\
'when concatenating multiple input images'
        [ ! -e x.fx ]
    done
    # Into one that has a backing image all is copied.
    io -c 'write -P 4 1536k 1M' base.fx
    truncate -s 1M zeroes
    quietly "$MINBLK_IMG" create -q -f fextents -b base.fx -F fextents x.fx
    quietly "$MINBLK_IMG" convert -n -O fextents zeroes zeroes x.fx
    io -c 'read -P 0 0 2M' -c 'read -P 4 2M 512k' x.fx
    expect_status 0
    img convert -O raw -B base.fx top.fx top.fx x
    expect_failure 1 "Backing file not supported for file format 'raw'"
}

@test 'a backing image that is not there' {
    make_chain
    rm base.fx
    img info top.fx
    expect_status 0
    for command in 'map top.fx' 'info --backing-chain top.fx' \
        'check top.fx' 'convert -O raw top.fx x'; do
        img $command
        expect_failure 1 "Could not open 'top.fx': Could not open backing \
file: Could not open 'base.fx': No such file or directory"
    done
    [ ! -e x ]
}

@test 'a backing image that is named with its protocol' {
    make_chain
    sed -i 's/base.fx/file:base.fx/' top.fx
    io -c 'read -P 3 0 1M' top.fx
    expect_status 0
}

@test 'an image that is its own backing image' {
    make_chain
    sed -i 's/base.fx/top.fx/' top.fx
    img info top.fx
    expect_status 0
    img map top.fx
    expect_failure 1 "Could not open 'top.fx': Could not open backing file: \
Image 'top.fx' is the end of a chain of more than 200 nodes; one may refer to \
itself"
}

@test 'an extent is a file, whatever the image says' {
    local name json='json:{"driver":"file","filename":"secret"}'
    head -c 512 /dev/urandom >secret
    printf '# fextents\nsubformat flat\nextent 512 %s\n' "$json" >x.fx
    img convert -O raw x.fx out
    expect_failure 1 "Could not open 'x.fx': Image 'x.fx' names '$json' for its \
'extents.0', which is no file"
    [ ! -e out ]
    for name in "blkdebug::$json" blkverify:secret:x.fx; do
        printf '# fextents\nsubformat flat\nextent 512 %s\n' "$name" >x.fx
        img convert -O raw x.fx out
        expect_failure 1 "Could not open 'x.fx': Image 'x.fx' names '$name' \
for its 'extents.0', which is no file"
    done
    # A name of the user's may say what it likes.
    sed -i 's,blkverify:.*,file:secret,' x.fx
    quietly "$MINBLK_IMG" convert -O raw \
        'json:{"driver":"fextents","file.filename":"x.fx"}' out
    cmp secret out
}

@test 'nodes that go round in a circle end' {
    local i opts=driver=raw
    for i in {1..205}; do
        opts+=",${file:=file}.driver=raw"
        file+=.file
    done
    truncate -s 1M r
    img info --image-opts "$opts,$file.filename=r"
    expect_status 1
    [[ $stderr == *"a chain of more than 200 nodes; one may refer to itself"* ]]
}

# ---- copy on read -----------------------------------------------------------

@test 'a filter that copies on read fills the image over its backing' {
    make_chain
    io --image-opts -c 'read -P 3 70000 100' -c 'read -P 0 1M 64k' \
        -c 'write -P 7 512k 64k' -c 'read -P 7 512k 64k' -c length \
        driver=fcor,file.driver=fextents,file.file.filename=top.fx
    expect_status 0
    [ "$(stored_at top.fx | tr -d '\n')" != '' ]
    img map --output=json top.fx
    [ "$(grep -c '"depth": 0' <<<"$output")" -eq 3 ]
    io -c 'read -P 3 0 512k' -c 'read -P 7 512k 64k' -c 'read -P 3 576k 448k' \
        -c 'read -P 0 1M 1536k' top.fx
    expect_status 0
    img check top.fx
    expect_status 0
}

@test 'a filter that copies on read: the other commands' {
    make_chain
    opts=driver=fcor,file.driver=fextents,file.file.filename=top.fx
    # It writes, so it cannot be read-only, as with qemu-img.
    for command in info map check; do
        img $command --image-opts $opts
        expect_failure 1 "Could not open '$opts': Block node is read-only"
    done
    truncate -s 2560k disk
    quietly "$MINBLK_IMG" convert -n --target-image-opts -f raw disk $opts
    expect_same top.fx
}

@test 'minblk-io -C copies on read' {
    make_chain
    io -C -c 'read -P 3 0 4k' top.fx
    expect_status 0
    [ "$("$MINBLK_IMG" check top.fx | sed -n 's/^\([0-9]*\)\/.*/\1/p')" = 1 ]
}

@test 'minblk-io -C of an image that is not written, as with qemu-io' {
    make_chain
    io -C -r -c 'read 0 4k' top.fx
    expect_status 1
    expect_err "minblk-io: can't open device top.fx: Can't use copy-on-read on \
read-only device"
    io -C -c 'reopen -r' -c 'reopen -w' -c 'read -P 3 0 64k' top.fx
    expect_status 1
    [[ $output == 'read 65536/65536 bytes at offset 0'* ]]
    expect_err "minblk-io: Can't use copy-on-read on read-only device"
    io -C -s -c 'read -P 3 0 64k' top.fx
    expect_status 0
}

# ---- chunks, and a trailer --------------------------------------------------

# make_chunks FILE KIND: three chunks, zlib, zeroes and KIND, of disk.
make_chunks()
{
    python3 - "$1" "$2" <<'END'
import os, struct, sys, zlib
a, c = os.urandom(1024) * 100, os.urandom(3584)
disk = a + bytes(51200) + c
table, data = b'', b''
for kind, sector, n, packed in ((3, 0, 200, zlib.compress(a)),
                                (2, 200, 100, b''),
                                (int(sys.argv[2]), 300, 7, c)):
    table += struct.pack('>IQQQQ', kind, sector, n, len(data), len(packed))
    data += packed
data += bytes(-len(data) % 512)
table += bytes(-len(table) % 512)
trailer = struct.pack('>8sQI', b'fchunks!', len(data), 3)
open(sys.argv[1], 'wb').write(data + table + trailer.ljust(512, b'\0'))
open('disk', 'wb').write(disk)
END
}

@test 'a read-only format, found by the name of the file' {
    make_chunks a.fchunks 1
    expect_size=$(size_of disk)
    img info a.fchunks
    [[ $output == *"file format: fchunks
virtual size: 154 KiB ($expect_size bytes)"* ]]
    img compare -f raw disk a.fchunks
    expect_out 'Images are identical.'
    img map --output=json a.fchunks
    expect_out '[{ "start": 0, "length": 157184, "depth": 0, "present": true, "zero": false, "data": true}]'
    img check a.fchunks
    expect_status 63
    for target in 'fextents -c -o subformat=stream' fextents vhdx parallels; do
        quietly "$MINBLK_IMG" convert -O $target a.fchunks new
        img compare -f raw -F ${target%% *} disk new
        expect_out 'Images are identical.'
        rm new*
    done
    io -r -c 'read 102300 200' -c length a.fchunks
    expect_status 0
    # Nothing can be written.
    io -c 'write 0 512' a.fchunks
    expect_err "minblk-io: can't open device a.fchunks: Image is read-only"
    img convert -O fchunks disk b.fchunks
    expect_failure 1 "Format driver 'fchunks' does not support image creation"
    img convert -n -O fchunks disk a.fchunks
    expect_failure 1 "Could not open 'a.fchunks': Image is read-only"
    # By another name it has to be named.
    cp a.fchunks other
    img info -f fchunks other
    expect_status 0
    img info other
    [[ $output == *'file format: raw'* ]]
}

@test 'a read-only format: chunks that only a module could read' {
    make_chunks a.fchunks 4
    img convert -O raw a.fchunks b
    expect_status 1
    expect_err 'minblk-img: warning: Chunks of kind 4 cannot be read
minblk-img: error while reading at byte 0: Input/output error'
}

# ---- formats in sectors -----------------------------------------------------

@test 'formats with forms of their own: to and from each other' {
    make_disk disk
    quietly "$MINBLK_IMG" convert -f raw -O fextents -o extent_size=1M disk from
    for from in fextents vhdx parallels; do
        quietly "$MINBLK_IMG" convert -f raw -O $from disk from
        for to in 'fextents -c -o subformat=stream' 'fextents -W' vhdx \
            parallels raw; do
            quietly "$MINBLK_IMG" convert -f $from -O $to from to
            img compare -f $from -F ${to%% *} from to
            expect_out 'Images are identical.'
        done
    done
    img measure -O vhdx from
    expect_failure 1 "Block driver 'vhdx' does not support size measurement"
    img convert --keep-partial -n -f raw -O vhdx disk nosuch
    expect_status 1
}

@test 'an interrupted target of another format opens as no image' {
    make_disk disk
    for format in fextents vhdx parallels; do
        "$MINBLK_IMG" convert -r 100k --keep-partial -f raw -O $format disk to \
            2>err &
        begins $! to
        kill $!
        wait $! || true
        [[ "$(cat err)" == *"the target 'to' is incomplete" ]]
        [ -e to ]
        [ ! -s to ] || zero_range to 0 16
        img info -f $format to
        expect_status 1
        "$MINBLK_IMG" convert -r 100k -f raw -O $format disk new 2>err &
        begins $! new
        kill $!
        wait $! || true
        [ ! -e new ]
        rm -f to* new*
    done
}

@test 'the harness: what it does not hold, or may not write to, is no fault' {
    say "$MINBLK_HARNESS" --seed 3 --ops 12 --driver fextents
    expect_status 0
    [[ $output != *'not ok'* ]]
    [[ $output == *'SKIP the image has more files than the harness holds'* ]]
    make_chunks a.fchunks 1
    mkdir r
    mv a.fchunks r
    mv disk r/a.fchunks.content
    say "$MINBLK_HARNESS" --seed 3 --ops 12 --driver fchunks --image r
    expect_status 0
    [[ $output != *'not ok'* && $output == *'read: a.fchunks reads the same'* ]]
}
