#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Prints the figures of the product, the .c and .h files of the folders below,
# and compares them with the limits that the project set itself.
#
#   figures.py [--root TREE] [--check | --list WHICH]
#
# --check: exit status 1 when a limit is broken; each one is named, with the
# worst of its offenders.  --list one-call, shared, long: all offenders, a line
# each: `file:line: name (callers)`, so that they can be worked down.
#
# How it is counted, on tokens, without a preprocessor:
#
# - Code lines: those with a token that is not in a comment.  Comment lines: the
#   others that a comment stands in, its delimiters with it, as cloc counts, but
#   not the line with the licence.
# - Function lines: from the first word of the definition to its last brace.
#   File lines: all of them, as wc -l counts.  Columns: characters of a line.
# - Statics: functions that a .c file defines static.
# - One call: beside its definition and its prototypes, the name occurs once in
#   its file, followed by `(`.  A member of the same name is not counted.  A use
#   as a pointer (in a table, as an argument) is not a call, and it keeps a
#   function out of the list, because no caller could take its body in.
# - Shared: a name that statics of two or more files have.
import argparse
import os
import re
import sys
from collections import defaultdict, namedtuple

FOLDERS = ('block', 'util', 'qapi', 'include', 'tools')
UNIQUE = 'block/'       # no two files below share a static name at all

MAX_CODE = 39000
MAX_FILE = 500
MAX_FUNCTION = 60
MAX_COLUMNS = 80
MAX_ONE_CALL = 33.0     # per cent of the statics
MAX_SHARED = 3.0        # per cent of the static names
MIN_COMMENTS = 0.2      # comment lines a code line

SHOWN = 8               # offenders that --check names

TOKEN = re.compile(r'''
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
  | (?P<newline>\n)
  | (?P<joined>\\\n)
  | (?P<space>[ \t\f\r]+)
  | (?P<mark>->|.)
''', re.VERBOSE | re.DOTALL)

Token = namedtuple('Token', 'kind text line directive')
Function = namedtuple('Function', 'path name line lines static calls others')


class Source:
    """One file: its lines counted and its functions found."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding='utf-8') as file:
            text = file.read()
        self.lines = text.count('\n')
        self.columns = [len(line) for line in text.split('\n')]
        self.code = set()
        self.comments = set()
        self.tokens = []
        self.read(text)
        self.comments -= self.code
        self.functions = list(self.find_functions())

    def read(self, text):
        line = 1
        directive = False
        fresh = True        # nothing but space in the line yet
        for match in TOKEN.finditer(text):
            kind = match.lastgroup
            word = match[0]
            if kind == 'comment':
                self.count_comment(word, line)
            elif kind == 'newline':
                directive = False
                fresh = True
            elif kind not in ('joined', 'space'):
                if fresh and word == '#':
                    directive = True
                fresh = False
                self.code.add(line)
                self.tokens.append(Token(kind, word, line, directive))
            line += word.count('\n')

    def count_comment(self, comment, line):
        for i, part in enumerate(comment.split('\n')):
            if part.strip() and 'SPDX-License-Identifier' not in part:
                self.comments.add(line + i)

    def find_functions(self):
        """Takes `word(...) {` and `word(...);` outside of all braces."""
        tokens = [t for t in self.tokens if not t.directive]
        heads = set()           # the tokens that declare or define a name
        found = []
        start = 0
        i = 0
        while i < len(tokens):
            text = tokens[i].text
            if text == '(':
                end = closing(tokens, i)
                after = tokens[end].text if end < len(tokens) else ''
                if i > start and tokens[i - 1].kind == 'word' and \
                        after in ('{', ';', 'GCC_FMT_ATTR', '__attribute__'):
                    heads.add(id(tokens[i - 1]))
                if after == '{':
                    last = closing(tokens, end)
                    found.append((tokens[start:i], tokens[last - 1].line))
                    start = end = last
                i = end
            elif text == '{':
                i = closing(tokens, i)
            else:
                i += 1
                if text == ';':
                    start = i
        return self.counted(found, heads)

    def counted(self, found, heads):
        uses = defaultdict(lambda: [0, 0])
        texts = [t.text for t in self.tokens] + ['']
        for i, token in enumerate(self.tokens):
            member = i > 0 and texts[i - 1] in ('.', '->')
            if token.kind == 'word' and id(token) not in heads and not member:
                uses[token.text][0 if texts[i + 1] == '(' else 1] += 1
        for head, last in found:
            name = head[-1].text
            static = any(t.text == 'static' for t in head)
            yield Function(self.path, name, head[-1].line,
                           last - head[0].line + 1, static, *uses[name])


def closing(tokens, i):
    """The place after the bracket that closes the one at i."""
    depth = 0
    while i < len(tokens):
        text = tokens[i].text
        if text in ('(', '{', '['):
            depth += 1
        elif text in (')', '}', ']'):
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return i


class Figures:
    """The figures of a tree, and which limits they break."""

    def __init__(self, root):
        self.sources = []
        for folder in FOLDERS:
            for parent, _, names in os.walk(os.path.join(root, folder)):
                for name in names:
                    if name.endswith(('.c', '.h')):
                        path = os.path.join(parent, name)
                        self.sources.append(
                            Source(root, os.path.relpath(path, root)))
        self.sources.sort(key=lambda s: s.path)
        self.code = sum(len(s.code) for s in self.sources)
        self.comments = sum(len(s.comments) for s in self.sources)
        self.functions = [f for s in self.sources for f in s.functions]
        self.statics = [f for f in self.functions
                        if f.static and f.path.endswith('.c')]
        self.one_call = [f for f in self.statics
                         if f.calls == 1 and f.others == 0]
        names = defaultdict(list)
        for f in self.statics:
            names[f.name].append(f)
        self.names = names
        self.shared = {n: fs for n, fs in names.items()
                       if len({f.path for f in fs}) > 1}
        self.unique = {n: fs for n, fs in self.shared.items()
                       if sum(f.path.startswith(UNIQUE) for f in fs) > 1}

    def limits(self):
        """A line of text, whether it holds, offenders: for each limit."""
        files = sorted((s for s in self.sources if s.path.endswith('.c')),
                       key=lambda s: -s.lines)
        functions = sorted(self.functions, key=lambda f: -f.lines)
        one = share(len(self.one_call), len(self.statics))
        shared = share(len(self.shared), len(self.names))
        ratio = self.comments / max(self.code, 1)
        ends = {'file': files[0].lines if files else 0,
                'function': functions[0].lines if functions else 0,
                'column': max(max(s.columns) for s in self.sources)}
        yield (f'code lines: {self.code} (at most {MAX_CODE})',
               self.code <= MAX_CODE, [])
        yield (f'lines of the longest .c file: {ends["file"]} '
               f'(at most {MAX_FILE})', ends['file'] <= MAX_FILE,
               [f'{s.path}: {s.lines}' for s in files if s.lines > MAX_FILE])
        yield (f'lines of the longest function: {ends["function"]} '
               f'(at most {MAX_FUNCTION})', ends['function'] <= MAX_FUNCTION,
               [place(f) for f in functions if f.lines > MAX_FUNCTION])
        yield (f'columns of the longest line: {ends["column"]} '
               f'(at most {MAX_COLUMNS})', ends['column'] <= MAX_COLUMNS,
               [f'{s.path}:{number}: {n}' for s in self.sources
                for number, n in enumerate(s.columns, 1) if n > MAX_COLUMNS])
        yield (f'statics with exactly one call: {len(self.one_call)} of '
               f'{len(self.statics)}, {one:.1f} % (under {MAX_ONE_CALL:.0f})',
               one < MAX_ONE_CALL, by_folder(self.one_call))
        yield (f'static names that two files use: {len(self.shared)} of '
               f'{len(self.names)}, {shared:.1f} % (under {MAX_SHARED:.0f})',
               shared < MAX_SHARED, list(spread(self.shared)))
        yield (f'of these, two files in {UNIQUE}: {len(self.unique)} (none)',
               not self.unique, list(spread(self.unique)))
        yield (f'comment lines a code line: {ratio:.3f} '
               f'(at least {MIN_COMMENTS})', ratio >= MIN_COMMENTS,
               self.sparse())

    def sparse(self):
        """Folders by the comment lines that they lack."""
        lack = defaultdict(float)
        for s in self.sources:
            lack[os.path.dirname(s.path)] += \
                MIN_COMMENTS * len(s.code) - len(s.comments)
        return [f'{folder}: {n:.0f} lines short' for folder, n in
                sorted(lack.items(), key=lambda item: -item[1]) if n > 1]

    def offenders(self, which):
        if which == 'one-call':
            return [place(f) for f in self.one_call]
        if which == 'long':
            return [place(f) for f in self.functions if f.lines > MAX_FUNCTION]
        return [place(f) for n in sorted(self.shared) for f in self.shared[n]]


def share(part, whole):
    return 100.0 * part / max(whole, 1)


def place(f):
    return f'{f.path}:{f.line}: {f.name} ({f.calls} calls, {f.lines} lines)'


def spread(names):
    for name, functions in sorted(names.items(), key=lambda n: -len(n[1])):
        yield f'{name}: {", ".join(f.path for f in functions)}'


def by_folder(functions):
    count = defaultdict(int)
    for f in functions:
        count[os.path.dirname(f.path)] += 1
    return [f'{folder}: {n}' for folder, n in
            sorted(count.items(), key=lambda item: -item[1])]


def main():
    parser = argparse.ArgumentParser()
    here = os.path.dirname(os.path.realpath(__file__))
    parser.add_argument('--root', default=os.path.join(here, '..', '..'),
                        help='the source tree; else the one around this script')
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--check', action='store_true')
    what.add_argument('--list', choices=('one-call', 'shared', 'long'))
    args = parser.parse_args()
    figures = Figures(os.path.realpath(args.root))
    if not figures.sources:
        print('no sources in ' + args.root, file=sys.stderr)
        return 2
    if args.list:
        for line in figures.offenders(args.list):
            print(line)
        return 0
    broken = False
    for text, holds, offenders in figures.limits():
        print(text if holds else text + ': BROKEN')
        broken |= not holds
        if args.check and not holds:
            for line in offenders[:SHOWN]:
                print('    ' + line)
            if len(offenders) > SHOWN:
                print(f'    and {len(offenders) - SHOWN} more')
    return 1 if args.check and broken else 0


if __name__ == '__main__':
    sys.exit(main())
