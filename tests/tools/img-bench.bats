# SPDX-License-Identifier: MIT
# bench: measures how long a run of requests takes.

load helpers

# bench ARGUMENT...: runs it on a raw image of 1 MiB; times are filtered.
bench()
{
    truncate -s 1M disk
    img bench -f raw "$@" disk
    output=$(sed 's/in [0-9.]* seconds/in N seconds/' <<<"$output")
}

@test 'what it says of reads' {
    bench -c 10
    expect_status 0
    expect_out 'Sending 10 read requests, 4096 bytes each, 64 in parallel '\
'(starting at offset 0, step size 4096)
Run completed in N seconds.'
    expect_err ''
}

@test 'what it says of writes' {
    bench -w -c 10 -d 2 -s 1000 -S 512 -o 1k
    expect_status 0
    expect_out 'Sending 10 write requests, 1000 bytes each, 2 in parallel '\
'(starting at offset 1024, step size 512)
Run completed in N seconds.'
}

@test 'writes the pattern' {
    bench -w -c 256 --pattern=0x41
    expect_status 0
    cmp disk <(head -c 1M /dev/zero | tr '\0' A)
}

@test 'begins again at the beginning' {
    bench -w -c 300 --pattern 65
    expect_status 0
    [ "$(size_of disk)" = 1048576 ]
}

@test 'flushes between writes' {
    for options in '' --no-drain; do
        # shellcheck disable=SC2086
        bench -w -c 20 -d 4 --flush-interval=5 $options
        expect_status 0
        expect_out 'Sending 20 write requests, 4096 bytes each, 4 in parallel '\
'(starting at offset 0, step size 4096)
Sending flush every 5 requests
Run completed in N seconds.'
    done
}

@test 'both engines' {
    for engine in threads native io_uring; do
        bench -c 10 -i $engine
        expect_status 0
    done
}

@test 'every cache mode' {
    for mode in none writeback writethrough directsync unsafe; do
        bench -w -c 10 -t $mode
        expect_status 0
    done
}

@test 'no requests' {
    bench -c 0
    expect_status 0
}

@test 'past the end' {
    bench -c 10 -o 2M
    expect_status 1
    [[ $stderr == "minblk-img: Failed request: Input/output error
The file is '"* ]]
}

@test 'an empty image' {
    : >empty
    img bench -f raw -c 10 empty
    expect_status 1
    [[ $stderr == "minblk-img: Failed request: Input/output error
The file is '"* ]]
}

@test 'values that make no sense' {
    bench -c x
    expect_failure 1 'Invalid request count specified'
    bench -d 0
    expect_failure 1 'Invalid queue depth specified'
    bench -w --pattern 256
    expect_failure 1 'Invalid pattern byte specified'
    bench -i nosuch
    expect_failure 1 'Invalid aio option: nosuch'
    bench -t nosuch
    expect_failure 1 'Invalid cache mode'
    bench --flush-interval 100
    expect_failure 1 '--flush-interval is only available in write tests'
    bench -w --flush-interval 10
    expect_failure 1 "Flush interval can't be smaller than depth"
    bench -s 3G
    expect_failure 1 \
        'Invalid buffer size specified. Must be between 0 and 2147483647.'
}

@test 'options spelt wrong' {
    for option in -Z --bla --no-drian; do
        img bench $option disk
        expect_bad_usage "unrecognized option '$option'"
    done
    for option in -c -d -f -i -o -s -S -t --pattern --flush-interval; do
        img bench $option
        expect_bad_usage "missing argument for option '$option'"
    done
    img bench
    expect_bad_usage 'Expecting one image file name'
}
