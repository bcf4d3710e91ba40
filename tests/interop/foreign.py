# SPDX-License-Identifier: MIT
"""Images in the layouts of other programs, written to by minblk-io.

    foreign.py LAYOUT dynamic|fixed|empty MINBLK-IO MINBLK-IMG

Afterwards they read the same with minblk-img, by vhd.py, with qemu-img and in
libvhdi (the last two where they are installed), and are sound by the rules of
their layout (rules.py).

QEMU takes no notice of sector bitmaps (S4), and libvhdi takes the sectors after
a set bit in the same byte for set (LIBVHDI-1).  Both read rightly all the same,
since what lies under a clear bit is zero in what programs write; images where
it is not are left out here, and are in harness/test-layouts.py.
"""
import os
import shutil
import subprocess
import sys

import layouts
import rules
import vhd

IMAGE, RAW = 'image.vhd', 'out.raw'
PIECE = 65536


def commands(block, size):
    """(verb, offset, bytes, pattern) of what is done to the disk."""
    sector = vhd.SECTOR
    return [
        # New blocks: a sector, bytes, across two blocks, a whole one.
        ('write', block + 5 * sector, sector, 0x61),
        ('write', 2 * block + 1000, 3000, 0x62),
        ('write', 2 * block - 700, 1400, 0x63),
        ('write', 4 * block, block, 0x64),
        # Blocks that are there: in full ones, over clear bits, the rest.
        ('write', 3 * block + 8 * sector, 4096, 0x65),
        ('write', 5 * block + 11 * sector, 3 * sector, 0x66),
        ('write', 0, block, 0x67),
        # Zeroes: where nothing is, in parts of blocks, all of a block.
        ('write -z', 6 * block, block, 0),
        ('write -z', 3 * block + 2 * sector, 3 * sector, 0),
        ('write -z', 5 * block + 100, 1000, 0),
        ('write -z -u', 4 * block, block, 0),
        # The space of a block that is gone is used again.
        ('write', 7 * block + 4096, 4096, 0x68),
        ('discard', 3 * block + 64 * sector, 8192, None),
        ('discard', 2 * block, block, None),
        ('write', 6 * block, 10 * sector, 0x69),
        ('write', size - sector, sector, 0x6a),
    ]


def run(*args, status=0):
    done = subprocess.run(args, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != status or 'failed' in done.stdout:
        sys.exit('%s\nfailed: %s' % (' '.join(args), done.stdout))


def write_to(program, disk, todo):
    """Does it; returns what the disk may read as, and where either may be."""
    args = [program, '-f', 'vpc']
    content, either = bytearray(disk), []
    for verb, offset, size, pattern in todo:
        verb += ' -q' if verb.startswith('write') else ''
        verb += ' -P %d' % pattern if pattern else ''
        args += ['-c', '%s %d %d' % (verb, offset, size)]
        if pattern is None:
            either.append((offset, content[offset:offset + size]))
        else:
            content[offset:offset + size] = bytes([pattern]) * size
    run(*args, '-c', 'flush', IMAGE)
    return content, either


def random_seeds(count, seed=None):
    """@count random numbers, or @seed that often."""
    return [int(seed or int.from_bytes(os.urandom(4), 'big'))
            for _ in range(int(count))]


def try_seeds(seeds, function):
    """What @function returns for each; the exit names the one that failed."""
    results = []
    for seed in seeds:
        try:
            results.append(function(seed))
        except SystemExit as why:
            sys.exit('seed %d: %s' % (seed, why))
    return results


def settle(content, either, read):
    """What was discarded is as it was or zero, sector by sector."""
    for offset, old in either:
        for at in range(0, len(old), vhd.SECTOR):
            new = read[offset + at:offset + at + vhd.SECTOR]
            if new not in (old[at:at + vhd.SECTOR], bytes(vhd.SECTOR)):
                # Something was written there since.
                continue
            content[offset + at:offset + at + vhd.SECTOR] = new


def read_file(name):
    with open(name, 'rb') as file:
        return file.read()


def by_vhd(size):
    out = bytearray(size)
    for offset, piece in vhd.Disk(read_file(IMAGE)).extents():
        out[offset:offset + len(piece)] = piece
    return out


def by_minblk(program):
    run(program, 'convert', '-f', 'vpc', '-O', 'raw', IMAGE, RAW)
    return read_file(RAW)


def by_qemu(creator):
    # Other creators' geometry is not their size.
    rule = 'chs' if creator in (b'vpc ', b'qemu') else 'current_size'
    run('qemu-img', 'convert', '-O', 'raw', '--image-opts',
        'driver=vpc,file.filename=%s,force_size_calc=%s' % (IMAGE, rule), RAW)
    return read_file(RAW)


def by_libvhdi(size):
    import pyvhdi
    file = pyvhdi.file()
    file.open(IMAGE)
    # A read across many blocks may get zeroes behind a run of clear bits.
    data = [file.read_buffer_at_offset(min(PIECE, size - at), at)
            for at in range(0, size, PIECE)]
    file.close()
    return b''.join(data)


def compare(name, content, read):
    if len(content) != len(read):
        sys.exit('%s reads %d bytes, not %d' % (name, len(read),
                                                len(content)))
    if content != read:
        at = next(i for i in range(len(read)) if content[i] != read[i])
        sys.exit('%s reads 0x%02x at %d, not 0x%02x' % (
            name, read[at], at, content[at]))


def make(layout, kind):
    if kind == 'empty':
        return layouts.Image(layout, 8 * layout.block_size + 8192)
    return layouts.used(layout, vhd.FIXED if kind == 'fixed' else vhd.DYNAMIC)


def judge(before, after, kind):
    if kind == 'fixed':
        if len(before) != len(after) or before[-512:] != after[-512:]:
            sys.exit('the footer of a fixed disk has changed')
        return
    lines = rules.problems(after) + rules.damages(before, after)
    if lines:
        sys.exit('\n'.join(lines[:20]))


def main(name, kind, io, img):
    layout = layouts.LAYOUTS[name]
    image = make(layout, kind)
    image.write(IMAGE)
    disk = image.reads_as()
    compare('minblk-img', disk, by_minblk(img))
    content, either = write_to(io, disk, commands(layout.block_size,
                                                  len(disk)))
    read = by_minblk(img)
    settle(content, either, read)
    compare('minblk-img', content, read)
    judge(image.bytes(), read_file(IMAGE), kind)
    run(img, 'check', '-q', '-f', 'vpc', IMAGE)
    compare('vhd.py', content, by_vhd(len(content)))
    if shutil.which('qemu-img'):
        compare('qemu-img', content, by_qemu(layout.creator))
    try:
        compare('libvhdi', content, by_libvhdi(len(content)))
    except ImportError:
        pass


if __name__ == '__main__':
    main(*sys.argv[1:])
