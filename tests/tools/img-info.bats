#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img info and measure.

load helpers

@test 'info: a raw image' {
    "$MINBLK_IMG" create -q r 1536
    img info r
    expect_status 0
    expect_err ''
    expect_golden info-raw
}

@test 'info: a raw image as JSON' {
    "$MINBLK_IMG" create -q r 1536
    img info --output=json r
    expect_status 0
    expect_golden info-raw.json
}

# A VHD that is the same each time.
fixed_fields=uuid=00112233-4455-6677-8899-aabbccddeeff,timestamp=946684800

@test 'info: a dynamic VHD' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o $fixed_fields a.vhd 64M
    img info a.vhd
    expect_status 0
    expect_err ''
    expect_golden info-vpc
}

@test 'info: a dynamic VHD as JSON' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o $fixed_fields a.vhd 64M
    img info --output json a.vhd
    expect_golden info-vpc.json
}

@test 'info: a backing chain of one image' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o $fixed_fields a.vhd 64M
    img info --backing-chain a.vhd
    expect_golden info-vpc
    img info --backing-chain --output=json a.vhd
    expect_golden info-chain.json
}

@test 'info: a fixed VHD has no blocks' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o subformat=fixed,target=hyperv,$fixed_fields \
        a.vhd 1M
    img info -f vpc a.vhd
    expect_golden info-vpc-fixed
}

@test 'info: what is wrong with a VHD' {
    needs vpc
    needs_command jq
    "$MINBLK_IMG" create -q -f vpc a.vhd 64M
    printf '\001' | dd of=a.vhd bs=1 seek=84 conv=notrunc status=none
    img info a.vhd
    expect_status 0
    [[ ${lines[-1]} == '            message: '*'copy at offset 0'* ]]
    img info --output=json a.vhd
    [ "$(jq -r '."format-specific".data.warnings | length' <<<"$output")" = 1 ]
}

@test 'info: blocks that do not follow each other' {
    needs vpc
    needs_command jq
    "$MINBLK_IMG" create -q -f vpc a.vhd 64M
    "$MINBLK_IO" -f vpc -c 'write 4M 512' -c 'write 8M 512' -c 'write 2M 512' \
        a.vhd >/dev/null
    img info --output=json a.vhd
    data=$(jq -c '."format-specific".data |
        [."allocated-blocks", ."fragmented-blocks", ."data-aligned",
         ."footer-offset", ."unused-space"]' <<<"$output")
    # Before each block: an older footer, and what aligns the data.
    same_text data '[3,1,true,6303744,8704]' "$data"
}

@test 'info: sizes in the largest unit that keeps them below 1000' {
    while read -r size text; do
        truncate -s "$size" r
        img info -f raw r
        same_text size "virtual size: $text" "${lines[2]}"
    done <<'END'
0 0 B (0 bytes)
512 512 B (512 bytes)
1536 1.5 KiB (1536 bytes)
999K 999 KiB (1022976 bytes)
1000K 0.977 MiB (1024000 bytes)
64M 64 MiB (67108864 bytes)
10000M 9.77 GiB (10485760000 bytes)
2040G 1.99 TiB (2190433320960 bytes)
END
}

@test 'info: the length of a raw image is rounded up to whole sectors' {
    truncate -s 1000 r
    img info -f raw r
    [ "${lines[2]}" = 'virtual size: 1 KiB (1024 bytes)' ]
}

@test 'info: the disk size is what the file takes' {
    truncate -s 1M r
    img info -f raw r
    [ "${lines[3]}" = 'disk size: 0 B' ]
    img info -f raw --output=json r
    grep -q '"actual-size": 0,' <<<"$output"
}

@test 'measure: a size' {
    img measure --size 1M
    expect_status 0
    expect_err ''
    expect_out 'required size: 1048576
fully allocated size: 1048576'
}

@test 'measure: a size, rounded up to whole sectors, as JSON' {
    img measure --output=json --size=1000
    expect_status 0
    expect_golden measure.json
}

@test 'measure: an image' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc a.vhd 64M
    img measure -O raw a.vhd
    expect_out 'required size: 67125248
fully allocated size: 67125248'
}

@test 'measure: a dynamic VHD takes what is written' {
    needs vpc
    "$MINBLK_IMG" create -q r 64M
    img measure -O vpc r
    expect_status 0
    empty=${lines[0]#required size: }
    [ "${lines[1]#fully allocated size: }" -gt 67108864 ]
    printf x | dd of=r bs=1 seek=10M conv=notrunc status=none
    img measure -O vpc r
    [ "${lines[0]#required size: }" -gt "$empty" ]
    [ "${lines[0]#required size: }" -lt 8388608 ]
}

@test 'measure: neither size nor image' {
    img measure
    expect_failure 1 'Either --size N or one filename must be specified.'
}

@test 'measure: both size and image' {
    img measure --size 1M r
    expect_failure 1 '--size N cannot be used together with a filename.'
}

@test 'measure: two images' {
    img measure r s
    expect_failure 1 'At most one filename argument is allowed.'
}

@test 'measure: options of an image without one' {
    img measure -f raw --size 1M
    expect_failure 1 '--image-opts, -f, and -l require a filename argument.'
    img measure --image-opts --size 1M
    expect_failure 1 '--image-opts, -f, and -l require a filename argument.'
}

@test 'measure: a size that is none' {
    img measure --size nosuch
    expect_failure 1 'Invalid image size specified. You may use k, M, G, T, P '\
'or E suffixes for' \
        'kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.'
}

@test 'measure: a format that there is not' {
    img measure -O nosuch --size 1M
    expect_failure 1 "Unknown file format 'nosuch'"
}

@test 'measure: a format that cannot create' {
    needs null-co
    img measure -O null-co --size 1M
    expect_failure 1 \
        "Format driver 'null-co' does not support image creation"
}

@test 'measure: an option that there is not' {
    img measure -o nosuch=1 --size 1M
    expect_failure 1 "Invalid parameter 'nosuch'" \
        "Invalid options for file format 'raw'"
}

@test 'measure: help on options' {
    img measure -o help
    expect_status 0
    expect_golden create-help-raw
}
