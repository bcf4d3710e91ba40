# SPDX-License-Identifier: MIT
"""Sound images with lost space at random, and what repairs make of them.

    orphans-at-random.py COUNT MINBLK-IO MINBLK-IMG [SEED]

Between blocks lie orphans (whole blocks that no entry names), holes, old
footers, and other bytes, of which nothing says what they are.  Whether
`check -r leaks`, `-r all` or `-r all --force` was asked for,

  - blocks, headers and the other bytes stay where they are; orphans do, too,
    but for -r leaks;
  - a dry run has the exit status of a check, a second run that of the first,
    and neither changes anything;
  - the image is written to without a word afterwards, and has no corruption.
"""
import random
import subprocess
import sys

import foreign
import vhd

SECTOR = vhd.SECTOR
OTHER = b'other bytes, which no entry names; ' * 10


class Image:
    def __init__(self, rng):
        self.size = rng.choice((4096, 16384, 65536))
        self.bitmap = vhd.bitmap_bytes(self.size)
        count = rng.randrange(1, 14)
        creator = rng.choice((b'win ', b'qem2', b'vbox', b'tap\0'))
        self.footer = vhd.new_footer(count * self.size, vhd.DYNAMIC, creator)
        self.data = self.footer + vhd.new_header(count, self.size) + \
            b'\xff' * SECTOR
        self.kept, self.orphans = [(0, bytes(self.data[:1536]))], []
        self.align = rng.choice((SECTOR, 4096))
        self.footers = rng.random()
        for index in rng.sample(range(count), count):
            self.gap(rng)
            if rng.random() < 0.8:
                self.block(rng, index)
        if rng.random() < 0.3:
            self.gap(rng)
        self.data += self.footer

    def gap(self, rng):
        if rng.random() < self.footers:
            self.data += self.footer
        if rng.random() < 0.5:
            self.data += bytes(rng.randrange(3 * self.size // SECTOR) * SECTOR)
        if rng.random() < 0.2:
            self.kept.append((len(self.data), OTHER))
            self.data += OTHER.ljust(SECTOR, b'\0')
            self.data += bytes(rng.randrange(2 * self.size // SECTOR) * SECTOR)

    def block(self, rng, index):
        bits = 0
        data = b''
        kind = rng.choice(('full', 'some', 'ones', 'zeroes'))
        for _ in range(self.size // SECTOR):
            present = kind != 'some' or rng.random() < 0.5
            bits = bits << 1 | present
            data += b'\xff' * SECTOR if kind == 'ones' else \
                rng.randbytes(SECTOR) if present and kind != 'zeroes' else \
                bytes(SECTOR)
        self.data += bytes(-(len(self.data) + self.bitmap) % self.align)
        at = len(self.data)
        self.data += bits.to_bytes(self.size // SECTOR // 8, 'big').ljust(
            self.bitmap, rng.choice((b'\0', b'\xff'))) + data
        if rng.random() < 0.4:
            # Of one without data only the bitmap is more than zeroes.
            self.orphans += [(at + self.bitmap, data)]
            return
        self.kept.append((at, bytes(self.data[at:])))
        self.data[1536 + 4 * index:1540 + 4 * index] = \
            (at // SECTOR).to_bytes(4, 'big')
        self.kept[0] = (0, bytes(self.data[:1536 + SECTOR]))


def check(img, *options):
    done = subprocess.run([img, 'check', '-f', 'vpc', *options, foreign.IMAGE],
                          capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit('exit status %d of %s: %s%s' % (
            done.returncode, options, done.stdout, done.stderr))
    return done.returncode, foreign.read_file(foreign.IMAGE)


def stays(ranges, after, options):
    for at, data in ranges:
        if after[at:at + len(data)].ljust(len(data), b'\0') != data:
            sys.exit('%s: what offset %d held is gone' % (options, at))


def try_one(seed, io, img):
    """Returns how many orphans were given up."""
    freed = 0
    image = Image(random.Random(seed))
    data = bytes(image.data)
    for options in ('-r', 'leaks'), ('-r', 'all'), ('-r', 'all', '--force'):
        with open(foreign.IMAGE, 'wb') as file:
            file.write(data)
        if check(img) != check(img, *options, '--dry-run') or \
                check(img)[1] != data:
            sys.exit('%s: the dry run is not a check' % (options,))
        first = check(img, *options)
        stays(image.kept, first[1], options)
        if 'all' in options:
            stays(image.orphans, first[1], options)
        else:
            freed = sum(any(data) and not any(first[1][at:at + len(data)])
                        for at, data in image.orphans)
        if check(img, *options) != first:
            sys.exit('%s: a second run does more' % (options,))
        done = subprocess.run([io, '-f', 'vpc', '-c', 'write -q -P 5 0 512',
                               foreign.IMAGE], capture_output=True, text=True,
                              check=False)
        if done.returncode or done.stdout or done.stderr:
            sys.exit('%s: %s%s' % (options, done.stdout, done.stderr))
        check(img)
    return freed


def main(count, io, img, seed=None):
    freed = foreign.try_seeds(foreign.random_seeds(count, seed),
                              lambda seed: try_one(seed, io, img))
    if not any(freed) and not seed:
        sys.exit('no orphan was given up')


if __name__ == '__main__':
    main(*sys.argv[1:])
