#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guide quotes a source file piece by piece, in order and completely.

Usage: check-guide.py GUIDE.md SOURCE.c

The pieces are the blocks that begin with ```c.  Joined by empty lines they must
be the file, but for the number of empty lines between them.  Output is TAP.
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

    print('1..2')
    print(f'{"not " if diff or not quotes else ""}ok 1 the pieces are the file')
    print(*(f'# {line}' for line in diff), sep='\n', end='\n' if diff else '')
    print(f'{"not " if strays else ""}ok 2 each piece is quoted exactly')
    print(*(f'# {line}' for line in strays), sep='\n',
          end='\n' if strays else '')
    return 1 if diff or strays or not quotes else 0


if __name__ == '__main__':
    sys.exit(main())
