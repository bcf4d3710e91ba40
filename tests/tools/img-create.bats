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

# footer OFFSET LENGTH: bytes of the footer that ends v, in hexadecimal.
footer()
{
    tail -c 512 v | tail -c +$(($1 + 1)) | head -c "$2" | xxd -p
}

@test 'options of a VHD are printed as they were given' {
    needs vpc
    img create -f vpc -o block_size=512K,creator_version=1.0,target=hyperv \
        -o timestamp=946684800 v 1M
    expect_status 0
    expect_err ''
    expect_out "Formatting 'v', fmt=vpc size=1048576 block_size=524288 \
target=hyperv creator_version=1.0 timestamp=946684800"
}

@test 'options of a VHD that are refused: nothing is touched' {
    needs vpc
    echo something >v
    sum=$(md5sum <v)
    while read -r options size message; do
        img create -q -f vpc -o "$options" v "$size"
        expect_status 1
        same_text "$options" "minblk-img: v: $message" "${stderr%%$'\n'*}"
        same_text "$options" "$sum" "$(md5sum <v)"
    done <<'END'
block_size=3000 1M Invalid block size 3000, expected a power of two from 4 KiB to 256 MiB
subformat=fixed,block_size=2M 1M A fixed disk has no blocks whose size could be given
preallocation=nosuch 1M Parameter 'preallocation' does not accept value 'nosuch'
target=nosuch 1M Parameter 'target' does not accept value 'nosuch'
creator=abc 1M Parameter 'creator' expects four characters
creator_version=1 1M Parameter 'creator_version' expects major.minor, each below 65536
uuid=nosuch 1M Parameter 'uuid' expects a UUID
timestamp=0 1M Parameter 'timestamp' expects a time between 2000 and 2136, in seconds since 1970
force_size,creator=qemu 1M Creator 'qemu' takes the size from the geometry, which gives 1044480 bytes instead of 1048576
geometry=1/2 1M Parameter 'geometry' expects C/H/S: cylinders up to 65535, heads and sectors from 1 to 255
geometry=1024/16/63 504K Creator 'qemu' takes the size from the geometry, which gives 528482304 bytes instead of 516096
geometry=0/4/17 1M Creator 'qemu' takes the size from the geometry, which gives 0 bytes instead of 1048576
geometry=1024/16/63,target=virtualpc 505M Virtual PC refuses it: size 529530880 is not that of the geometry, 528482304
preallocation=metadata,block_size=4k 2040G With all blocks the file would be 4383005737472 bytes long, more than its sector numbers can express
target=azure 41943040001 Azure refuses it: size 41943040512 is not a multiple of 1 MiB
target=azure,subformat=dynamic 1G Azure refuses it: type is dynamic, not fixed
target=hyperv,block_size=1M 1G Hyper-V refuses it: block size 1048576 is neither 512 KiB nor 2 MiB
target=xenserver,block_size=1M 1G XenServer refuses it: block size 1048576 is not 2 MiB
target=virtualbox,block_size=1M 1G VirtualBox refuses it: block size 1048576 is less than 2 MiB
target=virtualpc 128G Virtual PC refuses it: size 137438953472 is not that of the geometry, 136899993600
target=virtualpc,force_size 1G With target=virtualpc the size is always that of a geometry
END
}

@test 'a geometry of another size: the hint works as printed' {
    needs vpc
    img create -q -f vpc -o geometry=1024/16/63 v 10M
    [ "$status" -eq 1 ]
    [ "${stderr##*$'\n'}" = 'Try force_size' ]
    img create -q -f vpc -o geometry=1024/16/63,force_size v 10M
    expect_status 0
    img info -f vpc v
    [ "${lines[2]}" = 'virtual size: 10 MiB (10485760 bytes)' ]
    # It would not help where the creator is the user's.
    img create -q -f vpc -o geometry=1024/16/63,force_size,creator=qemu v 10M
    [[ $stderr != *Try* ]]
}

@test 'only Virtual PC rounds the size of a VHD for a product' {
    needs vpc
    for pair in azure=41943040 hyperv=41943040 xenserver=41943040 \
                virtualbox=41943040 virtualpc=41953280; do
        "$MINBLK_IMG" create -q -f vpc -o "target=${pair%=*}" v 40M
        img measure -f vpc v
        [ "${lines[0]}" = "required size: ${pair#*=}" ]
    done
}

@test 'fields of a VHD, also with zero bytes' {
    needs vpc
    needs_command xxd
    "$MINBLK_IMG" create -q -f vpc -o 'creator=ab\x00\xff,creator_os=Mac ' \
        -o creator_version=6.3,timestamp=946684801 \
        -o uuid=00112233-4455-6677-8899-aabbccddeeff v 1M
    [ "$(footer 24 16)" = 00000001616200ff000600034d616320 ]
    [ "$(footer 68 16)" = 00112233445566778899aabbccddeeff ]
    img info -f vpc v
    grep -qF 'creator application: ab\x00\xff' <<<"$output"
}

@test 'a geometry of the user, also where it is the size' {
    needs vpc
    needs_command xxd
    # Heads beyond the specification's; a size that it would round.
    for o in geometry=1024/16/63 'geometry=1024/16/63,creator=vpc '; do
        "$MINBLK_IMG" create -q -f vpc -o "$o" v 528482304
        img info v
        grep -qF '(528482304 bytes)' <<<"$output"
    done
    "$MINBLK_IMG" create -q -f vpc -o force_size,geometry=1023/255/63 v 1M
    [ "$(footer 56 4)" = 03ffff3f ]
    img info v
    grep -qxF '    chs size: 8414461440' <<<"$output"
    grep -qF '(1048576 bytes)' <<<"$output"
    quietly "$MINBLK_IMG" check -q v
    for o in 1 1/2 1/2/3/4 65536/1/1 1/256/1 1/1/0 1/1/256 -1/1/1 1//1 1/1/1x; do
        img create -q -f vpc -o "force_size,geometry=$o" x 1M
        expect_status 1
        [[ $stderr == *"Parameter 'geometry' expects C/H/S"* ]]
        [ ! -e x ]
    done
}

@test 'equal input makes an equal VHD' {
    needs vpc
    head -c 5M /dev/urandom >r
    for o in size=1M subformat=fixed,size=1M target=xenserver,size=1M \
             preallocation=metadata,size=1M; do
        SOURCE_DATE_EPOCH=1600000000 "$MINBLK_IMG" create -q -f vpc -o $o a
        SOURCE_DATE_EPOCH=1600000000 "$MINBLK_IMG" create -q -f vpc -o $o b
        cmp a b
        "$MINBLK_IMG" create -q -f vpc -o $o,timestamp=1600000000 b
        cmp a b
    done
    for name in a b; do
        SOURCE_DATE_EPOCH=1600000000 "$MINBLK_IMG" convert -O vpc r $name
    done
    cmp a b
    SOURCE_DATE_EPOCH=noon img create -q -f vpc v 1M
    expect_failure 1 "v: The environment variable SOURCE_DATE_EPOCH expects \
seconds since 1970, not 'noon'"
}

@test 'space for all of a VHD from the beginning' {
    needs vpc
    for o in fixed dynamic; do
        for mode in falloc full; do
            img create -q -f vpc -o subformat=$o,preallocation=$mode v 8M
            [ "$(($(stat -c '%b * %B' v)))" -ge 8388608 ]
        done
    done
    "$MINBLK_IMG" create -q -f vpc -o preallocation=metadata v 8M
    [ "$(($(stat -c '%b * %B' v)))" -lt 1048576 ]
    img map --output=json -f vpc v
    [ "$(grep -c '"offset"' <<<"$output")" -eq 5 ]
    "$MINBLK_IMG" create -q -f vpc -o target=hyperv,subformat=fixed v 8M
    [ "$(($(stat -c '%b * %B' v)))" -ge 8388608 ]
}
