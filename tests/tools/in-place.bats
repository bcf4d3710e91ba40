#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What scripts that were written for qemu-img and qemu-io rely on besides the
# commands themselves.

load helpers

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    needs file raw
    mkdir bin
    ln -s "$MINBLK_IMG" bin/qemu-img
    ln -s "$MINBLK_IO" bin/qemu-io
    truncate -s 1M r
}

@test 'the version is one that scripts parse' {
    for name in qemu-img qemu-io; do
        say bin/$name --version
        expect_status 0
        expect_err ''
        [[ ${lines[0]} =~ ^$name\ version\ 7\.2\.0\ \(minblk\ [0-9]+(\.[0-9]+)+\)$ ]]
        say bin/$name -V
        [[ ${lines[0]} == "$name version 7.2.0 (minblk "* ]]
    done
    say bin/qemu-img --help
    [[ ${lines[0]} == "qemu-img version 7.2.0 (minblk "* ]]
}

@test '--object is taken and ignored with one warning, by every command' {
    warning="minblk-img: warning: --object is ignored: no format here needs \
an object"
    for command in info map 'compare r' 'measure -f raw' 'snapshot -l'; do
        img $command --object secret,id=a,data=x --object=b r
        expect_status 0
        expect_err "$warning"
    done
    for command in $("$MINBLK_IMG" --help |
                     sed -n '/^Commands:/,/^$/s/^  \([a-z]*\).*/\1/p'); do
        img "$command" --object x --help
        expect_status 0
        expect_err "$warning"
    done
    img --object x info r
    expect_status 0
    expect_err "$warning"
    io --object x -f raw r -c length
    expect_status 0
    expect_out '1 MiB'
    expect_err "minblk-io: warning: --object is ignored: no format here needs \
an object"
}

@test '--trace and -T are taken and ignored with one warning' {
    for option in '-T bdrv*' '--trace bdrv*' '--trace=enable=x -T y'; do
        set -f
        img $option info r
        expect_status 0
        expect_err 'minblk-img: warning: --trace is ignored: there are no trace events'
        io $option -f raw r -c length
        set +f
        expect_status 0
        expect_out '1 MiB'
        expect_err 'minblk-io: warning: --trace is ignored: there are no trace events'
    done
}

@test '-T of convert, compare and check is the cache mode' {
    needs vpc
    img compare -T none r r
    expect_status 0
    expect_err ''
    quietly "$MINBLK_IMG" convert -T none -O vpc r v
    img check -T none v
    expect_status 0
    expect_err ''
}

@test 'no snapshots are listed where there can be none' {
    for option in '' -l -U -q; do
        quietly "$MINBLK_IMG" snapshot $option r
    done
    img snapshot -l nosuch
    expect_failure 1 "Could not open 'nosuch': Could not open 'nosuch': No such \
file or directory"
    for option in -a -c -d; do
        img snapshot $option x -f raw r
        expect_failure 1 "Snapshots inside an image are not supported by \
format 'raw'"
    done
}

@test 'host_device: no device' {
    for where in r . fifo; do
        [ $where != fifo ] || mkfifo fifo
        reason="'host_device' driver requires '$where' to be either a character \
or block device"
        img info host_device:$where
        expect_failure 1 "Could not open 'host_device:$where': $reason"
        img info -f host_device $where
        expect_failure 1 "Could not open '$where': $reason"
        img info "json:{'driver':'host_device','filename':'$where'}"
        expect_status 1
        [[ $stderr == *"$reason" ]]
    done
    reason="Could not open 'new': No such file or directory"
    img info host_device:new
    expect_failure 1 "Could not open 'host_device:new': $reason"
    img create -q -f raw host_device:new 1M
    expect_failure 1 "host_device:new: Protocol driver 'host_device' does not \
support image creation, and opening the image failed: $reason"
    [ ! -e new ]
    img create -q -f raw host_device:r 1M
    expect_status 1
    img info --image-opts driver=host_device,filename=r,frob=1
    expect_status 1
}

@test 'host_device: a character device' {
    img info -f host_device /dev/zero
    expect_status 0
    [ "${lines[1]}" = 'file format: host_device' ]
    [ "${lines[2]}" = 'virtual size: 0 B (0 bytes)' ]
    img info file:/dev/zero
    expect_failure 1 "Could not open 'file:/dev/zero': 'file' driver requires \
'/dev/zero' to be a regular file"
}

@test 'host_device: a block device' {
    loop=$(losetup -f --show r 2>/dev/null) || skip 'no loop device'
    quietly "$MINBLK_IMG" create -q -f raw "host_device:$loop" 1M
    io -f raw "host_device:$loop" -c 'write -qP 5 64k 64k'
    expect_status 0
    img compare -f raw -F raw r "host_device:$loop"
    losetup -d "$loop"
    expect_status 0
    expect_out 'Images are identical.'
    io -f raw r -c 'read -qP 5 64k 64k'
    expect_status 0
}

@test 'host_device is among the formats' {
    img --help
    [[ "${lines[-1]} " == *' host_device '* ]]
}
