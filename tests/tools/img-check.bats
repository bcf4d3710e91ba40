#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img check: what it finds, and its exit statuses.

load helpers

# A VHD with blocks 1 and 2 allocated; its table is at 1536.
setup_vpc()
{
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 64M
    "$MINBLK_IO" -f vpc -c 'write -P 7 2M 4M' v >/dev/null
}

# patch OFFSET BYTES: writes into v; the bytes as printf takes them.
patch()
{
    # shellcheck disable=SC2059
    printf "$2" | dd of=v bs=1 seek="$1" conv=notrunc status=none
}

@test 'a format without a check' {
    "$MINBLK_IMG" create -q r 1M
    img check r
    expect_failure 63 'This image format does not support checks'
    img check -q --output=json -f raw r
    expect_failure 63 'This image format does not support checks'
}

@test 'what create makes is sound' {
    needs vpc
    for options in subformat=dynamic subformat=fixed force_size; do
        "$MINBLK_IMG" create -q -f vpc -o $options v 3M
        img check -f vpc v
        expect_status 0
        expect_err ''
        [ "${lines[0]}" = 'No errors were found on the image.' ]
    done
}

@test 'what was written to is sound' {
    setup_vpc
    img check v
    expect_status 0
    expect_err ''
    expect_golden check-sound
    img check --output=json v
    expect_status 0
    expect_golden check-sound.json
}

@test 'quiet' {
    setup_vpc
    quietly "$MINBLK_IMG" check -q v
    quietly "$MINBLK_IMG" check -q --output=json v
}

@test 'two entries that name one block' {
    setup_vpc
    patch 1544 '\0\0\0\7'
    img check v
    expect_status 2
    expect_golden check-overlap
    img check --output=json v
    expect_status 2
    grep -q '"corruptions": 2,' <<<"$output"
    img check -q v
    expect_status 2
    expect_out ''
}

@test 'an entry that points past the end of the file' {
    setup_vpc
    patch 1544 '\177\377\377\377'
    img check v
    expect_status 2
    [ "${lines[0]}" = '1 errors were found on the image.' ] ||
        [ "${lines[1]}" = '1 errors were found on the image.' ]
}

@test 'a check does not change the image' {
    setup_vpc
    patch 1544 '\0\0\0\7'
    sum=$(md5sum <v)
    img check v
    same_text sum "$sum" "$(md5sum <v)"
}

@test 'a repair that there is not' {
    img check -r nosuch v
    expect_bad_usage \
        "Unknown option value for -r (expecting 'leaks' or 'all'): nosuch"
    img check --repair=nosuch v
    expect_bad_usage \
        "Unknown option value for -r (expecting 'leaks' or 'all'): nosuch"
}

@test 'a repair of an image that is sound' {
    setup_vpc
    for what in leaks all; do
        img check -r $what v
        expect_status 0
        expect_err ''
        expect_golden check-sound
    done
}

@test 'a footer that is lost is made again' {
    setup_vpc
    truncate -s -512 v
    img check v
    expect_status 2
    img check -r all v
    expect_status 0
    [ "${lines[0]}" = \
        'The following inconsistencies were found and repaired:' ]
    [ "${lines[3]}" = '    1 corruptions' ]
    img check v
    expect_status 0
    expect_err ''
    expect_golden check-sound
}

@test 'a repair needs an image that can be written' {
    setup_vpc
    img check -r all --image-opts driver=vpc,file.filename=v,read-only=on
    expect_status 1
    expect_out ''
    [[ $stderr == "minblk-img: Could not open 'driver=vpc,"* ]]
}
