# SPDX-License-Identifier: MIT
"""Images in the layouts of other programs, damaged, and repaired by minblk-img.

    damaged.py LAYOUT MINBLK-IMG

Each damage is found, repaired by `check -r all`, and gone: the image is sound
by the rules of its layout (rules.py), reads as it did before, or as is said
here, and as QEMU reads it (where it is installed).  Images whose tail is lost,
or whose footers alone are damaged, can be read before, too.  An entry that
points nowhere stays until `--force` clears it; the exit status shows it.  Each
repair is run twice, and the second one changes no byte; what blocks held stays
in the file.
"""
import shutil
import subprocess
import sys

import foreign
import layouts
import rules
import vhd

BLOCK = 65536


class Damage:
    """An image in use, to be damaged."""

    def __init__(self, layout):
        self.layout = layout
        self.image = layouts.used(layout, block_size=BLOCK)
        self.before = self.image.bytes()
        self.parts = rules.Parts(self.before)
        self.data = bytearray(self.before)
        self.content = bytearray(self.image.reads_as())
        self.lost = []          # blocks that cannot be read

    def flip(self, offset):
        self.data[offset] ^= 0x40

    def entry(self, index, value):
        at = self.parts.table_at + 4 * index
        self.data[at:at + 4] = value.to_bytes(4, 'big')

    def lose(self, index):
        """The block cannot be read, and then, by force, reads as zeroes."""
        self.lost.append(index)
        size = len(self.content[index * BLOCK:(index + 1) * BLOCK])
        self.content[index * BLOCK:index * BLOCK + size] = bytes(size)


def head_lost(d):
    d.data[:512] = bytes(512)


def head_damaged(d):
    d.flip(100)


def tail_lost(d):
    d.data[-512:] = bytes(512)


def tail_cut(d):
    del d.data[-512:]


def tail_damaged(d):
    d.flip(len(d.data) - 400)


def checksums_stale(d):
    """As in an image that was edited by hand."""
    for offset in (64, 512 + 36, len(d.data) - 512 + 64):
        d.flip(offset)


def header_checksum(d):
    d.flip(512 + 36)


def other_tail(d):
    """The copy at the start is older."""
    head = bytearray(d.data[:512])
    vhd.put(head, vhd.FOOTER, 'timestamp', 1)
    vhd.seal(head, vhd.FOOTER)
    d.data[:512] = head


def entry_behind(d):
    d.entry(1, 0x00ffffff)
    d.lose(1)


def entry_over_header(d):
    d.entry(1, 1)
    d.lose(1)


def entry_lost(d):
    """Block 3 had data, which stays in the file."""
    d.entry(3, 0x00ffffff)
    d.lose(3)


def table_sector_lost(d):
    """All blocks have had data, or none."""
    d.data[1536:2048] = bytes(512)
    for index in range(d.image.blocks):
        d.lose(index)


def entries_alike(d):
    """Block 1 shares the place of block 3, and has a copy afterwards."""
    d.entry(1, d.image.table[3])
    d.content[BLOCK:2 * BLOCK] = d.content[3 * BLOCK:4 * BLOCK]


def batmap_untrue(d):
    """Block 5 is said to be full."""
    if d.parts.batmap:
        at, size = d.parts.batmap
        d.data[at] |= 0x04
        total = ~sum(d.data[at:at + size]) & 0xffffffff
        d.data[d.parts.table_end + 24:d.parts.table_end + 28] = \
            total.to_bytes(4, 'big')


def batmap_checksum(d):
    if d.parts.batmap:
        d.flip(d.parts.table_end + 24)


def block_lost(d):
    """No entry names it: it is an orphan, and stays one."""
    d.entry(5, vhd.UNALLOCATED)
    d.content[5 * BLOCK:6 * BLOCK] = bytes(BLOCK)


READABLE = (head_lost, head_damaged, tail_lost, tail_cut, tail_damaged,
            other_tail)
FORCED = (entry_behind, entry_over_header, entry_lost, table_sector_lost)
ORPHANS = (entry_lost, table_sector_lost, block_lost)
DAMAGES = READABLE + FORCED + (
    checksums_stale, header_checksum, entries_alike, batmap_untrue,
    batmap_checksum, block_lost)


def write(data):
    with open(foreign.IMAGE, 'wb') as file:
        file.write(data)


def stays(d, after):
    """Each block of the image before is in the file as it was."""
    size = d.parts.bitmap_size + d.parts.block_size
    for index, start in d.parts.blocks():
        if after[start:start + size] != d.data[start:start + size]:
            sys.exit('what block %d held is gone' % index)


def repair(d, img, *options, status):
    """Twice: the second time changes nothing.  What blocks held stays."""
    foreign.run(img, 'check', '-f', 'vpc', '-r', 'all', *options,
                foreign.IMAGE, status=status)
    after = foreign.read_file(foreign.IMAGE)
    stays(d, after)
    again = subprocess.run([img, 'check', '-f', 'vpc', '-r', 'all', *options,
                            foreign.IMAGE], capture_output=True, check=False)
    if again.returncode not in (0, 2, 3):
        sys.exit('a second repair: exit status %d' % again.returncode)
    if foreign.read_file(foreign.IMAGE) != after:
        sys.exit('a second repair changed the image')
    return after


def try_unforced(d, img):
    """Not a byte changes, and the blocks stay I/O errors."""
    if repair(d, img, status=2) != d.data:
        sys.exit('a repair that was not forced changed the image')
    disk = vhd.Disk(bytes(d.data))
    for index in [i for i in d.lost if i < disk.blocks]:
        try:
            disk.read_block(index)
        except vhd.Refused:
            continue
        sys.exit('block %d is not lost' % index)


def repair_all(d, damage, img):
    """The repair that makes all of it sound; returns the image."""
    if damage in FORCED:
        return repair(d, img, '--force', status=2)
    # Of two blocks that share space one does not hold its own data.
    return repair(d, img, status=2 if damage is entries_alike else
                  3 if damage in ORPHANS else 0)


def try_one(layout, damage, img):
    d = Damage(layout)
    damage(d)
    if d.data == d.before:
        return
    write(d.data)
    if damage in READABLE:
        foreign.compare('minblk-img, before,', d.content,
                        foreign.by_minblk(img))
    if damage in FORCED:
        try_unforced(d, img)
    after = repair_all(d, damage, img)
    lines = rules.problems(after)
    if lines:
        sys.exit('\n'.join(lines))
    foreign.run(img, 'check', '-f', 'vpc', foreign.IMAGE,
                status=3 if damage in ORPHANS else 0)
    foreign.compare('minblk-img', d.content, foreign.by_minblk(img))
    foreign.compare('vhd.py', d.content, foreign.by_vhd(len(d.content)))
    if shutil.which('qemu-img'):
        foreign.compare('qemu-img', d.content,
                        foreign.by_qemu(layout.creator))


def main(name, img):
    for damage in DAMAGES:
        try:
            try_one(layouts.LAYOUTS[name], damage, img)
        except SystemExit as why:
            sys.exit('%s, %s: %s' % (name, damage.__name__, why))


if __name__ == '__main__':
    main(*sys.argv[1:])
