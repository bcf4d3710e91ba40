# SPDX-License-Identifier: MIT
"""A file of 6 MB whose table has a million entries that are damaged.

    many-entries.py MINBLK-IMG

Whatever they are (equal, alternating, in sequence), each command takes 64 MiB
at most, and prints 4 MB at most: the findings are merged, in words and as JSON,
and a dry run and a repair know no more of them.  MINBLK_SLOW times the memory
is for sanitizers.
"""
import array
import json
import os
import resource
import subprocess
import sys

import vhd

COUNT, BLOCK, DATA = 1000000, 4096, 2000384
IMAGE = 'many.vhd'
OUTSIDE, FREE = 0x7fffffff, vhd.UNALLOCATED
# The first sector after the table.
FIRST = -(-(1536 + 4 * COUNT) // vhd.SECTOR)

TABLES = {
    'outside': lambda i: OUTSIDE,
    'over the headers': lambda i: 0,
    'of one block': lambda i: FIRST,
    'of two blocks': lambda i: FIRST + i % 2,
    'of many blocks': lambda i: FIRST + i % 4000,
    'outside, in sequence': lambda i: 0x70000000 + i,
    'outside, or free': lambda i: FREE if i % 2 else OUTSIDE,
    'outside, or over the headers': lambda i: OUTSIDE * (i % 2),
    'outside, or of one block': lambda i: FIRST if i % 2 else OUTSIDE,
}
COMMANDS = ('info', 'check', 'check --output=json', 'check -r all --dry-run',
            'check -r all', 'check -r all --force')


def make(entry):
    footer = vhd.new_footer(COUNT * BLOCK, vhd.DYNAMIC)
    # In little memory, because what a child uses counts from its fork on.
    table = array.array('I', map(entry, range(COUNT)))
    if sys.byteorder == 'little':
        table.byteswap()
    with open(IMAGE, 'wb') as file:
        file.write(footer + vhd.new_header(COUNT, BLOCK) +
                   table.tobytes().ljust(FIRST * vhd.SECTOR - 1536, b'\xff') +
                   b'\x5a' * DATA + footer)


def main(img):
    limit = 64 * 1024 * int(os.environ.get('MINBLK_SLOW', '1'))
    for name, entry in TABLES.items():
        make(entry)
        for command in COMMANDS:
            # Where a million copies would be made, it refuses.
            done = subprocess.run([img, *command.split(), '-f', 'vpc', IMAGE],
                                  capture_output=True, check=False)
            if done.returncode not in (0, 1, 2) or \
                    len(done.stdout) > 4 << 20 or len(done.stderr) > 1 << 20:
                sys.exit('%s, %s: status %d, %d bytes of output' % (
                    name, command, done.returncode, len(done.stdout)))
            if 'json' in command:
                json.loads(done.stdout)
            used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            if used > limit:
                sys.exit('%s, %s: %d KiB of memory' % (name, command, used))


if __name__ == '__main__':
    main(*sys.argv[1:])
