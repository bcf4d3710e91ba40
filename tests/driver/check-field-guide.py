#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of the field guide's entries names tests that exist.

    check-field-guide.py field-guide.txt

Prints TAP.
"""
import pathlib
import re
import sys

# The entries that have numbers.
NUMBERED = ['A%d' % i for i in range(1, 7)] + \
    ['S%d' % i for i in range(1, 41) if i != 36] + \
    ['LIBVHDI-%d' % i for i in range(1, 7)] + \
    ['BLKTAP-%d' % i for i in range(1, 10)] + \
    ['VBOX-%d' % i for i in range(1, 8)]

WORD = re.compile(r'(?P<c>/vpc/\S+)|(?P<file>\S+) "(?P<name>[^"]*)"|'
                  r'(?P<later>chains|resize|compaction)|(?P<none>none \(.*\))')


def read_table(path):
    """[(entries, text)]"""
    lines = [line for line in path.read_text().splitlines()
             if line and not line.startswith('#')]
    return [line.split(': ', 1) for line in lines]


def names_of(folder):
    """What the tests in C are called; what ends in a number, up to it."""
    return {name for path in folder.glob('test-vpc-*.c')
            for name in re.findall(r'"(/vpc/[^"%]*)', path.read_text())}


def problem(text, tests, names):
    at = 0
    while at < len(text):
        match = WORD.match(text, at)
        if not match:
            return 'not understood: ' + text[at:]
        if match['c'] and match['c'] not in names:
            return 'there is no test %s' % match['c']
        if match['file'] and match['name'] not in \
                (tests / match['file']).read_text():
            return '%s has no test "%s"' % (match['file'], match['name'])
        at = match.end() + 1
    return None


def main(path):
    path = pathlib.Path(path).resolve()
    table = read_table(path)
    names = names_of(path.parent)
    found = [entry for entries, _ in table for entry in entries.split()]
    wrong = [(entries, problem(text, path.parents[1], names))
             for entries, text in table]
    missing = sorted(set(NUMBERED) - set(found))
    twice = sorted({entry for entry in found if found.count(entry) > 1})
    results = [
        ('the tests exist', ['%s: %s' % (entries, why)
                             for entries, why in wrong if why]),
        ('each entry stands here once', missing + twice),
    ]
    print('1..%d' % len(results))
    for number, (what, why) in enumerate(results, 1):
        print('%s %d - %s' % ('not ok' if why else 'ok', number, what))
        for line in why:
            print('# ' + line)
    return 1 if any(why for _, why in results) else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
