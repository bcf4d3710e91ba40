# SPDX-License-Identifier: MIT
"""Kills a program that writes to an image, again and again.

    kill.py ROUNDS CACHE ENGINE PROGRAM

PROGRAM is minblk-io, which writes without a flush to image.vhd, a disk of small
blocks that is made here, until it is killed; blocks are made all the time.
At once after it the image can be opened for writing, a sound footer ends the
file, and every sector of the disk holds what was written to it, or zeroes.
"""
import os
import random
import signal
import subprocess
import sys
import time

import vhd


SIZE = 8 << 20
BLOCK = 64 << 10
PAGE = 4096
DEPTH = 1024                    # writes in flight, at most


def make():
    footer = vhd.new_footer(SIZE, vhd.DYNAMIC)
    table = b'\xff' * (SIZE // BLOCK * 4)
    with open('image.vhd', 'wb') as image:
        image.write(footer + vhd.new_header(SIZE // BLOCK, BLOCK) + table +
                    footer)


def fill(program, cache, rng):
    """Writes until the file has grown, or many times, and a little longer."""
    process = subprocess.Popen(
        program + ['-t', cache, 'image.vhd'],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    before = os.path.getsize('image.vhd')
    deadline = time.monotonic() + 60
    until = None
    count = 0
    while until is None or time.monotonic() < until:
        count += 1
        offset = rng.randrange(SIZE // PAGE) * PAGE
        command = 'aio_write -q -P %d %d %d\n' % (pattern(offset), offset,
                                                  PAGE)
        if count % DEPTH == 0:
            # Each write in flight has a stack, and mappings are limited.
            command += 'aio_flush\n'
        os.write(process.stdin.fileno(), command.encode())
        # A disk that earlier rounds have filled does not grow.
        if until is None and (os.path.getsize('image.vhd') > before or
                              count == 2 * DEPTH):
            until = time.monotonic() + rng.uniform(0, 0.05)
        if time.monotonic() > deadline:
            break
    process.kill()
    if process.wait() != -signal.SIGKILL:
        sys.exit('it ended by itself')
    if until is None:
        sys.exit('it never wrote anything')


def pattern(offset):
    """What a page is filled with is told by its place."""
    return offset // PAGE % 255 + 1


def judge():
    with open('image.vhd', 'rb') as file:
        image = file.read()
    if not vhd.footer_sound(image[-512:]):
        sys.exit('no sound footer at the end, %d bytes' % len(image))
    for offset, data in vhd.Disk(image).extents():
        for at in range(0, len(data), vhd.SECTOR):
            sector = data[at:at + vhd.SECTOR]
            # A page may be torn between its sectors, a sector may not.
            if sector.strip(bytes([pattern(offset + at)])) and any(sector):
                sys.exit('offset %d holds something else: %s...' % (
                    offset + at, sector[:64].hex()))


def run(program, command):
    """Opens the image for writing."""
    subprocess.run(program + ['-c', command, 'image.vhd'], check=True,
                   stdout=subprocess.DEVNULL)


def main():
    rounds, cache, engine, program = int(sys.argv[1]), *sys.argv[2:]
    program = [program, '-f', 'vpc', '-i', engine]
    rng = random.Random()
    make()
    for _ in range(rounds):
        fill(program, cache, rng)
        # No wait: the locks of the killed process may live on for a moment.
        run(program, 'length')
        judge()
        # The space that was lost does no harm.
        offset = rng.randrange(SIZE // PAGE) * PAGE
        run(program, 'write -q -P %d %d %d' % (pattern(offset), offset, PAGE))
        judge()


if __name__ == '__main__':
    main()
