#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The command line of minblk-io: options, help, version, the image's name.

load helpers

# expect_bad_io LINE: that line and the one that says how to get help.
expect_bad_io()
{
    expect_status 1
    expect_out ''
    [[ $stderr$'\n' == "minblk-io: $1
Try 'minblk-io --help' for more information
"* ]] || expect_err "minblk-io: $1"
}

# expect_error LINE: nothing on standard output, that line, status 1.
expect_error()
{
    expect_status 1
    expect_out ''
    same_text 'standard error without hints' "minblk-io: $1" \
        "$(without_hints <<<"$stderr")"
}

@test 'a short option that there is not' {
    io -x r
    expect_bad_io "unrecognized option '-x'"
}

@test 'a short option that there is not, among others' {
    io -rxs r
    expect_bad_io "unrecognized option '-rxs'"
}

@test 'a long option that there is not' {
    io --frobnicate r
    expect_bad_io "unrecognized option '--frobnicate'"
}

@test 'every option that wants a value says so' {
    for option in -c -d -f -i -t --aio --cache --cmd --discard --format; do
        io "$option"
        expect_bad_io "missing argument for option '$option'"
    done
}

@test 'two images' {
    io a b
    expect_bad_io "unexpected argument 'b'"
}

@test 'options with a bad value' {
    for option in -t --cache; do
        io "$option" frob r
        expect_error 'Invalid cache option: frob'
    done
    for option in -i --aio; do
        io "$option" frob r
        expect_error 'Invalid aio option: frob'
    done
    for option in -d --discard; do
        io "$option" frob r
        expect_error 'Invalid discard option: frob'
    done
}

@test 'a format and a list of options' {
    io --image-opts -f raw driver=raw,file.filename=r
    expect_error '--image-opts and -f are mutually exclusive'
}

@test 'the version' {
    io --version
    expect_status 0
    expect_err ''
    [[ $output =~ ^minblk-io\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test 'the help ends with the formats' {
    io --help
    expect_status 0
    expect_err ''
    [[ ${lines[-1]} == 'Supported formats: '* ]]
    [[ "${lines[-1]} " == *' raw '* ]]
}

@test 'the help names every option' {
    io --help
    for option in --aio --cache --cmd --discard --force-share --format \
        --help --image-opts --misalign --native-aio --nocache --read-only \
        --snapshot --version; do
        [[ $output == *" $option"* ]]
    done
}

@test 'an image that there is not' {
    io nosuch -c length
    expect_error "can't open device nosuch: Could not open 'nosuch': No such\
 file or directory"
}

@test 'the error begins with the base name of argv[0]' {
    run --separate-stderr bash -c \
        'exec -a /some/where/qemu-io "$0" -t frob r' "$MINBLK_IO"
    [[ $stderr == 'qemu-io: Invalid cache option: frob'$'\n'* ]]
}

@test 'a format that there is not' {
    truncate -s 1M r
    io -f frob r
    expect_error "can't open device r: Unknown driver 'frob'"
}

@test 'of repeated options the last counts' {
    truncate -s 1M r
    io -f frob -t none -f raw -t writeback r -c length
    expect_status 0
    expect_out '1 MiB'
}

@test 'options may follow the name' {
    truncate -s 1M r
    io r -c length -f raw
    expect_status 0
    expect_out '1 MiB'
    expect_err ''
}

@test 'an image by options' {
    truncate -s 1M r
    io --image-opts driver=raw,size=1k,file.filename=r -c length
    expect_status 0
    expect_out '1 KiB'
}

@test 'an image by options that are wrong' {
    truncate -s 1M r
    io --image-opts driver=raw,frob=1,file.filename=r
    expect_error "can't open: Block format 'raw' does not support the option\
 'frob'"
}

@test 'options that name no image' {
    io --image-opts driver=raw
    expect_error 'can'"'"'t open: A block device must be specified for "file"'
}

@test 'a name in JSON' {
    truncate -s 1M r
    io "json:{'driver':'raw','size':'4k','file.filename':'r'}" -c length
    expect_status 0
    expect_out '4 KiB'
}

@test 'read-only' {
    truncate -s 1M r
    io -r -f raw r -c 'write 0 512' -c 'discard 0 512' -c 'aio_write 0 512' \
        -c 'truncate 0' -c 'writev 0 512' -c 'write -z 0 512'
    expect_status 1
    expect_out ''
    expect_err "$(for _ in 1 2 3 4 5 6; do
                      echo 'minblk-io: Block node is read-only'
                  done)"
    zero_range r 0 1M
}

@test 'a throw-away overlay takes the writes' {
    truncate -s 1M r
    io -s -f raw r -c 'write -qP 7 1000 3k' -c 'read -qP 7 1000 3k' \
        -c 'read -qP 0 0 1000' -c 'read -qP 0 4072 64k'
    expect_status 0
    expect_out ''
    cmp r <(head -c 1M /dev/zero)
}

@test 'a throw-away overlay over an image that is only read' {
    truncate -s 1M r
    io -s -r -f raw r -c 'write 0 512'
    expect_error 'Block node is read-only'
}

@test 'a raw image that was probed is warned of when it is written to' {
    truncate -s 1M r
    io r -c length
    expect_status 0
    [[ $stderr == "WARNING: Image format was not specified for\
 'r'"* ]]
    io -r r -c length
    expect_err ''
}

@test 'every cache mode and engine reads what was written' {
    truncate -s 1M r
    for cache in none writeback writethrough directsync unsafe; do
        for aio in threads native io_uring; do
            io -f raw -t "$cache" -i "$aio" r -c 'write -qP 5 3 5000' \
                -c 'read -qP 5 3 5000' -c 'write -qz 0 8k'
            expect_status 0
            expect_out ''
            expect_err ''
        done
    done
    cmp r <(head -c 1M /dev/zero)
}

@test 'buffers off their alignment, with direct I/O' {
    truncate -s 1M r
    io -f raw -n -m r -c 'write -qP 5 3 5000' -c 'read -qP 5 3 5000' \
        -c 'aio_write -qP 6 64k 512 512' -c aio_flush \
        -c 'readv -qP 6 64k 100 924'
    expect_status 0
    expect_out ''
}

@test 'a reader that a lock keeps out is told of -U' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 1M
    coproc "$MINBLK_IO" -f vpc v
    pid=$COPROC_PID
    read -r -N 11 -u "${COPROC[0]}" _
    hint='With -U it is read all the same, though it may change meanwhile'
    io -r -f vpc v -c length
    expect_status 1
    expect_err "minblk-io: can't open device v: Failed to get shared \"write\" lock
Is another process using the image [v]?
$hint"
    io -f vpc v -c length
    expect_status 1
    [[ $stderr != *"$hint" ]]
    io -r -f vpc nosuch -c length
    expect_status 1
    [[ $stderr != *"$hint" ]]
    echo quit >&"${COPROC[1]}"
    wait "$pid"
}

@test 'a second writer is refused' {
    truncate -s 1M r
    coproc "$MINBLK_IO" -f raw r
    pid=$COPROC_PID
    read -r -N 11 -u "${COPROC[0]}" prompt
    [ "$prompt" = 'minblk-io> ' ]
    io -f raw r -c length
    expect_status 1
    [[ $stderr == *'Failed to get "write" lock'* ]]
    io -r -U -f raw r -c length
    expect_status 0
    expect_out '1 MiB'
    echo quit >&"${COPROC[1]}"
    wait "$pid"
}

@test 'a shared image is not written to' {
    truncate -s 1M r
    io -U -f raw r
    expect_error "can't open device r: force-share=on can only be used with\
 read-only images"
}
