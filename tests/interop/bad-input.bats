#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Damaged images: a clear error or a right read; never a crash, more than five
# seconds of the processor or 64 MiB, or a changed file.  bad-input.py has the
# cases.

load helpers

bad() { "$python" "$here/bad-input.py" "$MINBLK_IO" "$MINBLK_IMG" "$1"; }

@test "cut at every 512 bytes, and beside" { bad cut; }
@test "each field of a dynamic disk's footers" { bad footer; }
@test "each field of a dynamic header" { bad header; }
@test "each field of a fixed disk's footer" { bad fixed; }
@test "the fields that give the size, by creator" { bad geometry; }
@test "entries of the table" { bad table; }

# in_bounds MIB COMMAND...: one line or success, in time and memory.
in_bounds()
{
    "$python" - "$@" <<'PY'
import os, resource, subprocess, sys, threading
limit, slow = int(sys.argv[1]) << 10, int(os.environ.get('MINBLK_SLOW', '1'))
seconds = 5 * slow
process = subprocess.Popen(
    sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU,
                                          (seconds, seconds)))
# Of the clock: whoever waits for ever uses no processor.
stuck = threading.Timer(20 * seconds, process.kill)
stuck.start()
text = process.stderr.read()
_, status, usage = os.wait4(process.pid, 0)
stuck.cancel()
lines = [l for l in text.splitlines() if ': warning: ' not in l]
if not os.WIFEXITED(status) or os.WEXITSTATUS(status) not in (0, 1) or \
        len(lines) > os.WEXITSTATUS(status):
    sys.exit('status %#x: %s' % (status, text))
if usage.ru_maxrss > limit and slow == 1:
    sys.exit('%d KiB' % usage.ru_maxrss)
PY
}

# table_image ENTRIES BLOCK-SIZE: 4 KiB on the disk, a large table of zeroes.
table_image()
{
    "$python" - "$here" "$@" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import vhd
entries, block = int(sys.argv[2]), int(sys.argv[3])
footer = vhd.new_footer(min(entries * block, 2040 << 30), vhd.DYNAMIC)
with open('image.vhd', 'wb') as image:
    image.write(footer + vhd.new_header(entries, block))
    image.seek(1536 + -(-4 * entries // 512) * 512)
    image.write(footer)
PY
}

@test "large tables that are holes" {
    local shape
    for shape in '536870911 512' '486539264 4096' '536870911 2097152' \
        '4194304 524288' '2 2147483648' '1044480 2097152'; do
        # shellcheck disable=SC2086 # two words
        table_image $shape
        echo "$shape"
        in_bounds 64 "$MINBLK_IMG" info -f vpc image.vhd
        in_bounds 64 "$MINBLK_IMG" map --max-length=1M -f vpc image.vhd
        in_bounds 64 "$MINBLK_IO" -f vpc -r -c 'read 0 512' image.vhd
    done
}

@test "values that only the header's cut end has" {
    img create -q -f vpc image.vhd 1M
    truncate -s 1024 image.vhd
    refused img info -f vpc image.vhd
    head -c 544 image.vhd >short.vhd
    refused img info -f vpc short.vhd
    grep -q 'Invalid block size 0' stderr
}
