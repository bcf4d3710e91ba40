# SPDX-License-Identifier: MIT
#
# System calls that fail below the file driver: minblk-io and bench.
load helpers
load faults

@test 'bench' {
    needs vpc
    local requests='-w -q -c 4 -d 2 -s 64k -S 1M --pattern=7'
    prepare() { "$MINBLK_IMG" create -q -f "$format" disk 4M; }
    verify()
    {
        reads disk "$format" 7 0 64k 7 1M 64k 7 2M 64k 7 3M 64k
    }
    for format in raw vpc; do
        # shellcheck disable=SC2086
        every_call "$MINBLK_IMG" bench $requests -f $format disk
    done
}

@test 'minblk-io: writes' {
    needs vpc
    prepare() { "$MINBLK_IMG" create -q -f "$format" disk 4M; }
    verify() { reads disk "$format" 7 0 64k 8 2M 4k; }
    for format in raw vpc; do
        for cache in writeback writethrough; do
            every_call "$MINBLK_IO" -f $format -t $cache \
                -c 'write -P 7 0 64k' -c 'write -P 8 2M 4k' disk
        done
    done
}

@test 'minblk-io: zeroes and discards' {
    prepare()
    {
        "$MINBLK_IMG" create -q -f "$format" disk 4M
        "$MINBLK_IO" -f "$format" -c 'write -q -P 6 0 4M' disk
    }
    verify() { reads disk "$format" 0 0 64k 0 2M 2M 6 1M 64k; }
    for format in raw vpc; do
        needs $format
        every_call "$MINBLK_IO" -f $format -t writeback -c 'write -z 0 64k' \
            -c 'write -zu 2M 2M' -c 'discard 3M 64k' disk
    done
}

@test 'minblk-io: flush, close and the end report what failed, once' {
    "$MINBLK_IMG" create -q disk 1M
    local write='write -q 0 4k' line
    line="minblk-io: Could not flush 'disk' (node '#block"

    faulty fdatasync:1:EIO "$MINBLK_IO" -f raw -t writeback -c "$write" disk
    expect_status 1
    expect_out ''
    [[ $stderr == "$line"*"'): Input/output error" ]]

    faulty fdatasync:1:EIO "$MINBLK_IO" -f raw -t writeback -c "$write" \
        -c close -c length disk
    expect_status 1
    [[ $stderr == "$line"*"'): Input/output error"$'\n'"no file open"* ]]

    faulty fdatasync:1:EIO "$MINBLK_IO" -f raw -t writeback -c "$write" \
        -c flush -c flush disk
    expect_status 1
    expect_out 'flush failed: Input/output error
flush failed: Input/output error'
    expect_err ''

    faulty fdatasync:1:EIO "$MINBLK_IO" -f raw -t writeback -c "$write" \
        -c 'reopen -c none' disk
    expect_status 1
    expect_out ''
    [[ $stderr == 'minblk-io: Error flushing node '*': Input/output error' ]]
}

@test 'minblk-io: one error loses nothing that was written' {
    needs vpc
    local n=0 call failures=0
    for call in write fdatasync; do
        n=0
        until [ $n -gt 0 ] && [ ! -e .hit ]; do
            n=$((n + 1))
            "$MINBLK_IMG" create -q -f vpc disk 8M
            faulty "$call:$n:EIO" "$MINBLK_IO" -f vpc -t writeback \
                -c 'write -P 7 0 64k' -c 'write -P 8 4M 4k' disk
            [ ! -e .hit ] || expect_status 1
            [[ $output == *wrote*wrote* ]] || continue
            failures=$((failures + status))
            reads disk vpc 7 0 64k 8 4M 4k
        done
    done
    # The table's write and the flush before it are among them.
    [ $failures -ge 2 ]
}

@test 'where no holes can be made, space that was given up is used again' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc -o force_size disk 16M
    "$MINBLK_IO" -f vpc -c 'write -qP 1 0 8M' disk
    local before
    before=$(size_of disk)
    for i in 1 2 3; do
        faulty fallocate:1+:EOPNOTSUPP "$MINBLK_IO" -f vpc -t writeback \
            -c "discard -q $((i % 2 ? 2 : 10))M 2M" disk
        expect_status 0
        [ -e .hit ]
        faulty fallocate:1+:EOPNOTSUPP "$MINBLK_IO" -f vpc -t writeback \
            -c "write -qP 1 $((i % 2 ? 10 : 2))M 64k" disk
        expect_status 0
        [ "$(size_of disk)" -eq "$before" ]
        sound disk
    done
    reads disk vpc 1 0 2M 1 10M 64k 0 2M 2M 1 4M 4M
}
