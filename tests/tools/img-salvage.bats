#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# minblk-img convert --salvage of damaged VHDs: what can be read is read, and each
# sector that cannot be is named.

load helpers

# v: 64 MiB whose blocks 1 to 3 hold 7, 8 and 9; the table is at 1536, the blocks
# 4104 sectors apart, the first of them at sector 7, its data at 4096.
setup_vpc()
{
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 64M
    "$MINBLK_IO" -f vpc -c 'write -P 7 2M 2M' -c 'write -P 8 4M 2M' \
        -c 'write -P 9 6M 2M' v >/dev/null
}

# patch OFFSET BYTES: writes into v; the bytes as printf takes them.
patch()
{
    # shellcheck disable=SC2059
    printf "$2" | dd of=v bs=1 seek="$1" conv=notrunc status=none
}

# reads COMMAND...: all of them, on the raw disk r.
reads()
{
    local command
    for command in "$@"; do
        io -f raw -c "read $command" r
        expect_status 0
    done
}

# expect_lost [START-END...]: exactly these ranges were named, by the last
# command that salvaged, each in one line; and those of more than 16 sectors in
# a last line for all.
expect_lost()
{
    local text='' n=$# all=0 long=0 range bytes
    for range in "$@"; do
        bytes=$((${range#*-} - ${range%-*}))
        all=$((all + bytes))
        [ $bytes -le 8192 ] || long=1
        if [ $bytes -eq 512 ]; then
            text+="offset ${range%-*}"
        else
            text+="offsets ${range%-*} to $((${range#*-} - 1)) ($bytes bytes)"
        fi
        text+=$'\n'
    done
    same_text 'lost ranges' "${text%$'\n'}" \
        "$(sed -n 's/.*: warning: error while reading \(.*\): .*/\1/p' lost)"
    if [ $long -eq 1 ]; then
        grep -q "warning: $all of [0-9]* bytes could not be read, in $n range" lost
    else
        run -1 grep 'could not be read' lost
    fi
}

# salvage ARGUMENT...: of v, which is not to be had otherwise.
salvage()
{
    img convert "$@" v r
    expect_status 1
    img convert --salvage "$@" v r
    expect_status 0
    expect_out ''
    cp .stderr lost
}

# Bytes before its footer are lost, and nothing says which: the disk has its
# size, and the footer is no data of it.
@test 'a fixed disk that is too short' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o subformat=fixed,force_size v 2M
    "$MINBLK_IO" -f vpc -c 'write -P 7 0 2M' v >/dev/null
    tail -c 512 v >footer
    head -c 1048064 v >start
    cat start footer >v
    cp v before
    img convert --salvage v r
    expect_status 1
    [[ $stderr == *'1049088 bytes short; give -f raw or -f vpc' ]]
    img convert -f vpc v r
    expect_status 1
    [[ $stderr == *'give -f raw to read what is left, or convert it with --salvage -f vpc' ]]
    salvage -f vpc
    expect_lost 1048064-2097152
    cmp -n 1048064 start r
    cmp <(tail -c +1048065 r) <(head -c 1049088 /dev/zero)
    for mode in '' '-r all --force'; do
        # shellcheck disable=SC2086
        img check -f vpc $mode v
        expect_status 2
        [[ ${lines[0]} == *'(bytes 1048064 to 2097151 of the disk cannot be read)' ]]
        [[ $output = *"'convert --salvage -f vpc' copies"* ]]
        [[ $output != *"'check -r"* ]]
        cmp v before
    done
    # It is read-only, whatever else was asked for.
    run -1 "$MINBLK_IO" -f vpc -c 'write 0 512' v
    cmp v before
}

@test 'a file that was cut off inside its last block' {
    setup_vpc
    # 1 MiB of block 3 is left.
    truncate -s $((4096 + 2 * 4104 * 512 + 1048576)) v
    salvage
    reads '-P 0 0 2M' '-P 7 2M 2M' '-P 8 4M 2M' '-P 9 6M 1M' '-P 0 7M 57M'
    expect_lost 7340032-8388608
}

@test 'blocks that overlap' {
    setup_vpc
    # Block 2 begins 1 MiB into the data of block 1.
    patch 1544 '\0\0\10\10'
    salvage
    reads '-P 0 0 2M' '-P 7 2M 1M' '-P 9 6M 2M'
    expect_lost 3145728-6291456
}

@test 'an entry that points past the end' {
    setup_vpc
    patch 1544 '\177\377\377\377'
    salvage
    reads '-P 7 2M 2M' '-P 0 4M 2M' '-P 9 6M 2M'
    expect_lost 4194304-6291456
}

@test 'lost footers are no loss' {
    setup_vpc
    truncate -s -512 v
    quietly "$MINBLK_IMG" convert --salvage v r
    reads '-P 7 2M 2M' '-P 8 4M 2M' '-P 9 6M 2M'
    truncate -s +512 v
    patch 0 'nothing'
    img convert -f vpc --salvage v r
    expect_status 1
}

@test 'checksums that are stale' {
    setup_vpc
    size=$(stat -c %s v)
    patch 27 '\1'
    patch $((size - 512 + 27)) '\1'
    patch 612 'x'
    salvage
    expect_lost
    reads '-P 7 2M 2M' '-P 8 4M 2M' '-P 9 6M 2M'
}

@test 'without its parent nothing of a differencing disk is had' {
    needs vpc
    needs_images
    img convert --salvage -f vpc "$MINBLK_TEST_IMAGES/fat-differential.vhd" r
    expect_status 0
    cp .stderr lost
    expect_lost 0-4194304
}

# bad SECTOR...: salvages the raw disk src, of which these cannot be read.
bad()
{
    local sector n=0 image=driver=raw,file.driver=blkdebug,file.image.filename=src
    for sector in "$@"; do
        image+=,file.inject-error.$n.event=none,file.inject-error.$n.iotype=read
        image+=,file.inject-error.$n.once=off,file.inject-error.$n.sector=$sector
        n=$((n + 1))
    done
    img convert --salvage --image-opts "${options[@]}" "$image" r
    expect_status 0
    expect_out ''
    cp .stderr lost
}

@test 'a sector is one line, a run of them another, and -q leaves the sum' {
    needs blkdebug
    local options=()
    "$MINBLK_IMG" create -q -f raw src 4M
    "$MINBLK_IO" -f raw -c 'write -P 7 0 4M' src >/dev/null
    # Two that stand alone, and a run that is a part of two chunks.
    bad 3 5 1020 1021 1022 1023 1024 1025
    expect_lost 1536-2048 2560-3072 522240-525312
    reads '-P 7 0 1536' '-P 0 1536 512' '-P 7 2048 512' '-P 0 2560 512' \
        '-P 7 3072 519168' '-P 0 522240 3072' '-P 7 525312 3583k'
    bad {2048..2063} {4096..4112}
    expect_lost 1048576-1056768 2097152-2105856
    options=(-q)
    bad {2048..2063} {4096..4112}
    same_text 'all that is printed' 1 "$(wc -l <lost)"
    grep -q 'warning: 16896 of 4194304 bytes could not be read, in 2 ranges' lost
    bad {2048..2063}
    same_text 'all that is printed' '' "$(cat lost)"
}

# table ENTRY...: makes v of a table of 500000 of them, in turn, as octal
# escapes, where nothing else is in the file.
table()
{
    local blocks=500000 size
    "$MINBLK_IMG" create -q -f vpc -o force_size=on v $((blocks * 2))M
    # shellcheck disable=SC2059
    printf "$(printf '%s' "$@")%.0s" $(seq $((blocks / $#))) |
        dd of=v bs=64k seek=1536 oflag=seek_bytes conv=notrunc status=none
}

@test 'a table of which nothing is true takes no more than its file' {
    needs vpc
    table '\0\377\377\377'
    same_text 'the length of the image' 2002432 "$(stat -c %s v)"
    salvage
    expect_lost 0-1048576000000
    table '\0\0\20\0'
    salvage
    expect_lost 0-1048576000000
    # Every other one is a block without space.
    table '\0\377\377\377' '\377\377\377\377'
    salvage
    [ "$(wc -l <lost)" -lt 1000 ]
    grep -q 'warning: 524288000000 of 1048576000000 bytes .* 250000 ranges' lost
}

# v with a sector that cannot be read, whose number follows.
failing=driver=vpc,file.driver=blkdebug,file.image.driver=file
failing+=,file.image.filename=v,file.inject-error.0.event=none
failing+=,file.inject-error.0.iotype=read,file.inject-error.0.sector

# A disk of more than a page of the table, a sector of which cannot be read: the
# blocks of that page are lost, the others are there.
@test 'a part of the block allocation table cannot be read' {
    needs vpc blkdebug
    "$MINBLK_IMG" create -q -f vpc -o block_size=4096 v 12M
    for i in 0 1 2; do
        "$MINBLK_IO" -f vpc -c "write -P $((i + 1)) $((i * 4))M 4M" v >/dev/null
    done
    cp v before
    # The second page is at 1536 + 4096, sector 11.
    img convert --image-opts "$failing=12" -O raw r
    expect_status 1
    [[ $stderr == *'Could not read the block allocation table at offset 1536: '* ]]
    img convert --salvage --image-opts "$failing=12" -O raw r
    expect_status 0
    cp .stderr lost
    grep -q ': 1 pages of the block allocation table at offset 1536 cannot' lost
    expect_lost 4194304-8388608
    reads '-P 1 0 4M' '-P 0 4M 4M' '-P 3 8M 4M'
    # A check does not know what these blocks are, and nothing is repaired.
    for how in '' '-r all' '-r leaks --dry-run'; do
        # shellcheck disable=SC2086
        img check $how --image-opts "$failing=12"
        expect_status 1
        [[ $stderr == *'Could not read the block allocation table at offset 1536: '* ]]
    done
    cmp v before
}

# Its first and last sector, those of the header, the batmap's header and a sector
# of it: all of the disk is read, but for data.  A fixed disk has but one footer.
@test 'another structure cannot be read' {
    needs vpc blkdebug
    local options sectors sector
    while read -r options sectors; do
        rm -f v
        "$MINBLK_IMG" create -q -f vpc -o "$options" v 4M
        "$MINBLK_IO" -f vpc -c 'write -P 7 0 4M' v >/dev/null
        cp v before
        for sector in ${sectors}; do
            [ "$sector" != last ] || sector=$(($(stat -c %s v) / 512 - 1))
            rm -f r
            img convert --image-opts "$failing=$sector" -O raw r
            expect_status 1
            img convert --salvage --image-opts "$failing=$sector" -O raw r
            expect_status 0
            cp .stderr lost
            if [ "$options,$sector" = subformat=fixed,force_size,0 ]; then
                expect_lost 0-512
                reads '-P 7 512 4193792'
            else
                expect_lost
                reads '-P 7 0 4M'
            fi
            # What it could not read a check does not call sound, nor repair.
            for how in '' '-r all' '-r all --dry-run'; do
                # shellcheck disable=SC2086
                img check $how --image-opts "$failing=$sector"
                expect_status 1
                cmp v before
            done
        done
    done <<'EOF'
force_size 0 1 2 last
target=xenserver 0 1 2 4 5 last
subformat=fixed,force_size 0
EOF
}

@test 'a lost dynamic header is that of a known layout, or an error' {
    needs vpc
    needs_images
    local name how
    for name in ext2 qemu vbox virtualpc-dynamic win8 win8.1-1GB; do
        cp "$MINBLK_TEST_IMAGES/$name.vhd" v
        chmod u+w v
        "$MINBLK_IMG" convert -q -f vpc v sound
        dd if=/dev/zero of=v bs=512 seek=1 count=2 conv=notrunc status=none
        salvage -f vpc
        expect_lost
        grep -q 'offset 512 is damaged; assuming a block allocation table' lost
        "$MINBLK_IMG" compare -q -f raw -F raw sound r
        img convert --salvage v r
        expect_status 0
        "$MINBLK_IMG" compare -q -f raw -F raw sound r
        # A check finds it, whatever it is to repair, and writes nothing.
        cp v before
        for how in '' '-r leaks' '-r all' '-r all --dry-run'; do
            # shellcheck disable=SC2086
            img check -f vpc $how v
            expect_status 2
            [[ $output == *"'convert --salvage -f vpc' copies what can be \
read."* ]]
            cmp v before
        done
        rm -f r sound
    done
    # The table is lost, too.
    dd if=/dev/zero of=v bs=512 seek=3 count=1 conv=notrunc status=none
    img convert -f vpc --salvage v r
    expect_status 1
    [[ $stderr == *"No cookie 'cxsparse'"*"in it with '-f raw'" ]]
    [ ! -e r ]
}
