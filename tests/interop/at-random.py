# SPDX-License-Identifier: MIT
"""Images in the layouts of other programs under random writes.

    at-random.py COUNT MINBLK-IO MINBLK-IMG

Writes, zeroes, discards and flushes of any alignment, in several sessions each,
which change the cache mode with what they wrote still in memory and read some
of it back from buffers of any alignment; then minblk-img, vhd.py, qemu-img and
libvhdi read the same, rules.py finds nothing wrong, and neither does the check:
no block, old footer or padding that was left is taken for lost space.
"""
import os
import random
import shutil
import sys

import foreign
import layouts
import rules

BLOCK = 65536


def modes():
    """Those that the file system has."""
    try:
        os.close(os.open(foreign.IMAGE, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        return ['writeback', 'writethrough']
    return ['none', 'none', 'writeback', 'writethrough', 'directsync']


def read_some(rng, content):
    """Reads what is the same byte in a row, at one place or another."""
    offset = rng.randrange(len(content))
    offset -= offset % rng.choice((1, 512, BLOCK))
    data = content[offset:offset + rng.choice((512, 5000, 3 * BLOCK))]
    size = len(data) - len(data.lstrip(data[:1]))
    return 'read -q -P %d %d %d' % (data[0], offset, size)


def commands(rng, content):
    """Some of minblk-io's; does to @content what they do."""
    out = []
    for _ in range(rng.randrange(1, 14)):
        offset = rng.randrange(len(content))
        offset -= offset % rng.choice((1, 512, BLOCK))
        size = min(len(content) - offset, rng.choice(
            (1, 512, 700, 4096, BLOCK, BLOCK + 1000, 3 * BLOCK)))
        verb = rng.choice(('write -P 65', 'write -P 66', 'write -z',
                           'write -z -u', 'discard', 'flush', 'reopen'))
        if verb == 'flush':
            out.append(verb)
            continue
        if verb == 'reopen':
            out.append('reopen -c ' + rng.choice(modes()))
            out += [read_some(rng, content) for _ in range(4)]
            continue
        out.append('%s -q %d %d' % (verb, offset, size))
        if verb == 'discard':
            # It may keep what was there; that is not wanted here.
            out.append('write -z -q %d %d' % (offset, size))
        byte = int(verb[9:]) if 'P' in verb else 0
        content[offset:offset + size] = bytes([byte]) * size
    return out


def try_one(seed, io, img):
    rng = random.Random(seed)
    layout = rng.choice(list(layouts.LAYOUTS.values()))
    image = layouts.used(layout, block_size=BLOCK) if rng.randrange(3) else \
        layouts.Image(layout, 20 * BLOCK, block_size=BLOCK)
    image.write(foreign.IMAGE)
    content = bytearray(image.reads_as())
    for _ in range(rng.randrange(1, 4)):
        args = [w for c in commands(rng, content) for w in ('-c', c)]
        foreign.run(io, '-f', 'vpc', *rng.choice(((), ('-m',))),
                    '-t', rng.choice(modes()), *args, foreign.IMAGE)
    foreign.compare('minblk-img', content, foreign.by_minblk(img))
    foreign.compare('vhd.py', content, foreign.by_vhd(len(content)))
    if shutil.which('qemu-img'):
        foreign.compare('qemu-img', content,
                        foreign.by_qemu(layout.creator))
    try:
        foreign.compare('libvhdi', content, foreign.by_libvhdi(len(content)))
    except ImportError:
        pass
    lines = rules.problems(foreign.read_file(foreign.IMAGE))
    if lines:
        sys.exit('\n'.join(lines))
    foreign.run(img, 'check', '-f', 'vpc', foreign.IMAGE)


def main(count, io, img):
    foreign.try_seeds(range(int(count)), lambda seed: try_one(seed, io, img))


if __name__ == '__main__':
    main(*sys.argv[1:])
