# SPDX-License-Identifier: MIT
# convert: copies images into another image.

load helpers

# A raw image: data, a hole, data, zeroes that are written.
make_source()
{
    truncate -s 6M src
    dd if=/dev/urandom of=src bs=64k count=3 conv=notrunc status=none
    dd if=/dev/urandom of=src bs=64k count=40 seek=48 conv=notrunc status=none
}

blocks_of() { stat -c %b "$1"; }

@test 'raw to raw has the same bytes and is silent' {
    make_source
    quietly "$MINBLK_IMG" convert -f raw -O raw src dst
    cmp src dst
}

@test 'the default target is raw' {
    make_source
    quietly "$MINBLK_IMG" convert src dst
    cmp src dst
}

@test 'raw to dynamic VHD and back' {
    needs vpc
    make_source
    quietly "$MINBLK_IMG" convert -O vpc -o force_size src v
    quietly "$MINBLK_IMG" convert -f vpc -O raw v dst
    cmp src dst
}

@test 'raw to fixed VHD and back' {
    needs vpc
    make_source
    quietly "$MINBLK_IMG" convert -O vpc -o subformat=fixed,force_size src v
    quietly "$MINBLK_IMG" convert -f vpc -O raw v dst
    cmp src dst
}

@test 'vhd is another name of vpc' {
    needs vpc
    make_source
    quietly "$MINBLK_IMG" convert -O vhd src v
    img info v
    [[ $output == *'file format: vpc'* ]]
}

@test 'an empty image' {
    : >src
    quietly "$MINBLK_IMG" convert src dst
    [ "$(size_of dst)" = 0 ]
}

@test 'odd sizes are rounded up to sectors' {
    head -c 100001 /dev/urandom >src
    quietly "$MINBLK_IMG" convert -f raw src dst
    [ "$(size_of dst)" = 100352 ]
    cmp -n 100001 src dst
    zero_range dst 100001 351
}

@test 'a hole stays a hole' {
    truncate -s 64M src
    dd if=/dev/urandom of=src bs=64k count=1 seek=512 conv=notrunc status=none
    quietly "$MINBLK_IMG" convert -f raw src dst
    cmp src dst
    [ "$(blocks_of dst)" -le 256 ]
}

@test 'written zeroes become a hole' {
    dd if=/dev/zero of=src bs=1M count=8 status=none
    quietly "$MINBLK_IMG" convert -f raw src dst
    cmp src dst
    [ "$(blocks_of dst)" -le 64 ]
}

@test 'zeroes shorter than -S are written' {
    head -c 1M /dev/urandom >src
    dd if=/dev/zero of=src bs=32k count=1 seek=4 conv=notrunc status=none
    quietly "$MINBLK_IMG" convert -f raw -S 64k src dst
    cmp src dst
    [ "$(blocks_of dst)" -ge 2048 ]
}

@test 'zeroes shorter than -S are written, also when -S is large' {
    dd if=/dev/zero of=src bs=1M count=4 conv=notrunc status=none
    dd if=/dev/urandom of=src bs=512 count=1 conv=notrunc status=none
    quietly "$MINBLK_IMG" convert -f raw -S 2M src dst
    cmp src dst
    [ "$(blocks_of dst)" -ge 4096 ]
}

@test '-S 0 allocates all' {
    truncate -s 4M src
    quietly "$MINBLK_IMG" convert -f raw -S 0 src dst
    cmp src dst
    [ "$(blocks_of dst)" -ge 8192 ]
}

@test 'several sources come one behind the other' {
    head -c 70000 /dev/urandom >a
    truncate -s 70144 a
    make_source
    quietly "$MINBLK_IMG" convert -f raw a src a dst
    cmp <(cat a src a) dst
}

@test 'several sources with -S 0' {
    head -c 3M /dev/urandom >a
    make_source
    quietly "$MINBLK_IMG" convert -f raw -S 0 src a dst
    cmp <(cat src a) dst
}

@test 'one coroutine, sixteen, and out of order' {
    head -c 9M /dev/urandom >src
    for options in '-m 1' '-m 16' -W '-W -m 16'; do
        # shellcheck disable=SC2086
        quietly "$MINBLK_IMG" convert -f raw $options src dst
        cmp src dst
    done
}

@test '-C copies the same bytes' {
    make_source
    quietly "$MINBLK_IMG" convert -f raw -C src dst
    cmp src dst
}

@test 'every cache mode of source and target' {
    make_source
    for mode in none writeback writethrough directsync unsafe; do
        quietly "$MINBLK_IMG" convert -f raw -T $mode -t $mode src dst
        cmp src dst
    done
}

@test '-n writes to what is there' {
    make_source
    head -c 8M /dev/urandom >dst
    cp dst before
    quietly "$MINBLK_IMG" convert -n -f raw -O raw src dst
    cmp -n $((6 * 1048576)) src dst
    cmp -i $((6 * 1048576)) before dst
    [ "$(size_of dst)" = $((8 * 1048576)) ]
}

@test '-n onto a VHD zeroes what was there' {
    needs vpc
    make_source
    head -c 6M /dev/urandom >noise
    "$MINBLK_IMG" convert -O vpc -o force_size noise v
    quietly "$MINBLK_IMG" convert -n -f raw -O vpc src v
    quietly "$MINBLK_IMG" convert v dst
    cmp src dst
}

@test '-n leaves a VHD block that is zero already without space' {
    needs vpc
    truncate -s 64M src
    "$MINBLK_IMG" create -q -f vpc -o force_size v 64M
    size=$(size_of v)
    quietly "$MINBLK_IMG" convert -n -f raw -O vpc src v
    [ "$(size_of v)" = "$size" ]
}

@test '--target-is-zero believes it' {
    truncate -s 1M src dst
    printf x | dd of=dst bs=1 seek=70000 conv=notrunc status=none
    quietly "$MINBLK_IMG" convert -n --target-is-zero -f raw -O raw src dst
    run -1 cmp -s src dst
}

@test 'a smaller target is refused' {
    truncate -s 1M src
    truncate -s 512k dst
    img convert -n -O raw src dst
    expect_failure 1 'output file is smaller than input file'
}

@test 'a missing target is refused with -n' {
    truncate -s 1M src
    img convert -n -O raw src dst
    expect_failure 1 \
        "Could not open 'dst': Could not open 'dst': No such file or directory"
    [ ! -e dst ]
}

@test 'a missing source leaves no target' {
    img convert nosuch dst
    expect_failure 1 "Could not open 'nosuch': Could not open 'nosuch': No \
such file or directory"
    [ ! -e dst ]
}

@test 'an image is not converted onto itself' {
    make_source
    cp src before
    ln -s src soft
    ln src hard
    for target in src soft hard file:src; do
        for options in '' -n -U '-n -U' '-O vpc'; do
            can_make "$options" || continue
            # shellcheck disable=SC2086
            img convert -f raw $options src "$target"
            expect_status 1
            [[ $stderr == *"' is the same file as 'src', which this program "* ]]
            [[ $stderr != *'another process'* ]]
            cmp src before
        done
    done
}

@test 'json: and --image-opts name sources' {
    make_source
    quietly "$MINBLK_IMG" convert "json:{'driver':'raw','offset':65536,\
'size':'64k','file':{'driver':'file','filename':'src'}}" dst
    cmp -n 65536 -i 65536:0 src dst
    quietly "$MINBLK_IMG" convert --image-opts \
        driver=raw,file.filename=src dst
    cmp src dst
}

@test '--target-image-opts names the target' {
    make_source
    truncate -s 7M dst
    quietly "$MINBLK_IMG" convert -n --target-image-opts src \
        driver=raw,offset=1M,file.filename=dst
    cmp -i 0:1048576 src dst
}

@test '-p: lines for each request of 2 MiB that adds a per cent' {
    head -c 8M /dev/urandom >src
    img convert -p -f raw src dst
    expect_status 0
    expect_err ''
    expected=''
    for percent in 0.00 25.00 50.00 75.00 100.00 100.00; do
        expected+="    ($percent/100%)"$'\r'
    done
    expect_out "$expected"
}

@test '-p counts data only' {
    truncate -s 1G src
    dd if=/dev/urandom of=src bs=2M count=2 seek=100 conv=notrunc status=none
    img convert -p -f raw src dst
    expected=''
    for percent in 0.00 50.00 100.00 100.00; do
        expected+="    ($percent/100%)"$'\r'
    done
    expect_out "$expected"
}

@test '-q silences -p' {
    truncate -s 1M src
    quietly "$MINBLK_IMG" convert -p -q -f raw src dst
}

@test 'SIGUSR1 tells the progress' {
    head -c 64M /dev/urandom >src
    "$MINBLK_IMG" convert -f raw -r 20M src dst 2>err &
    pid=$!
    begins $pid dst
    kill -USR1 $pid
    wait $pid
    grep -qxE '    \([0-9]+\.[0-9]{2}/100%\)' err
    cmp src dst
}

@test '-r limits the rate' {
    head -c 4M /dev/urandom >src
    start=$(date +%s%N)
    quietly "$MINBLK_IMG" convert -f raw -r 4M src dst
    [ $(($(date +%s%N) - start)) -ge 800000000 ]
    cmp src dst
}

# write_limit KIB COMMAND...: no file may grow beyond that.
write_limit()
{
    (
        trap '' XFSZ
        ulimit -f "$1"
        shift
        exec "$@"
    )
}

@test 'a full target: one line, and exit status 1' {
    head -c 4M /dev/urandom >src
    truncate -s 4M dst
    run --separate-stderr write_limit 1024 "$MINBLK_IMG" convert -n -f raw \
        -O raw src dst
    expect_failure 1 'error while writing at byte 1048576: File too large' \
        "the target 'dst' is incomplete"
}

@test 'a full disk: which file, and exit status 1' {
    mkdir d
    mount -t tmpfs -o size=2M none d 2>/dev/null || skip 'cannot mount'
    head -c 8M /dev/urandom >src
    img convert -f raw src d/dst
    umount d
    expect_status 1
    expect_out ''
    [[ $stderr =~ ^'minblk-img: error while writing at byte '[0-9]+\
': No space left on device
The file is '\''d/dst'\'''$ ]]
}

@test 'a target that cannot be created' {
    truncate -s 1M src
    img convert -f raw src nosuch/dst
    expect_failure 1 "nosuch/dst: error while converting raw: Could not \
create 'nosuch/dst': No such file or directory"
}

@test '--salvage copies what is sound in silence' {
    make_source
    quietly "$MINBLK_IMG" convert --salvage -f raw src dst
    cmp src dst
}

@test 'no backing image, no compression' {
    truncate -s 1M src
    img convert -B base src dst
    expect_failure 1 "Backing file not supported for file format 'raw'"
    img convert -F raw src dst
    expect_failure 1 "Backing file format not supported for file format 'raw'"
    img convert -c src dst
    expect_failure 1 'Compression not supported for this file format'
    [ ! -e dst ]
}

@test 'options that do not go together' {
    truncate -s 1M src
    img convert -C -S 4k src dst
    expect_failure 1 'Cannot enable copy offloading when -S is used'
    img convert -C --salvage src dst
    expect_failure 1 'Cannot use copy offloading in salvaging mode'
    img convert --target-is-zero src dst
    expect_failure 1 '--target-is-zero requires use of -n flag'
    img convert --target-image-opts src driver=raw,file.filename=dst
    expect_failure 1 '--target-image-opts requires use of -n flag'
    img convert -n -o size=1M src dst
    expect_failure 1 '-o has no effect when skipping image creation'
    [ ! -e dst ]
}

@test 'values that make no sense' {
    truncate -s 1M src
    img convert -m 17 src dst
    expect_failure 1 'Invalid number of coroutines. Allowed number of '\
'coroutines is between 1 and 16'
    img convert -t nosuch src dst
    expect_failure 1 'Invalid cache option: nosuch'
    img convert -T nosuch src dst
    expect_failure 1 'Invalid source cache option: nosuch'
    img convert -O nosuch src dst
    expect_failure 1 "Unknown file format 'nosuch'"
    img convert -S 1000 src dst
    expect_status 1
    [[ $stderr == *'Valid sizes are multiples of 512'* ]]
    [ ! -e dst ]
}

@test 'options spelt wrong' {
    for option in -Z --bla --salvag3 --target-image-opt5; do
        img convert $option a b
        expect_bad_usage "unrecognized option '$option'"
    done
    for option in -f -O -o -S -m -r -t -T -B -F; do
        img convert $option
        expect_bad_usage "missing argument for option '$option'"
    done
    img convert a
    expect_failure 1 'Must specify image file name'
}

@test 'a larger size: zeroes follow the source' {
    head -c 1234567 /dev/urandom >src
    img convert -O raw -o size=2M src dst
    expect_status 0
    [ "$(size_of dst)" -eq 2097152 ]
    cmp -n 1234567 src dst
    zero_range dst 1234567 862585
    # As many sectors as the source has: the last one need not be whole.
    img convert -O raw -o size=1234567 src dst
    expect_status 0
    for size in 1M 1234432; do
        img convert -O raw -o size=$size src none
        expect_failure 1 "none: size=$(numfmt --from=iec $size) is less than \
the 1234944 bytes of the source"
        [ ! -e none ]
    done
    needs vpc
    img convert -O vpc -o size=3M,force_size src v
    img convert -f vpc -O raw v back
    [ "$(size_of back)" -eq 3145728 ]
    cmp -n 1234567 src back
    zero_range back 1234567 1911161
}

@test 'a product that wants whole MiB: the size of the hint works' {
    needs vpc
    head -c 21000000 /dev/urandom >src
    img convert -O vpc -o target=azure src v
    expect_status 1
    size=$(sed -n 's/^Try \(size=[0-9]*\)$/\1/p' .stderr)
    quietly "$MINBLK_IMG" convert -O vpc -o "target=azure,$size" src v
    img convert -f vpc -O raw v back
    [ "$(size_of back)" -eq 22020096 ]
    cmp -n 21000000 src back
    zero_range back 21000000 1020096
}

teardown()
{
    [ -z "${loop:-}" ] || losetup -d "$loop"
}

@test 'what a device holds after the source is zeroed' {
    needs_command losetup
    head -c 4M /dev/urandom >device
    loop=$(losetup -f --show device 2>/dev/null) || skip 'no loop devices here'
    head -c 1M /dev/urandom >src
    img convert -O raw -o size=4M src "$loop"
    expect_status 0
    cmp -n 1M src "$loop"
    zero_range "$loop" 1048576 3145728
    needs vpc
    head -c 4M /dev/urandom >"$loop"
    img convert -O vpc -o subformat=fixed src "$loop"
    img convert -f vpc -O raw "$loop" back
    cmp -n 1M src back
    zero_range back 1048576 30720
}
