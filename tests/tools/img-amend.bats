#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img amend: fields of a VHD's footer.

load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    needs file vpc
    "$MINBLK_IMG" create -q -f vpc v 64M
}

# footer OFFSET LENGTH: bytes of both footers as text, dots for what is none.
footer()
{
    local head tail
    head=$(tail -c +$(($1 + 1)) v | head -c "$2" | xxd -p)
    tail=$(tail -c 512 v | tail -c +$(($1 + 1)) | head -c "$2" | xxd -p)
    same_text 'the copy at the end' "$head" "$tail"
    echo "$head"
}

@test 'help' {
    img amend -f vpc -o help
    expect_status 0
    expect_golden amend-help-vpc
    img amend -o help v
    expect_golden amend-help-vpc
}

@test 'the creator' {
    needs_command xxd
    quietly "$MINBLK_IMG" amend -f vpc -o creator=win\ ,creator_version=10.5 v
    [ "$(footer 28 8)" = 77696e20000a0005 ]
    quietly "$MINBLK_IMG" check -q v
}

@test 'a creator with a zero byte, as info tells it' {
    needs_command xxd
    quietly "$MINBLK_IMG" amend -f vpc -o 'creator=d2v\x00' v
    [ "$(footer 28 4)" = 64327600 ]
    img info v
    grep -qxF '    creator application: d2v\x00' <<<"$output"
    img amend -f vpc -o creator=äöü v
    expect_failure 1 "Parameter 'creator' expects four characters"
}

@test 'the unique id' {
    needs_command xxd
    quietly "$MINBLK_IMG" amend \
        -o uuid=00112233-4455-6677-8899-aabbccddeeff v
    [ "$(footer 68 16)" = 00112233445566778899aabbccddeeff ]
    quietly "$MINBLK_IMG" check -q v
}

@test 'the geometry, unless it would be another size' {
    needs_command xxd
    sum=$(md5sum <v)
    img amend -o geometry=1023/16/63 v
    expect_failure 1 "Creator 'qemu' would change the disk's size from \
67125248 to 527966208 bytes; --force does it"
    same_text sum "$sum" "$(md5sum <v)"
    # The largest one says that the size is elsewhere.
    quietly "$MINBLK_IMG" amend -o geometry=65535/16/255 v
    [ "$(footer 56 4)" = ffff10ff ]
    for creator in win\  qem2; do
        quietly "$MINBLK_IMG" amend \
            -o "creator=$creator,geometry=1023/255/63" v
        [ "$(footer 56 4)" = 03ffff3f ]
        img info v
        grep -qF '(67125248 bytes)' <<<"$output"
    done
    for creator in 'vpc ' 'vs  ' qemu; do
        img amend -o "creator=$creator" v
        expect_status 1
        quietly "$MINBLK_IMG" amend -o "creator=$creator,geometry=964/8/17" v
        quietly "$MINBLK_IMG" amend -o creator=win\ ,geometry=1/2/3 v
    done
    quietly "$MINBLK_IMG" check -q v
}

# Documented so: that creator's geometry never was a size.
@test 'force_size_calc=chs means nothing to qem2' {
    for pair in qem2=67125248 vbox=3072; do
        quietly "$MINBLK_IMG" amend -o "creator=${pair%=*},geometry=1/2/3" v
        img info --image-opts \
            driver=vpc,force_size_calc=chs,file.filename="$PWD/v"
        grep -qF "(${pair#*=} bytes)" <<<"$output"
    done
}

@test 'the time, of a fixed image' {
    needs_command xxd
    "$MINBLK_IMG" create -q -f vpc -o subformat=fixed v 1M
    quietly "$MINBLK_IMG" amend -f vpc -o timestamp=946684801 v
    [ "$(tail -c 512 v | tail -c +25 | head -c 4 | xxd -p)" = 00000001 ]
    quietly "$MINBLK_IMG" check -q v
}

@test 'an option that there is not, and values that are none: no change' {
    sum=$(md5sum <v)
    img amend -f vpc -o nosuch=1 v
    expect_failure 1 "Invalid parameter 'nosuch'"
    for option in creator=abc creator_os=abcde creator=äb\\x0 \
                  creator_version=1 uuid=nosuch geometry=1/2/0 timestamp=1 \
                  creator=good,uuid=nosuch; do
        img amend -f vpc -o $option v
        expect_status 1
        expect_out ''
        [[ $stderr == "minblk-img: Parameter '"* ]]
        [ "$(wc -l <.stderr)" -eq 1 ]
    done
    same_text sum "$sum" "$(md5sum <v)"
}
