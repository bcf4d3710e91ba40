#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Images in the layouts of other programs: those that layouts.py writes are what
# these programs write, and what minblk wrote to is read by all and sound.

load helpers

# like_sample LAYOUT FILE SIZE: the same bytes, but for what tells one image from
# another.
like_sample()
{
    needs_images
    "$python" "$here/layouts.py" --empty "$1" "$3" image.vhd
    "$python" - image.vhd "$MINBLK_TEST_IMAGES/$2" <<'PY'
import sys
images = [bytearray(open(name, 'rb').read()) for name in sys.argv[1:]]
for image in images:
    for footer in (0, len(image) - 512):
        image[footer + 24:footer + 28] = bytes(4)       # time
        image[footer + 64:footer + 84] = bytes(20)      # checksum, id
at = [i for i, (a, b) in enumerate(zip(*images)) if a != b]
if at or len(images[0]) != len(images[1]):
    sys.exit('%d and %d bytes, differences at %s' % (
        len(images[0]), len(images[1]), at[:8]))
PY
}

# written LAYOUT: written to by minblk-io, in use, empty and fixed.
written()
{
    local kind
    for kind in dynamic empty fixed; do
        echo "$1 $kind"
        "$python" "$here/foreign.py" "$1" "$kind" "$MINBLK_IO" "$MINBLK_IMG"
    done
}

# repaired LAYOUT: what is damaged in each way is as it was.
repaired() { "$python" "$here/damaged.py" "$1" "$MINBLK_IMG"; }

@test "an empty image is what Windows 8 makes" {
    like_sample windows win8.vhd 41943040
}
@test "an empty image is what Windows 8.1 makes" {
    like_sample windows win8.1-1GB.vhd 1073741824
}
@test "an empty image is what Virtual PC makes" {
    like_sample virtualpc virtualpc-dynamic.vhd 136365211648
}
@test "an empty image is what VirtualBox makes" {
    like_sample virtualbox vbox.vhd 41943040
}
@test "an empty image is what QEMU makes" {
    like_sample qemu qemu.vhd 41943040
}

@test "the rules see what is wrong" {
    "$python" "$here/test-rules.py"
}

@test "written to: Windows" { written windows; }
@test "written to: Windows, blocks of 512 KiB" { written windows-512k; }
@test "written to: Virtual PC" { written virtualpc; }
@test "written to: disk2vhd" { written disk2vhd; }
@test "written to: VirtualBox" { written virtualbox; }
@test "written to: XenServer" { written xenserver; }
@test "written to: QEMU" { written qemu; }
@test "written to: QEMU, size forced" { written qemu-forced; }

@test "damaged and repaired: Windows" { repaired windows; }
@test "damaged and repaired: Virtual PC" { repaired virtualpc; }
@test "damaged and repaired: disk2vhd" { repaired disk2vhd; }
@test "damaged and repaired: VirtualBox" { repaired virtualbox; }
@test "damaged and repaired: XenServer" { repaired xenserver; }
@test "damaged and repaired: QEMU" { repaired qemu; }

@test "damaged at random, and repaired" {
    "$python" "$here/damaged-at-random.py" 200 "$MINBLK_IO" "$MINBLK_IMG"
    # Its first repair mends what is a warning only, the second frees space.
    "$python" "$here/damaged-at-random.py" 1 "$MINBLK_IO" "$MINBLK_IMG" \
        3158146975
}

@test "orphans given up at random" {
    "$python" "$here/orphans-at-random.py" 60 "$MINBLK_IO" "$MINBLK_IMG"
    # A block of ones after the table, like what pads one; a footer within what
    # is lost, where Windows leaves that of an image.
    for seed in 1616213626 576598599; do
        "$python" "$here/orphans-at-random.py" 1 "$MINBLK_IO" "$MINBLK_IMG" \
            "$seed"
    done
}

@test "a million damaged entries" {
    "$python" "$here/many-entries.py" "$MINBLK_IMG"
}

@test "written to at random" {
    "$python" "$here/at-random.py" 60 "$MINBLK_IO" "$MINBLK_IMG"
}
