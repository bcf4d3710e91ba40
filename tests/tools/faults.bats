# SPDX-License-Identifier: MIT
#
# System calls that fail below the file driver: fault-preload.c.  Each test lets
# the first call fail, then the second, and so on until the command makes fewer;
# once alone and once with all later ones.  Exit status 0 means that all is
# there; else a line names the error.
load helpers

# One command.  A test has functions `prepare`, which makes the files it needs,
# and `verify`, which has to succeed after exit status 0.
faulty()
{
    rm -f .hit
    LD_PRELOAD=$MINBLK_FAULT_PRELOAD MINBLK_FAULT=$1 MINBLK_FAULT_LOG=.hit \
        ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 \
        say "${@:2}"
}

# keeps_promise REASON: what the command owes its user.  What cannot be written
# may not be flushed either, but that is reported once.
keeps_promise()
{
    local printed="$output"$'\n'"$stderr"
    if [ "$status" -eq 0 ]; then
        verify
        return
    fi
    [[ $printed == *": $1"* ]] &&
        [ "$(grep -c 'Could not flush' <<<"$printed")" -le 1 ]
}

# each_fault CALL ERRNO COMMAND...
each_fault()
{
    local call=$1 error=$2 later n reason='Input/output error'
    shift 2
    [ "$error" = EIO ] || reason='No space left on device'
    for later in '' +; do
        n=0
        until [ $n -gt 0 ] && [ ! -e .hit ]; do
            n=$((n + 1))
            prepare
            faulty "$call:$n$later:$error" "$@"
            keeps_promise "$reason" || {
                echo "$call:$n$later: exit status $status"
                echo "$output"
                echo "$stderr"
                return 1
            }
        done
        # Else nothing was tested.
        [ $n -gt 1 ] || { echo "no $call"; return 1; }
    done
}

# reads FILE FORMAT PATTERN OFFSET LENGTH...
reads()
{
    local file=$1 format=$2
    shift 2
    while [ $# -gt 0 ]; do
        "$MINBLK_IO" -r -f "$format" -c "read -P $1 $2 $3" "$file" >/dev/null ||
            return
        shift 3
    done
}

@test 'convert' {
    needs vpc
    "$MINBLK_IMG" create -q src 3M
    "$MINBLK_IO" -f raw -c 'write -qP 1 0 64k' -c 'write -qP 2 2M 4k' src
    prepare() { rm -f dst; }
    verify() { "$MINBLK_IMG" compare -q -f raw src dst; }
    for options in '-O raw' '-O vpc -o force_size' \
            '-O vpc -o subformat=fixed,force_size'; do
        # shellcheck disable=SC2086
        each_fault write ENOSPC "$MINBLK_IMG" convert -f raw $options src dst
        for call in fdatasync fsync; do
            # shellcheck disable=SC2086
            each_fault $call EIO "$MINBLK_IMG" convert -f raw $options src dst
        done
    done
}

@test 'dd' {
    "$MINBLK_IMG" create -q src 1M
    "$MINBLK_IO" -f raw -c 'write -qP 1 0 1M' src
    prepare() { rm -f dst; }
    verify() { cmp src dst; }
    each_fault write ENOSPC "$MINBLK_IMG" dd -f raw bs=256k if=src of=dst
    each_fault fdatasync EIO "$MINBLK_IMG" dd -f raw bs=256k if=src of=dst
    each_fault fsync EIO "$MINBLK_IMG" dd -f raw bs=256k if=src of=dst
}

@test 'create: raw' {
    prepare() { rm -f new; }
    verify() { [ "$(size_of new)" -eq 1048576 ]; }
    for call in 'write ENOSPC' 'ftruncate ENOSPC' 'fdatasync EIO' \
            'fsync EIO'; do
        # shellcheck disable=SC2086
        each_fault $call "$MINBLK_IMG" create -q new 1M
        # shellcheck disable=SC2086
        each_fault $call "$MINBLK_IMG" create -q -o preallocation=full new 1M
    done
    each_fault fallocate ENOSPC "$MINBLK_IMG" create -q \
        -o preallocation=falloc new 1M
}

@test 'create: vpc' {
    needs vpc
    prepare() { rm -f new; }
    verify() { "$MINBLK_IMG" check -q -f vpc new; }
    for options in force_size subformat=fixed,preallocation=full \
            preallocation=metadata; do
        for call in 'write ENOSPC' 'fdatasync EIO' 'fsync EIO'; do
            # shellcheck disable=SC2086
            each_fault $call "$MINBLK_IMG" create -q -f vpc -o $options new 4M
        done
    done
}

@test 'create: a folder that cannot be flushed is no error' {
    local call
    for call in fsync:1:EINVAL fsync:1:EOPNOTSUPP; do
        rm -f .hit new
        faulty $call "$MINBLK_IMG" create -q new 1M
        expect_status 0
        expect_err ''
        [ -e .hit ]
    done
    # Nor is one that is there already flushed.
    faulty fsync:1:EIO "$MINBLK_IMG" create -q new 2M
    expect_status 0
    [ ! -e .hit ]
}

@test 'resize' {
    prepare() { "$MINBLK_IMG" create -q disk 1M; }
    verify() { [ "$(size_of disk)" -eq 2097152 ]; }
    each_fault ftruncate ENOSPC "$MINBLK_IMG" resize -f raw disk 2M
    each_fault fdatasync EIO "$MINBLK_IMG" resize -f raw disk 2M
    each_fault fdatasync EIO "$MINBLK_IMG" resize -f raw \
        --preallocation=full disk 2M
    each_fault write ENOSPC "$MINBLK_IMG" resize -f raw \
        --preallocation=full disk 2M
}

@test 'resize: what cannot be flushed is not printed as done' {
    "$MINBLK_IMG" create -q disk 1M
    faulty fdatasync:1:EIO "$MINBLK_IMG" resize -f raw disk 2M
    expect_status 1
    expect_out ''
    [[ $stderr == "minblk-img: Could not flush 'disk' (node '#block"*"'): \
Input/output error" ]]
}

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
        each_fault write ENOSPC "$MINBLK_IMG" bench $requests -f $format disk
        # shellcheck disable=SC2086
        each_fault fdatasync EIO "$MINBLK_IMG" bench $requests -f $format disk
    done
}

@test 'amend' {
    needs vpc
    prepare() { "$MINBLK_IMG" create -q -f vpc -o force_size disk 4M; }
    verify() { grep -q 'tap ' disk && "$MINBLK_IMG" check -q -f vpc disk; }
    each_fault write ENOSPC "$MINBLK_IMG" amend -f vpc -o creator='tap ' disk
    each_fault fdatasync EIO "$MINBLK_IMG" amend -f vpc -o creator='tap ' disk
}

@test 'check -r all' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc whole 4M
    "$MINBLK_IO" -f vpc -c 'write -qP 1 0 64k' whole
    prepare()
    {
        cp whole disk
        truncate -s -512 disk
    }
    verify()
    {
        "$MINBLK_IMG" check -q -f vpc disk && reads disk vpc 1 0 64k
    }
    each_fault write ENOSPC "$MINBLK_IMG" check -q -f vpc -r all disk
    each_fault fdatasync EIO "$MINBLK_IMG" check -q -f vpc -r all disk
}

@test 'check -r all: findings are printed although the repair failed' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 8M
    dd if=/dev/zero of=v bs=512 seek=3 count=1 conv=notrunc status=none
    faulty fdatasync:1:EIO "$MINBLK_IMG" check -r all v
    expect_status 1
    [[ $output == 'Corruption at offset 1536: table entry of '* ]]
    [[ $stderr == 'minblk-img: Check failed: Input/output error'* ]]
}

@test 'minblk-io: writes' {
    needs vpc
    prepare() { "$MINBLK_IMG" create -q -f "$format" disk 4M; }
    verify() { reads disk "$format" 7 0 64k 8 2M 4k; }
    for format in raw vpc; do
        for cache in writeback writethrough; do
            for call in 'write ENOSPC' 'fdatasync EIO'; do
                # shellcheck disable=SC2086
                each_fault $call "$MINBLK_IO" -f $format -t $cache \
                    -c 'write -P 7 0 64k' -c 'write -P 8 2M 4k' disk
            done
        done
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
