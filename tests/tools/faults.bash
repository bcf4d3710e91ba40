# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# System calls that fail below the file driver: fault-preload.c.  A test lets
# the first call fail, then the second, and so on until the command makes fewer;
# once alone and once with all later ones.  Exit status 0 means that all is
# there; else a line names the error.

python=/usr/bin/python3
[ -x "$python" ] || python=python3
export PYTHONDONTWRITEBYTECODE=1

# One command.  A test has functions `prepare`, which makes the files it needs,
# and `verify`, which has to succeed after exit status 0; it may have
# `left_over`, which has to succeed after another one.
faulty()
{
    rm -f .hit
    LD_PRELOAD=$MINBLK_FAULT_PRELOAD MINBLK_FAULT=$1 MINBLK_FAULT_LOG=.hit \
        ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 \
        say "${@:2}"
}

left_over() { true; }

# keeps_promise REASON: what the command owes its user.  What cannot be written
# may not be flushed either, but that is reported once.
keeps_promise()
{
    local printed="$output"$'\n'"$stderr"
    if [ "$status" -eq 0 ]; then
        verify
        return
    fi
    # What io_uring does fails in its own way.
    [[ $printed == *": $1"* || (${MINBLK_FAULT_URING-} &&
        $printed == *': Bad file descriptor'*) ]] &&
        [ "$(grep -c 'Could not flush' <<<"$printed")" -le 1 ] && left_over
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
        tried=$((tried + n - 1))
    done
}

# every_call COMMAND...: each call that is made fails, whichever that is.
every_call()
{
    local call before
    tried=0
    for call in 'write ENOSPC' 'fdatasync EIO' 'fsync EIO' 'fallocate ENOSPC' \
            'ftruncate ENOSPC' 'open EIO'; do
        # shellcheck disable=SC2086
        before=$tried
        each_fault $call "$@" || return
        # Whatever else it does, it flushes.
        [[ $call != fdatasync* || $tried -gt $before ]] ||
            { echo "no $call"; return 1; }
    done
    # Else next to nothing was tested.
    [ $tried -gt 4 ] || { echo "only $tried calls"; return 1; }
}

# sound FILE: this dynamic image is, by rules that are not the driver's.
sound()
{
    "$MINBLK_IMG" check -q -f vpc "$1" && "$python" -c '
import sys
sys.path.insert(0, sys.argv[1])
import rules
lines = rules.problems(open(sys.argv[2], "rb").read())
sys.exit("\n".join(lines) if lines else 0)' "$BATS_TEST_DIRNAME/../interop" "$1"
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
