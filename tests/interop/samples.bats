#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Images made by other programs hold what an independent reader found in them,
# and still do after a round trip through each subformat.

load helpers

# column FILE N: a cell of the table of INDEX.md, without quotes.
column()
{
    awk -F ' *[|] *' -v file="$1" -v n="$2" \
        '$2 == file { gsub("`", "", $n); print $n }' \
        "$MINBLK_TEST_IMAGES/INDEX.md"
}

# to_raw FILE RAW: converts, and checks size and digest against the table.
to_raw()
{
    local size digest
    size=$(column "$1" 4)
    digest=$(column "$1" 7)
    [ -n "$size" ]
    [ -n "$digest" ]
    # Virtual PC's guests see the geometry.
    if head -c 32 "$MINBLK_TEST_IMAGES/$1" | tail -c 4 | grep -q '^vpc '; then
        size=$(column "$1" 5)
    fi
    silently img convert -O raw "$MINBLK_TEST_IMAGES/$1" "$2"
    [ "$(size_of "$2")" = "$size" ]
    if [ "$digest" = 'all zero' ]; then
        zero "$2"
    else
        [ "$(sha256sum <"$2")" = "$digest  -" ]
    fi
}

# round_trip RAW SUBFORMAT OPTIONS SIZE
round_trip()
{
    silently img convert -O vpc -o "subformat=$2$3" "$1" back.vhd
    [ "$(virtual_size "$MINBLK_IMG" back.vhd)" = "$4" ]
    silently img convert -f vpc -O raw back.vhd back.raw
    same "$1" back.raw "$(($4 - $(size_of "$1")))"
    silently img compare -q -f raw -F vpc "$1" back.vhd
    rm -f back.vhd back.raw
}

check_sample()
{
    needs_images
    local size
    to_raw "$1" disk.raw
    size=$(size_of disk.raw)
    for subformat in dynamic fixed; do
        round_trip disk.raw "$subformat" ,force_size "$size"
        round_trip disk.raw "$subformat" '' "$(rounded_size "$size")"
    done
}

# check_refused FILE WORDS: no reading, no writing; its check changes nothing.
check_refused()
{
    needs_images
    cp "$MINBLK_TEST_IMAGES/$1" image
    chmod u+w image
    img check -f vpc image >stdout || [ $? = 2 ]
    for command in info map; do
        refused img $command -f vpc image
        grep -q "$2" stderr
    done
    refused img convert -f vpc -O raw image out.raw
    grep -q "$2" stderr
    # compare has 1 for another answer.
    local status=0
    img compare -f vpc -F raw image image 2>stderr || status=$?
    [ "$status" = 2 ]
    grep -q "$2" stderr
    refused io -f vpc -c 'write 0 512' image
    grep -q "$2" stderr
    cmp image "$MINBLK_TEST_IMAGES/$1"
}

@test "fat-parent.vhd: fixed, Windows 10" { check_sample fat-parent.vhd; }
@test "ext2.vhd: dynamic, QEMU" { check_sample ext2.vhd; }
@test "qemu.vhd: dynamic, empty, QEMU" { check_sample qemu.vhd; }
@test "vbox.vhd: dynamic, VirtualBox, more than CHS" { check_sample vbox.vhd; }
@test "win8.vhd: dynamic, Windows 8" { check_sample win8.vhd; }
@test "win8.1-1GB.vhd: dynamic, Windows 8.1" { check_sample win8.1-1GB.vhd; }
@test "virtualpc-dynamic.vhd: 127 GiB by CHS" {
    check_sample virtualpc-dynamic.vhd
}

@test "every image of the index is tried or refused here" {
    needs_images
    for file in "$MINBLK_TEST_IMAGES"/*.vhd; do
        grep -qE "check_(sample|refused) ${file##*/}" \
            "$BATS_TEST_FILENAME" || { echo "$file"; false; }
    done
}

@test "the sample images stay as they are" {
    needs_images
    for file in "$MINBLK_TEST_IMAGES"/*.vhd; do
        [[ $(sha256sum <"$file") == "$(column "${file##*/}" 6)"* ]]
    done
}

@test "fat-differential.vhd: refused, Windows 10" {
    check_refused fat-differential.vhd 'ifferencing'
}
@test "image-differential.vhd: refused, edited by hand" {
    check_refused image-differential.vhd 'hecksum\|ifferencing'
}
@test "image.vhd: refused, edited by hand" {
    check_refused image.vhd 'hecksum'
}

@test "image.vhd: repaired, then read and written to" {
    needs_images
    cp "$MINBLK_TEST_IMAGES/image.vhd" image
    chmod u+w image
    local status=0
    img check -f vpc image >stdout || status=$?
    [ "$status" = 2 ]
    silently img check -f vpc -r all image >stdout
    grep -q 'checksum.*(repaired)' stdout
    silently img check -f vpc image >stdout
    [ "$(head -n 1 stdout)" = 'No errors were found on the image.' ]
    silently img convert -f vpc -O raw image out.raw
    [ "$(sha256sum <out.raw)" = "$(column image.vhd 7)  -" ]
    if command -v qemu-img >/dev/null; then
        qemu-img compare -f vpc -F raw image out.raw
    fi
    silently io -f vpc -c 'write -q -P 0xa5 512 512' image
    silently io -f vpc -r -c 'read -q -P 0xa5 512 512' image
    silently img check -q -f vpc image
}

@test "an empty image by Windows: the first write leaves no old footer" {
    needs_images
    for file in win8.vhd win8.1-1GB.vhd virtualpc-dynamic.vhd; do
        cp "$MINBLK_TEST_IMAGES/$file" image
        chmod u+w image
        silently io -f vpc -c 'write -q -P 0xa5 1M 512' image
        silently io -f vpc -r -c 'read -q -P 0 0 1M' \
            -c 'read -q -P 0xa5 1M 512' -c 'read -q -P 0 1049088 1047040' image
        img check -f vpc image
    done
}
