#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz-vpc: images as programs lay them out, and what is
done with them, in the operations that fuzz-vpc.c and vpc-image.h describe.

    tests/fuzz/make-vpc-seeds.py tests/fuzz/corpus/vpc

Invariant: the same run gives the same files, one a function seed_NAME.
"""
import pathlib
import struct
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / 'interop'))
sys.dont_write_bytecode = True

import vhd  # noqa: E402

BLOCK = 64 * 1024
TABLE = 1536


class Script:
    """The operations of one input."""

    def __init__(self):
        self.out = bytearray()

    def op(self, letter, form='', *values):
        self.out += letter.encode() + struct.pack('<' + form, *values)
        return self

    def at(self, offset):
        assert offset % vhd.SECTOR == 0
        return self.op('@', 'I', offset // vhd.SECTOR)

    def data(self, buf):
        """Bytes at the cursor; zeroes at the end need not be written."""
        buf = bytes(buf)
        for i in range(0, len(buf), 255):
            part = buf[i:i + 255]
            self.op('"', 'B', len(part))
            self.out += part
        return self

    def footer(self, offset, footer):
        self.at(offset).data(footer.rstrip(b'\0'))
        return self.at(offset).op('F')

    def header(self, offset, header):
        self.at(offset).data(header.rstrip(b'\0'))
        return self.at(offset).op('H')

    def copy_of(self, offset):
        return self.op('C', 'I', offset // vhd.SECTOR)

    def fill(self, byte, size):
        return self.op('*', 'BH', byte, size // vhd.SECTOR)

    def length(self, size):
        return self.op('L', 'IH', size // vhd.SECTOR, size % vhd.SECTOR)

    def rule(self, n):
        return self.op('R', 'B', n)

    def open(self, writable=True):
        return self.op('O', 'B', writable)

    def read(self, offset, size):
        return self.op('r', 'IBH', offset // vhd.SECTOR, 0, size // 8)

    def write(self, offset, size, pattern=0x55, odd=0):
        return self.op('w', 'IBHB', offset // vhd.SECTOR, odd, size // 8,
                       pattern)

    def zero(self, offset, size, flags=0):
        return self.op('z', 'IBHB', offset // vhd.SECTOR, 0, size // 8, flags)

    def discard(self, offset, size):
        return self.op('d', 'IBH', offset // vhd.SECTOR, 0, size // 8)

    def status(self, offset, size):
        return self.op('s', 'IH', offset // vhd.SECTOR,
                       min(size // 8192, 0xffff))

    def check(self, fix=0):
        return self.op('c', 'B', fix)

    def repair(self, fix=3):
        return self.op('k', 'B', fix)

    def use(self, size):
        """A bit of everything."""
        block = min(BLOCK, size // 4)
        self.open().op('i').read(0, 4096).status(0, size)
        self.write(block + 512, 4096).write(block - 512, 1024, 1, odd=3)
        self.zero(block, 1024, 1).discard(2 * block, 512).op('f')
        self.op('p').write(0, 512, 2).write(1024, 2048, 3)
        self.write(3 * block, 512, 4).op('f').check().status(0, size)
        return self.open().read(0, 2048).open(False).read(block, 4096)


class Dynamic(Script):
    """A dynamic disk whose headers stand where most programs put them."""

    def __init__(self, size=16 * BLOCK, block_size=BLOCK, creator=b'win ',
                 kind=vhd.DYNAMIC, table=TABLE, entries=None):
        super().__init__()
        self.size = size
        self.block_size = block_size
        self.table = table
        self.entries = entries or -(-size // block_size)
        self.foot = vhd.new_footer(size, kind, creator)
        self.head = vhd.new_header(self.entries, block_size, table)
        self.end = table + -(-self.entries * 4 // vhd.SECTOR) * vhd.SECTOR
        self.used = {}

    def stride(self):
        return vhd.bitmap_bytes(self.block_size) + self.block_size

    def block(self, index, bitmap=b'\xff', byte=0x11):
        """A block at the end, its bitmap and its first 4 KiB."""
        self.at(self.end).data(bitmap)
        self.at(self.end + vhd.bitmap_bytes(self.block_size))
        self.fill(byte, min(4096, self.block_size))
        self.used[index] = self.end // vhd.SECTOR
        self.end += self.stride()
        return self

    def set_entry(self, index, value):
        self.used[index] = value
        return self

    def headers(self):
        self.footer(0, self.foot).header(512, self.head)
        size = min(self.entries * 4, 16 * 1024 * 1024)
        self.at(self.table).fill(0xff, -(-size // vhd.SECTOR) * vhd.SECTOR)
        for index, value in sorted(self.used.items()):
            sector = index * 4 // vhd.SECTOR * vhd.SECTOR
            table = bytearray(b'\xff' * vhd.SECTOR)
            for other, entry in self.used.items():
                if sector <= other * 4 < sector + vhd.SECTOR:
                    struct.pack_into('>I', table, other * 4 - sector, entry)
            last = max(i for i in self.used
                       if i * 4 < sector + vhd.SECTOR) * 4 + 4 - sector
            self.at(self.table + sector).data(table[:last])
        return self

    def finish(self):
        self.headers()
        self.at(self.end).copy_of(0)
        return self


class Fixed(Script):
    def __init__(self, size=16 * BLOCK, creator=b'win '):
        super().__init__()
        self.size = size
        self.foot = vhd.new_footer(size, vhd.FIXED, creator)

    def finish(self):
        self.at(0).fill(0x22, min(self.size, 4096))
        return self.footer(self.size, self.foot).length(self.size + 512)


def seed_dynamic_empty():
    return Dynamic().finish().use(16 * BLOCK)


def seed_dynamic_blocks():
    disk = Dynamic().block(1).block(5, b'\x01\xff\x00\xf0').block(3)
    return disk.finish().use(disk.size)


def seed_dynamic_small_blocks():
    disk = Dynamic(size=64 * 512, block_size=512).block(7, b'\x80')
    return disk.finish().use(disk.size)


def seed_dynamic_2m():
    disk = Dynamic(size=64 << 20, block_size=2 << 20).block(1, b'\xff' * 64)
    return disk.finish().use(disk.size)


def seed_dynamic_2g_blocks():
    return Dynamic(size=8 << 30, block_size=2 << 30).finish().use(8 << 30)


def seed_dynamic_127g():
    disk = Dynamic(size=127 << 30, block_size=2 << 20)
    disk.block(disk.entries - 1)
    return disk.finish().use(disk.size)


def seed_windows():
    """Data and footer at pages of 4 KiB."""
    disk = Dynamic()
    disk.end = 4096 - 512
    disk.block(2)
    disk.end = -(-disk.end // 4096) * 4096 + 4096 - 512
    return disk.finish().use(disk.size)


def seed_virtual_pc():
    """Its size is the geometry, and sectors are free before the footer."""
    disk = Dynamic(size=vhd.rounded(20 << 20), creator=b'vpc ').block(0)
    disk.end += 3 * 512
    return disk.finish().use(disk.size)


def seed_qemu_chs():
    disk = Dynamic(size=100 * 1000 * 512, creator=b'qemu')
    return disk.rule(1).finish().use(disk.size)


def seed_table_behind():
    return Dynamic(table=64 * 512).finish().use(16 * BLOCK)


def seed_more_entries():
    return Dynamic(entries=1000).block(2).finish().use(16 * BLOCK)


def seed_xenserver():
    disk = Dynamic(creator=b'tap\0')
    batmap = b'tdbatmap' + struct.pack('>QIII', disk.end + 512, 1, 0x10002,
                                       0xffffffff)
    disk.at(disk.end).data(batmap)
    disk.end += 1024
    return disk.block(1).finish().use(disk.size)


def seed_stale_space():
    disk = Dynamic().block(1).finish().op('S')
    return disk.use(16 * BLOCK)


def seed_fixed():
    return Fixed().finish().use(16 * BLOCK)


def seed_fixed_large():
    return Fixed(2040 << 30).finish().use(2040 << 30)


def seed_fixed_empty():
    return Fixed(0).finish().open().read(0, 512)


def seed_fixed_511():
    disk = Fixed().finish().length(16 * BLOCK + 511)
    return disk.open().op('i').read(0, 4096).write(512, 1024)


def seed_fixed_short():
    disk = Fixed()
    return disk.footer(8 * BLOCK, disk.foot).open()


def seed_fixed_with_guest_vhd():
    """What the guest wrote at its beginning looks like a dynamic disk."""
    disk = Fixed().footer(0, vhd.new_footer(1 << 20, vhd.DYNAMIC))
    disk.header(512, vhd.new_header(16, BLOCK))
    disk.footer(16 * BLOCK, vhd.new_footer(16 * BLOCK, vhd.FIXED))
    return disk.use(16 * BLOCK)


def seed_differencing():
    return Dynamic(kind=vhd.DIFFERENCING).block(1).finish().open().check()


def seed_saved_state():
    disk = Dynamic()
    disk.foot[84] = 1
    return disk.block(1).finish().use(disk.size)


def seed_head_lost():
    return Dynamic().block(1).finish().at(0).fill(0, 512).use(16 * BLOCK)


def seed_tail_lost():
    return Dynamic().block(1).headers().length(200 * 512).use(16 * BLOCK)


def seed_footers_differ():
    disk = Dynamic().block(1).finish()
    disk.footer(0, vhd.new_footer(disk.size, vhd.DYNAMIC, b'vbox'))
    return disk.use(disk.size)


def seed_misplaced_entries():
    disk = Dynamic().block(1)
    for index, value in enumerate((0, 1, 3, 0x7fffffff, 0xfffffffe)):
        disk.set_entry(index + 2, value)
    return disk.finish().use(disk.size)


def seed_overlapping_entries():
    disk = Dynamic().block(1).block(2).block(3)
    disk.set_entry(7, disk.used[1] + 1).set_entry(8, disk.used[3])
    return disk.finish().use(disk.size)


def seed_table_past_end():
    disk = Dynamic(table=1 << 20)
    disk.footer(0, disk.foot).header(512, disk.head).at(3584)
    return disk.copy_of(0).use(disk.size)


def seed_table_of_holes():
    """Entries of zero, as far as a sparse file goes."""
    disk = Dynamic(size=1 << 30, block_size=4096)
    disk.footer(0, disk.foot).header(512, disk.head).at(disk.end)
    return disk.copy_of(0).open().check().read(0, 512)


def seed_odd_sizes():
    disk = Script().footer(0, vhd.new_footer(1000, vhd.DYNAMIC))
    disk.header(512, vhd.new_header(1, BLOCK)).at(2048).copy_of(0).open()
    disk.footer(0, vhd.new_footer(1 << 62, vhd.DYNAMIC)).at(2048)
    return disk.copy_of(0).rule(2).open()


def seed_no_footer():
    return Script().length(4096).open().rule(1).open()


def seed_parallel():
    disk = Dynamic().block(1, b'\x0f').finish().open().op('p')
    for i in range(12):
        disk.write(i * BLOCK // 3, 1024, i)
    disk.op('f').zero(0, 4 * BLOCK).write(BLOCK, 4096, 7, odd=9).op('f')
    return disk.check()


def seed_repair_ends():
    disk = Dynamic().block(1).finish().at(0).fill(0, 512).repair()
    disk.at(disk.end).data(b'conec').repair(2)
    disk.at(512).data(disk.head[:36] + b'\1\2')
    return disk.repair().use(disk.size)


def seed_repair_tail_lost():
    disk = Dynamic().block(1).headers().length(100 * 512).repair(0).repair()
    return disk.use(disk.size)


def seed_repair_entries():
    disk = Dynamic().block(1).block(2).block(3)
    for index, value in enumerate((0, 2, 0x7fffffff, disk.used[1] + 1)):
        disk.set_entry(index + 5, value)
    disk.set_entry(9, disk.used[3]).set_entry(10, disk.end // 512 - 3)
    return disk.finish().repair(1).repair().use(disk.size)


def seed_repair_lost_space():
    disk = Dynamic().block(1).block(2).block(3).block(4)
    del disk.used[2], disk.used[4]
    return disk.finish().repair(1).use(disk.size)


def seed_repair_xenserver():
    disk = Dynamic(creator=b'tap\0')
    batmap = b'tdbatmap' + struct.pack('>QIII', disk.end + 512, 1, 0x10002, 5)
    disk.at(disk.end).data(batmap).at(disk.end + 512).data(b'\xff\x0f')
    disk.end += 1024
    return disk.block(1, b'\xf0').finish().repair().use(disk.size)


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, make in sorted(globals().items()):
        if name.startswith('seed_'):
            path = folder / name[len('seed_'):].replace('_', '-')
            path.write_bytes(make().out)


if __name__ == '__main__':
    main()
