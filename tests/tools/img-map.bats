#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img map: extents of raw images and VHDs, for people and as JSON.

load helpers

# A raw image of 1 MiB with data in [0, 4K) and [64K, 192K).
setup_raw()
{
    truncate -s 1M r
    printf 'x%.0s' {1..4096} | dd of=r conv=notrunc status=none
    head -c 128k /dev/zero | tr '\0' y |
        dd of=r bs=64k seek=1 conv=notrunc status=none
    sync r
}

# A VHD with blocks 1, 2 and 5 of 64 MiB allocated.
setup_vpc()
{
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 64M
    "$MINBLK_IO" -f vpc -c 'write -P 7 2M 4M' -c 'write -P 8 10M 512' v >/dev/null
}

@test 'raw, for people' {
    setup_raw
    img map -f raw r
    expect_status 0
    expect_err ''
    expect_golden map-raw
}

@test 'raw, as JSON: holes have an offset' {
    setup_raw
    img map --output=json -f raw r
    expect_status 0
    expect_err ''
    expect_golden map-raw.json
}

@test 'an empty VHD is one extent' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 64M
    img map --output=json v
    expect_golden map-vpc-empty.json
    img map v
    expect_out 'Offset          Length          Mapped to       File'
}

@test 'a VHD, as JSON: allocated blocks are one extent each' {
    setup_vpc
    img map --output=json v
    expect_status 0
    expect_golden map-vpc.json
}

@test 'a VHD, for people' {
    setup_vpc
    img map v
    expect_status 0
    expect_golden map-vpc
}

@test 'a block that cannot be read is said, the others are shown' {
    setup_vpc
    printf '\x7f' | dd of=v bs=1 seek=1544 conv=notrunc status=none
    lost="minblk-img: Bytes 4194304 to 6291455 of the disk cannot be read: the \
image is damaged there; 'check' says how"
    img map v
    expect_status 1
    expect_out 'Offset          Length          Mapped to       File
0x200000        0x200000        0x1000          v
0xa00000        0x200000        0x403000        v'
    [[ $stderr == *"
$lost" ]]
    img map --output=json v
    expect_status 1
    [ "${lines[2]}" = '{ "start": 4194304, "length": 2097152, "depth": 0, '\
'"present": true, "zero": false, "data": true},' ]
    [[ ${lines[-1]} == *']' && $stderr == *"
$lost" ]]
    # Not a line each, because a table that is made so may lose millions.
    "$MINBLK_IMG" create -q -f vpc -o block_size=4k,force_size w 4M
    for i in {1..256}; do
        printf '\x7f\xff\xff\0\xff\xff\xff\xff'
    done | dd of=w bs=1 seek=1536 conv=notrunc status=none
    img map -f vpc w
    expect_status 1
    [ "$(grep -c 'cannot be read' <<<"$stderr")" -eq 101 ]
    # Where nothing is lost, nothing is wrong.
    img map --start-offset=6M v
    expect_status 0
}

@test 'an empty image' {
    truncate -s 0 r
    img map -f raw r
    expect_status 0
    expect_out 'Offset          Length          Mapped to       File'
    img map --output=json -f raw r
    expect_out '[{ "start": 0, "length": 0, "depth": 0, "present": false, "zero": false, "data": false}]'
}

@test 'the rest of the last sector is zero' {
    printf 'x%.0s' {1..1000} >r
    img map --output=json -f raw r
    expect_status 0
    expect_golden map-rest.json
}

@test 'the rest of the last sector goes on with the hole before it' {
    truncate -s 1000 r
    img map --output=json -f raw r
    expect_out '[{ "start": 0, "length": 1024, "depth": 0, "present": true, "zero": true, "data": false, "offset": 0}]'
}

@test 'a part' {
    setup_raw
    img map --output=json --start-offset=100 --max-length=10 -f raw r
    expect_out '[{ "start": 100, "length": 10, "depth": 0, "present": true, "zero": false, "data": true, "offset": 100}]'
    img map --output=json -s 32k -l 48k -f raw r
    expect_golden map-part.json
}

@test 'a part of no length, or past the end' {
    setup_raw
    img map --output=json --max-length=0 -f raw r
    expect_status 0
    expect_out '[{ "start": 0, "length": 0, "depth": 0, "present": false, "zero": false, "data": false}]'
    img map --output=json --start-offset=1M -f raw r
    expect_out '[{ "start": 1048576, "length": 0, "depth": 0, "present": false, "zero": false, "data": false}]'
    img map --output=json --start-offset=1M --max-length=7E -f raw r
    expect_out '[{ "start": 1048576, "length": 0, "depth": 0, "present": false, "zero": false, "data": false}]'
}

@test 'numbers that are none' {
    img map --start-offset=nosuch r
    expect_failure 1 'Invalid start offset specified. You may use k, M, G, T, P or E suffixes for' \
        'kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.'
    img map --max-length=-1 r
    expect_failure 1 'Invalid max length specified. You may use k, M, G, T, P or E suffixes for' \
        'kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.'
    img map --start-offset=9E r
    expect_failure 1 'Invalid start offset specified. Must be between 0 and 9223372036854775807.'
}

@test 'a window of raw is mapped to where it lies in the file' {
    setup_raw
    img map --image-opts driver=raw,offset=64k,size=4k,file.filename=r
    expect_status 0
    expect_out 'Offset          Length          Mapped to       File
0               0x1000          0x10000         r'
}

@test 'the JSON is JSON' {
    setup_vpc
    needs_command python3
    img map --output=json v
    python3 -c '
import json, sys
end = 0
for extent in json.loads(sys.argv[1]):
    assert extent["start"] == end, extent
    end += extent["length"]
assert end == 67125248, end' "$output"
}
