# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2317 # called by name
#
# A part of img-differential.sh, which reads this file: the lines of -p, over
# images of many shapes, and what the copies hold.
#
# Invariants: what a command makes is compared where it holds no time and no
# identifier, that is in raw images.

part_progress()
{
    both qemu-img create -q -f raw l 8M
    both qemu-io -f raw -c 'write -P 5 0 5M' -c 'write -P 6 6M 1k' l >/dev/null
    both cp l c
    both qemu-io -f raw -c 'write -P 9 3000000 1' c >/dev/null
    both cp l longer
    both truncate -s 9M longer
    both cp longer tail
    both qemu-io -f raw -c 'write -P 9 9000000 1' tail >/dev/null
    both truncate -s 100001 odd
    both truncate -s 0 empty
    both qemu-img convert -O vpc -o force_size l lv

    for options in '' '-S 0' '-S 64k' '-m 1' '-m 16' -q -C '-t none' \
                   '-T none' --salvage; do
        # shellcheck disable=SC2086
        same convert -p $options l x
        same_file x
    done
    for source in r v odd empty lv; do
        same convert -p $source x
        same_file x
    done
    for source in r v odd lv; do
        same convert -p -O vpc -o subformat=fixed $source y
    done
    same convert -p l r odd x
    same_file x
    same convert -p -n l longer
    same_file longer
    same convert -p nosuch x
    same convert -p l nosuch/x

    for options in '' -s -q; do
        for images in 'l l' 'l c' 'c l' 'l lv' 'l longer' 'longer l' \
                      'l tail' 'tail l' 'empty r' 'empty empty' 'odd l'; do
            # shellcheck disable=SC2086
            same compare -p $options $images
        done
    done
    same compare -p nosuch l
}
