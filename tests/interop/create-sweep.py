# SPDX-License-Identifier: MIT
"""Creates images of many sizes with two programs and compares the headers.

    create-sweep.py MINBLK-IMG QEMU-IMG OPTIONS [SIZE...]

Every byte of the metadata has to be the same but uuid, timestamp and checksum;
with force_size the geometry too, where ours is the disk's own.  Our dynamic
images end with a page of 4 KiB that has the footer in its last sector, others
right behind the table.  The size that both programs then report has to be the
same.
"""
import os
import random
import re
import subprocess
import sys

import vhd

MIB, GIB, TIB = 2 ** 20, 2 ** 30, 2 ** 40

SIZES = (
    # Where the geometry changes its shape, and around it.
    [0, 1, 511, 512, 513, 1000, 4095, 1000001, MIB, MIB + 1, 2 * MIB - 512,
     2 * MIB, 2 * MIB + 512, 40 * MIB, 64 * MIB, 100 * MIB + 512, GIB, 4 * GIB,
     127 * GIB, 136 * GIB, TIB, 2040 * GIB, 2040 * GIB + 1] +
    [(c * h * s + d) * 512 for c, h, s in ((1024, 4, 17), (1024, 5, 17),
                                           (1024, 16, 17), (1024, 16, 31),
                                           (65535, 16, 63), (65535, 16, 255))
     for d in (-1, 0, 1)])


def random_sizes(count):
    rng = random.Random(2006)
    return [rng.randrange(1 << rng.randrange(10, 41)) for _ in range(count)]


def metadata(name):
    """All of an image that is not guest data: [(name, layout, bytes)]."""
    size = os.path.getsize(name)
    with open(name, 'rb') as file:
        head = file.read(512)
        file.seek(size - 512)
        footer = file.read()
        if vhd.get(footer, vhd.FOOTER, 'type') == vhd.FIXED:
            return size, [('footer', vhd.FOOTER, footer)]
        file.seek(512)
        header = file.read(1024)
        table = -(-vhd.get(header, vhd.HEADER, 'entries') * 4 // 512) * 512
        return size, [('footer', vhd.FOOTER, footer),
                      ('copy of the footer', vhd.FOOTER, head),
                      ('header', vhd.HEADER, header),
                      ('table', {}, file.read(table))]


def differences(ours, theirs, forced):
    length = theirs[0]
    if ours[0] != length:
        return ['file of %d bytes, theirs %d' % (ours[0], theirs[0])]
    found = []
    skipped = {'uuid', 'timestamp', 'checksum'}
    if forced:
        skipped |= {'cylinders', 'heads', 'sectors'}
    for (what, layout, a), (_, _, b) in zip(ours[1], theirs[1]):
        if not layout and a != b:
            found.append(what)
        for name in layout:
            if vhd.get(a, layout, name) != vhd.get(b, layout, name) and \
                    not (layout is vhd.FOOTER and name in skipped):
                found.append('%s: %s is %#x, theirs %#x' % (
                    what, name, vhd.get(a, layout, name),
                    vhd.get(b, layout, name)))
        if layout and not vhd.sealed(a, layout):
            found.append('%s: checksum' % what)
    return found


def own_rules(name, size, forced):
    """What holds whatever others write."""
    footer = metadata(name)[1][0][2]
    want = -(-size // 512) * 512 if forced else vhd.rounded(size)
    if vhd.disk_size(footer) != want:
        yield 'size %d, expected %d' % (vhd.disk_size(footer), want)
    chs = vhd.geometry(want // 512)
    if not forced and vhd.chs_sectors(chs) < want // 512:
        chs = (65535, 16, 255)
    if vhd.footer_geometry(footer) != chs:
        yield 'geometry %r' % (vhd.footer_geometry(footer),)


def virtual_size(tool, name):
    text = subprocess.run([tool, 'info', '--output=json', '-f', 'vpc', name],
                          capture_output=True, check=True, text=True).stdout
    return int(re.search(r'"virtual-size": (\d+)', text).group(1))


def create(tool, name, options, size):
    return subprocess.run([tool, 'create', '-q', '-f', 'vpc', '-o', options,
                           name, str(size)], capture_output=True, text=True)


def compare(tools, options, size):
    forced = 'force_size' in options
    results = [create(tool, name, options, size)
               for tool, name in zip(tools, ('ours', 'theirs'))]
    try:
        if results[0].returncode != results[1].returncode:
            return ['%s: exit %d %s' % (tool, r.returncode, r.stderr)
                    for tool, r in zip(tools, results)]
        if results[0].returncode:
            return []
        found = differences(metadata('ours'), metadata('theirs'), forced)
        found += own_rules('ours', size, forced)
        seen = {virtual_size(tools[0], 'theirs'),
                vhd.disk_size(metadata('ours')[1][0][2])}
        if forced and not ('fixed' in options and size == 0):
            # qemu-img does not read an empty fixed disk, its own neither.
            seen.add(virtual_size(tools[1], 'ours'))
        if len(seen) > 1:
            found.append('sizes %r' % seen)
        return found
    finally:
        for name in ('ours', 'theirs'):
            if os.path.exists(name):
                os.unlink(name)


def main():
    tools, options = sys.argv[1:3], sys.argv[3]
    sizes = [int(word) for word in sys.argv[4:]] or \
        SIZES + random_sizes(10)
    failures = 0
    for size in sizes:
        for line in compare(tools, options, size):
            print('%s, %d bytes: %s' % (options, size, line))
            failures += 1
    if failures or not sizes:
        sys.exit('%d differences' % failures)


if __name__ == '__main__':
    main()
