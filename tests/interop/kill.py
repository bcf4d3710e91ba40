# SPDX-License-Identifier: MIT
"""Kills a program that writes to an image, again and again.

    kill.py ROUNDS SIZE CACHE PROGRAM

PROGRAM is minblk-io, which writes without a flush to image.vhd until it is
killed; blocks are made all the time.  After each round a sound footer ends the
file, and every sector of the disk holds what was written to it, or zeroes.
"""
import os
import random
import signal
import subprocess
import sys
import time

import vhd


def fill(program, size, cache, rng):
    """Writes, until it is killed after a random time."""
    process = subprocess.Popen(
        [program, '-f', 'vpc', '-t', cache, 'image.vhd'],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    until = time.monotonic() + rng.uniform(0, 0.15)
    written = 0
    # The pipe holds more commands than are done when the time is over.
    while time.monotonic() < until or not written:
        offset = rng.randrange(size // 4096) * 4096
        # The pattern of a sector is told by its place.
        command = 'aio_write -q -P %d %d 4096\n' % (pattern(offset), offset)
        try:
            os.write(process.stdin.fileno(), command.encode())
        except BrokenPipeError:
            sys.exit('it ended by itself')
        written += 1
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        sys.exit('it ended by itself')


def pattern(offset):
    return offset // 4096 % 255 + 1


def judge(name):
    with open(name, 'rb') as file:
        image = file.read()
    if not vhd.footer_sound(image[-512:]):
        sys.exit('no sound footer at the end, %d bytes' % len(image))
    for offset, data in vhd.Disk(image).extents():
        for at in range(0, len(data), 4096):
            page = data[at:at + 4096]
            if page.count(0) != len(page) and \
                    page.count(pattern(offset + at)) != len(page):
                sys.exit('offset %d holds something else' % (offset + at))
    return len(image)


def main():
    rounds, size = int(sys.argv[1]), int(sys.argv[2])
    cache, program = sys.argv[3:5]
    rng = random.Random()
    grown = 0
    for _ in range(rounds):
        before = os.path.getsize('image.vhd')
        fill(program, size, cache, rng)
        grown += judge('image.vhd') > before
        subprocess.run([program, '-f', 'vpc', '-c', 'write -q -P 1 0 512',
                        '-c', 'write -q -z 0 512', 'image.vhd'], check=True)
        judge('image.vhd')
    if not grown:
        sys.exit('it never wrote anything')


if __name__ == '__main__':
    main()
