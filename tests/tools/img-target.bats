# SPDX-License-Identifier: MIT
#
# Targets that could not be finished: create, convert, dd.
load helpers

# interrupt SIGNAL FILE COMMAND...: sends SIGNAL when COMMAND catches SIGINT (not
# bash, which becomes it) and FILE is not empty; the command has to end by it.  A
# job in the background would ignore SIGINT.  First come the commands $meanwhile.
interrupt()
{
    local name=$1 file=$2 job
    shift 2
    env --default-signal=INT,TERM "$@" 2>err &
    job=$!
    until [ -s "$file" ] && [ /proc/$job/exe -ef "$1" ] &&
        grep -q '^SigCgt:.*[2367abef]$' /proc/$job/status; do
        kill -0 $job
        sleep 0.01
    done
    eval "${meanwhile:-}"
    kill "-$name" $job
    status=0
    wait $job || status=$?
    [ "$status" -eq $((128 + $(kill -l "$name"))) ]
}

incomplete="minblk-img: interrupted; the target 'dst' is incomplete"
removed="$incomplete and has been removed"

make_source()
{
    head -c 8M /dev/urandom >src
}

# fails_at CALL:N COMMAND...: with that fault it exits 1.
fails_at()
{
    MINBLK_FAULT=$1 LD_PRELOAD=$MINBLK_FAULT_PRELOAD \
        ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 \
        say "${@:2}"
    expect_status 1
}

# Ways to make dst, as words; src is a raw file of 8 MiB.
makers=(
    'convert -f raw -O raw src dst'
    'convert -f raw -O vpc -o force_size src dst'
    'convert -f raw -O vpc -o force_size,preallocation=metadata src dst'
    'convert -f raw -O vpc -o force_size,subformat=fixed src dst'
    'dd -f raw -O raw bs=64k if=src of=dst'
    'dd -f raw -O vpc bs=64k if=src of=dst'
    'create -q -f raw -o preallocation=full dst 8M'
    'create -q -f vpc -o force_size,preallocation=full dst 8M'
    'create -q -f vpc -o subformat=fixed,preallocation=full dst 8M'
)

# As a VHD nobody can open it, for reading or writing.  (Where a status is asked
# for, a command that fails does not end a function.)
cannot_open()
{
    img info -f vpc "$1"
    expect_status 1 || return
    io -f vpc -c length "$1"
    expect_status 1
}

# Nor is it taken for one.
no_vhd()
{
    cannot_open "$1" &&
        "$MINBLK_IMG" info "$1" | grep -qx 'file format: raw'
}

@test 'a new target that fails is removed, or kept as no image' {
    needs vpc
    make_source
    for maker in "${makers[@]}"; do
        for fault in write:1+:ENOSPC write:5+:EIO write:8+:ENOSPC \
            fdatasync:1:EIO; do
            rm -f dst
            # shellcheck disable=SC2086
            fails_at $fault "$MINBLK_IMG" $maker
            [ ! -e dst ] || { echo "$maker: $fault"; return 1; }
            [[ $stderr != *"'dst' is incomplete"* ]]
            # shellcheck disable=SC2086
            fails_at $fault "$MINBLK_IMG" $maker --keep-partial
            if [ ! -e dst ]; then
                # What cannot be written cannot be made unusable.
                [[ $stderr == *"minblk-img: the target 'dst' is incomplete \
and has been removed" && $fault == write* ]]
                continue
            fi
            [[ $stderr == *"minblk-img: the target 'dst' is incomplete" ]]
            [[ $maker == *'-O raw'* || $maker == *'create -q -f raw'* ]] ||
                    no_vhd dst || {
                echo "kept, $maker: $fault"
                return 1
            }
        done
    done
}

@test 'no memory: a new target is removed, or kept as no image' {
    local format
    needs vpc
    make_source
    # A sanitizer's shadow needs more than this for itself.
    (ulimit -v 20000 && "$MINBLK_IMG" --version) || skip
    for format in raw vpc; do
        rm -f dst
        say bash -c "ulimit -v 20000; exec $MINBLK_IMG convert -m 16 -W \
            -f raw -O $format src dst"
        expect_status 1
        [[ $stderr == *allocate* && $stderr != *incomplete* ]]
        [ ! -e dst ]
        say bash -c "ulimit -v 20000; exec $MINBLK_IMG convert -m 16 -W \
            --keep-partial -f raw -O $format src dst"
        expect_status 1
        [[ $stderr == *"minblk-img: the target 'dst' is incomplete" ]]
        [ $format = raw ] || no_vhd dst
    done
}

@test 'a target that was there is left, and said to be incomplete' {
    needs vpc
    make_source
    for maker in "${makers[@]}"; do
        echo old >dst
        # shellcheck disable=SC2086
        fails_at write:1+:ENOSPC "$MINBLK_IMG" $maker
        [ -e dst ]
        [[ $stderr == *"minblk-img: the target 'dst' is incomplete" ]]
        # By another name too, which is not taken away.
        ln -sf dst link
        # shellcheck disable=SC2086
        fails_at write:1+:ENOSPC "$MINBLK_IMG" ${maker/dst/link}
        [ -L link ]
        [ -e dst ]
    done
}

@test 'a target that was not touched is as it was, and nothing is said of it' {
    needs vpc
    make_source
    echo old >dst
    cp dst before
    for maker in "${makers[@]}"; do
        # shellcheck disable=SC2086
        say "$MINBLK_IMG" ${maker/ -q/} -o nonsense=1
        expect_status 1
        [[ $stderr != *incomplete* ]]
        cmp dst before
        rm dst
        # shellcheck disable=SC2086
        say "$MINBLK_IMG" ${maker/ -q/} -o nonsense=1
        expect_status 1
        [ ! -e dst ]
        cp -p before dst
    done
    img convert -n -f raw src missing
    expect_status 1
    [ ! -e missing ]
    [[ $stderr != *incomplete* ]]
    ln -s nowhere link
    fails_at write:1+:ENOSPC "$MINBLK_IMG" convert -f raw src link
    [ -L link ]
}

@test 'SIGINT and SIGTERM end convert and create; a new target is removed' {
    needs null-co
    make_source
    for name in INT TERM; do
        rm -f dst
        interrupt $name dst "$MINBLK_IMG" convert -f raw -r 1M src dst
        same_text 'standard error' "$removed" "$(cat err)"
        [ ! -e dst ]
    done
    # While it is made, too.
    interrupt TERM dst "$MINBLK_IMG" convert -O raw -o preallocation=full \
        --image-opts driver=null-co,size=1G,latency-ns=1000000000 dst
    same_text 'standard error' "$removed" "$(cat err)"
    [ ! -e dst ]
    interrupt TERM dst "$MINBLK_IMG" create -q -o preallocation=full dst 8G
    same_text 'standard error' "$removed" "$(cat err)"
    [ ! -e dst ]
}

@test 'an interrupt leaves a target that was there, and says so' {
    make_source
    # Empty, so that it is seen when the command has come to it.
    : >dst
    interrupt TERM dst "$MINBLK_IMG" convert -f raw -r 1M src dst
    same_text 'standard error' "$incomplete" "$(cat err)"
    [ "$(size_of dst)" -eq 8388608 ]
}

@test 'a file that an interrupt keeps from growing has its old length' {
    local n said
    head -c 1M /dev/urandom >src
    # Each call of the preallocation may be what is under way.
    for mode in full falloc; do
        n=0
        said=0
        status=143
        while [ "$status" -ne 0 ]; do
            n=$((n + 1))
            cp src dst
            MINBLK_FAULT=any:$n:TERM LD_PRELOAD=$MINBLK_FAULT_PRELOAD \
                ASAN_OPTIONS=verify_asan_link_order=0 \
                say env --default-signal=TERM "$MINBLK_IMG" resize \
                -f raw --preallocation=$mode dst 4M
            if [ "$status" -eq 0 ]; then
                expect_out 'Image resized.'
                [ "$(size_of dst)" -eq 4194304 ]
                continue
            fi
            expect_status 143
            if [ -n "$stderr" ]; then
                expect_err "minblk-img: interrupted; 'dst' gets its old size \
back"
                said=$((said + 1))
            fi
            cmp src dst
        done
        [ $said -gt 0 ]
    done
    # While the worker writes, too; empty, so that it is seen when that begins.
    : >dst
    interrupt INT dst "$MINBLK_IMG" resize -f raw --preallocation=full dst 8G
    same_text 'standard error' \
        "minblk-img: interrupted; 'dst' gets its old size back" "$(cat err)"
    [ ! -s dst ]
}

@test 'an interrupt leaves a file alone that has got the name of the target' {
    make_source
    head -c 1M src >other
    cp other another
    : >dst
    meanwhile='mv dst gone; mv other dst' \
        interrupt INT dst "$MINBLK_IMG" resize -f raw --preallocation=full \
        dst 8G
    cmp another dst
    [ ! -s gone ]
    rm dst
    cp another other
    # Not before data is written: until then the file is being made.
    meanwhile='until [ "$(stat -c %b dst)" -gt 1000 ]; do sleep 0.01; done
               mv other dst' \
        interrupt INT dst "$MINBLK_IMG" convert -f raw -O raw -r 1M src dst
    cmp another dst
    same_text 'standard error' "$incomplete" "$(cat err)"
}

@test 'a signal after the end of the work undoes nothing' {
    local job
    mkfifo pipe
    exec 7<>pipe
    # Nobody reads what it is to print.
    head -c 64k /dev/zero >&7
    : >dst
    env --default-signal=TERM "$MINBLK_IMG" resize -f raw dst 4M >&7 2>err 7>&- &
    job=$!
    until grep -q '^[0-9]* 0x1 ' /proc/$job/syscall; do
        kill -0 $job
        sleep 0.01
    done
    kill -TERM $job
    status=0
    wait $job || status=$?
    [ "$status" -eq 143 ]
    [ "$(size_of dst)" -eq 4194304 ]
    [ ! -s err ]
}

@test 'an interrupt with --keep-partial leaves no image' {
    needs vpc
    make_source
    for options in force_size force_size,subformat=fixed; do
        rm -f dst
        interrupt INT dst "$MINBLK_IMG" convert --keep-partial -f raw -O vpc \
            -o $options -r 1M src dst
        same_text 'standard error' "$incomplete" "$(cat err)"
        # A worker may have written the copy of the footer at last.
        cannot_open dst
    done
}

@test 'an interrupt is said in a log that is longer than the target, too' {
    needs vpc
    head -c 64k /dev/urandom >src
    truncate -s 1M log
    status=0
    MINBLK_FAULT=any:6:TERM LD_PRELOAD=$MINBLK_FAULT_PRELOAD \
        ASAN_OPTIONS=verify_asan_link_order=0 \
        env --default-signal=TERM "$MINBLK_IMG" convert --keep-partial \
        -f raw -O vpc -o force_size src dst 2>>log || status=$?
    expect_status 143
    same_text 'standard error' "$incomplete" "$(tail -c +1048577 log)"
    cannot_open dst
}

@test 'an interrupt while a worker writes leaves no image either' {
    needs vpc
    head -c 64k /dev/urandom >src
    local n
    for options in force_size force_size,subformat=fixed; do
        n=0
        status=143
        # Each call may be what is under way; at the end none is interrupted.
        while [ "$status" -ne 0 ]; do
            n=$((n + 1))
            rm -f dst
            MINBLK_FAULT=any:$n:TERM LD_PRELOAD=$MINBLK_FAULT_PRELOAD \
                ASAN_OPTIONS=verify_asan_link_order=0 \
                say env --default-signal=TERM "$MINBLK_IMG" convert \
                --keep-partial -f raw -O vpc -o "$options" src dst
            [ "$status" -eq 0 ] || [ "$status" -eq 143 ]
            [ -e dst ] || continue
            if [[ $stderr != *incomplete* ]]; then
                # All had been done.
                "$MINBLK_IMG" compare -q -f raw -F vpc src dst
            else
                cannot_open dst
            fi
        done
        [ $n -gt 5 ]
    done
}

@test 'SIGINT at the terminal ends the loop of a shell' {
    head -c 8M /dev/urandom >src
    # shellcheck disable=SC2016
    env --default-signal=INT setsid bash -c 'for _ in 1 2; do
        "$MINBLK_IMG" convert -f raw -r 1M src dst
        echo again >>rounds; done' 2>err &
    pid=$!
    begins $pid dst
    kill -INT -- -$pid
    status=0
    wait $pid || status=$?
    [ $status -eq 130 ]
    [ ! -e rounds ]
}

@test 'a signal that the parent ignores stays ignored' {
    # Slow enough to be there when the signals come.
    head -c 4M /dev/urandom >src
    (
        trap '' INT TERM
        exec "$MINBLK_IMG" convert -f raw -r 1M src dst 2>err
    ) &
    pid=$!
    begins $pid dst
    kill -INT $pid
    kill -TERM $pid
    wait $pid
    cmp src dst
    [ ! -s err ]
}

@test 'an interrupt while a lock is waited for: nothing was touched' {
    head -c 1M /dev/urandom >src
    cp src dst
    coproc "$MINBLK_IO" -f raw dst
    pid=$COPROC_PID
    read -r -N 11 -u "${COPROC[0]}" _
    for command in 'convert -f raw src' 'convert -n -f raw src' 'dd if=src'; do
        [[ $command == dd* ]] && target=of=dst || target=dst
        # It comes before a look at a lock, after those of the source.
        for n in 70 100; do
            # shellcheck disable=SC2086
            MINBLK_FAULT=lock:$n:TERM LD_PRELOAD=$MINBLK_FAULT_PRELOAD \
                ASAN_OPTIONS=verify_asan_link_order=0 \
                say env --default-signal=TERM "$MINBLK_IMG" $command $target
            expect_status 143
            same_text 'standard error' '' "$stderr"
        done
    done
    cmp src dst
    echo quit >&"${COPROC[1]}"
    wait $pid
}
