#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The harness says of the guide's bug what the guide says that it says.

Usage: check-guide-bug.py GUIDE.md HARNESS

HARNESS has the guide's driver with the bug that the guide proposes.  The lines of
the block that begins with `not ok` are in its output, in that order, but for the
numbers, which follow the size of the image and the seed.  Output is TAP.
"""
import pathlib
import re
import subprocess
import sys


def numberless(line):
    """The line with each number replaced."""
    return re.sub(r'0x[0-9a-f]+|\d+', 'N', line).strip()


def main():
    """Run it and look for each line after the one before."""
    guide = pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')
    quoted = re.search(r'^```text\n(not ok .*?)^```$', guide,
                       re.MULTILINE | re.DOTALL)[1].splitlines()
    ran = subprocess.run([sys.argv[2], '--driver', 'tiny', '--only', 'model',
                          '--ops', '100'], check=False, capture_output=True,
                         text=True)
    output = iter(map(numberless, ran.stdout.splitlines()))
    missing = [line for line in quoted if numberless(line) not in output]

    print('1..1')
    print(f'{"not " if missing else ""}ok 1 the quoted lines are there')
    for line in missing + (ran.stdout.splitlines()[:40] if missing else []):
        print(f'# {line}')
    return 1 if missing else 0


if __name__ == '__main__':
    sys.exit(main())
