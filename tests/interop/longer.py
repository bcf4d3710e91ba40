# SPDX-License-Identifier: MIT
"""A dynamic image at the start of a file that is longer than it.

    longer.py amend LAYOUT MINBLK-IO MINBLK-IMG    all footers that count change
    longer.py huge LAYOUT MINBLK-IO MINBLK-IMG     the file has 3 TiB

Exit status 77: the file system has no files of that length.
"""
import os
import sys

import foreign
import layouts
import rules
import vhd

BLOCK = 65536
UUID = '00112233-4455-6677-8899-aabbccddeeff'


def read_at(offset, size):
    with open(foreign.IMAGE, 'rb') as file:
        file.seek(offset)
        return file.read(size)


def end_of_data():
    parts = rules.Parts(read_at(0, 65536))
    end = sum(parts.batmap) if parts.batmap else parts.table_end
    for _, start in parts.blocks():
        end = max(end, start + parts.bitmap_size + parts.block_size)
    return end


def footers():
    """The copy at the start, the one after the last block, the last sector."""
    length = os.path.getsize(foreign.IMAGE)
    return [read_at(at, vhd.SECTOR)
            for at in (0, end_of_data(), length - vhd.SECTOR)]


def same_footers():
    found = footers()
    if not vhd.footer_sound(found[0]) or len(set(found)) != 1:
        sys.exit('the footers differ: %s' % [f[:100].hex() for f in found])
    return found[0]


def lengthen(length):
    try:
        os.truncate(foreign.IMAGE, length)
    except OSError as why:
        print(why)
        sys.exit(77)


def write(io, block):
    offset = block * BLOCK + 1024
    foreign.run(io, '-f', 'vpc', '-c', 'write -q -P %d %d 512' % (
        block + 1, offset), foreign.IMAGE)


def read(io, *blocks):
    for block in blocks:
        offset = block * BLOCK
        foreign.run(io, '-r', '-f', 'vpc', '-c', 'read -q -P %d %d 512' % (
            block + 1, offset + 1024), '-c', 'read -q -P 0 %d 1024' % offset,
            foreign.IMAGE)


def make(layout):
    with open(foreign.IMAGE, 'wb') as file:
        file.write(layouts.Image(layout, 20 * BLOCK,
                                 block_size=BLOCK).bytes())


def amend(layout, io, img):
    for more in (0, 1 << 20):
        make(layout)
        write(io, 3)
        lengthen(os.path.getsize(foreign.IMAGE) + more)
        write(io, 5)
        before = same_footers()
        foreign.run(img, 'amend', '-f', 'vpc', '-o', 'uuid=' + UUID,
                    foreign.IMAGE)
        after = same_footers()
        if after == before or after[68:84].hex() != UUID.replace('-', ''):
            sys.exit('the id is %s' % after[68:84].hex())
        foreign.run(img, 'check', '-f', 'vpc', foreign.IMAGE)
        read(io, 3, 5)


def huge(layout, io, img):
    length = 3 << 40
    make(layout)
    write(io, 3)
    lengthen(length)
    for block in (5, 0):
        write(io, block)
        same_footers()
    if os.path.getsize(foreign.IMAGE) != length or end_of_data() > 1 << 20:
        sys.exit('the image ends at %d of %d' % (
            end_of_data(), os.path.getsize(foreign.IMAGE)))
    read(io, 0, 3, 5)
    foreign.run(img, 'check', '-f', 'vpc', foreign.IMAGE)


def main(what, name, io, img):
    {'amend': amend, 'huge': huge}[what](layouts.LAYOUTS[name], io, img)


if __name__ == '__main__':
    main(*sys.argv[1:])
