# SPDX-License-Identifier: MIT
#
# What the tests of the tools share.  `load helpers` at the top of a file.
#
# MINBLK_IMG and MINBLK_IO name the programs; MINBLK_TEST_IMAGES, if set, a
# folder of sample images; MINBLK_DRIVERS, if set, which of our drivers are
# built in.
#
# Invariants: each test runs in an empty folder of its own, which goes away with
# what is in it.

bats_require_minimum_version 1.5.0
export LC_ALL=C

: "${MINBLK_IMG:?names no program}"
golden=$BATS_TEST_DIRNAME/golden

setup_file()
{
    local name
    formats=" $("$MINBLK_IMG" --help | sed -n 's/^Supported formats: //p') "
    # A foreign driver under the name of one of ours is not what is tested.
    for name in file raw vpc; do
        [[ " ${MINBLK_DRIVERS-$name} " == *" $name "* ]] ||
            formats=${formats/ $name / }
    done
    export formats
}

# A file may have a setup of its own instead, which does this too.
setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    needs file raw
}

# say COMMAND...: runs it with nothing on standard input; sets status, output,
# stderr and lines as run does.  Nothing is forked but the command.
say()
{
    status=0
    "$@" >.output 2>.stderr </dev/null || status=$?
    output=
    stderr=
    lines=()
    mapfile -t lines <.output
    IFS= read -r -d '' output <.output || output=${output%$'\n'}
    IFS= read -r -d '' stderr <.stderr || stderr=${stderr%$'\n'}
}

# img ARGUMENT...: says what minblk-img says.
img()
{
    say "$MINBLK_IMG" "$@"
}

# io ARGUMENT...: says what minblk-io says.
io()
{
    say "$MINBLK_IO" "$@"
}

# quietly COMMAND...: has to succeed and print nothing.
quietly()
{
    say "$@"
    expect_status 0
    expect_out ''
    expect_err ''
}

# needs NAME...: skips the test when a driver is not built in.
needs()
{
    local name
    for name in "$@"; do
        [[ $formats == *" $name "* ]] || skip "no driver $name"
    done
}

# can_make WORDS: not, if they name vpc and it is not built in.
can_make()
{
    [[ $1 != *vpc* || $formats == *' vpc '* ]]
}

# The formats that a refusal of another one names.
handled='raw and vpc'
can_make vpc || handled=raw

# needs_images: skips the test when there are no sample images.
needs_images()
{
    [ -r "${MINBLK_TEST_IMAGES:-/nonexistent}/INDEX.md" ] ||
        skip 'no sample images'
}

# needs_command NAME...: skips the test when a program is not installed.
needs_command()
{
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || skip "$name is not installed"
    done
}

# same_text WHAT EXPECTED ACTUAL: shows the difference when there is one.
same_text()
{
    [ "$2" = "$3" ] && return 0
    echo "$1 is not what was expected:"
    diff -u --label expected --label actual <(printf '%s\n' "$2") \
        <(printf '%s\n' "$3")
    return 1
}

expect_status()
{
    [ "$status" -eq "$1" ] && return 0
    echo "exit status $status, expected $1"
    echo "standard output: $output"
    echo "standard error: $stderr"
    return 1
}

# The whole standard output or error; lines of the argument.
expect_out() { same_text 'standard output' "$1" "$output"; }
expect_err() { same_text 'standard error' "$1" "$stderr"; }

# expect_golden NAME: standard output, filtered, is the golden file NAME.
expect_golden()
{
    same_text 'standard output' "$(cat "$golden/$1")" \
        "$(printf '%s\n' "$output" | filter)"
}

# expect_lines LINE...: these are standard output, times filtered out.
expect_lines()
{
    local IFS=$'\n'
    same_text 'standard output' "$*" "$(printf '%s\n' "$output" | filter)"
}

# Takes out what differs from run to run and from one file system to another.
filter()
{
    sed -e "s,$BATS_TEST_TMPDIR,DIR,g" \
        -e 's/^disk size: .*/disk size: SIZE/' \
        -e 's/"actual-size": [0-9]*/"actual-size": SIZE/' \
        -e 's/[0-9.]* sec (.*)/TIME/'
}

# expect_err_but_usage TEXT: standard error, but for the lines Usage.
expect_err_but_usage()
{
    same_text 'standard error' "$1" "$(grep -v '^Usage: ' <<<"$stderr")"
}

# without_hints: a filter that leaves the lines with a program's name.
without_hints() { grep '^[a-z-]*: ' || true; }

# expect_failure STATUS LINE...: nothing on standard output, these lines on
# standard error, each with the program's name before it.  Hints, which have no
# name before them, may follow.
expect_failure()
{
    local expected="$1" text='' line
    shift
    for line in "$@"; do
        text+="minblk-img: $line"$'\n'
    done
    expect_status "$expected"
    expect_out ''
    same_text 'standard error without hints' "${text%$'\n'}" \
        "$(without_hints <<<"$stderr")"
}

# expect_bad_usage LINE [HINT]: that line and the one that says how to get
# help, then HINT (nothing more when it is empty; anything when it is left out).
expect_bad_usage()
{
    local text="minblk-img: $1
Try 'minblk-img --help' for more information"
    expect_status 1
    expect_out ''
    if [ $# -eq 1 ]; then
        [[ $stderr$'\n' == "$text"$'\n'* ]] || expect_err "$text"
    else
        expect_err "$text${2:+$'\n'$2}"
    fi
}

# zero_range FILE OFFSET LENGTH: are these bytes there, and zero?
zero_range()
{
    cmp -n "$3" <(tail -c +$(($2 + 1)) "$1") /dev/zero
}

# begins PID FILE: waits until that process has written to FILE.
begins()
{
    until [ -s "$2" ]; do
        kill -0 "$1"
        sleep 0.01
    done
}

# size_of FILE: its length in bytes.
size_of()
{
    stat -c %s "$1"
}
