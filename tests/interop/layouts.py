# SPDX-License-Identifier: MIT
"""Writes images in the layouts of the programs that make VHDs.

    layouts.py FOLDER [LAYOUT...]   images of each layout, dynamic and fixed,
                                    and NAME.content, what they read as
    layouts.py --empty LAYOUT SIZE FILE
                                    a dynamic image as that program makes it

Invariants:
  - An image depends on its description alone: equal input, equal bytes.
  - Each sector that is filled holds bytes of its own, so that one in the wrong
    place is seen; none of them begins as a footer does.
  - Nothing here is taken from the driver (see vhd.py).
"""
import dataclasses
import hashlib
import pathlib
import sys

import vhd

PAGE = 4096
MIB = 1 << 20
GUID = bytes.fromhex('adb719754b5b0b40b025d06dab31b26f')
RFC = bytes.fromhex('787bb12da5074d8e8f082ad2e2148e32')


@dataclasses.dataclass(frozen=True)
class Layout:
    """How one program lays its images out."""
    creator: bytes
    version: int                # 16 bits each: major, minor
    uuid: bytes = GUID          # byte 7 tells a Windows GUID's version
    system: bytes = b'Wi2k'
    padding: int = 0xff         # of the table, up to...
    pad_to: int = vhd.SECTOR    # ...the next multiple of this
    align: int = vhd.SECTOR     # of the data of blocks
    spare: int = 0              # bytes between the data and the footer
    page: bool = False          # the footer ends a page of its own
    batmap: bool = False
    partial: bool = False       # bitmaps have the bits of what was written
    max_chs: bool = False       # the geometry says nothing
    rounded: bool = False       # the size is one that CHS has
    block_size: int = 2 * MIB


LAYOUTS = {
    'windows': Layout(b'win ', 0x60003, pad_to=PAGE, align=PAGE, page=True),
    'windows-512k': Layout(b'win ', 0xa0000, pad_to=PAGE, align=PAGE,
                           page=True, block_size=MIB // 2),
    'virtualpc': Layout(b'vpc ', 0x10000, padding=0, spare=vhd.SECTOR),
    'disk2vhd': Layout(b'd2v\0', 0x10000, max_chs=True),
    'virtualbox': Layout(b'vbox', 0x40003, padding=0),
    'xenserver': Layout(b'tap\0', 0x10003, RFC, bytes(4), padding=0,
                        align=PAGE, batmap=True, partial=True),
    'qemu': Layout(b'qemu', 0x50003, RFC, rounded=True),
    'qemu-forced': Layout(b'qem2', 0x50003, RFC, max_chs=True),
}


def up(value, unit):
    return -(-value // unit) * unit


def fill(index, sector):
    """What sector @sector of the disk's block @index holds."""
    return hashlib.sha256(b'%d %d' % (index, sector)).digest() * 16


def set_bits(bitmap, first, count):
    for i in range(first, first + count):
        bitmap[i // 8] |= 0x80 >> i % 8


class Image:
    """An image being written: add() the blocks in the order of the file."""

    def __init__(self, layout, size, kind=vhd.DYNAMIC, block_size=None):
        self.layout = layout
        self.kind = kind
        self.size = vhd.rounded(size) if layout.rounded else size
        self.block_size = block_size or layout.block_size
        self.blocks = up(self.size, self.block_size) // self.block_size
        self.footer = self._footer()
        self.table = [vhd.UNALLOCATED] * self.blocks
        self.full = bytearray(up(self.blocks, 4096) // 8)
        self.content = {}               # offset of a sector: what it holds
        self.data = bytearray()         # from self.start on
        self.table_end = 1536 + up(4 * self.blocks, vhd.SECTOR)
        self.start = self.end = self._metadata_end()

    def _footer(self):
        footer = vhd.new_footer(self.size, self.kind, self.layout.creator)
        vhd.put(footer, vhd.FOOTER, 'creator_version', self.layout.version)
        footer[36:40] = self.layout.system
        footer[68:84] = self.layout.uuid
        if self.layout.max_chs:
            footer[56:60] = bytes.fromhex('ffff10ff')
        vhd.seal(footer, vhd.FOOTER)
        return footer

    def _metadata_end(self):
        end = up(self.table_end, self.layout.pad_to)
        if self.layout.batmap:
            end += vhd.SECTOR + len(self.full)
        # Its blocks begin where the footer of the empty image was.
        return end + self.layout.spare

    def add(self, index, runs=None, under=0):
        """
        The block @index, of which @runs of sectors, pairs of first and count,
        were written; what lies under clear bits is @under.
        """
        count = self.block_size // vhd.SECTOR
        bitmap = bytearray(vhd.bitmap_bytes(self.block_size))
        block = bytearray([under]) * self.block_size
        for first, length in runs or [(0, count)]:
            set_bits(bitmap, first, length)
            for i in range(first, first + length):
                block[i * vhd.SECTOR:(i + 1) * vhd.SECTOR] = fill(index, i)
                offset = index * self.block_size + i * vhd.SECTOR
                self.content[offset] = fill(index, i)
        if not self.layout.partial:
            set_bits(bitmap, 0, count)
        if all(b == 0xff for b in bitmap[:count // 8]):
            set_bits(self.full, index, 1)
        at = up(self.end + len(bitmap), self.layout.align) - len(bitmap)
        self.data += bytes(at - self.end) + bitmap + block
        self.table[index] = at // vhd.SECTOR
        self.end = at + len(bitmap) + len(block)

    def _batmap(self):
        header = bytearray(vhd.SECTOR)
        header[:8] = b'tdbatmap'
        header[8:16] = (self.table_end + vhd.SECTOR).to_bytes(8, 'big')
        header[16:20] = (len(self.full) // vhd.SECTOR).to_bytes(4, 'big')
        header[20:24] = (0x10002).to_bytes(4, 'big')
        header[24:28] = (~sum(self.full) & 0xffffffff).to_bytes(4, 'big')
        return bytes(header + self.full)

    def _dynamic(self):
        footer = bytes(self.footer)
        table = b''.join(e.to_bytes(4, 'big') for e in self.table)
        out = footer + vhd.new_header(self.blocks, self.block_size) + table
        out = out.ljust(up(self.table_end, self.layout.pad_to),
                        bytes([self.layout.padding]))
        if self.layout.batmap:
            out += self._batmap()
        out = out.ljust(self.start, b'\0') + self.data
        if self.data:
            out += bytes(self.layout.spare)
        if self.layout.page:
            out += bytes(up(len(out), PAGE) + PAGE - vhd.SECTOR - len(out))
        return out + footer

    def bytes(self):
        if self.kind == vhd.FIXED:
            return self._content(self.size) + bytes(self.footer)
        return self._dynamic()

    def _content(self, size):
        out = bytearray(size)
        for offset, sector in self.content.items():
            if offset < size:
                out[offset:offset + vhd.SECTOR] = sector
        return bytes(out)

    def reads_as(self):
        """The content, up to the size that counts for its creator."""
        return self._content(vhd.disk_size(self.footer))

    def write(self, path):
        path = pathlib.Path(path)
        path.write_bytes(self.bytes())
        path.with_name(path.name + '.content').write_bytes(self.reads_as())


def used(layout, kind=vhd.DYNAMIC, block_size=None, under=0):
    """
    A disk in use: eight blocks and a part of one, of which some are there, not
    in order, some wholly and some in part.
    """
    block_size = block_size or layout.block_size
    sectors = block_size // vhd.SECTOR
    image = Image(layout, 8 * block_size + 8192, kind, block_size)
    image.add(3)
    image.add(0, [(0, 7), (9, 1), (sectors // 2, sectors // 4)], under)
    image.add(8, [(0, 15)], under)
    image.add(5, [(3, 10), (sectors - 3, 3)], under)
    return image


def main(args):
    if args[0] == '--empty':
        layout, size, path = args[1:]
        pathlib.Path(path).write_bytes(
            Image(LAYOUTS[layout], int(size)).bytes())
        return
    folder = pathlib.Path(args[0])
    for name in args[1:] or LAYOUTS:
        layout = LAYOUTS[name]
        used(layout).write(folder / (name + '.vhd'))
        Image(layout, 4 * layout.block_size).write(
            folder / (name + '-empty.vhd'))
        used(layout, vhd.FIXED, 65536).write(folder / (name + '-fixed.vhd'))


if __name__ == '__main__':
    main(sys.argv[1:])
