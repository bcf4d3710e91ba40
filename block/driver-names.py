#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No foreign driver has the name of a driver that is built beside it.

Usage: driver-names.py OUR-FILE... -- FOREIGN-FILE...

A name is what a file's `.format_name = "NAME"` says, or the macro there that
the file defines.  Names that are made in another way, or by a macro of a
header, are found out when the program starts.  Status 1, with a sentence, if
two drivers have one name.
"""
import pathlib
import re
import sys

TOKENS = re.compile(r'''"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])'|//[^\n]*|/\*.*?\*/''',
                    re.DOTALL)


def names(path):
    """The names of the drivers in a C file."""
    text = TOKENS.sub(lambda m: m[0] if m[0][0] in '"\'' else ' ',
                      pathlib.Path(path).read_text(encoding='utf-8',
                                                   errors='replace'))
    macros = dict(re.findall(r'^\s*#\s*define\s+(\w+)\s+"([^"]*)"', text,
                             re.MULTILINE))
    values = re.findall(r'\.\s*format_name\s*=\s*("[^"]*"|\w+)', text)
    return [macros[value] if value in macros else value.strip('"')
            for value in values if value[0] == '"' or value in macros]


def main():
    """Compare; foreign names may not be there yet."""
    split = sys.argv.index('--')
    taken = {name: path for path in sys.argv[1:split] for name in names(path)}
    ours = set(taken)
    for path in sys.argv[split + 1:]:
        for name in names(path):
            if name in taken:
                sys.exit(f"{path}: the driver '{name}' is in {taken[name]}, "
                         'too; ' + ('leave ours out by -Ddrivers=, or rename yours'
                                    if name in ours else 'give one of them'))
            taken[name] = path


if __name__ == '__main__':
    main()
