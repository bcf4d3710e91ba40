#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guide quotes a source file piece by piece, in order and completely, and
the functions that it names exist.

Usage: check-guide.py GUIDE.md SOURCE.c

The pieces are the blocks that begin with ```c.  Joined by empty lines they must
be the file, but for the number of empty lines between them.  What it calls
`bdrv_...()` and the like is in the project's public headers or in the file.
Output is TAP.
"""
import difflib
import pathlib
import re
import sys


def pieces(guide):
    """The quoted pieces of C, in order."""
    return re.findall(r'^```c\n(.*?)^```$', guide, re.MULTILINE | re.DOTALL)


def squeeze(text):
    """The lines of a text, without the empty ones."""
    return [line for line in text.splitlines() if line]


def missing(guide, source):
    """The functions that the guide names, and neither it nor a header has."""
    include = pathlib.Path(__file__).resolve().parents[2] / 'include'
    known = source + ''.join(path.read_text(encoding='utf-8')
                             for path in sorted(include.rglob('*.h')))
    names = re.findall(r'`(\w+)\(\)`', guide)
    return sorted({name for name in names if not name.startswith('g_')
                   and not re.search(rf'\b{name}\b', known)})


def main():
    """Compare and report."""
    guide, source = (pathlib.Path(name).read_text(encoding='utf-8')
                     for name in sys.argv[1:3])
    quotes = pieces(guide)
    diff = list(difflib.unified_diff(squeeze('\n'.join(quotes)),
                                     squeeze(source), *sys.argv[1:3], n=1,
                                     lineterm=''))
    strays = [quote.splitlines()[0] for quote in quotes
              if quote.strip('\n') not in source]

    faults = {'the pieces are the file': diff if quotes else ['no pieces'],
              'each piece is quoted exactly': strays,
              'each function named is there': missing(guide, source)}
    print(f'1..{len(faults)}')
    for number, (what, lines) in enumerate(faults.items(), 1):
        print(f'{"not " if lines else ""}ok {number} {what}')
        for line in lines:
            print(f'# {line}')
    return 1 if any(faults.values()) else 0


if __name__ == '__main__':
    sys.exit(main())
