#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs the same command lines with qemu-img and with ours, each in a folder of
# its own, and wants the same standard output, standard error and exit status.
#
# Invariants:
#   - Both tools run under the same name, so that error lines are the same.
#   - Before each case both folders hold the same files, made by qemu-img.
#
# Usage: img-differential.sh MINBLK-IMG PART, where PART is one of the functions
# part_* below; prints TAP.
set -u
export LC_ALL=C

if ! command -v qemu-img >/dev/null; then
    echo '1..0 # SKIP qemu-img is not installed'
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{theirs,ours}/says
ln -s "$(command -v qemu-img)" "$work/theirs/qemu-img"
ln -s "$(realpath "$1")" "$work/ours/qemu-img"

drivers=" $("$1" --help | sed -n 's/^Supported formats: //p') "
count=0
skipped=

# both COMMAND...: in each folder.
both()
{
    (mkdir -p "$work/theirs/d" && cd "$work/theirs/d" && "$@") &&
        (mkdir -p "$work/ours/d" && cd "$work/ours/d" && "$@")
}

# leave_out_specific FILE: without what only ours tells of a VHD, for people and
# as JSON, where it comes last in its object.
leave_out_specific()
{
    awk '/^Format specific information:$/ { human = 1; next }
         human && /^ / { next }
         /^ *"format-specific": {$/ {
             json = 1; indent = match($0, /[^ ]/); sub(/,$/, "", held); next
         }
         json { json = match($0, /[^ ]/) > indent; next }
         { human = 0; if (lines++) print held; held = $0 }
         END { if (lines) print held }' "$1" >"$1.short" && mv "$1.short" "$1"
}

# run_in SIDE ARGUMENT...: runs the tool of that side, keeps what it says.  Times
# differ, and so does the space that a file system gives to two equal files, and
# where each tool puts the blocks of a VHD that it made (x).
run_in()
{
    local side=$1
    shift
    (cd "$work/$side/d" && exec ../qemu-img "$@") >"$work/$side/says/out" \
        2>"$work/$side/says/err" </dev/null
    echo "status $?" >"$work/$side/says/status"
    sed -i -e 's/in [0-9.]* seconds/in TIME seconds/' \
        -e 's/"actual-size": [0-9]*/"actual-size": SIZE/' \
        -e 's/^disk size: [0-9].*/disk size: SIZE/' "$work/$side/says/out"
    leave_out_specific "$work/$side/says/out"
    if [ "${!#}" = x ] && cmp -s -n 8 "$work/$side/d/x" - <<<conectix; then
        sed -i 's/"offset": [0-9]*/"offset": PLACE/' "$work/$side/says/out"
    fi
}

# absent ARGUMENT...: names a driver that the arguments need and ours lacks.
absent()
{
    local words=" $* " vpc='[ =](vpc|f|v|rv|lv)[ ,"]' null='null-co[: ]'
    if [[ $drivers != *' vpc '* && $words =~ $vpc ]]; then
        echo vpc
    elif [[ $drivers != *' null-co '* && $words =~ $null ]]; then
        echo null-co
    else
        return 1
    fi
}

report()
{
    local name=$1 verdict=$2 directive=${3:-}
    count=$((count + 1))
    echo "$verdict $count - $name $directive"
}

# leave_out_hints: lines of ours on standard error that have no program's name
# before them go, unless the other tool prints them, too.
leave_out_hints()
{
    awk 'FILENAME == ARGV[1] { theirs[$0] = 1; next }
         /^qemu-img: / || $0 in theirs' "$work"/{theirs,ours}/says/err \
        >"$work/err" &&
        mv "$work/err" "$work/ours/says/err"
}

# same ARGUMENT...: both tools do and say the same, but for hints.
same()
{
    local differences driver
    skipped=
    if driver=$(absent "$@"); then
        skipped="# SKIP no driver $driver"
        report "$*" ok "$skipped"
        return
    fi
    run_in theirs "$@"
    run_in ours "$@"
    leave_out_hints
    if differences=$(cd "$work" && diff -ru theirs/says ours/says); then
        report "$*" ok
    else
        report "$*" 'not ok'
        printf '%s\n' "$differences" | sed 's/^/# /'
    fi
}

# same_file FILE: the last case left the same bytes in it.
same_file()
{
    if [ -n "$skipped" ] ||
       cmp -s "$work/theirs/d/$1" "$work/ours/d/$1"; then
        report "contents of $1" ok "$skipped"
    else
        report "contents of $1" 'not ok'
    fi
}

# fresh: empty folders, and the images that most cases need.
fresh()
{
    rm -rf "$work/theirs/d" "$work/ours/d"
    both qemu-img create -q -f raw r 1M
    both qemu-img create -q -f vpc v 64M
    both qemu-img create -q -f vpc -o subformat=fixed f 1M
    both qemu-io -f raw -c 'write -P 7 64k 128k' r >/dev/null
    both qemu-io -f vpc -c 'write -P 7 2M 4M' -c 'write -P 8 10M 512' v \
        >/dev/null
}

part_usage()
{
    same
    same --nosuch
    same -Z
    same nosuch
    for command in amend bitmap check commit create info map measure rebase \
                   resize snapshot; do
        same $command
        case $command in
        measure | resize) ;;
        *)
            same $command --nosuch
            same $command -Z
            ;;
        esac
    done
    for command in check info map measure; do
        same $command --output=xml r
        [ $command = measure ] || same $command --output
        [ $command = measure ] || same $command -f
    done
    for command in check info map commit rebase snapshot; do
        same $command r v
    done
    same create -q
    same create x 1M extra
    same create x 12z
    same create x 1.5
    same create x -1
    same create x ''
    same create x 9E
    same create x 99999999999999999999
    same create -o , x 1M
    same check -r nosuch v
    same check -T nosuch v
    same commit -t nosuch v
    same commit -r nosuch v
    same rebase v
    same rebase -F raw v
    same rebase -t nosuch -b a v
    same rebase -T nosuch -b a v
    same snapshot -l -c name r
    same bitmap r
    same bitmap --add r
    same bitmap --add r b c
    same bitmap --add -g 4z r b
    same bitmap --add -b other r b
    same bitmap --add -F raw r b
    same bitmap -g 4k --remove r b
    same map --start-offset=4z r
    same map --start-offset=-1 r
    same map --max-length=nosuch r
    same measure r v
    same measure --size 1M r
    same measure -f raw --size 4k
    same measure --image-opts --size 4k
    same measure --size nosuch
    same amend -f raw r
    same amend -o , r
    same amend -o size=1 r v
    same amend -t nosuch -f raw -o size=1 r
    same resize r
    same resize -f raw r nosuch
    same resize -f raw r 3z
    same resize -f raw r +
    same resize -f raw --preallocation=nosuch r 2M
    same resize -f raw r 1M 2M 3M
}

part_create()
{
    same create -f raw x 1536
    same_file x
    same create -f raw x 0
    same_file x
    same create x 1M
    same_file x
    same create x 1.5k
    same create x 0x10
    same create x +5
    same create -o size=1K x
    same create -o size=1K,size=2K x
    same create -f raw -o preallocation=falloc,extent_size_hint=0 x 128K
    same_file x
    same create -f raw -o preallocation=full x 3000
    same_file x
    same create -f raw -o preallocation=off x 100K
    same create -q x 1M
    same create 'a,b' 1M
    same create "a'b" 1M
    same create -f vpc x 64M
    same create -f vpc x 1M
    same info x
    same create -f vpc -o force_size x 1M
    same info x
    same create -f vpc -o subformat=fixed,force_size=on x 1M
    same create -f vpc -o force_size=off,subformat=dynamic x 4G
    same info x
    same create -f vpc -o size=1M x
    same create -f vpc x 0
    same create -f vpc x 2040G
    same info x
    same create -f vpc x 2041G
    same create -f vpc -q x 2041G
    same create -f vpc x 10P
    same create x
    same create -u x
    same create -f nosuch x 1M
    same create -o size=1K x 1M
    same create -o nosuch=1 x 1M
    same create -f vpc -o nosuch=1 x 1M
    same create -f vpc -o subformat=nosuch x 1M
    same create -f vpc -o force_size=maybe x 1M
    same create -f vpc -o size= x
    same create -o preallocation=nosuch x 1M
    same create -f raw /nonexistent/x 1M
    same create -f vpc /nonexistent/x 1M
    same create -f raw '' 1M
    same create -f raw nosuch:x 1M
    same create -f raw null-co:// 1M
    same create -b v x 1M
    same create -b v -F vpc x 1M
    same create -F vpc x 1M
    same create -b v x
    same create -f vpc -u -b v -F vpc x 1M
    same create -f raw -o help
    same create -f nosuch -o help
    same create -o help nosuch:x
}

part_info()
{
    same info r
    same info v
    same info -f vpc f
    same info --output=json r
    same info --output=json v
    same info --output json -f raw r
    same info --output=human r
    same info -U v
    same info --backing-chain v
    same info --backing-chain --output=json r
    same info --image-opts driver=raw,file.filename=r
    same info --image-opts driver=vpc,file.filename=v
    same info --image-opts -f raw driver=raw,file.filename=r
    same info 'json:{"driver":"raw","file.filename":"r"}'
    same info "json:{'driver':'raw','file':{'driver':'file','filename':'r'}}"
    same info -f raw 'json:{"driver":"raw","file.filename":"r"}'
    same info -f vpc 'json:{"driver":"raw","file.filename":"v"}'
    same info nosuch
    same info -f nosuch r
    same info ''
    same info nosuch:r
    same info --image-opts driver=raw,file.filename=r,nosuch=1
    for size in 0 1 511 512 999 1000 999K 1000K 1023K 10000M 1023G 3T; do
        both truncate -s $size s
        same info -f raw s
        same info -f raw --output=json s
    done
}

part_map()
{
    for format in human json; do
        for image in r v; do
            same map --output=$format $image
            same map --output=$format --start-offset=4k --max-length=4k $image
            same map --output=$format --start-offset=100 --max-length=10 $image
            same map --output=$format --start-offset=1M $image
            same map --output=$format --start-offset=8E $image
            same map --output=$format --start-offset=100M $image
            same map --output=$format --max-length=0 $image
            same map --output=$format --max-length=3M $image
            same map --output=$format --start-offset=2097153 $image
        done
        same map --output=$format -f vpc f
        same map --output=$format -f raw v
        same map -s 4k -l 64k --output=$format r
        same map --output=$format nosuch
        same map --output=$format -U r
        same map --output=$format --image-opts driver=raw,file.filename=r
        same map --output=$format --image-opts \
            driver=raw,offset=65536,size=4096,file.filename=r
        for size in 0 1 511 1000 4097 1048577; do
            both truncate -s $size s
            same map --output=$format -f raw s
            both sh -c 'printf x >>s'
            same map --output=$format -f raw s
        done
    done
}

part_check()
{
    same check r
    same check --output=json r
    same check -q r
    same check nosuch
    same check -r leaks -f raw r
    same measure r
    same measure -O raw v
    same measure --output=json v
    same measure --size 1M
    same measure --output=json --size 1000
    same measure --size 1M -O raw
    same measure
    same measure -O nosuch --size 1
    same measure -o nosuch=1 r
    same measure nosuch
}

part_resize()
{
    same resize -f raw r +1M
    same_file r
    same resize -f raw r 1M
    same resize -f raw r -512k
    same resize -f raw --shrink r -512k
    same_file r
    same resize -f raw --shrink r -- -1000
    same_file r
    same resize -f raw r +0
    same resize -f raw r 4M
    same_file r
    same resize -q -f raw r 5M
    same resize -f raw --preallocation=full r +64k
    same_file r
    same resize -f raw --preallocation=falloc r +64k
    same resize -f raw --preallocation=off r +64k
    same resize -f raw --preallocation=metadata r +64k
    same resize -f raw --preallocation=full r 64k
    same resize -f raw --preallocation=full --shrink r 64k
    same resize -f raw --shrink r -- -10G
    same resize -f raw --shrink r 0
    same resize -f raw r +8E
    same resize -f raw --shrink r 0x300
    same resize r 2M
    same resize -f vpc v 128M
    same resize nosuch 2M
    same resize --image-opts driver=raw,file.filename=r 6M
    same resize --image-opts -f raw driver=raw,file.filename=r 6M
}

part_amend()
{
    same amend -f raw -o size=1 r
    same amend -f raw -o help
    same amend -f nosuch -o help
    same amend -o size=1 nosuch
    same amend -f nosuch -o size=1 r
    same commit r
    same commit -f raw r
    same commit v
    same commit -b nosuch v
    same commit nosuch
    same rebase -b nosuch v
    same rebase -f raw -b v -F vpc r
    same rebase -b '' r
    same rebase -u -b '' -f vpc v
    same rebase -u -b v r
    same snapshot -l nosuch
}

part_compare()
{
    both cp r r2
    both cp v v2
    both qemu-img convert -f raw -O vpc -o force_size r rv
    both sh -c 'cp r longer; truncate -s 2M longer'
    both sh -c 'cp r changed; printf x | dd of=changed bs=1 seek=70000 conv=notrunc status=none'
    both sh -c 'cp longer tail; printf x | dd of=tail bs=1 seek=1500000 conv=notrunc status=none'
    same compare r r2
    same compare -f raw -F raw r r2
    same compare -q r r2
    same compare -s r r2
    same compare -U r r2
    same compare -T none r r2
    same compare v v2
    same compare r rv
    same compare -s r rv
    same compare -f raw -F vpc r rv
    same compare r changed
    same compare -q r changed
    same compare -s r changed
    same compare r longer
    same compare longer r
    same compare -q r longer
    same compare -s r longer
    same compare -s -q longer r
    same compare r tail
    same compare tail r
    same compare changed tail
    same compare -p r r2
    same compare nosuch r
    same compare r nosuch
    same compare -f nosuch r r2
    same compare -F nosuch r r2
    same compare --image-opts driver=raw,file.filename=r \
        driver=raw,file.filename=r2
}

part_dd()
{
    same dd
    same dd if=r
    same dd of=x
    same dd if=r of=x nosuch=1
    same dd if=r of=x nosuch
    same dd -f raw -O raw if=r of=x
    same_file x
    same dd if=r of=x bs=1000
    same_file x
    same dd if=r of=x bs=64k count=2
    same_file x
    same dd if=r of=x bs=64k skip=1
    same_file x
    same dd if=r of=x bs=64k skip=1 count=1
    same_file x
    same dd if=r of=x bs=64k skip=100
    same_file x
    same dd if=r of=x bs=1 count=700 skip=65000
    same_file x
    same dd -f vpc -O raw if=v of=x bs=1M
    same_file x
    same dd if=r of=x bs=0
    same dd if=r of=x bs=-1
    same dd if=r of=x bs=4G
    same dd if=r of=x bs=nosuch
    same dd if=r of=x count=0
    same dd if=r of=x count=nosuch
    same dd if=r of=x skip=nosuch
    same dd if=nosuch of=x
    same dd -f nosuch if=r of=x
    same dd -O nosuch if=r of=x
    same dd if=r of=nosuch/x
    same dd -U if=r of=x bs=4k
    same dd -f raw -O vpc if=r of=x bs=1M
    same info x
    same dd --image-opts if=driver=raw,file.filename=r of=x
}

part_convert()
{
    both sh -c 'cp r big; truncate -s 2M big'
    both qemu-img create -q -f raw small 64k
    both qemu-img create -q -f raw target 1M
    same convert
    same convert r
    same convert -q r x
    same_file x
    same convert -f raw -O raw r x
    same_file x
    same convert -f raw r x
    same_file x
    same convert -p r x
    same_file x
    same convert -p -f vpc v x
    same_file x
    same convert -O raw v x
    same_file x
    same convert -O raw f x
    same convert -O vpc -o force_size r x
    same info x
    same map --output=json x
    same convert -O vpc v x
    same map --output=json x
    same convert -O vpc -o subformat=fixed,force_size r x
    same info -f vpc x
    same convert -S 0 r x
    same map --output=json -f raw x
    same convert -S 4k r x
    same convert -S 64k r x
    same map --output=json -f raw x
    same convert -S 1 r x
    same convert -S 1000 r x
    same convert -S nosuch r x
    same convert -m 1 r x
    same convert -m 16 -W r x
    same_file x
    same convert -m 0 r x
    same convert -m 17 r x
    same convert -m nosuch r x
    same convert -n r target
    same convert -n -f raw -O raw r target
    same_file target
    same convert -n -f raw -O raw r small
    same convert -n -f raw -O raw r missing
    same convert -n -f raw -O raw r big
    same convert --target-is-zero r x
    same convert -n --target-is-zero -f raw -O raw r target
    same convert -n -o size=1M r target
    same convert r small x
    same_file x
    same convert -f raw r r small x
    same_file x
    same convert -C r x
    same_file x
    same convert -C -S 4k r x
    same convert -c r x
    same convert -c -O vpc r x
    same convert -c -O raw -o preallocation=full r x
    same convert -c -C r x
    same convert -c -O null-co r x
    same convert -c -O raw -o nosuch=1 r x
    same convert -c -O raw -B base -F raw r x
    same convert -c -O raw -o preallocation=nosuch r x
    same convert -c -O raw -o size=1 r x
    same convert -c -n -f raw -O raw r target
    same convert -c -n --target-image-opts r driver=raw,file.filename=target
    same convert --salvage r x
    same_file x
    same convert --salvage -C r x
    same convert -r 100M r x
    same convert -r nosuch r x
    same convert -t nosuch r x
    same convert -T nosuch r x
    same convert -t none -T none r x
    same convert -O nosuch r x
    same convert -f nosuch r x
    same convert -O null-co r x
    same convert -o nosuch=1 r x
    same convert -o preallocation=full r x
    same_file x
    same convert -o help
    same convert -B base r x
    same convert -B base -F raw r x
    same convert -F raw r x
    same convert nosuch x
    same convert r nosuch/x
    same convert -O vpc r nosuch/x
    same convert --image-opts driver=raw,file.filename=r x
    same convert --image-opts -f raw driver=raw,file.filename=r x
    same convert -n --target-image-opts r driver=raw,file.filename=target
    same convert --target-image-opts r driver=raw,file.filename=target
    same convert -n --target-image-opts -O raw r driver=raw,file.filename=target
    same convert -U r x
    same convert -o , r x
}

part_bench()
{
    same bench
    same bench r v
    same bench -c 0 -q r
    same bench -c nosuch r
    same bench -d nosuch r
    same bench -s nosuch r
    same bench -S nosuch r
    same bench -o nosuch r
    same bench --pattern=256 r
    same bench --pattern=nosuch r
    same bench --flush-interval=nosuch r
    same bench -c 10 --flush-interval=4 r
    same bench -c 10 --flush-interval=4 -d 8 -w -f raw r
    same bench -c 10 --no-drain r
    same bench -c 10 --no-drain -w -f raw r
    same bench -t nosuch r
    same bench -i nosuch r
    same bench nosuch
    same bench -f nosuch r
    same bench -q -c 10 -f raw r
    same bench -q -c 10 -d 4 -s 512 -S 512 -f raw r
    same bench -q -w -c 10 -o 4k --pattern=7 -f raw r
    same_file r
}

# shellcheck source=tests/interop/progress-parts.sh
. "$(dirname "$0")/progress-parts.sh"

if [[ $drivers != *' raw '* || $drivers != *' file '* ]]; then
    echo '1..0 # SKIP no driver raw or file'
    exit 0
fi
fresh
"part_$2"
echo "1..$count"
