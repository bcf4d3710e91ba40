# SPDX-License-Identifier: MIT
"""Random writes, the same for every program.

    writes.py SEED SIZE COUNT         prints commands for qemu-io or minblk-io
    writes.py SEED SIZE COUNT FILE    does the same to a raw file of SIZE bytes

They are of all alignments that a disk has, they cross blocks, overlap each
other, and some touch the first and the last bytes of the disk.
"""
import os
import random
import sys


def writes(seed, size, count):
    rng = random.Random(seed)
    for i in range(count):
        length = min(size, rng.choice((512, 1536, 4096, 65536, 300032)))
        near = rng.choice((0, size, rng.randrange(size),
                           rng.randrange(size) >> 21 << 21))
        offset = min(max(near - rng.choice((0, 512, length // 2)), 0),
                     size - length) // 512 * 512
        # A pattern that is never zero, and another one each time.
        yield offset, length // 512 * 512, i % 255 + 1


def main():
    seed, size, count = (int(word) for word in sys.argv[1:4])
    if len(sys.argv) == 4:
        for offset, length, pattern in writes(seed, size, count):
            print('write -q -P %d %d %d' % (pattern, offset, length))
        print('flush')
        return
    with open(sys.argv[4], 'wb') as raw:
        os.truncate(raw.fileno(), size)
        for offset, length, pattern in writes(seed, size, count):
            os.pwrite(raw.fileno(), bytes([pattern]) * length, offset)


if __name__ == '__main__':
    main()
