#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The command line of minblk-img: commands, options, help, version.

load helpers

commands='amend bench bitmap check commit compare convert create dd info map
measure rebase resize snapshot'

@test 'no arguments' {
    img
    expect_bad_usage 'Not enough arguments'
}

@test 'a command that there is not' {
    img frobnicate
    expect_bad_usage 'Command not found: frobnicate'
}

@test 'a long option before the command that there is not' {
    img --frobnicate info
    expect_bad_usage "unrecognized option '--frobnicate'"
}

@test 'a short option before the command that there is not' {
    img -Z info
    expect_bad_usage "unrecognized option '-Z'"
}

@test 'options and no command' {
    img --
    expect_bad_usage 'Not enough arguments'
}

@test 'the version' {
    img --version
    expect_status 0
    expect_err ''
    [[ $output =~ ^minblk-img\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test 'the version is a letter, too' {
    img -V
    [[ $output =~ ^minblk-img\ version ]]
}

@test 'the general help names every command' {
    img --help
    expect_status 0
    expect_err ''
    for command in $commands; do
        grep -q "^  $command " <<<"$output"
    done
}

@test 'the general help ends with the formats, sorted' {
    img --help
    last=${lines[-1]}
    [[ $last == 'Supported formats: '* ]]
    read -r -a names <<<"${last#Supported formats: }"
    same_text formats "$(printf '%s\n' "${names[@]}" | sort -u)" \
        "$(printf '%s\n' "${names[@]}")"
    [[ " ${names[*]} " == *' raw '* ]]
    [[ " ${names[*]} " != *' vhd '* ]]
}

@test 'help of every command' {
    for command in $commands; do
        img $command --help
        expect_status 0
        expect_err ''
        [[ ${lines[0]} == "usage: minblk-img $command "* ]]
        short=$output
        img $command -h
        same_text help "$short" "$output"
    done
}

@test 'a long option that there is not, in every command' {
    for command in $commands; do
        img $command --frobnicate a b
        expect_bad_usage "unrecognized option '--frobnicate'" ''
    done
}

@test 'a long option that takes no value, with one' {
    img info --image-opts=x r
    expect_bad_usage "unrecognized option '--image-opts=x'"
}

@test 'a long option cut so short that it is ambiguous' {
    img info --f r
    expect_bad_usage "unrecognized option '--f'"
}

@test 'a short option that there is not, in every command' {
    for command in $commands; do
        img $command -Z a b
        expect_bad_usage "unrecognized option '-Z'" ''
    done
}

@test 'a letter that there is not, among others' {
    for word in -UZ -ZU; do
        img info $word r
        expect_bad_usage "unrecognized option '$word'"
        img info r $word
        expect_bad_usage "unrecognized option '$word'"
    done
}

@test 'an option without its argument, in every command' {
    for command in amend check create commit info map measure rebase resize \
                   snapshot bitmap; do
        img $command a -f
        expect_bad_usage "missing argument for option '-f'"
    done
    for command in check info map measure; do
        img $command --output
        expect_bad_usage "missing argument for option '--output'"
    done
}

@test 'an output form that there is not' {
    for command in check info map measure; do
        img $command --output=xml r
        expect_failure 1 \
            '--output must be used with human or json as argument.'
    done
}

@test 'image names: none, and too many' {
    for command in check commit info map snapshot; do
        img $command
        expect_bad_usage 'Expecting one image file name'
        img $command a b
        expect_bad_usage 'Expecting one image file name'
    done
}

@test 'a list of options and a format as well' {
    for command in check commit info map; do
        img $command --image-opts -f raw file.filename=r
        expect_failure 1 \
            '--image-opts and --format are mutually exclusive'
    done
}

@test 'options may follow file names' {
    "$MINBLK_IMG" create -q -f raw r 1M
    img info r --output=json -f raw
    expect_status 0
    [ "${lines[0]}" = '{' ]
}

@test 'of repeated options the last counts' {
    "$MINBLK_IMG" create -q r 1M
    img info --output=human --output=json -f nosuch -f raw r
    expect_status 0
    [ "${lines[0]}" = '{' ]
}

@test 'errors begin with the base name of the program' {
    ln -s "$MINBLK_IMG" other-name
    say ./other-name info nosuch
    expect_status 1
    expect_err "other-name: Could not open 'nosuch': Could not open 'nosuch': \
No such file or directory"
}

@test 'the hint at the help has the base name of the program' {
    ln -s "$MINBLK_IMG" other-name
    say ./other-name
    expect_err "other-name: Not enough arguments
Try 'other-name --help' for more information
Missing operand: COMMAND"
}
