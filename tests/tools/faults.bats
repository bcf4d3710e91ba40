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

# keeps_promise CALL REASON: what the command owes its user.  What cannot be written
# may not be flushed either, which is a second line.
keeps_promise()
{
    local lines
    if [ "$status" -eq 0 ]; then
        verify
        return
    fi
    lines=$(printf '%s\n' "$output" "$stderr" | grep -c ": $2\$")
    [ "$lines" -eq 1 ] || { [ "$1" != fdatasync ] && [ "$lines" -gt 1 ]; }
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
            keeps_promise "$call" "$reason" || {
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

@test 'dd' {
    "$MINBLK_IMG" create -q src 1M
    "$MINBLK_IO" -f raw -c 'write -qP 1 0 1M' src
    prepare() { rm -f dst; }
    verify() { cmp src dst; }
    each_fault write ENOSPC "$MINBLK_IMG" dd -f raw bs=256k if=src of=dst
    each_fault fdatasync EIO "$MINBLK_IMG" dd -f raw bs=256k if=src of=dst
}

@test 'create: raw' {
    prepare() { rm -f new; }
    verify() { [ "$(size_of new)" -eq 1048576 ]; }
    for call in 'write ENOSPC' 'ftruncate ENOSPC' 'fdatasync EIO'; do
        # shellcheck disable=SC2086
        each_fault $call "$MINBLK_IMG" create -q new 1M
        # shellcheck disable=SC2086
        each_fault $call "$MINBLK_IMG" create -q -o preallocation=full new 1M
    done
    each_fault fallocate ENOSPC "$MINBLK_IMG" create -q \
        -o preallocation=falloc new 1M
}
