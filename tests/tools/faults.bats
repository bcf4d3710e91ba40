# SPDX-License-Identifier: MIT
#
# System calls that fail below the file driver: commands that fill or change an
# image.
load helpers
load faults

@test 'convert' {
    needs vpc
    "$MINBLK_IMG" create -q src 3M
    "$MINBLK_IO" -f raw -c 'write -qP 1 0 64k' -c 'write -qP 2 2M 4k' src
    prepare() { rm -f dst; }
    left_over() { [ ! -e dst ]; }
    verify()
    {
        "$MINBLK_IMG" compare -q -f raw src dst &&
            { [[ $options != *force_size ]] || sound dst; }
    }
    for options in '-O raw' '-O raw -S 0' '-O vpc -o force_size' \
            '-O vpc -o subformat=fixed,force_size -t none'; do
        # shellcheck disable=SC2086
        every_call "$MINBLK_IMG" convert -f raw $options src dst
    done
}

@test 'convert: what was copied is flushed, but not with -t unsafe' {
    "$MINBLK_IMG" create -q src 3M
    "$MINBLK_IO" -f raw -c 'write -qP 1 0 3M' src
    # The first one is that of the empty file.
    faulty fdatasync:2:EIO "$MINBLK_IMG" convert -f raw src dst
    expect_status 1
    [ -e .hit ]
    faulty fdatasync:2:EIO "$MINBLK_IMG" convert -f raw -t unsafe src dst
    expect_status 0
    [ ! -e .hit ]
}

@test 'convert, io_uring' {
    needs vpc
    "$MINBLK_IO" -i io_uring -c quit || skip 'no io_uring here'
    "$MINBLK_IMG" create -q src 3M
    "$MINBLK_IO" -f raw -c 'write -qP 1 0 1M' -c 'write -qP 2 2M 256k' src
    prepare() { rm -f dst; }
    left_over() { [ ! -e dst ]; }
    verify() { "$MINBLK_IMG" compare -q -f raw src dst && sound dst; }
    export MINBLK_FAULT_URING=1
    tried=0
    each_fault write EIO "$MINBLK_IMG" convert -f raw -O vpc -o force_size \
        src dst
    each_fault fdatasync EIO "$MINBLK_IMG" convert -f raw -O vpc \
        -o force_size src dst
    [ $tried -gt 4 ]
}

@test 'dd' {
    "$MINBLK_IMG" create -q src 1M
    "$MINBLK_IO" -f raw -c 'write -qP 1 0 1M' src
    prepare() { rm -f dst; }
    left_over() { [ ! -e dst ]; }
    verify() { cmp src dst; }
    every_call "$MINBLK_IMG" dd -f raw bs=256k if=src of=dst
}

@test 'resize' {
    prepare() { "$MINBLK_IMG" create -q disk 1M; }
    verify() { [ "$(size_of disk)" -eq 2097152 ]; }
    # Growing that fails leaves the length; cutting that fails, all of it.
    left_over() { [[ $(size_of disk) =~ ^(1048576|2097152)$ ]]; }
    for mode in off falloc full; do
        every_call "$MINBLK_IMG" resize -f raw --preallocation=$mode disk 2M
    done
}

@test 'resize: what cannot be flushed is not printed as done' {
    "$MINBLK_IMG" create -q disk 1M
    faulty fdatasync:1:EIO "$MINBLK_IMG" resize -f raw disk 2M
    expect_status 1
    expect_out ''
    [[ $stderr == "minblk-img: Could not flush 'disk' (node '#block"*"'): \
Input/output error" ]]
}

@test 'amend' {
    needs vpc
    prepare() { "$MINBLK_IMG" create -q -f vpc -o force_size disk 4M; }
    verify() { grep -q 'tap ' disk && "$MINBLK_IMG" check -q -f vpc disk; }
    every_call "$MINBLK_IMG" amend -f vpc -o creator='tap ' disk
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
    every_call "$MINBLK_IMG" check -q -f vpc -r all disk
}

# Its exit status 2 says what the repair has cost; all else is repaired then.
@test 'check -r all --force: entries that point nowhere' {
    needs vpc
    local call n
    "$MINBLK_IMG" create -q -f vpc whole 8M
    "$MINBLK_IO" -f vpc -c 'write -qP 1 0 64k' whole
    for call in write fdatasync; do
        n=0
        until [ $n -gt 0 ] && [ ! -e .hit ]; do
            n=$((n + 1))
            cp whole disk
            printf '\377\377\0\0' |
                dd of=disk bs=1 seek=1540 conv=notrunc status=none
            faulty "$call:$n:EIO" "$MINBLK_IMG" check -f vpc -r all --force disk
            if [ -e .hit ]; then
                expect_status 1
                continue
            fi
            expect_status 2
            sound disk
            reads disk vpc 1 0 64k
        done
        [ $n -gt 1 ]
    done
}

@test 'check -r all: findings are printed although the repair failed' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 8M
    dd if=/dev/zero of=v bs=512 seek=3 count=1 conv=notrunc status=none
    faulty fdatasync:1:EIO "$MINBLK_IMG" check -r all --force v
    expect_status 1
    [[ $output == 'Corruption at offset 1536: table entry of '* ]]
    [[ $stderr == 'minblk-img: Check failed: Input/output error'* ]]
}
