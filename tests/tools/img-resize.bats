#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img resize.

load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    needs file raw
    head -c 1M /dev/zero | tr '\0' x >r
}

# resizes_to SIZE ARGUMENT...
resizes_to()
{
    local size=$1
    shift
    img resize -f raw "$@"
    expect_status 0
    expect_err ''
    expect_out 'Image resized.'
    [ "$(size_of r)" -eq "$size" ]
}

# refuses LINE ARGUMENT...: the image stays.
refuses()
{
    local message=$1 sum
    shift
    sum=$(md5sum <r)
    img resize -f raw "$@"
    expect_failure 1 "$message"
    same_text sum "$sum" "$(md5sum <r)"
}

@test 'longer: what is added is zero' {
    resizes_to 2097152 r 2M
    zero_range r 1048576 1048576
    run -1 zero_range r 0 1
}

@test 'longer by' {
    resizes_to 1052672 r +4K
    zero_range r 1048576 4096
}

@test 'longer by nothing' {
    resizes_to 1048576 r +0
}

@test 'shorter needs --shrink' {
    sum=$(md5sum <r)
    for size in 512K 1023K -1 -1048575; do
        img resize -f raw r $size
        expect_status 1
        expect_out ''
        expect_err "minblk-img: Use the --shrink option to perform a shrink \
operation.
minblk-img: warning: Shrinking an image will delete all data beyond the shrunken \
image's end. Before performing such an operation, make sure there is no \
important data there."
    done
    same_text sum "$sum" "$(md5sum <r)"
}

@test 'shorter' {
    resizes_to 524288 --shrink r 512K
    resizes_to 262144 --shrink r -256K
    resizes_to 261144 --shrink r -- -1000
}

@test 'shorter by, with the options behind it' {
    resizes_to 524288 r -512K --shrink
}

@test 'to nothing, and to less' {
    for size in 0 -1M -2M; do
        refuses 'New image size must be positive' --shrink r $size
    done
}

@test 'more than there can be' {
    for size in +8E +16383P 9E; do
        refuses 'New image size must be positive' r $size
    done
}

@test 'sizes that are none' {
    for size in nosuch 3z + - +-5 ''; do
        img resize -f raw r "$size"
        expect_status 1
        expect_out ''
        [[ $stderr == "minblk-img: Parameter 'size' expects a non-negative number \
below 2^64
Try 'minblk-img --help' for more information
Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-
and exabytes, respectively."* ]]
    done
}

@test 'quiet' {
    quietly "$MINBLK_IMG" resize -q -f raw r 2M
    [ "$(size_of r)" -eq 2097152 ]
}

@test 'preallocation' {
    for mode in falloc full off; do
        resizes_to $(($(size_of r) + 65536)) --preallocation=$mode r +64K
    done
    zero_range r 1048576 $((3 * 65536))
    [ "$(($(stat -c '%b * %B' r)))" -ge $((1048576 + 2 * 65536)) ]
}

@test 'preallocation is only for growing' {
    for size in 512K 1M; do
        refuses 'Preallocation can only be used for growing images' \
            --preallocation=full --shrink r $size
        refuses 'Preallocation can only be used for growing images' \
            --preallocation=falloc r $size
    done
}

@test 'a preallocation that there is not' {
    refuses "Invalid preallocation mode 'nosuch'" --preallocation=nosuch r 2M
}

@test 'a preallocation that files have not' {
    refuses 'Unsupported preallocation mode: metadata' \
        --preallocation=metadata r 2M
}

@test 'a word too few, and one too many' {
    img resize
    expect_bad_usage 'Not enough arguments'
    img resize r
    expect_bad_usage 'Not enough arguments'
    img resize -f raw r
    expect_bad_usage 'Expecting image file name and size'
    img resize -f raw r 1M 2M
    expect_bad_usage 'Expecting image file name and size'
    img resize -f raw -- -1M
    expect_bad_usage 'Expecting image file name and size'
}

@test 'an image that there is not' {
    img resize -f raw nosuch 2M
    expect_failure 1 "Could not open 'nosuch': Could not open 'nosuch': No \
such file or directory"
    [ ! -e nosuch ]
}

@test 'a list of options' {
    img resize --image-opts driver=raw,file.filename=r 2M
    expect_status 0
    [ "$(size_of r)" -eq 2097152 ]
}

@test 'a window of a fixed size cannot be resized' {
    img resize --image-opts driver=raw,size=4096,file.filename=r 2M
    expect_failure 1 'Cannot resize fixed-size raw disks'
    [ "$(size_of r)" -eq 1048576 ]
}
