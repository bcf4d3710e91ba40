# SPDX-License-Identifier: MIT
# compare: do two images hold the same?

load helpers

make_images()
{
    truncate -s 9M a
    dd if=/dev/urandom of=a bs=1M count=5 seek=2 conv=notrunc status=none
    cp a b
}

# change FILE OFFSET: another byte there.
change()
{
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf '%b' "\\0$(printf %o $(((byte + 1) % 256)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test 'the same' {
    make_images
    img compare -f raw -F raw a b
    expect_status 0
    expect_out 'Images are identical.'
    expect_err ''
}

@test 'zeroes are the same as a hole' {
    make_images
    cp --sparse=never a b
    img compare a b
    expect_status 0
    expect_out 'Images are identical.'
}

@test 'formats do not matter' {
    needs vpc
    make_images
    "$MINBLK_IMG" convert -O vpc -o force_size a v
    img compare v a
    expect_status 0
    expect_out 'Images are identical.'
}

@test 'the first sector that differs' {
    make_images
    change b $((6 * 1048576 + 700))
    change b $((3 * 1048576 + 513))
    img compare a b
    expect_status 1
    expect_out 'Content mismatch at offset 3146240!'
    expect_err ''
}

@test 'data where the other has a hole' {
    make_images
    change b 100
    img compare a b
    expect_status 1
    expect_out 'Content mismatch at offset 0!'
    img compare b a
    expect_status 1
    expect_out 'Content mismatch at offset 0!'
}

@test 'a longer image that ends with zeroes' {
    make_images
    truncate -s 12M b
    img compare a b
    expect_status 0
    expect_out 'Warning: Image size mismatch!
Images are identical.'
    img compare b a
    expect_status 0
}

@test 'a longer image that ends with data' {
    make_images
    truncate -s 12M b
    change b $((11 * 1048576))
    img compare a b
    expect_status 1
    expect_out 'Warning: Image size mismatch!
Content mismatch at offset 11534336!'
}

@test 'a difference comes before the size' {
    make_images
    truncate -s 12M b
    change b 5000000
    img compare a b
    expect_status 1
    expect_out 'Content mismatch at offset 4999680!'
}

@test '-s: the size counts' {
    make_images
    truncate -s 12M b
    img compare -s a b
    expect_status 1
    expect_out 'Strict mode: Image size mismatch!'
}

@test '-s: the block status counts' {
    needs vpc
    make_images
    "$MINBLK_IMG" convert -O vpc -o force_size a v
    img compare -s a v
    expect_status 1
    expect_out 'Strict mode: Offset 0 block status mismatch!'
}

@test '-q says nothing' {
    make_images
    quietly "$MINBLK_IMG" compare -q a b
    change b 0
    img compare -q -p a b
    expect_status 1
    expect_out ''
    expect_err ''
}

@test '-p tells the progress before the answer' {
    head -c 8M /dev/urandom >a
    cp a b
    img compare -p a b
    expected=''
    for percent in 0.00 25.00 50.00 75.00 100.00; do
        expected+="    ($percent/100%)"$'\r'
    done
    expect_out "${expected}Images are identical."$'\n'
}

@test 'empty images' {
    : >a
    : >b
    img compare a b
    expect_status 0
    expect_out 'Images are identical.'
}

@test 'an image that cannot be opened is 2, bad usage is 1' {
    make_images
    img compare a nosuch
    expect_failure 2 \
        "Could not open 'nosuch': Could not open 'nosuch': No such file or \
directory"
    img compare -f nosuch a b
    expect_failure 2 "Could not open 'a': Unknown driver 'nosuch'"
    img compare -T nosuch a b
    expect_failure 1 'Invalid source cache option: nosuch'
}

@test '--image-opts holds for both' {
    make_images
    img compare --image-opts driver=raw,file.filename=a \
        driver=raw,file.filename=b
    expect_status 0
    img compare --image-opts -f raw driver=raw,file.filename=a b
    expect_failure 1 '--image-opts and --format are mutually exclusive'
}

@test 'bad usage' {
    img compare a
    expect_bad_usage 'Expecting two image file names'
    img compare a b c
    expect_bad_usage 'Expecting two image file names'
    for option in -Z --bla; do
        img compare $option a b
        expect_bad_usage "unrecognized option '$option'" ''
    done
    for option in -f -F -T; do
        img compare $option
        expect_bad_usage "missing argument for option '$option'"
    done
}
