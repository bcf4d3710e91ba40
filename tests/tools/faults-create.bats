# SPDX-License-Identifier: MIT
#
# System calls that fail below the file driver: create.
load helpers
load faults

@test 'create: raw' {
    prepare() { rm -f new; }
    left_over() { [ ! -e new ]; }
    verify() { [ "$(size_of new)" -eq 1048576 ]; }
    for mode in off falloc full; do
        every_call "$MINBLK_IMG" create -q -o preallocation=$mode new 1M
    done
}

@test 'create: vpc' {
    needs vpc
    prepare() { rm -f new; }
    left_over() { [ ! -e new ]; }
    verify()
    {
        reads new vpc 0 0 1M &&
            if [[ $options == *fixed* ]]; then
                "$MINBLK_IMG" check -q -f vpc new
            else
                sound new
            fi
    }
    for options in force_size target=xenserver preallocation=metadata \
            preallocation=falloc preallocation=full subformat=fixed \
            subformat=fixed,preallocation=falloc \
            subformat=fixed,preallocation=full; do
        every_call "$MINBLK_IMG" create -q -f vpc -o $options new 3M
    done
}

@test 'create: a BAT that is flushed while the rest of it is written' {
    needs vpc
    local small
    prepare() { rm -f new; }
    left_over() { [ ! -e new ]; }
    verify() { reads new vpc 0 0 1M; }
    tried=0
    each_fault fdatasync EIO "$MINBLK_IMG" create -q -f vpc \
        -o block_size=128k new 1000G
    small=$tried
    tried=0
    # Its 67 MB are flushed once more: that fails alone, and with all later.
    each_fault fdatasync EIO "$MINBLK_IMG" create -q -f vpc \
        -o block_size=128k new 2040G
    [ $tried -eq $((small + 2)) ]
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
