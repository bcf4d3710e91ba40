# SPDX-License-Identifier: MIT
# dd: copies blocks of an image into a new image.

load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    head -c 3M /dev/urandom >in
}

@test 'all of an image, in silence' {
    quietly "$MINBLK_IMG" dd -f raw -O raw if=in of=out
    cmp in out
}

@test 'bs= changes nothing about all of it' {
    for bs in 1 1000 64k 5M; do
        quietly "$MINBLK_IMG" dd bs=$bs if=in of=out
        cmp in out
    done
}

@test 'count= blocks' {
    quietly "$MINBLK_IMG" dd bs=1000 count=7 if=in of=out
    [ "$(size_of out)" = 7168 ]
    cmp -n 7000 in out
    zero_range out 7000 168
}

@test 'skip= blocks' {
    quietly "$MINBLK_IMG" dd bs=1M skip=2 if=in of=out
    cmp -i 2097152:0 in out
}

@test 'count= counts skipped blocks, too' {
    quietly "$MINBLK_IMG" dd bs=1000 count=7 skip=3 if=in of=out
    [ "$(size_of out)" = 4096 ]
    cmp -n 4000 -i 3000:0 in out
}

@test 'a skip past the end leaves an empty image' {
    img dd bs=1M skip=30 if=in of=out
    expect_failure 0 'in: cannot skip to specified offset'
    [ "$(size_of out)" = 0 ]
}

@test 'count=0' {
    quietly "$MINBLK_IMG" dd count=0 if=in of=out
    [ "$(size_of out)" = 0 ]
}

@test 'numbers too large to multiply' {
    quietly "$MINBLK_IMG" dd bs=1k count=9223372036854775807 if=in of=out
    cmp in out
}

# Otherwise a file of many holes would take many small reads.
@test 'where the holes are is not asked for' {
    quietly "$MINBLK_IMG" dd --image-opts if=driver=raw,\
file.driver=blkdebug,file.image.filename=in,file.inject-error.0.event=none,\
file.inject-error.0.iotype=block-status of=out
    cmp in out
}

@test 'into a VHD' {
    needs vpc
    quietly "$MINBLK_IMG" dd -O vpc bs=1M count=2 if=in of=v
    "$MINBLK_IMG" convert v back
    cmp -n 2097152 in back
}

@test 'an image is not copied onto itself' {
    cp in before
    img dd if=in of=in
    expect_status 1
    expect_err "minblk-img: in: error while creating output image: 'in' is the \
same file as 'in', which this program has open"
    cmp in before
}

@test 'a full target' {
    run --separate-stderr bash -c "trap '' XFSZ; ulimit -f 1024
        exec '$MINBLK_IMG' dd if=in of=out"
    expect_status 1
}

@test 'what cannot be opened or made' {
    img dd if=nosuch of=out
    expect_failure 1 "Could not open 'nosuch': Could not open 'nosuch': No \
such file or directory"
    img dd if=in of=nosuch/out
    expect_failure 1 "nosuch/out: error while creating output image: Could \
not create 'nosuch/out': No such file or directory"
    img dd -O nosuch if=in of=out
    expect_failure 1 'Unknown file format'
    [ ! -e out ]
}

@test 'operands that make no sense' {
    img dd if=in
    expect_failure 1 'Must specify both input and output files'
    img dd if=in of=out conv=notrunc
    expect_failure 1 'unrecognized operand conv'
    img dd if=in of=out bs
    expect_failure 1 'unrecognized operand bs'
    img dd if=in of=out bs=0
    expect_failure 1 'Invalid bs specified. Must be between 1 and 2147483647.'
    img dd if=in of=out count=x
    expect_status 1
    img dd if=in of=out skip=-1
    expect_status 1
    [ ! -e out ]
}

@test 'options spelt wrong' {
    for option in -Z --bla; do
        img dd $option if=in of=out
        expect_bad_usage "unrecognized option '$option'"
    done
    for option in -f -O; do
        img dd $option
        expect_bad_usage "missing argument for option '$option'"
    done
}
