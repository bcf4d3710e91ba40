#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img check: what it finds, and its exit statuses.

load helpers

teardown()
{
    [ -z "${loop:-}" ] || losetup -d "$loop"
}

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

# What no check can repair is not said to be repaired by one.
@test 'a header in doubt' {
    setup_vpc
    patch 1540 '\xff\xff\xff\xff'
    patch 548 '\x00'
    for mode in '' '-r all' '-r all --force' '-r leaks'; do
        cp v before
        # shellcheck disable=SC2086
        img check -f vpc $mode v
        expect_status 2
        cmp v before
        [[ $output != *"'check -r"* ]]
        [[ $output = *"'convert --salvage -f vpc'"* ]]
    done
}

# What a table that was just repaired does not name may be what it lost.
@test 'repair=on and -r leaks in one run' {
    setup_vpc
    patch 1544 '\x00\x00\x00\x07'
    cp v before
    img check -r leaks --image-opts driver=vpc,repair=on,file.filename=v
    expect_status 3
    cmp -n 2097664 -i 2104832 before v
}

@test 'a footer that waits for a block that is cut off' {
    setup_vpc
    truncate -s -4608 v
    for mode in '' '-r leaks' '-r all'; do
        # shellcheck disable=SC2086
        img check -f vpc $mode v
        expect_status 2
        [[ $output != *"'check -r all -f vpc' "* ]]
        [[ $output = *"'check -r all --force -f vpc'"* ]]
    done
    img check -f vpc -r all --force v
    expect_status 2
    img check v
    expect_status 0
}

# Without a format it is known by its end, and then not written to.
@test 'a lost first sector: the next step works as it is printed' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 4M
    "$MINBLK_IO" -f vpc -c 'write -q 0 64k' v
    dd if=/dev/zero of=v bs=512 count=1 conv=notrunc status=none
    img check v
    expect_status 2
    step=$(sed -n "s/^'\(check .*\)' repairs .*/\1/p" <<<"$output")
    # shellcheck disable=SC2086
    img $step v
    expect_status 0
    img check v
    expect_status 0
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
    sum=$(md5sum <v)
    img check v
    expect_status 2
    expect_err ''
    expect_golden check-outside
    # It stays as it is, whatever is repaired, until that is forced.
    for what in all all leaks; do
        img check -r $what v
        expect_status 2
        expect_golden check-outside
        same_text sum "$sum" "$(md5sum <v)"
    done
    img check -r all --force --dry-run v
    expect_status 2
    [[ ${lines[0]} == *'(would be repaired: bytes 4194304 to 6291455 of the'\
' disk read as zeroes)' ]]
    same_text sum "$sum" "$(md5sum <v)"
    img check -r all --force v
    expect_status 2
    expect_err ''
    expect_golden check-outside-repaired
    # What the block held is still there, and is no error.
    for i in 1 2; do
        img check -r all v
        expect_status 3
    done
    grep -q '^1 orphaned blocks with 2097152 bytes of data' <<<"$output"
}

@test 'findings as JSON' {
    setup_vpc
    patch 1544 '\177\377\377\377'
    img check --output=json v
    expect_status 2
    expect_err ''
    expect_golden check-outside.json
    img check -r all --force --output=json v
    expect_status 2
    expect_golden check-outside-repaired.json
    python3 -c 'import json, sys; json.load(sys.stdin)' <<<"$output"
}

# all_but_table FILE: the sum of what follows the table.
all_but_table()
{
    tail -c +2049 "$1" | md5sum
}

# Ten blocks of data, and a sector of the table that was lost.
setup_lost_table()
{
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 64M
    "$MINBLK_IO" -f vpc -c 'write -P 7 2M 20M' v >/dev/null
    dd if=/dev/zero of=v bs=512 seek=3 count=1 conv=notrunc status=none
    sum=$(all_but_table v)
}

@test 'a repair leaves entries alone that point nowhere' {
    setup_lost_table
    before=$(md5sum <v)
    img check -r all v
    expect_status 2
    expect_err ''
    [[ ${lines[0]} == *'(bytes 0 to 67125247 of the disk cannot be read)' ]]
    grep -q '^67125248 bytes of the disk cannot be read' <<<"$output"
    grep -q '^10 orphaned blocks with 20971520 bytes' <<<"$output"
    grep -q 'convert --salvage' <<<"$output"
    grep -q 'check -r all --force' <<<"$output"
    same_text sum "$before" "$(md5sum <v)"
}

@test 'one that is forced keeps what their blocks held' {
    setup_lost_table
    img check -r all --force v
    expect_status 2
    expect_err ''
    [[ ${lines[0]} == *'(repaired: bytes 0 to 67125247 of the disk read as'\
' zeroes)' ]]
    grep -q '^67125248 bytes of the disk were given up' <<<"$output"
    [[ $output != *'No errors'* ]]
    same_text sum "$sum" "$(all_but_table v)"
    for what in '' '-r all' '-r all --force'; do
        # shellcheck disable=SC2086 # two words
        img check $what v
        expect_status 3
        same_text sum "$sum" "$(all_but_table v)"
    done
    img check -q -r leaks v
    expect_status 0
    [ "$(stat -c %s v)" -lt 8192 ]
}

@test 'repair=on does not open what only force would repair' {
    setup_lost_table
    before=$(md5sum <v)
    io -c 'read -P 0 0 64M' --image-opts \
        driver=vpc,file.filename=v,repair=on
    expect_status 1
    [[ $stderr == *'point outside the file or into other structures'* ]]
    same_text sum "$before" "$(md5sum <v)"
}

@test 'lost space is a leak, and is given back' {
    setup_vpc
    patch 1544 '\377\377\377\377'
    img check v
    expect_status 3
    [ "${lines[0]}" = 'Leak at offset 2104832: lost space is 1 orphaned block'\
' in 2097664 bytes, with 2097152 bytes of data that are not zero, expected a'\
' table entry for each' ]
    [ "${lines[2]}" = '1 leaked clusters were found on the image.' ]
    sum=$(md5sum <v)
    for i in 1 2; do
        img check -r all v
        expect_status 3
        same_text sum "$sum" "$(md5sum <v)"
    done
    img check -r leaks --dry-run v
    expect_status 3
    [[ ${lines[0]} == *'(would be repaired)' ]]
    same_text sum "$sum" "$(md5sum <v)"
    img check -r leaks v
    expect_status 0
    [ "${lines[3]}" = '    1 leaked clusters' ]
    img check v
    expect_status 0
    [ "$(stat -c %s v)" -lt 2110000 ]
    "$MINBLK_IO" -f vpc -c 'read -P 7 2M 2M' -c 'read -P 0 4M 2M' v
}

@test 'junk that is no block is kept' {
    setup_vpc
    head -c 3000320 /dev/urandom >>v
    dd if=v bs=1 skip=4202496 count=512 status=none >footer
    cat footer >>v
    sum=$(md5sum <v)
    for what in all leaks; do
        img check -r $what v
        expect_status 3
        [[ ${lines[0]} == *'lost space is '*' bytes with data'* ]]
        same_text sum "$sum" "$(md5sum <v)"
    done
}

@test 'corruptions stay with -r leaks' {
    setup_vpc
    patch 1544 '\0\0\0\7'
    sum=$(md5sum <v)
    img check -r leaks v
    expect_status 2
    same_text sum "$sum" "$(md5sum <v)"
}

@test 'blocks that overlap are separated' {
    setup_vpc
    patch 1544 '\0\0\0\7'
    img check -r all v
    # One of the two does not hold its own data.
    expect_status 2
    [[ ${lines[0]} == *'(repaired: bytes 2097152 to 4194303 of the disk or'\
' bytes 4194304 to 6291455 hold the other'*"'s data)" ]]
    # What block 2 had before is in the file still.
    img check v
    expect_status 3
    "$MINBLK_IO" -f vpc -c 'read -P 7 2M 4M' -c 'write -P 8 2M 2M' \
        -c 'read -P 7 4M 2M' v
}

@test 'a warning is no error' {
    setup_vpc
    # The id of both footers, and what their checksums are then.
    python3 - <<'END'
import struct
data = bytearray(open('v', 'rb').read())
for at in 0, len(data) - 512:
    data[at + 68:at + 84] = bytes(16)
    data[at + 64:at + 68] = bytes(4)
    data[at + 64:at + 68] = struct.pack('>I', ~sum(data[at:at + 512]) & 0xffffffff)
open('v', 'wb').write(data)
END
    img check v
    expect_status 0
    expect_err ''
    [ "${lines[0]}" = "Warning at offset $(($(stat -c %s v) - 444)): unique"\
' id of the footer is zero, expected an id' ]
    [ "${lines[1]}" = 'No errors were found on the image.' ]
}

@test 'what cannot be repaired without a guess' {
    setup_vpc
    # The footers contradict each other, and the checksum of neither is right.
    patch 27 '\1'
    patch $(($(stat -c %s v) - 512 + 27)) '\2'
    sum=$(md5sum <v)
    img check -r all v
    expect_status 2
    grep -q ': timestamp is 0x' <<<"$output"
    same_text sum "$sum" "$(md5sum <v)"
    img info v
    expect_status 1
    [[ $stderr == *'Wrong checksum'* ]]
}

@test 'repair=on' {
    setup_vpc
    patch 8 'x'
    img info v
    expect_status 0
    [[ $stderr == *'offset 0 is damaged'* ]]
    io -c 'read -P 7 2M 4M' --image-opts driver=vpc,file.filename=v
    expect_status 1
    io -r -c 'read -P 7 2M 4M' --image-opts \
        driver=vpc,file.filename=v,repair=on
    expect_status 1
    io -c 'read -P 7 2M 4M' -c 'write -P 7 2M 512' --image-opts \
        driver=vpc,file.filename=v,repair=on
    expect_status 0
    [[ $stderr == "repair: 'v': "*" at offset 8 was "* ]]
    img check v
    expect_status 0
    expect_golden check-sound
    # There is nothing to do any more.
    io -c 'read -P 7 2M 4M' --image-opts driver=vpc,file.filename=v,repair=on
    expect_status 0
    expect_err ''
}

@test 'images that were edited by hand' {
    needs vpc
    needs_images
    cp "$MINBLK_TEST_IMAGES/image.vhd" v
    chmod u+w v
    img convert v r
    expect_status 1
    img check -r all v
    expect_status 0
    quietly "$MINBLK_IMG" convert v r
    digest=$(sed -n 's/^| image.vhd .*`\([0-9a-f]\{64\}\)`.*/\1/p' \
        "$MINBLK_TEST_IMAGES/INDEX.md")
    same_text digest "$digest  -" "$(sha256sum <r)"

    cp "$MINBLK_TEST_IMAGES/image-differential.vhd" v
    chmod u+w v
    img check -r all v
    expect_status 0
    img check v
    expect_status 0
    [ "${lines[0]}" = 'No errors were found on the image.' ]
}

@test 'images of other programs are sound' {
    needs vpc
    needs_images
    for image in "$MINBLK_TEST_IMAGES"/*.vhd; do
        [[ $image == */image*.vhd ]] && continue
        img check -f vpc "$image"
        expect_status 0
        expect_err ''
        [ "${lines[0]}" = 'No errors were found on the image.' ]
    done
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

@test 'options that need another one' {
    img check --dry-run v
    expect_bad_usage '--dry-run needs -r: without it nothing is repaired'
    for what in '' '-r leaks'; do
        # shellcheck disable=SC2086 # two words
        img check --force $what v
        expect_bad_usage '--force needs -r all'
    done
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
    [[ ${lines[0]} == 'Corruption at offset '*' (repaired)' ]]
    [ "${lines[1]}" = \
        'The following inconsistencies were found and repaired:' ]
    [ "${lines[4]}" = '    1 corruptions' ]
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

@test '--target: what a product would refuse, and the commands that mend it' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o force_size,subformat=fixed v 30000128
    img check --target=azure v
    expect_status 2
    expect_err ''
    expect_out "No errors were found on the image.
Image end offset: 30000640
Refused by azure: size 30000128 is not a multiple of 1 MiB
    minblk-img convert -f vpc -O vpc \
-o target=azure,subformat=fixed,size=30408704 v v-azure.vhd"
    touch v-azure.vhd v-azure-2.vhd
    img check --target=azure v
    expect_status 2
    [[ $output == *',size=30408704 v v-azure-3.vhd' ]]
    img check -q --target=azure v
    expect_status 2
    expect_out ''
    quietly "$MINBLK_IMG" amend -f vpc -o creator_os=FBSD v
    img check --target=azure --output=json v
    expect_status 2
    grep -qF '"command": "minblk-img amend -f vpc -o creator_os=Wi2k v"' \
        <<<"$output"
    img check --target=virtualbox v
    expect_status 0
    expect_out "No errors were found on the image.
Image end offset: 30000640"
}

@test '--target: a command works as it is printed, whatever the name' {
    local name command
    needs vpc
    mkdir bin
    ln -s "$MINBLK_IMG" bin/minblk-img
    for name in v 'a b' "it's" -x file:a:b 'json:{"file.filename":"v"}'; do
        img create -q -f vpc -- "${name/json:*/v}" 30M
        expect_status 0
        img check --target=azure -- "$name"
        expect_status 2
        command=$(grep -m1 convert <<<"$output")
        PATH=$PWD/bin:$PATH bash -c "$command"
        rm ./*-azure.vhd
    done
}

@test '--target of a device: the copy is a file in this folder' {
    needs vpc
    needs_command losetup
    mkdir bin dev
    ln -s "$MINBLK_IMG" bin/minblk-img
    img create -q -f vpc -o force_size,subformat=fixed device 30000128
    loop=$(losetup -f --show device 2>/dev/null) || skip 'no loop devices here'
    for name in "$loop" dev/pci-0:1; do
        [ "$name" = "$loop" ] || ln -s "$loop" "$name"
        img check --target=azure "$name"
        expect_status 2
        command=$(grep -m1 convert <<<"$output")
        copy=./${name##*/}-azure.vhd
        [[ ${command//\'/} == *" $copy" ]]
        PATH=$PWD/bin:$PATH bash -c "$command"
        img check --target=azure "$copy"
        expect_status 0
    done
}

@test '--target beside the ordinary findings' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 30M
    printf X | dd of=v bs=1 seek=100 conv=notrunc status=none
    img check --target=azure v
    expect_status 2
    [[ "$output" == *'Corruption at offset'*'errors were found'* ]]
    [[ "$output" == *'Refused by azure: type is dynamic, not fixed'* ]]
    # Such an image is repaired or salvaged first.
    [[ "$output" != *minblk-img* ]]
    img check --target=virtualpc v
    expect_status 2
    [[ "$output" != *Refused* ]]
}

@test '--target of products and formats that it knows nothing of' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 30M
    img check --target=nosuch v
    expect_status 1
    expect_err "minblk-img: Unknown target 'nosuch'
Accepted values: azure, hyperv, xenserver, virtualbox, virtualpc"
    truncate -s 1M r
    img check -f raw --target=azure r
    expect_status 63
    expect_err 'minblk-img: This image format does not support checks
'\''r'\'' is a raw image
Try convert -O vpc -o target=azure'
}
