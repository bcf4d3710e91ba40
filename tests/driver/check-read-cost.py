#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions that a cached read of a vpc image takes, and the
status of a large empty one.

Usage: check-read-cost.py VPC-READ-COST

Two runs of the program differ in the number of reads only, so the difference
of their instructions is that of the reads: opening and closing cancel out, and
no clock is involved.  Output is TAP.
"""
import re
import shutil
import subprocess
import sys

MOST = 1500                     # instructions a read
READS = 3200                    # and twice as many
CASES = {
    'full': 'a read in a block whose bits are all set',
    'partial': 'a read in a block with one clear bit',
    'deep': 'a read with 32 requests in flight',
    'status': 'the status of 16384 blocks without space',
}


def instructions(program, case, reads):
    """All that a run executes."""
    done = subprocess.run(
        ['valgrind', '--tool=cachegrind', '--cache-sim=no',
         '--cachegrind-out-file=/dev/null', program, case, str(reads)],
        check=True, stderr=subprocess.PIPE, text=True)
    found = re.search(r'I +refs: +([\d,]+)', done.stderr)
    return int(found.group(1).replace(',', ''))


def main():
    """Compare and report."""
    program = sys.argv[1]
    if not shutil.which('valgrind'):
        print('1..0 # SKIP valgrind is not installed; ./bootstrap does it')
        return
    print(f'1..{len(CASES)}')
    for number, (case, where) in enumerate(CASES.items(), 1):
        less = instructions(program, case, READS)
        more = instructions(program, case, 2 * READS)
        cost = (more - less) // READS
        word = 'ok' if cost <= MOST else 'not ok'
        print(f'{word} {number} {where}: {cost} instructions, '
              f'at most {MOST}')


if __name__ == '__main__':
    main()
