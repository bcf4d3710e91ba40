# SPDX-License-Identifier: MIT
"""Images in the layouts of other programs, damaged at random, and repaired.

    damaged-at-random.py COUNT MINBLK-IO MINBLK-IMG

Whatever the repair makes of an image, judged by the bytes that were in the file
before: what its blocks held is still where it was, the file is not shorter, an
image that could not be repaired is as it was, the exit status says when entries
were given up, and what is called sound can be checked again and written to.
"""
import os
import random
import subprocess
import sys

import damaged
import foreign
import layouts
import vhd

SECTORS = damaged.BLOCK // vhd.SECTOR


def any_entry(rng, d):
    """A place for a block: over a structure, another block, outside ..."""
    last = len(d.data) // vhd.SECTOR
    return rng.choice((0, 1, 3, 4, last - 1, last, 0x7fffffff,
                       rng.randrange(last),
                       rng.choice(d.parts.blocks())[1] // vhd.SECTOR +
                       rng.randrange(-9, SECTORS)))


def hurt_entry(rng, d):
    d.entry(rng.randrange(d.parts.entries), max(0, any_entry(rng, d)))


def hurt_block(rng, d):
    d.entry(rng.choice(d.parts.blocks())[0], max(0, any_entry(rng, d)))


def lose_table(_, d):
    at = d.parts.table_at
    d.data[at:at + vhd.SECTOR] = bytes(vhd.SECTOR)


def hurt_batmap(rng, d):
    """Its header names another place."""
    if d.parts.batmap:
        at = d.parts.table_end + 8
        place = rng.choice((0, 512, d.parts.table_at, at - 8,
                            rng.randrange(len(d.data)),
                            rng.choice(d.parts.blocks())[1]))
        d.data[at:at + 8] = place.to_bytes(8, 'big')


def hurt_head(rng, d):
    d.data[:vhd.SECTOR] = rng.randbytes(vhd.SECTOR)


def hurt_tail(rng, d):
    d.data[-vhd.SECTOR:] = rng.choice((rng.randbytes(vhd.SECTOR),
                                       bytes(vhd.SECTOR)))


def cut(rng, d):
    first = min(start for _, start in d.parts.blocks())
    del d.data[rng.choice((-512, -4096, rng.randrange(first, len(d.data)))):]


DAMAGES = (hurt_entry, hurt_block, hurt_block, lose_table, hurt_batmap,
           hurt_head, hurt_tail, cut)


def gone(d, after):
    """The offset of a sector of a block that is not as it was, or None."""
    size = d.parts.bitmap_size + d.parts.block_size
    for _, start in d.parts.blocks():
        # Of a block that was cut off, the last whole sector.
        end = min(start + size, len(d.data) // vhd.SECTOR * vhd.SECTOR)
        for at in range(start, end, vhd.SECTOR):
            sector = d.data[at:at + vhd.SECTOR]
            # A new footer may stand where zeroes or an old footer did.
            if after[at:at + vhd.SECTOR] != sector and any(sector) and \
                    not sector.startswith(b'conectix'):
                return at
    return None


def repair(img):
    done = subprocess.run(
        [img, 'check', '-f', 'vpc', '-r', 'all', foreign.IMAGE],
        capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 2, 3):
        sys.exit('exit status %d: %s' % (done.returncode, done.stderr))
    if 'given up' in done.stdout and done.returncode != 2:
        sys.exit('exit status %d of: %s' % (done.returncode, done.stdout))
    return done.returncode


def use(io, img, status):
    """What is sound, but for lost space, is an image like any other."""
    foreign.run(img, 'check', '-f', 'vpc', foreign.IMAGE, status=status)
    foreign.run(io, '-f', 'vpc', '-c', 'write -q -P 9 5000 70000',
                '-c', 'read -q -P 9 5000 70000', foreign.IMAGE)
    foreign.run(io, '-r', '-f', 'vpc', '-c', 'read -q -P 9 5000 70000',
                foreign.IMAGE)


def try_one(seed, io, img):
    rng = random.Random(seed)
    d = damaged.Damage(rng.choice(list(layouts.LAYOUTS.values())))
    for damage in rng.choices(DAMAGES, k=rng.randrange(1, 4)):
        damage(rng, d)
    damaged.write(d.data)
    status = repair(img)
    after = foreign.read_file(foreign.IMAGE)
    if status == 1:
        if after != d.data:
            sys.exit('it could not be repaired, and is not as it was')
        return
    at = gone(d, after)
    if at is not None:
        sys.exit('what offset %d held is gone' % at)
    if status != 2:
        use(io, img, status)


def main(count, io, img):
    for _ in range(int(count)):
        seed = int.from_bytes(os.urandom(4), 'big')
        try:
            try_one(seed, io, img)
        except SystemExit as why:
            sys.exit('seed %d: %s' % (seed, why))


if __name__ == '__main__':
    main(*sys.argv[1:])
