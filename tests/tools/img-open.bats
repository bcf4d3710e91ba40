#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# How minblk-img opens images: names, formats, lists of options, cache modes,
# sharing, and the errors of opening.

load helpers

setup_raw()
{
    "$MINBLK_IMG" create -q -f raw r 1M
}

@test 'a file that there is not' {
    for command in check info map measure 'commit -f raw' 'snapshot -l'; do
        img $command nosuch
        expect_failure 1 "Could not open 'nosuch': Could not open 'nosuch': \
No such file or directory"
    done
}

@test 'a folder' {
    mkdir d
    img info d
    expect_failure 1 "Could not open 'd': Could not open 'd': Is a directory"
}

@test 'a character device' {
    img info /dev/null
    expect_failure 1 "Could not open '/dev/null': 'file' driver requires \
'/dev/null' to be a regular file"
}

@test 'an empty name' {
    img info ''
    expect_failure 1 "Could not open '': The 'file' block driver requires a \
file name"
}

@test 'a format that there is not' {
    setup_raw
    for command in check info map measure; do
        img $command -f nosuch r
        expect_failure 1 "Could not open 'r': Unknown driver 'nosuch'"
    done
}

@test 'a protocol that there is not' {
    img info nosuch:x
    expect_failure 1 "Could not open 'nosuch:x': Unknown protocol 'nosuch'"
}

@test 'another name of vpc' {
    needs vpc
    img create -f vhd v 1M
    expect_status 0
    expect_out "Formatting 'v', fmt=vpc size=1048576"
    img info -f vhd v
    expect_status 0
    [ "${lines[1]}" = 'file format: vpc' ]
    img info --image-opts driver=vhd,file.filename=v
    expect_status 0
    [ "${lines[1]}" = 'file format: vpc' ]
    img info 'json:{"driver":"vhd","file.filename":"v"}'
    expect_status 0
    [ "${lines[1]}" = 'file format: vpc' ]
}

@test 'a json: name' {
    setup_raw
    img info 'json:{"driver":"raw","file":{"driver":"file","filename":"r"}}'
    expect_status 0
    expect_golden info-raw-1M
}

@test 'a json: name with flat keys' {
    setup_raw
    img info 'json:{"driver":"raw","file.filename":"r"}'
    expect_golden info-raw-1M
}

@test 'a json: name with single quotes' {
    setup_raw
    img info "json:{'driver':'raw','file.filename':'r'}"
    expect_golden info-raw-1M
}

@test 'a json: name over several lines' {
    setup_raw
    img info 'json:{
        "driver": "raw",
        "file.filename": "r"
    }'
    expect_golden info-raw-1M
}

@test 'a json: name with numbers as strings' {
    setup_raw
    img measure 'json:{"driver":"raw","offset":"4096","size":"8192",
                       "file.filename":"r"}'
    expect_status 0
    expect_out 'required size: 8192
fully allocated size: 8192'
}

@test 'a json: name with numbers' {
    setup_raw
    img measure 'json:{"driver":"raw","offset":4096,"size":8192,
                       "file.filename":"r"}'
    expect_status 0
    [ "${lines[0]}" = 'required size: 8192' ]
}

@test 'a json: name that is no JSON' {
    img info 'json:{'
    expect_status 1
    expect_out ''
    [[ $stderr == "minblk-img: Could not open 'json:{': "* ]]
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test 'a format and a json: name: the format wins' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 1M
    img info -f vpc 'json:{"driver":"raw","file.filename":"v"}'
    expect_status 0
    [ "${lines[1]}" = 'file format: vpc' ]
    img info -f raw 'json:{"driver":"vpc","file.filename":"v"}'
    expect_status 0
    [ "${lines[1]}" = 'file format: raw' ]
}

@test 'a list of options' {
    setup_raw
    img info --image-opts driver=raw,file.driver=file,file.filename=r
    expect_golden info-raw-1M
}

@test 'a list of options without a driver is probed' {
    setup_raw
    img info --image-opts file.driver=file,file.filename=r
    expect_golden info-raw-1M
}

@test 'a list of options with a comma in a name' {
    "$MINBLK_IMG" create -q 'a,b' 1M
    img info --image-opts driver=raw,file.filename=a,,b
    expect_status 0
    [ "${lines[0]}" = 'image: a,b' ]
}

@test 'an unknown option in a list' {
    setup_raw
    img info --image-opts driver=raw,nosuch=1,file.filename=r
    expect_status 1
    expect_out ''
    [[ $stderr == *nosuch* ]]
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test 'a size rule in a list of options' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o force_size v 1000K
    for rule in chs current_size; do
        img measure --image-opts driver=vpc,file.filename=v,force_size_calc=$rule
        expect_status 0
        [ "${lines[0]}" = 'required size: 1024000' ]
    done
}

@test 'a size rule that there is not' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 1M
    img info --image-opts driver=vpc,file.filename=v,force_size_calc=nosuch
    expect_status 1
    expect_out ''
    [[ $stderr == *nosuch* ]]
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test 'cache modes' {
    setup_raw
    for mode in none writeback writethrough directsync unsafe; do
        img check -T $mode -f raw r
        expect_failure 63 'This image format does not support checks'
    done
}

@test 'a cache mode that there is not' {
    setup_raw
    img check -T nosuch r
    expect_failure 1 'Invalid source cache option: nosuch'
    img commit -t nosuch r
    expect_failure 1 'Invalid cache option: nosuch'
    img amend -t nosuch -o size=1 r
    expect_failure 1 'Invalid cache option: nosuch'
    img rebase -T nosuch -b '' r
    expect_failure 1 'Invalid source cache option: nosuch'
}

@test 'a guessed raw image is warned of when it is opened for writing' {
    setup_raw
    img resize r 2M
    expect_status 0
    expect_out 'Image resized.'
    expect_err "WARNING: Image format was not specified for 'r' and probing \
guessed raw.
         Automatically detecting the format is dangerous for raw images, write \
operations on block 0 will be restricted.
         Specify the 'raw' format explicitly to remove the restrictions."
}

@test 'a guessed raw image is not warned of when it is only read' {
    setup_raw
    for command in info map measure; do
        img $command r
        expect_status 0
        expect_err ''
    done
}

@test 'a fixed VHD is found by its footer' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o subformat=fixed f 1M
    img info f
    expect_status 0
    [ "${lines[1]}" = 'file format: vpc' ]
}

@test 'a fixed VHD is found by a footer that lacks its last byte' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o subformat=fixed,force_size f 1M
    truncate -s 1049087 f
    img info f
    expect_status 0
    [ "${lines[1]}" = 'file format: vpc' ]
    [ "${lines[2]}" = 'virtual size: 1 MiB (1048576 bytes)' ]
}

@test 'a footer with a wrong checksum does not make a fixed VHD' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o subformat=fixed f 1M
    printf '\377' | dd of=f bs=1 seek=$(($(size_of f) - 300)) conv=notrunc \
        status=none
    img info f
    expect_status 0
    [ "${lines[1]}" = 'file format: raw' ]
}

# other FORMAT OFFSET BYTES: a file of that name, 1 MiB, with its magic.
other()
{
    truncate -s 0 "$1"
    truncate -s 1M "$1"
    printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# expect_other FORMAT [STATUS]: the file of that name was refused, for that
# reason.
expect_other()
{
    expect_failure "${2:-1}" "Could not open '$1': '$1' is a $1 image; minblk handles \
$handled; give -f raw to treat it as raw"
}

@test 'an image of a format without a driver is not raw' {
    while read -r format offset bytes; do
        other "$format" "$offset" "$bytes"
        img info "$format"
        expect_other "$format"
        img info -f raw "$format"
        expect_status 0
        [ "${lines[1]}" = 'file format: raw' ]
    done <<'END'
qcow       0        QFI\xfb\0\0\0\x01
qcow2      0        QFI\xfb\0\0\0\x02
qcow2      0        QFI\xfb\0\0\0\x03
vhdx       0        vhdxfile
vmdk       0        KDMV
vmdk       0        COWD
vmdk       0        # Disk DescriptorFile\nversion=1\n
vdi        64       \x7f\x10\xda\xbe
qed        0        QED\0
parallels  0        WithoutFreeSpace
parallels  0        WithouFreSpacExt
luks       0        LUKS\xba\xbe\0\x01
bochs      0        Bochs Virtual HD Image
cloop      0        #!/bin/sh\n#V2.0 Format\nmodprobe cloop
dmg        1048064  koly
END
}

@test 'every command refuses an image of a format without a driver' {
    setup_raw
    other qed 0 'QED\0'
    cp qed before
    for command in 'info qed' 'check qed' 'check -r all qed' 'map qed' \
                   'measure qed' 'convert qed out' 'convert -O raw qed out' \
                   'dd if=qed of=out' 'resize qed 2M' 'bench qed' \
                   'bench -w qed' 'amend -o size=1 qed' 'snapshot -l qed' \
                   'commit qed'; do
        img $command
        expect_other qed
    done
    for command in 'compare qed r' 'compare r qed'; do
        img $command
        expect_other qed 2
    done
    cmp qed before
    [ ! -e out ]
}

@test 'with the format raw the bytes of another format are a disk' {
    setup_raw
    other qed 0 'QED\0'
    for name in '-f raw qed' '--image-opts driver=raw,file.filename=qed' \
                'json:{"driver":"raw","file.filename":"qed"}'; do
        quietly "$MINBLK_IMG" convert -O raw $name out
        cmp qed out
    done
    quietly "$MINBLK_IMG" convert -f raw -O raw -n qed r
    cmp qed r
    # The target of a conversion is raw unless -O says otherwise.
    truncate -s 0 r
    truncate -s 1M r
    quietly "$MINBLK_IMG" convert -f raw -n r qed
    cmp qed r
}

@test 'a fixed VHD whose guest has begun its disk as another format' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o subformat=fixed,force_size f 1M
    printf 'QFI\xfb\0\0\0\x03' | dd of=f conv=notrunc status=none
    img info f
    expect_status 0
    [ "${lines[1]}" = 'file format: vpc' ]
}

@test 'sharing: a VHD in use is read only with -U' {
    needs vpc
    needs_command qemu-io
    "$MINBLK_IMG" create -q -f vpc v 1M
    coproc HOLDER { exec qemu-io -f vpc v 2>&1; }
    pid=$HOLDER_PID
    echo 'length' >&"${HOLDER[1]}"
    read -r -u "${HOLDER[0]}" _
    for command in 'info v' 'map v' 'check v' 'measure v' 'compare v v' \
            'convert v w'; do
        # shellcheck disable=SC2086
        img $command
        expect_status "$([[ $command == compare* ]] && echo 2 || echo 1)"
        expect_out ''
        expect_err "minblk-img: Could not open 'v': Failed to get shared \"write\" lock
Is another process using the image [v]?
With -U it is read all the same, though it may change meanwhile"
    done
    img info -U v
    expect_status 0
    # There is no -U for a writer.
    for command in 'check -r all v' 'bitmap --add v name'; do
        # shellcheck disable=SC2086
        img $command
        expect_status 1
        [[ $stderr == *'[v]?' ]]
    done
    echo quit >&"${HOLDER[1]}"
    wait "$pid"
}

@test 'sharing: a raw image in use is read but not written' {
    needs_command qemu-io
    setup_raw
    truncate -s 1M in
    cp r before
    coproc HOLDER { exec qemu-io -f raw r 2>&1; }
    pid=$HOLDER_PID
    echo 'length' >&"${HOLDER[1]}"
    read -r -u "${HOLDER[0]}" _
    img info -f raw r
    expect_status 0
    img convert -f raw r w
    expect_err "minblk-img: Could not open 'r': Failed to get shared \"write\" lock
Is another process using the image [r]?
With -U it is read all the same, though it may change meanwhile"
    for command in 'resize -f raw r 2M' 'create -q r 2M' 'convert -f raw in r' \
            'create -q -f vpc r 2M' 'dd bs=1M if=in of=r' 'dd -O vpc if=in of=r' \
            'convert -O vpc -f raw in r' 'convert -n -f raw in r'; do
        can_make "$command" || continue
        # shellcheck disable=SC2086
        img $command
        expect_status 1
        [[ $stderr == *'Failed to get '*'"write" lock'*'[r]?' ]]
        cmp r before
    done
    echo quit >&"${HOLDER[1]}"
    wait "$pid"
    [ "$(size_of r)" -eq 1048576 ]
}

@test 'a structure that does not fit: the offset that counts is named' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 1M
    # The last 512 bytes are the place of the footer, or what is left of it.
    truncate -s 800 v
    img info v
    expect_failure 1 "Could not open 'v': Dynamic header at offset 512 with \
1024 bytes does not lie inside the file, whose footer or end is at offset 512"
}
