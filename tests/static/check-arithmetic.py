#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Finds arithmetic on numbers from an image that can overflow, because whoever
# made the image chose them.  Walks the syntax trees of the files in FOLDERS.
#
#   check-arithmetic.py BUILD-FOLDER [FILE...]
#
# BUILD-FOLDER has a compile_commands.json; with FILEs, only those of its
# entries are looked at whose path ends so.  One line a finding,
# `file:line: message`; exit status 0 without findings, 1 with some, 2 when
# nothing could be checked.
#
# A number from an image is be16_to_cpu(), be32_to_cpu() or be64_to_cpu() of
# anything, or a local variable that is initialised with one or assigned one,
# widened or not.  The rules for it as an operand of + - * << and their
# assignments (macros such as ROUND_UP are such arithmetic, too):
#
# 1. 64 bits wide: use the functions of minblk/checked.h.
# 2. 16 or 32 bits wide: the arithmetic is in 64 bits, and
#    *  for a product, the other factor is a constant below 2^32 or a number
#       that had at most 32 bits before it was widened,
#    << for a shift, the width is a constant of at most 32 (of at most 16 for 16
#       bits, then unsigned arithmetic in 32 bits will do),
#    -  for a difference, it is signed: an unsigned one wraps at 0.
#    So it fits: a sum with it overflows only when the other number is within
#    8 GiB of the end, which rule 1 is about.
#
# A comment `check-arithmetic: off, REASON` excuses the line that it stands on
# or before; the reason is where the number was compared with a bound.  One that
# excuses nothing is a finding itself.
#
# Not seen: what such a number was added to or stored in, members of structures,
# parameters, a number chosen by ?: or MIN().  What is kept in the driver's
# state was checked when the image was opened; this is about that check.
import argparse
import json
import os
import re
import shlex
import subprocess
import sys

import clang.cindex
from clang.cindex import CursorKind as K
from clang.cindex import TypeKind as T

FOLDERS = ('block/vpc/',)

SOURCES = {'be16_to_cpu': 16, 'be32_to_cpu': 32, 'be64_to_cpu': 64}
OPERATORS = ('+', '-', '*', '<<', '+=', '-=', '*=', '<<=')
EXCUSE = re.compile(r'check-arithmetic: off, \S')
MARKER = re.compile(r'# (\d+) "([^"]*)"')
UNSIGNED = (T.UCHAR, T.USHORT, T.UINT, T.ULONG, T.ULONGLONG)


def children(cursor):
    return list(cursor.get_children())


def strip(cursor):
    """The expression without parentheses and conversions."""
    while cursor.kind in (K.UNEXPOSED_EXPR, K.PAREN_EXPR, K.CSTYLE_CAST_EXPR):
        inner = [c for c in children(cursor) if c.kind.is_expression()]
        if len(inner) != 1:
            break
        cursor = inner[0]
    return cursor


class Function:
    """The findings in one function of a text without macros."""

    def __init__(self, text, cursor):
        self.text = text
        self.width = {}         # of locals that are numbers from an image
        self.findings = []      # (offset, message)
        # Twice: a loop may assign below what it uses above.
        for _ in range(2):
            for node in cursor.walk_preorder():
                self.learn(node)
        for node in cursor.walk_preorder():
            self.check(node)

    def operator(self, left, right):
        between = self.text[left.extent.end.offset:right.extent.start.offset]
        return between.decode().strip()

    def from_image(self, cursor):
        """How wide a number from an image the expression is, or 0."""
        cursor = strip(cursor)
        if cursor.kind == K.CALL_EXPR:
            return SOURCES.get(cursor.spelling, 0)
        if cursor.kind == K.DECL_REF_EXPR and cursor.referenced is not None:
            return self.width.get(cursor.referenced.hash, 0)
        return 0

    def learn(self, node):
        inner = children(node)
        if node.kind == K.VAR_DECL and inner and inner[-1].kind.is_expression():
            width = self.from_image(inner[-1])
            if width:
                self.width[node.hash] = width
        elif node.kind == K.BINARY_OPERATOR and \
                self.operator(*inner) == '=':
            target = strip(inner[0])
            width = self.from_image(inner[1])
            if width and target.kind == K.DECL_REF_EXPR:
                key = target.referenced.hash
                self.width[key] = max(width, self.width.get(key, 0))

    def check(self, node):
        if node.kind not in (K.BINARY_OPERATOR, K.COMPOUND_ASSIGNMENT_OPERATOR):
            return
        left, right = children(node)
        operator = self.operator(left, right)
        width = max(self.from_image(left), self.from_image(right))
        if operator not in OPERATORS or not width:
            return
        wrong = ('needs minblk/checked.h' if width == 64 else
                 self.narrow(node, operator.rstrip('='), left, right, width))
        if wrong:
            self.findings.append((
                node.extent.start.offset,
                f'{operator} of a {width}-bit number from an image {wrong}'))

    def narrow(self, node, operator, left, right, width):
        """What is wrong with arithmetic on 16 or 32 bits."""
        result = node.type.get_canonical()
        if operator == '<<' and width == 16 and result.kind in UNSIGNED and \
                0 <= self.constant(right, 64) <= 16:
            return ''
        if result.get_size() < 8:
            return f'is done in {result.get_size() * 8} bits'
        if operator == '-' and result.kind in UNSIGNED:
            return 'wraps at 0'
        if operator == '*':
            if not self.small(right if self.from_image(left) else left):
                return 'has a factor of 64 bits'
        if operator == '<<' and not 0 <= self.constant(right, 64) <= 32:
            return 'is not by a constant of at most 32'
        return ''

    def constant(self, cursor, default):
        text = self.text[cursor.extent.start.offset:cursor.extent.end.offset]
        text = re.sub(r'[\s()]|(?<=[0-9a-fA-F])[uUlL]+', '', text.decode())
        text = re.sub(r'sizeof.*', '1', text)   # of structures on the disk
        return int(text, 0) if re.fullmatch(r'0x[0-9a-fA-F]+|\d+', text) \
            else default

    def small(self, cursor):
        """At most 32 bits, whatever it was widened to."""
        if 0 <= self.constant(cursor, -1) < 1 << 32:
            return True
        width = self.from_image(cursor)
        type_ = strip(cursor).type.get_canonical()
        return 0 < width <= 32 or 0 < type_.get_size() <= 4


def preprocessed(entry):
    """The file without macros: their operators have no place in a tree.

    By clang, because libclang cannot read all that the headers give to gcc.
    """
    words = iter(entry.get('arguments') or shlex.split(entry['command']))
    command = ['clang', '-E', '-Wno-everything']
    for word in words:
        if word in ('-include', '-isystem', '-I', '-D', '-U'):
            command += [word, next(words)]
        elif word.startswith(('-I', '-D', '-U', '-isystem', '-std=')):
            command.append(word)
    return subprocess.run(command + [entry['file']], cwd=entry['directory'],
                          stdout=subprocess.PIPE, check=True).stdout


def line_map(text):
    """The file and the line that each line of the text came from."""
    path, number = '', 0
    result = []
    for line in text.decode(errors='replace').split('\n'):
        match = MARKER.match(line)
        if match:
            number, path = int(match[1]) - 1, match[2]
        else:
            number += 1
        result.append((path, number))
    return result


def check(entry, root):
    """The findings in one file, as (path, line, message)."""
    text = preprocessed(entry)
    places = line_map(text)
    unit = clang.cindex.Index.create().parse(
        'unit.i', ['-x', 'c', '-std=gnu11', '-Wno-everything'],
        unsaved_files=[('unit.i', text.decode(errors='replace'))])

    def place(line):
        path, number = places[line - 1]
        path = os.path.realpath(os.path.join(entry['directory'], path))
        return os.path.relpath(path, root), number

    for problem in unit.diagnostics:
        if problem.severity >= clang.cindex.Diagnostic.Error:
            yield (*place(problem.location.line),
                   'cannot be parsed: ' + problem.spelling)
    own = os.path.realpath(os.path.join(entry['directory'], entry['file']))
    own = os.path.relpath(own, root)
    for cursor in unit.cursor.get_children():
        if cursor.kind == K.FUNCTION_DECL and cursor.is_definition() and \
                place(cursor.location.line)[0] == own:
            for offset, message in Function(text, cursor).findings:
                line = text.count(b'\n', 0, offset) + 1
                yield (*place(line), message)


def excused(root, path, findings):
    """findings of a file without those that a comment excuses."""
    with open(os.path.join(root, path), encoding='utf-8') as file:
        excuses = {number for number, line in enumerate(file, 1)
                   if EXCUSE.search(line)}
    used = set()
    for where, line, message in findings:
        excuse = excuses & {line, line - 1}
        used |= excuse
        if not excuse:
            yield where, line, message
    for number in excuses - used:
        yield path, number, 'this comment excuses nothing'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', help='the source tree; else the one around '
                        'this script')
    parser.add_argument('--folder', action='append', help='in place of '
                        'FOLDERS, below the root')
    parser.add_argument('build')
    parser.add_argument('files', nargs='*')
    args = parser.parse_args()
    here = os.path.dirname(os.path.realpath(__file__))
    root = os.path.realpath(args.root or os.path.join(here, '..', '..'))
    with open(os.path.join(args.build, 'compile_commands.json'),
              encoding='utf-8') as file:
        entries = json.load(file)
    files = {}
    for entry in entries:
        path = os.path.realpath(os.path.join(entry['directory'],
                                             entry['file']))
        path = os.path.relpath(path, root)
        if path.startswith(tuple(args.folder or FOLDERS)) and \
                (not args.files or path.endswith(tuple(args.files))):
            files.setdefault(path, entry)
    if not files and not args.files:
        print('nothing to check in ' + args.build, file=sys.stderr)
        return 2
    findings = set()
    for path, entry in files.items():
        findings |= set(excused(root, path, set(check(entry, root))))
    for path, line, message in sorted(findings):
        print(f'{path}:{line}: {message}')
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
