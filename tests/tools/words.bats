#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Bad usage of every program and every command: one exit status, one line that
# names what is wrong, one that says how to get help, and what may help.
#
# Options, operands and values come from the help, so that a new option is
# tested without a line here.

load helpers

commands=$("$MINBLK_IMG" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\).*/\1/p')

# options_of COMMAND: a line an option: its long form, or else its letter; then
# what stands for its value, if it takes one.
options_of()
{
    "$MINBLK_IMG" "$1" --help | sed -nE \
        -e 's/^  (-., )?--([a-z-]+)=([^ ]+)  .*/--\2 \3/p' \
        -e 's/^  (-., )?--([a-z-]+)  .*/--\2/p' \
        -e 's/^  (-.) ([A-Z|a-z]+)  .*/\1 \2/p' \
        -e 's/^  (-.)  .*/\1/p'
}

# operands_of COMMAND: the words of its first line after the last option.
operands_of()
{
    "$MINBLK_IMG" "$1" --help | sed -n '1{s/.*] //;s/^usage.* -[a-z] [A-Z]* //;p}'
}

# swapped --WORD: the word with its second and third letter swapped.
swapped()
{
    echo "--${1:2:1}${1:4:1}${1:3:1}${1:5}"
}

@test 'the help of every command shows its options' {
    n=0
    for command in $commands; do
        [ -n "$(options_of "$command")" ]
        n=$((n + $(options_of "$command" | wc -l)))
    done
    [ "$n" -gt 120 ]
}

@test 'an option that there is not' {
    for command in $commands; do
        for option in --frobnicate --frobnicate=1 -Z; do
            img "$command" "$option" a b
            expect_bad_usage "unrecognized option '$option'" ''
        done
        img "$command" a -qZ b
        expect_bad_usage "unrecognized option '-qZ'"
    done
}

@test 'a letter that there is not, among others' {
    img info -UZ a
    expect_bad_usage "unrecognized option '-UZ'" "There is no option '-Z'"
}

@test 'an option that is misspelt' {
    for command in $commands; do
        while read -r option value; do
            [[ $option == --????* ]] || continue
            wrong=$(swapped "$option")
            [ "$wrong" != "$option" ] || continue
            img "$command" "$wrong" a b
            expect_bad_usage "unrecognized option '$wrong'" \
                "Did you mean '$option'?"
            img "$command" "${option:1}" a b
            [[ $stderr == *"unrecognized option '${option:1}'"* ]] ||
                continue
            expect_bad_usage "unrecognized option '${option:1}'"
        done < <(options_of "$command")
    done
    img info -output=json a
    expect_bad_usage "unrecognized option '-output=json'" \
        "There is no option '-o'"
}

@test 'an option that is abbreviated' {
    truncate -s 1M r
    img info --form=raw --outp=json r
    expect_status 0
    # Also the beginning of --object.
    img info --o=json r
    expect_bad_usage "unrecognized option '--o=json'" "Did you mean '--output'?"
    img info --outt=json r
    expect_bad_usage "unrecognized option '--outt=json'" \
        "Did you mean '--output'?"
    io --fromat raw r
    expect_status 1
    expect_err "minblk-io: unrecognized option '--fromat'
Try 'minblk-io --help' for more information
Did you mean '--format'?"
}

@test 'an option with a value that takes none' {
    for command in $commands; do
        while read -r option value; do
            [[ $option == --* && -z $value ]] || continue
            img "$command" "$option=1" a b
            expect_bad_usage "unrecognized option '$option=1'" \
                "'$option' takes no value"
        done < <(options_of "$command")
    done
}

@test 'an option without its value' {
    for command in $commands; do
        while read -r option value; do
            [ -n "$value" ] || continue
            img "$command" "$option"
            expect_bad_usage "missing argument for option '$option'" \
                "Missing value: $value"
        done < <(options_of "$command")
    done
}

# Those with a value that is not free text.
@test 'an option with a wrong value' {
    for command in $commands; do
        while read -r option value; do
            hint= say=
            case $value in
            'leaks|all') hint="(expecting 'leaks' or 'all')" ;;
            *'|'*) hint="Accepted values: " ;;
            CACHE) hint="Accepted values: none, off, directsync, writeback," ;;
            AIO) hint="Accepted values: threads, native, io_uring" ;;
            SIZE | RATE | OFFSET | STEP) say='Invalid ' ;;
            COUNT | DEPTH) hint='Accepted values: ' say='Invalid ' ;;
            N) say='Invalid ' ;;
            *) continue ;;
            esac
            truncate -s 1M a b
            case $command in
            rebase) set -- -u a ;;
            amend) set -- -o x=1 a ;;
            bitmap) set -- --add a b ;;
            compare | convert | resize) set -- a b ;;
            *) set -- a ;;
            esac
            img "$command" "$option" frob "$@"
            expect_status 1
            expect_out ''
            printf '%s\n' "$stderr" >err
            grep -qxF "Try 'minblk-img --help' for more information" err
            [[ $stderr == "minblk-img: $say"* ]]
            [[ $stderr == *"$hint"* ]] || {
                echo "$command $option: $stderr"
                false
            }
        done < <(options_of "$command")
    done
}

@test 'a value that is misspelt' {
    img info --output=jsno r
    expect_bad_usage '--output must be used with human or json as argument.' \
        "Accepted values: human, json
Did you mean 'json'?"
    img convert -t nnoe r x
    expect_bad_usage 'Invalid cache option: nnoe' "Accepted values: none, off, \
directsync, writeback, writethrough, unsafe
Did you mean 'none'?"
    img convert -T write r x
    expect_bad_usage 'Invalid source cache option: write' "Accepted values: \
none, off, directsync, writeback, writethrough, unsafe
Did you mean 'writeback'?"
    img bench -i thread r
    expect_bad_usage 'Invalid aio option: thread' "Accepted values: threads, \
native, io_uring
Did you mean 'threads'?"
    img resize --preallocation=fall r 1M
    expect_bad_usage "Invalid preallocation mode 'fall'" "Accepted values: \
off, falloc, full
Did you mean 'falloc'?"
    img check -r leak r
    expect_bad_usage "Unknown option value for -r (expecting 'leaks' or \
'all'): leak"
}

@test 'a size with a unit that there is not' {
    for what in 'create -f raw x 10GB' 'map -s 10GB r' 'measure --size 10GB' \
                'dd bs=10GB if=r of=x' 'convert -S 10GB r x' 'resize r 10GB' \
                'resize r +10GB' 'resize r -10GB'; do
        read -r -a words <<<"$what"
        img "${words[@]}"
        expect_status 1
        expect_out ''
        [[ $stderr == *"
The 'B' after '10G' is wrong: write '10G'" ]] || expect_err 'a hint'
    done
    img create -f raw -o size=10GB x
    expect_status 1
    [[ $stderr == *"
The 'B' after '10G' is wrong: write '10G'" ]]
    truncate -s 1M r
    io -f raw r -c 'read 0 1KB'
    expect_status 1
    expect_out "Parsing error: non-numeric argument, or extraneous/unrecognized\
 suffix -- 1KB"
    expect_err "The 'B' after '1K' is wrong: write '1K'"
}

@test 'an operand is missing, or is one too many' {
    for command in $commands; do
        read -r -a names <<<"$(operands_of "$command")"
        case $command in
        dd) continue ;;
        rebase) first=(-u) ;;
        amend) first=(-o x=1) ;;
        bitmap) first=(--add) ;;
        *) first=() ;;
        esac
        given=()
        for name in "${names[@]}"; do
            [[ $name != \[* ]] || continue
            img "$command" "${first[@]}" "${given[@]}"
            expect_status 1
            expect_out ''
            [[ $stderr == *"
Try 'minblk-img --help' for more information
Missing operand: $name" ]] || expect_err "$name is missing"
            given+=(1)
        done
        # Any number may follow.
        [[ $command != convert && $command != create ]] || continue
        [ "$command" != measure ] || given+=(1)
        img "$command" "${first[@]}" "${given[@]}" more
        expect_status 1
        expect_out ''
        [[ $stderr == *"
Try 'minblk-img --help' for more information
One operand too many: 'more'" ]] || expect_err "one too many"
    done
    img dd if=r
    expect_bad_usage 'Must specify both input and output files' \
        'Missing operand: of=OUT'
    img dd of=r
    expect_bad_usage 'Must specify both input and output files' \
        'Missing operand: if=IN'
    img create r 1 2
    expect_bad_usage 'Unexpected argument: 2' ''
}

@test 'an operand of dd that is misspelt' {
    img dd iff=r of=x
    expect_bad_usage 'unrecognized operand iff' "Did you mean 'if='?"
    img dd if=r of=x cuont=1
    expect_bad_usage 'unrecognized operand cuont' "Did you mean 'count='?"
    img dd frob
    expect_bad_usage 'unrecognized operand frob' ''
}

@test 'a command that is misspelt' {
    for command in $commands; do
        img "${command}e"
        expect_bad_usage "Command not found: ${command}e" \
            "Did you mean '$command'?"
    done
    img xyzzy
    expect_bad_usage 'Command not found: xyzzy' ''
    img --verison
    expect_bad_usage "unrecognized option '--verison'" \
        "Did you mean '--version'?"
}

# Each of these is refused where its image is opened or made.

@test 'a format that is misspelt' {
    needs vpc
    truncate -s 1M r
    for what in 'info -f vdh r' 'create -f vdh x 1M' 'convert -O vdh r x' \
                'measure -O vdh --size 1M' 'dd -O vdh if=r of=x' \
                'info json:{"driver":"vdh","file.filename":"r"}' \
                'info --image-opts driver=vdh,file.filename=r'; do
        img $what
        expect_status 1
        expect_out ''
        [[ $stderr == *"
Known formats: "*", raw, "*"
Did you mean 'vhd'?" ]] || expect_err "a hint at vhd of $what"
    done
    io -f rwa r -c length
    expect_status 1
    [[ $stderr == "minblk-io: can't open device r: Unknown driver 'rwa'
Known formats: "*"
Did you mean 'raw'?" ]]
    img create -f qcow2 x 1M
    expect_status 1
    [[ $stderr == *"Unknown file format 'qcow2'
Known formats: "* && $stderr != *mean* ]]
}

@test 'an option of a creation that is misspelt' {
    needs vpc
    truncate -s 1M r
    for what in 'create -f vpc -o subformatt=fixed x 1M' \
                'convert -O vpc -o subformatt=fixed r x' \
                'measure -O vpc -o subformatt=fixed --size 1M'; do
        img $what
        expect_status 1
        [[ $stderr == *"Invalid parameter 'subformatt'
Did you mean 'subformat'?"* ]] || expect_err "a hint of $what"
    done
    "$MINBLK_IMG" create -q -f vpc v 1M
    img amend -o creater=x v
    expect_status 1
    expect_err "minblk-img: Invalid parameter 'creater'
Did you mean 'creator'?"
}

@test 'a value of a creation that is misspelt' {
    needs vpc
    img create -q -f vpc -o subformat=fixd x 1M
    expect_status 1
    expect_err "minblk-img: x: Parameter 'subformat' does not accept value \
'fixd'
Accepted values: dynamic, fixed
Did you mean 'fixed'?"
    img create -q -f raw -o preallocation=fulll x 1M
    expect_status 1
    expect_err "minblk-img: x: invalid parameter value: fulll
Accepted values: off, falloc, full
Did you mean 'full'?"
}

@test 'an option of a node that is misspelt' {
    truncate -s 1M r
    while read -r wrong right; do
        img info --image-opts "driver=raw,$wrong,file.filename=r"
        expect_status 1
        [[ $stderr == *"
Did you mean '$right'?" ]] || expect_err "a hint at $right"
    done <<'END'
ofset=1 offset
read-onyl=on read-only
discrd=unmap discard
file.lockin=on locking
file.aio=thread threads
discard=unmapp unmap
END
}

@test 'a child of a node that is misspelt' {
    truncate -s 1M r
    for name in driver=raw,fil.driver=file,fil.filename=r \
                driver=raw,flie.filename=r; do
        img info --image-opts "$name"
        expect_status 1
        expect_err "minblk-img: Could not open '$name': A block device must be \
specified for \"file\"
Did you mean 'file'?"
    done
    img info 'json:{"driver":"raw","fiel":{"filename":"r"}}'
    expect_status 1
    [[ $stderr == *"
Did you mean 'file'?" ]]
}

@test 'minblk-io: an option of reopen that is misspelt, or cannot change' {
    truncate -s 1M r
    while read -r wrong key right; do
        io -f raw r -c "reopen -o $wrong"
        expect_status 1
        expect_err "minblk-io: Cannot change the option '$key'${right:+
Did you mean '$right'?}"
    done <<'END'
red-only=on red-only read-only
ofset=512 ofset offset
file.lockin=on lockin locking
cache.direc=on cache.direc cache.direct
frob=1 frob
driver=vpc driver
END
}

@test 'a file whose name has a colon' {
    truncate -s 1M a:b
    img info a:b
    expect_status 1
    expect_err "minblk-img: Could not open 'a:b': Unknown protocol 'a'
If 'a:b' is the name of a file, write 'file:a:b'"
    img info file:a:b
    expect_status 0
}

# example_of PROGRAM [COMMAND]: the example in its help.
example_of()
{
    "$@" --help | sed -n '/^Example:$/{n;s/^  //p}'
}

# run_example EXAMPLE: runs it as it stands there.
run_example()
{
    say env PATH="$(dirname "$MINBLK_IMG"):$PATH" sh -c "$1"
}

@test 'the example of every command works as printed' {
    needs vpc
    for command in $commands; do
        rm -f ./*
        "$MINBLK_IMG" create -q -f raw disk.raw 8M
        "$MINBLK_IMG" convert -f raw -O vpc -o force_size disk.raw disk.vhd
        example=$(example_of "$MINBLK_IMG" "$command")
        [[ $example == "minblk-img $command "* ]]
        run_example "$example"
        case $command in
        # No format has what these change; they say so.
        bitmap) reason='Bitmaps are not supported by format' ;;
        commit) reason='Image does not have a backing file' ;;
        rebase) reason='Operation not supported' ;;
        *) reason= ;;
        esac
        if [ -n "$reason" ]; then
            expect_status 1
            [[ $stderr == *"$reason"* ]]
        else
            expect_status 0
            expect_err ''
        fi
    done
}

@test 'the examples of the other programs work as printed' {
    truncate -s 1M disk.raw
    run_example "$(example_of "$MINBLK_IO")"
    expect_status 0
    [ "$(head -c 1 disk.raw | od -An -tu1)" -eq 1 ]
    run_example "$(example_of "$MINBLK_HARNESS")"
    expect_status 0
}

@test 'the help of every program names the alias vhd' {
    for program in "$MINBLK_IMG" "$MINBLK_IO" "$MINBLK_HARNESS"; do
        "$program" --help | grep -q vhd
    done
}

# What a format cannot do is said with its name, and whether it was guessed.
@test 'not supported' {
    truncate -s 1M r
    : >none
    for what in 'check' 'amend -o x=1' 'bitmap --add' 'snapshot -c name'; do
        last=
        [ "$what" != 'bitmap --add' ] || last=name
        img $what r $last
        [[ $stderr == *"
'r' was taken for a raw image, because no format was given" ]] ||
            expect_err "$what: guessed"
        img $what -f raw r $last
        [[ $stderr == *"
'r' is a raw image" ]] || expect_err "$what: given"
        img $what none $last
        [[ $stderr == *"
'none' is empty, so it was taken for a raw image" ]] || expect_err "$what: empty"
    done
    img convert -c r x
    expect_status 1
    expect_err "minblk-img: Compression not supported for this file format
'x' is to be a raw image"
    needs vpc
    "$MINBLK_IMG" create -q -f vpc v 1M
    img resize v 2M
    expect_status 1
    expect_err "minblk-img: Image format driver does not support resize
'v' was taken for a vpc image, because no format was given"
}

@test 'an empty file is called empty' {
    needs vpc
    : >none
    for command in info check map; do
        img $command -f vpc none
        expect_status 1
        expect_err "minblk-img: Could not open 'none': invalid VPC image: the \
file is empty"
    done
    io -f vpc none -c length
    expect_status 1
    expect_err "minblk-io: can't open device none: invalid VPC image: the file \
is empty"
}

@test 'a size that is too large: the limit' {
    needs vpc
    img create -q -f vpc x 3T
    expect_status 1
    expect_err "minblk-img: x: The image size is too large for file format 'vpc'
Disk size is too large, max size is 2040 GiB"
    img create -q -f raw x 9223372036854775807
    expect_status 1
    expect_err "minblk-img: x: The image size is too large for file format 'raw'
size 9223372036854775807 is too large, the limit is 9223372036854775296"
    truncate -s 1M r
    img resize -f raw r 9E
    expect_status 1
    expect_err "minblk-img: New image size must be positive
The limit is 9223372036854775807 bytes"
    img resize -f raw r 99E
    expect_status 1
    [[ $stderr == *"
The limit is 18446744073709551615 bytes" ]]
    truncate -s 512 small
    img convert -n -f raw -O raw r small
    expect_status 1
    expect_err "minblk-img: output file is smaller than input file
'small' has 512 bytes, 1048576 are needed"
    truncate -s 3T large
    img convert -f raw -O vpc large x
    expect_status 1
    [[ $stderr == *'max size is 2040 GiB'* ]]
    img measure -O vpc --size 3T
    expect_status 1
    [[ $stderr == *'max size is 2040 GiB'* ]]
}

@test 'minblk-io: a command that is misspelt, or lacks a word' {
    truncate -s 1M r
    io -f raw r -c lenght
    expect_status 1
    expect_out ''
    expect_err "command \"lenght\" not found
Did you mean 'length'?"
    io -f raw r -c read
    expect_status 1
    expect_out ''
    expect_err "bad argument count 0 to read, expected at least 2 arguments
Usage: read [-abCqv] [-P pattern [-s off] [-l len]] off len"
    io -f raw r -c 'truncate -m ful 2M'
    expect_status 1
    expect_err "minblk-io: Invalid preallocation mode 'ful'
Accepted values: off, falloc, full
Did you mean 'full'?"
    io --image-opts driver=raw,file.flename=r
    expect_status 1
    expect_err "minblk-io: can't open: Must specify either driver or file
Did you mean 'filename'?"
}
