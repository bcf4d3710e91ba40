# SPDX-License-Identifier: MIT
#
# Standard output that is full, closed, or read by nobody.
load helpers

# Each program with something to print: more than a buffer of it, and less.
commands=(
    '"$MINBLK_IMG" --help' '"$MINBLK_IMG" convert --help'
    '"$MINBLK_IMG" --version' '"$MINBLK_IMG" create -f raw new 1M'
    '"$MINBLK_IMG" info r' '"$MINBLK_IMG" map --output=json r'
    '"$MINBLK_IMG" measure -O raw r' '"$MINBLK_IMG" compare r r'
    '"$MINBLK_IMG" convert -p r new' '"$MINBLK_IMG" bench -c 1 r'
    '"$MINBLK_IO" --help' '"$MINBLK_IO" --version' '"$MINBLK_IO" -c help'
    '"$MINBLK_IO" -r -f raw -c "read -v 0 64k" r'
    '"$MINBLK_IO" -r -f raw -c length r'
    '"$MINBLK_HARNESS" --help' '"$MINBLK_HARNESS" --version'
    '"$MINBLK_HARNESS" --driver raw --only graph --ops 1'
)

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    needs file raw
    truncate -s 32M r
    # Many extents, so that a map of it is long.
    for i in $(seq 0 200); do
        printf x | dd of=r bs=64k seek=$((2 * i)) conv=notrunc status=none
    done
}

# output_to REDIRECTION REASON: each command exits 1, and says why once.
output_to()
{
    local command
    for command in "${commands[@]}"; do
        say bash -c "$command $1"
        expect_status 1
        [[ $stderr =~ ^[a-z-]+': Could not write the output: '"$2"$ ]] ||
            { echo "$command: $stderr"; return 1; }
    done
}

@test 'a full disk' {
    [ -e /dev/full ] || skip 'no /dev/full'
    output_to '>/dev/full' 'No space left on device'
}

@test 'closed' {
    output_to '>&-' 'Bad file descriptor'
}

# unread COMMAND: says what it says when nobody reads what it prints.
unread()
{
    rm -f pipe
    mkfifo pipe
    say bash -c "exec 3<>pipe 4>pipe 3<&-; $1 >&4"
    expect_err ''
}

@test 'nobody reads: no error where it had what it wanted' {
    for command in "${commands[@]:0:6}"; do
        unread "$command"
        expect_status 0
    done
}

@test 'nobody reads: what was to be told was not' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 4M
    unread '"$MINBLK_IMG" check v'
    expect_status 1
    unread '"$MINBLK_IO" -f raw -c "write -P 7 1M 64k" -c "read 0 512" r'
    expect_status 1
    # All of it was done.
    "$MINBLK_IO" -r -f raw -c 'read -P 7 1M 64k' r
    unread '"$MINBLK_HARNESS" --driver raw --only graph --ops 1'
    expect_status 1
}

@test 'a status that could not be explained is 1; a reader that left knows it' {
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 4M
    # No entry may point there.
    printf '\0\0\0\1' | dd of=v bs=1 seek=1536 conv=notrunc status=none
    say bash -c '"$MINBLK_IMG" check v >/dev/full'
    expect_status 1
    unread '"$MINBLK_IMG" check v'
    expect_status 2
}
