#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The tools with drivers that are none of ours: formats in several files, with
# backing images, of compressed clusters, and a filter.  MINBLK_IMG and
# MINBLK_IO are built with tests/driver/foreign-*.c.

load helpers

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
