#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The harness finds the known defects of QEMU 5.0's VHD driver.

  test-defects.py HARNESS

HARNESS is the program with the drivers of vpc-defects.c linked in, which carry
these defects and are named by the same numbers.  Prints TAP.
"""
import pathlib
import re
import shlex
import sys
import tempfile

from verdict import failures, report, run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       'interop'))
import vhd  # noqa: E402

READER = shlex.quote(str(pathlib.Path(__file__).with_name('read-vhd.py')))

BLOCK = 64 << 10
SECTORS = BLOCK // vhd.SECTOR

# What it is, driver, suite, operations, options, the property that does not
# hold, and what is said of it.
DEFECTS = [
    ('S1: a block whose allocation failed is lost', 'vpc-defects', 'failure',
     6, [], r'a write fails once', r'# .*byte \d+ is'),
    ('S8: old bytes show after a power cut', 'vpc-defects', 'crash', 6, [],
     r'old bytes past its end', r'0xa5, not 0x00'),
    ('S10: the table takes what the header says', 'vpc-defects', 'hostile', 1,
     [], r'words of the head', r'the word at 540 .* of memory'),
    ('S14: a type that the headers do not fit', 'vpc-defects', 'hostile', 1,
     [], r'sectors lost', r'sector 0 is all 0x00.*signal 8'),
    ('S14: a fixed image that says it is dynamic', 'vpc-defects', 'hostile', 1,
     ['-o', 'subformat=fixed'], r'words of the head',
     r'the word at \d+ is .*signal 8'),
    ('S15: a lost head', 'vpc-defects', 'damage', 1, [],
     r'head or tail are lost', r'sector 0 is zero'),
    ('S17: a fixed image is too short', 'vpc-defects', 'damage', 1,
     ['-o', 'subformat=fixed'], r'a part of the file is missing',
     r'before the last sector: .*does not open any more'),
    ('S29: the footer is there before the table', 'vpc-defects',
     'create-crash', 300, [], r'over an old image',
     r'after a power cut .*said to be zero, but byte \d+ is 0x77'),
    ('S21: an entry over the headers', 'vpc-defects', 'damage', 1, [],
     r'the table names wrong places', r'the entry at 154\d is 0x0'),
]

# As above, with the images of write_images().
IMAGE_DEFECTS = [
    ('S4: bitmaps are ignored', 'vpc-defects', 'read', 30,
     r'partial\.vhd holds what it should', r'is 0xaa, not 0x00'),
    ('S5: a write makes all of its block valid', 'vpc-defects-s5', 'read', 30,
     r'partial\.vhd keeps what is not written', r'is 0xaa, not 0x00'),
    ('S4: another reader heeds the bitmaps', 'vpc-defects', 'turns', 8,
     r'another reader reads the same: partial\.vhd', r'is 0xaa, not 0x00'),
    ('S5: a write shows old bytes to another reader', 'vpc-defects', 'turns',
     8, r'and nothing else: partial\.vhd',
     r'the other reader: byte \d+ is 0xaa, not 0x00'),
    ('S18: a geometry larger than the file', 'vpc-defects', 'damage', 1,
     r'others have made: geometry\.vhd', r'does not open any more'),
    ('S19: an unknown creator and no geometry', 'vpc-defects', 'read', 1,
     r'creator\.vhd holds what it should', r'is 0 bytes long'),
    ('S20: a checksum of the header', 'vpc-defects', 'read', 1,
     r'header\.vhd holds what it should', r'byte \d+ is'),
    ('S23: the table lies in a block', 'vpc-defects', 'damage', 1,
     r'others have made: table\.vhd', r'does not open any more'),
]

# What must hold in spite of them: driver, suite, options.
SOUND = [
    ('vpc-defects', 'model', []),
    ('vpc-defects', 'model', ['-o', 'subformat=fixed']),
    ('vpc-defects', 'graph', []),
    ('vpc-defects', 'create', []),
]


def write_image(path, blocks):
    """
    A dynamic disk of 8 blocks; @blocks are (index, first and last valid sector,
    byte).  All data bytes of a block are that byte; NAME.content has it only
    where it is valid.
    """
    footer = vhd.new_footer(8 * BLOCK, vhd.DYNAMIC)
    table = [vhd.UNALLOCATED] * 128
    image = bytearray(footer + vhd.new_header(8, BLOCK) + bytes(512))
    content = bytearray(8 * BLOCK)
    for index, first, last, byte in blocks:
        table[index] = len(image) // vhd.SECTOR
        bitmap = bytearray(vhd.bitmap_bytes(BLOCK))
        for i in range(first, last + 1):
            bitmap[i // 8] |= 0x80 >> i % 8
        image += bitmap + bytes([byte]) * BLOCK
        start = index * BLOCK + first * vhd.SECTOR
        end = index * BLOCK + (last + 1) * vhd.SECTOR
        content[start:end] = bytes([byte]) * (end - start)
    image[1536:2048] = b''.join(e.to_bytes(4, 'big') for e in table)
    path.write_bytes(image + footer)
    path.with_name(path.name + '.content').write_bytes(content)


def write_foreign(folder):
    """
    Images that are not to be written to as S18 to S23 would do: the names say
    what is wrong.  None says what it holds but those that have to open, and the
    one that cannot be opened without harm.
    """
    data = bytes([0x44]) * BLOCK
    for name, creator, geometry in (('geometry', b'vpc ', (100, 4, 17)),
                                    ('creator', b'none', (0, 0, 0))):
        footer = bytearray(vhd.new_footer(BLOCK, vhd.FIXED))
        footer[28:32] = creator
        for field, value in zip(('cylinders', 'heads', 'sectors'), geometry):
            vhd.put(footer, vhd.FOOTER, field, value)
        vhd.seal(footer, vhd.FOOTER)
        (folder / f'{name}.vhd').write_bytes(data + footer)
    (folder / 'creator.vhd.content').write_bytes(data)
    path = folder / 'header.vhd'
    write_image(path, [(1, 0, SECTORS - 1, 0x55), (2, 0, SECTORS - 1, 0x66)])
    image = bytearray(path.read_bytes())
    image[512 + 32:512 + 36] = (BLOCK // 2).to_bytes(4, 'big')
    image[512 + 28:512 + 32] = (16).to_bytes(4, 'big')
    path.write_bytes(image)
    # Its second sector is the table.
    path = folder / 'table.vhd'
    write_image(path, [(0, 0, SECTORS - 1, 0x77)])
    image = bytearray(path.read_bytes())
    header = image[512:1536]
    vhd.put(header, vhd.HEADER, 'table_offset', 2048 + 2 * vhd.SECTOR)
    vhd.seal(header, vhd.HEADER)
    image[512:1536] = header
    image[2048 + 1024:2048 + 1536] = image[1536:2048]
    path.write_bytes(image)
    path.with_name(path.name + '.content').unlink()


def write_images(folder):
    write_foreign(folder)
    whole = (0, SECTORS - 1)
    write_image(folder / 'full.vhd', [(3, *whole, 0x11), (0, *whole, 0x22)])
    write_image(folder / 'partial.vhd',
                [(1, 8, 23, 0xaa), (2, *whole, 0x33), (6, 1, 100, 0xaa)])


def find_defect(harness, driver, suite, ops, options, wanted, told):
    """What is wrong with the harness's verdict, or None; and its output."""
    status, lines = run(harness, driver, suite, ops, *options)
    found = [c for name, c in failures(lines) if re.search(wanted, name)]
    if status != 1:
        return f'the harness exits with {status}', lines
    if not found:
        return 'the property is not said to be broken', lines
    if not any(re.search(told, line) for line in found[0]):
        return 'it is broken in another way', lines
    return None, lines


def finds_nothing(harness, driver, suite, options):
    status, lines = run(harness, driver, suite, 12, *options)
    return f'the harness exits with {status}' if status else None, lines


def full_images_hold(harness, images):
    """Images with full bitmaps are none of the defects' business."""
    _, lines = run(harness, 'vpc-defects', 'read', 30, *images)
    broken = [name for name, _ in failures(lines) if 'full.vhd' in name]
    return broken[0] if broken else None, lines


def vpc_finds_nothing(harness, images):
    """Ours refuses, with a reason, what it cannot read as it should be."""
    status, lines = run(harness, 'vpc', 'read', 30, '--only', 'damage', *images)
    if status == 2 and 'names no driver' in lines[0]:
        return None, lines
    broken = [name for name, _ in failures(lines)]
    skipped = any(re.match(r'ok .*table\.vhd reads.* # SKIP a part', line)
                  for line in lines)
    good = broken == ['read: header.vhd opens'] and skipped
    return None if good else f'broken: {broken}', lines


def flushes_are_told(harness):
    """S6 and S7, which are numbers to look at."""
    _, lines = run(harness, 'vpc-defects', 'crash', 1)
    wanted = [r'# flushes per allocating write: 4\.00',
              r'# flushes per overwriting write: 0\.0\d at one place, '
              r'(1\.00|0\.9\d) in two clusters in turn']
    missing = [w for w in wanted if not any(re.match(w, l) for l in lines)]
    return f'missing: {missing[0]}' if missing else None, lines


def main(harness):
    with tempfile.TemporaryDirectory() as name:
        images = ['--image', name, '--reader', READER]
        write_images(pathlib.Path(name))
        tests = [(what, lambda d=rest: find_defect(harness, *d))
                 for what, *rest in DEFECTS]
        tests += [(what, lambda d=(driver, suite, ops, images, *rest):
                   find_defect(harness, *d))
                  for what, driver, suite, ops, *rest in IMAGE_DEFECTS]
        tests += [(' '.join([f'{driver}: {suite}', *options, 'finds nothing']),
                   lambda d=(driver, suite, options):
                   finds_nothing(harness, *d))
                  for driver, suite, options in SOUND]
        tests += [('vpc: read, damage finds nothing',
                   lambda: vpc_finds_nothing(harness, images)),
                  ('images with full bitmaps hold',
                   lambda: full_images_hold(harness, images)),
                  ('S6, S7: the flushes of writes are told',
                   lambda: flushes_are_told(harness))]
        return report(tests)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
