#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img amend, bitmap, commit, rebase and snapshot on images that have
# nothing to amend, no bitmaps, no backing images and no snapshots.

load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    needs file raw
    "$MINBLK_IMG" create -q r 1M
    sum=$(md5sum <r)
}

teardown()
{
    [ ! -e r ] || same_text 'sum of r' "$sum" "$(md5sum <r)"
}

@test 'amend: a format that has nothing to amend' {
    img amend -f raw -o size=1 r
    expect_failure 1 "Format driver 'raw' does not support option amendment"
    img amend -f raw -o help r
    expect_failure 1 "Format driver 'raw' does not support option amendment"
    img amend -f raw -o help
    expect_failure 1 "Format driver 'raw' does not support option amendment"
}

@test 'amend: no options' {
    img amend -f raw r
    expect_bad_usage 'Must specify options (-o)'
}

@test 'amend: a list that is none' {
    img amend -f raw -o , r
    expect_failure 1 'Invalid option list: ,'
}

@test 'amend: a format that there is not' {
    img amend -f nosuch -o help
    expect_failure 1 "Unknown file format 'nosuch'"
    img amend -f nosuch -o size=1 r
    expect_failure 1 "Could not open 'r': Unknown driver 'nosuch'"
}

@test 'amend: names: none, and too many' {
    img amend -o size=1
    expect_failure 1 'Expecting one image file name'
    img amend -o size=1 r s
    expect_failure 1 'Expecting one image file name'
}

@test 'snapshot: no format has any' {
    for what in '-c name' '-a name' '-d name'; do
        # shellcheck disable=SC2086
        img snapshot $what r
        expect_failure 1 \
            "Snapshots inside an image are not supported by format 'raw'"
    done
}

@test 'snapshot: two things at once' {
    img snapshot -l -c name r
    expect_bad_usage "Cannot mix '-l', '-a', '-c', '-d'"
}

@test 'bitmap: no format has any' {
    for what in --add --remove --clear --enable --disable '--merge other' \
                '--add --disable' '--add -g 64k' '--merge other -b r -F raw'; do
        # shellcheck disable=SC2086
        img bitmap $what r name
        expect_failure 1 "Bitmaps are not supported by format 'raw'"
    done
}

@test 'bitmap: nothing to do' {
    img bitmap r name
    expect_failure 1 'Need at least one of --add, --remove, --clear, --enable, '\
'--disable, or --merge'
}

@test 'bitmap: names: too few, and too many' {
    img bitmap --add r
    expect_failure 1 'Expecting filename and bitmap name'
    img bitmap --add r name other
    expect_failure 1 'Expecting filename and bitmap name'
}

@test 'bitmap: options that do not fit' {
    img bitmap --remove -g 64k r name
    expect_failure 1 'granularity only supported with --add'
    img bitmap --add -b other r name
    expect_failure 1 'Merge bitmap source file only supported with --merge'
    img bitmap --merge other -F raw r name
    expect_failure 1 '-F only supported with -b'
    img bitmap --add -g 0 r name
    expect_failure 1 'Invalid granularity specified. Must be between 1 and '\
'9223372036854775807.'
}

@test 'commit: no backing image' {
    img commit -f raw r
    expect_failure 1 'Image does not have a backing file'
    img commit -f raw -d -p -q -r 1M -t unsafe r
    expect_failure 1 'Image does not have a backing file'
    img commit -f raw -b base r
    expect_failure 1 "Did not find 'base' in the backing chain of 'r'"
}

@test 'commit: a rate that is none' {
    img commit -r nosuch r
    expect_failure 1 'Invalid rate limit specified. You may use k, M, G, T, P '\
'or E suffixes for' \
        'kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.'
}

@test 'rebase: a format without backing images' {
    img rebase -f raw -u -b other -F raw r
    expect_failure 1 \
        "Could not change the backing file to 'other': Operation not supported"
    img rebase -f raw -u -b '' r
    expect_failure 1 \
        "Could not change the backing file to '': Operation not supported"
}

@test 'rebase: a new backing image without its format' {
    img rebase -f raw -u -b other r
    expect_failure 1 "Could not change the backing file to 'other': backing \
format must be specified"
}

@test 'rebase: a new backing image that there is not' {
    img rebase -f raw -b nosuch -F raw r
    expect_failure 1 "Could not open new backing file 'nosuch': Could not open \
'nosuch': No such file or directory"
}

@test 'rebase: no new backing image' {
    img rebase -f raw r
    expect_bad_usage \
        'Must specify backing file (-b) or use unsafe mode (-u)'
}

@test 'rebase: names: none, and too many' {
    img rebase -b other
    expect_bad_usage 'Expecting one image file name'
    img rebase -b other r s
    expect_bad_usage 'Expecting one image file name'
}
