#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img create: what it prints, what it makes, what it refuses.

load helpers

bad_size='Invalid image size specified. You may use k, M, G, T, P or E suffixes for'
bad_size2='kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.'

# refuses MESSAGE ARGUMENT...: nothing is made, nothing is said to be made.
refuses()
{
    local message=$1
    shift
    img create "$@"
    expect_failure 1 "$message"
    [ ! -e x ]
}

@test 'raw is the default, and zeros stand at the beginning' {
    img create x 1M
    expect_status 0
    expect_err ''
    expect_out "Formatting 'x', fmt=raw size=1048576"
    [ "$(size_of x)" -eq 1048576 ]
    [ "$(($(stat -c '%b * %B' x)))" -eq 4096 ]
    zero_range x 0 1048576
}

@test 'a raw size is rounded up to whole sectors' {
    img create -f raw x 1537
    expect_out "Formatting 'x', fmt=raw size=1537"
    [ "$(size_of x)" -eq 2048 ]
}

@test 'an empty raw image' {
    img create x 0
    expect_out "Formatting 'x', fmt=raw size=0"
    [ "$(size_of x)" -eq 0 ]
}

@test 'preallocation is printed as it was given, and done' {
    img create -f raw -o preallocation=falloc,extent_size_hint=0 x 128K
    expect_status 0
    expect_out "Formatting 'x', fmt=raw size=131072 preallocation=falloc \
extent_size_hint=0"
    [ "$(($(stat -c '%b * %B' x)))" -ge 131072 ]
    img create -o preallocation=full x 3000
    [ "$(size_of x)" -eq 3072 ]
    zero_range x 0 3072
}

@test 'sizes with suffixes' {
    for pair in 1k=1024 1K=1024 1.5k=1536 0x200=512 2M=2097152 +512=512 \
                1024b=1024; do
        img create x "${pair%=*}"
        expect_out "Formatting 'x', fmt=raw size=${pair#*=}"
        [ "$(size_of x)" -eq "${pair#*=}" ]
    done
}

@test 'the size among the options, where the last counts' {
    img create -o size=1K -o size=2K x
    expect_out "Formatting 'x', fmt=raw size=2048"
    [ "$(size_of x)" -eq 2048 ]
}

@test 'quiet' {
    quietly "$MINBLK_IMG" create -q x 1M
    [ "$(size_of x)" -eq 1048576 ]
}

@test 'what was there is replaced' {
    printf 'something' >x
    img create x 512
    [ "$(size_of x)" -eq 512 ]
    zero_range x 0 512
}

@test 'a VHD is rounded up to a geometry' {
    needs vpc
    for pair in 1M=1079296 64M=67125248 4G=4295467008; do
        img create -f vpc v "${pair%=*}"
        expect_status 0
        expect_err ''
        img measure v
        [ "${lines[0]}" = "required size: ${pair#*=}" ]
    done
}

@test 'a VHD whose size is forced is not rounded' {
    needs vpc
    img create -f vpc -o force_size v 4G
    expect_out "Formatting 'v', fmt=vpc size=4294967296 force_size=on"
    img measure v
    [ "${lines[0]}" = 'required size: 4294967296' ]
}

@test 'only options that were given are printed' {
    needs vpc
    img create -f vpc v 64M
    expect_out "Formatting 'v', fmt=vpc size=67108864"
    img create -f vpc -o noforce_size v 64M
    expect_out "Formatting 'v', fmt=vpc size=67108864 force_size=off"
    img create -f vpc -o force_size=off,subformat=fixed v 64M
    expect_out "Formatting 'v', fmt=vpc size=67108864 subformat=fixed \
force_size=off"
}

@test 'the largest VHD, and the first that is too large' {
    needs vpc
    img create -f vpc v 2040G
    expect_status 0
    img create -q -f vpc x 2041G
    expect_failure 1 "x: The image size is too large for file format 'vpc'"
    [ ! -s x ]
}

@test 'a rounded size is told of on a terminal' {
    needs vpc
    needs_command script
    script -qec true /dev/null >told </dev/null ||
        skip 'no terminal can be made'
    script -qec "'$MINBLK_IMG' create -f vpc v 1M" /dev/null >told </dev/null
    [ "$(grep -c force_size told)" -eq 1 ]
    script -qec "'$MINBLK_IMG' create -f vpc -o force_size v 1M" /dev/null \
        >told </dev/null
    [ "$(wc -l <told)" -eq 1 ]
}

@test 'no name' {
    img create
    expect_bad_usage 'Expecting image file name'
    img create -q -f raw
    expect_bad_usage 'Expecting image file name'
}

@test 'a word too many' {
    img create x 1M extra
    expect_bad_usage 'Unexpected argument: extra'
}

@test 'a negative size looks like an option' {
    img create x -1
    expect_bad_usage "unrecognized option '-1'"
}

@test 'sizes that are none' {
    for size in '' nosuch 12z 1.5 1.5b 0x 1..5 '1 M'; do
        img create x "$size"
        expect_failure 1 "$bad_size" "$bad_size2"
    done
    [ ! -e x ]
}

@test 'sizes that are too large' {
    for size in 8E 16E 9223372036854775808 99999999999999999999; do
        refuses "Invalid image size specified. Must be between 0 and \
9223372036854775807." x $size
    done
}

@test 'no size' {
    refuses 'x: Image creation needs a size parameter' x
    refuses 'x: Image creation needs a size parameter' -u x
}

@test 'two sizes' {
    refuses 'x: The image size must be specified only once' -o size=1K x 1M
}

@test 'a format that there is not' {
    refuses "x: Unknown file format 'nosuch'" -f nosuch x 1M
}

@test 'a protocol that there is not' {
    refuses "nosuch:x: Unknown protocol 'nosuch'" nosuch:x 1M
}

@test 'a protocol that cannot create' {
    needs null-co
    refuses "null-co://: Protocol driver 'null-co' does not support image \
creation" null-co:// 1M
}

@test 'a format that cannot create' {
    needs null-co
    refuses "x: Format driver 'null-co' does not support image creation" \
        -f null-co x 1M
}

@test 'an option that there is not' {
    refuses "x: Invalid parameter 'nosuch'" -o nosuch=1 x 1M
}

@test 'a list that is none' {
    for list in , ,size=1 size=1,; do
        img create -o "$list" x 1M
        expect_failure 1 "Invalid option list: $list"
    done
}

@test 'a size option that is none' {
    img create -o size=nosuch x
    expect_status 1
    expect_err "minblk-img: x: Parameter 'size' expects a non-negative number \
below 2^64
Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-
and exabytes, respectively."
}

@test 'a switch that is neither on nor off' {
    needs vpc
    refuses "x: Parameter 'force_size' expects 'on' or 'off'" -f vpc \
        -o force_size=maybe x 1M
}

@test 'a subformat that there is not' {
    needs vpc
    img create -q -f vpc -o subformat=nosuch x 1M
    expect_failure 1 "x: Parameter 'subformat' does not accept value 'nosuch'"
}

@test 'a place where no file can be' {
    img create -q nosuch/x 1M
    expect_failure 1 "nosuch/x: Could not create 'nosuch/x': No such file or \
directory"
}

@test 'backing images where the format has none' {
    refuses "x: Backing file not supported for file format 'raw'" -b b x 1M
    refuses "x: Backing file not supported for file format 'raw'" -b b -F raw \
        -u x
    refuses "x: Backing file format not supported for file format 'raw'" \
        -F raw x 1M
    needs vpc
    refuses "x: Backing file not supported for file format 'vpc'" -f vpc -b b \
        -F vpc x 1M
}

@test 'help on options of a format' {
    img create -f raw -o help
    expect_status 0
    expect_err ''
    expect_golden create-help-raw
    needs vpc
    img create -f vpc -o help
    expect_golden create-help-vpc
    img create -f vhd -o subformat=fixed,help
    expect_golden create-help-vpc
}

@test 'help on options of a format and its protocol' {
    img create -o '?' x
    expect_status 0
    expect_golden create-help-file
    [ ! -e x ]
}

@test 'help on options of a format that there is not' {
    img create -f nosuch -o help
    expect_failure 1 "Unknown file format 'nosuch'"
}
