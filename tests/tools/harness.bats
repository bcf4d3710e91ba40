#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The command line of minblk-harness, its report and its exit status.

load helpers

: "${MINBLK_HARNESS:?names no program}"

# harness ARGUMENT...: says what minblk-harness says.
harness()
{
    say "$MINBLK_HARNESS" "$@"
}

# expect_bad_usage LINE [HINT]: that line, the one about how to get help, and
# HINT.
expect_bad_usage()
{
    expect_status 2
    expect_out ''
    expect_err "minblk-harness: $1
Try 'minblk-harness --help' for more information${2:+
$2}"
}

# a_raw_image: r/image, a raw image of 64 KiB, and what it holds.
a_raw_image()
{
    mkdir r
    head -c 65536 /dev/urandom >r/image
    cp r/image r/image.content
}

@test 'no driver' {
    harness
    expect_bad_usage "option '--driver' is missing"
}

@test 'a driver that there is not' {
    harness --driver nosuch
    expect_status 2
    [[ $stderr == "minblk-harness: option '--driver' names no driver: 'nosuch'
"* ]]
}

@test 'a protocol or a filter is no format' {
    local driver
    for driver in file mem delay volatile-cache blkdebug blkverify; do
        harness --driver $driver
        expect_bad_usage "option '--driver' names no format: '$driver' is a \
filter or a protocol, which has no images of its own"
    done
}

@test 'options that there are not' {
    harness --driver raw --frobnicate
    expect_bad_usage "unrecognized option '--frobnicate'"
    harness --driver raw -x
    expect_bad_usage "unrecognized option '-x'"
    harness --drievr raw
    expect_bad_usage "unrecognized option '--drievr'" "Did you mean '--driver'?"
    harness --driver rwa
    expect_status 2
    [[ $stderr == "minblk-harness: option '--driver' names no driver: 'rwa'
Try 'minblk-harness --help' for more information
Known formats: "*"
Did you mean 'raw'?" ]]
    harness --driver raw more
    expect_bad_usage "unexpected argument 'more'"
}

@test 'every option that wants a value says so' {
    local option
    for option in --driver --seed --ops --only --image --from --timeout \
        --keep -o; do
        harness $option
        expect_status 2
        [[ $stderr == "minblk-harness: missing argument for option '$option'
Try 'minblk-harness --help' for more information
Missing value: "* ]]
    done
}

@test 'numbers that are none' {
    local bad
    for bad in x -1 1x '' 0; do
        harness --driver raw --ops "$bad"
        expect_bad_usage "option '--ops' wants a number from 1 to 1000000, \
not '$bad'"
    done
    harness --driver raw --seed=-1
    [ "$status" -eq 2 ]
}

@test 'a suite that there is not' {
    harness --driver raw --only nosuch
    expect_bad_usage "option '--only' names no suite: 'nosuch'" \
        'Accepted values: model, read, failure, crash, graph, create, create-crash, hostile, damage, turns'
    harness --driver raw --only carsh
    [[ $stderr == *"
Did you mean 'crash'?" ]]
}

@test 'images that there are not' {
    harness --driver raw --image nosuch
    expect_status 2
    [[ $stderr == "minblk-harness: option '--image': "*"nosuch"* ]]
    mkdir empty
    harness --driver raw --image empty
    expect_bad_usage "option '--image': there is no image in 'empty'"
}

@test 'options of creation that the driver has not' {
    harness --driver raw -o nosuch=1
    expect_status 2
    [[ $stderr == "minblk-harness: option '-o': "*nosuch* ]]
}

@test 'values of options that the driver refuses' {
    needs vpc
    harness --driver vpc -o block_size=3M
    expect_status 2
    expect_out ''
    [[ $stderr == "minblk-harness: option '-o': Invalid block size 3145728, "* ]]
    harness --driver vpc -o block_size=1M --only model --ops 2
    expect_status 0
}

@test 'images that the driver refuses' {
    needs vpc
    mkdir r
    "$MINBLK_IMG" create -q -f vpc r/image 1M
    head -c 1000 /dev/zero >r/none
    harness --driver vpc --image r --only read --only damage
    expect_status 0
    [[ $output == *"
ok 1 - read: none opens # SKIP the driver refuses it: "* ]]
    [[ $output == *"
ok 3 - read: image reads the same in parts
"* ]]
    # No other property is about it.
    [ "$(grep -c none <<<"$output")" = 1 ]
    # What it holds is known, so it is to be read.
    touch r/none.content
    harness --driver vpc --image r --only read
    expect_status 1
    [[ $output == *"
not ok 1 - read: none opens
"* ]]
}

@test 'help and version' {
    harness --help
    expect_status 0
    expect_err ''
    [[ $output == 'Usage: minblk-harness --driver NAME '* ]]
    [[ $output == *'  crash '* ]]
    # Those that --driver takes: no protocol, no filter.
    [[ ${lines[-1]} == 'Drivers:'*' raw'* ]]
    [[ ${lines[-1]} != *' file'* && ${lines[-1]} != *' blkdebug'* ]]
    harness --version
    expect_status 0
    [[ $output == 'minblk-harness version '* ]]
}

@test 'a run prints TAP and has the status 0' {
    harness --driver raw --only model --ops 10
    expect_status 0
    expect_err ''
    [ "${lines[0]}" = 'TAP version 13' ]
    [ "${lines[1]}" = '# driver raw, seed 1' ]
    [ "${lines[-1]}" = "1..$(grep -c '^ok ' <<<"$output")" ]
    [[ $output == *'ok 1 - model: a new image opens'* ]]
    # What images of that size cannot show is told.
    [[ $output == *'# the driver does not say what it allocates in '* ]]
}

@test 'the same seed makes the same run' {
    harness --driver raw --only model --ops 10 --seed 7
    expect_status 0
    local first=$output
    harness --driver raw --only model --ops 10 --seed 7
    same_text 'the second run' "$first" "$output"
}

@test 'an image that reads as it should' {
    a_raw_image
    harness --driver raw --image r --only read
    expect_status 0
    [[ $output == *'ok 1 - read: image holds what it should'* ]]
    [[ $output == *'ok 4 - read: image keeps what is not written'* ]]
}

@test 'an image that reads otherwise' {
    a_raw_image
    printf x | dd of=r/image.content bs=1 seek=4096 conv=notrunc 2>/dev/null
    printf y | dd of=r/image bs=1 seek=4096 conv=notrunc 2>/dev/null
    harness --driver raw --image r --only read --seed 9
    expect_status 1
    [[ $output == *"not ok 1 - read: image holds what it should
  ---
  message: \"byte 4096 is 0x79, not 0x78\"
  seed: 9
  depth: 1
  operations: []
  commands: |
    # --keep FOLDER keeps the image
    minblk-harness --driver raw --image $PWD/r --only read --seed 9
  ...
# byte 4096 is 0x79, not 0x78
# seed 9, depth 1
# again: minblk-harness --driver raw --image $PWD/r --only read --seed 9
"* ]]
    # What is written goes by what the image should hold, too.
    [[ $output == *'not ok 4 - read: image keeps what is not written'* ]]
    [[ $output == *'# 2 of 4 properties do not hold; --seed 9 brings it'* ]]
}

@test 'what a shell would take apart is quoted' {
    mkdir 'a "b'
    head -c 65536 /dev/zero >'a "b/image'
    printf x >'a "b/image.content'
    harness --driver raw --image 'a "b' --only read
    expect_status 1
    local line="minblk-harness --driver raw --image '$PWD/a \"b' --only read \
--seed 1"
    [[ $output == *"
    $line
  ..."* ]]
    [[ $output == *"
# again: $line
"* ]]
}

@test 'a folder for images is made, and has those that fail' {
    a_raw_image
    printf x | dd of=r/image.content bs=1 seek=4096 conv=notrunc 2>/dev/null
    printf y | dd of=r/image bs=1 seek=4096 conv=notrunc 2>/dev/null
    harness --driver raw --image r --only read --keep 'new/the images'
    expect_status 1
    [[ $output == *"
  image: \"new/the images/read-1.img\"
  commands: |
    # the image of the case
    cp '$PWD/new/the images/read-1.img' harness.img
    minblk-io -r -f raw harness.img -c 'read -P 0x78 4096 1'
    minblk-io -t writeback -f raw harness.img -c 'read -P 0x78 4096 1'
"* ]]
    [[ $output == *"
# image: new/the images/read-1.img
"* ]]
    cmp r/image 'new/the images/read-1.img'
    [ "$(ls 'new/the images')" = read-1.img ]
}

@test 'no failure, no image' {
    harness --driver raw --only model --ops 10 --keep kept
    expect_status 0
    [ -z "$(ls kept)" ]
}

@test 'a folder that there cannot be' {
    touch file
    for folder in file file/folder ''; do
        harness --driver raw --keep "$folder"
        expect_status 2
        expect_out ''
        [[ $stderr == "minblk-harness: option '--keep': images cannot be kept \
in '$folder': "*"
Try 'minblk-harness --help' for more information" ]]
    done
}

@test 'copies of an image instead of new ones' {
    a_raw_image
    harness --driver raw --from r/image --ops 5 --only model --only create
    expect_status 0
    [[ $output == *'ok 2 - model: random requests, 1 at a time'* ]]
    [[ $output == *'# SKIP images are not created with --from'* ]]
    cmp r/image r/image.content
}

@test 'an image that is longer than memory' {
    mkdir long
    truncate -s 127G long/image
    printf x | dd of=long/image bs=1 seek=70000000000 conv=notrunc 2>/dev/null
    harness --driver raw --image long --only read --only graph --only hostile \
        --ops 8
    expect_status 0
    [[ $output == *'ok 2 - read: image reads the same in parts'$'\n'* ]]
    [[ $output == *'ok 3 - read: image has a true block status'$'\n'* ]]
    [[ $output == *'# SKIP the image is 136365211648 bytes long, and '* ]]
    harness --driver raw --from long/image --only model
    expect_status 0
    [[ $output == *'# SKIP the image is 136365211648 bytes long, and '* ]]
}

@test 'an image to copy that there is not' {
    harness --driver raw --from nosuch --only model
    expect_bad_usage "option '--from': Could not open 'nosuch': No such file \
or directory"
    mkdir folder
    harness --driver raw --from folder --only model
    expect_bad_usage "option '--from': 'folder' is a folder, not a file"
}

@test 'files with more data than a case may hold' {
    mkdir r
    head -c 300M /dev/zero >r/large
    harness --driver raw --image r --only read --only graph
    expect_status 0
    [[ $output == *'ok 1 - read: large opens # SKIP the file has more than'* ]]
    harness --driver raw --from r/large --only model
    expect_bad_usage "option '--from': the file has more than 256 MiB of data, \
and cases work on copies in memory"
}

@test 'options that only larger images take' {
    needs vpc
    harness --driver vpc -o subformat=fixed,target=azure --only read
    expect_status 2
    [[ $stderr == *"'-o': images as small as the harness makes them are"* ]]
}

@test 'options of creation make no sense with a copy' {
    a_raw_image
    harness --driver raw --from r/image -o preallocation=off
    expect_bad_usage "option '-o' makes no sense with '--from'"
}

@test 'another reader that there is not' {
    local bad
    for bad in nosuch './nosuch -x' ''; do
        harness --driver raw --reader "$bad"
        expect_bad_usage "option '--reader': there is no program for '$bad'"
    done
}

@test 'another reader: one that reads the same, and one that does not' {
    a_raw_image
    harness --driver raw --only turns --ops 6 --image r \
        --reader "$MINBLK_IMG convert -f raw -O raw"
    expect_status 0
    [[ $output == *"
ok 3 - turns: another reader sees what sessions write
ok 4 - turns: another reader reads the same: image
ok 5 - turns: another reader sees what is written, and nothing else: image
"* ]]
    harness --driver raw --only turns --ops 6 --reader 'head -c 1000'
    expect_status 1
    [[ $output == *'the other reader: the image is 0 bytes long, not 9438720'* ]]
    harness --driver raw --only turns --ops 6 --image r --reader false
    expect_status 1
    [[ $output == *'the other reader fails with a new image'* ]]
    [[ $output == *": image # SKIP the other reader does not read it"* ]]
}
