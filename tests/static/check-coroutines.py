#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Proves that coroutine_fn is true: walks the syntax trees of all files of a
# build folder and reports where a function that may yield can be reached from
# outside a coroutine, and where a coroutine would block its thread.
#
#   check-coroutines.py [--jobs N] BUILD-FOLDER [FILE...]
#
# BUILD-FOLDER has a compile_commands.json; with FILEs, only those of its
# entries are looked at whose path ends so.  One line a finding,
# `file:line: message`; exit status 0 without findings, 1 with some, 2 when
# nothing could be checked.
#
# The rules:
#
# 1. Who calls.  A function marked coroutine_fn, directly or through a pointer
#    that is marked, is called only by a function marked coroutine_fn, or in
#    the first branch of `if (qemu_in_coroutine())`, with exactly that
#    condition.  This is how a mixed function is written: that branch counts
#    as a coroutine, everything outside of it as plain.  There is no other
#    exemption in code.
# 2. Who blocks.  In a coroutine (a marked function, or that branch) none of
#    the functions in BLOCKING is called, save in the files of ENGINES.
# 3. Pointers keep the mark.  Where the value of a function or of a pointer to
#    one goes into a variable, field, element, parameter or result, both are
#    marked or both are not; a cast is such a place, too, and every place that
#    is no pointer to a function (a void *, say) is unmarked.  Comparing it
#    and testing it are free.  So what is handed to qemu_coroutine_create() is
#    marked, and rule 1 sees calls through pointers.
# 4. One mark a function: its first declaration has it if any has it.
#
# A comment `check-coroutines: off, REASON` excuses the line that it stands on
# or before (where a coroutine begins; a test that breaks a rule and watches
# the process abort); one that excuses nothing is a finding itself.
#
# A pointer is marked when its declaration is, or the typedef of its type or
# of its target.  Not seen: calls that a compiler attribute makes (cleanup),
# a pointer copied with the structure around it through memory of another
# type, functions that assembler calls.
import argparse
import json
import multiprocessing
import os
import re
import shlex
import sys

import clang.cindex
from clang.cindex import CursorKind as K
from clang.cindex import TypeKind as T

MARK = 'coroutine_fn'
ASKS = 'qemu_in_coroutine'

BLOCKING = frozenset('''
    read write pread pwrite readv writev preadv pwritev preadv2 pwritev2
    pread64 pwrite64 preadv64 pwritev64 preadv64v2 pwritev64v2
    fsync fdatasync sync syncfs sync_file_range
    fallocate fallocate64 posix_fallocate posix_fallocate64
    ftruncate ftruncate64 truncate truncate64 copy_file_range
    poll ppoll select pselect epoll_wait epoll_pwait
    sleep usleep nanosleep clock_nanosleep g_usleep
    aio_poll
    g_cond_wait g_cond_wait_until
    pthread_cond_wait pthread_cond_timedwait pthread_cond_clockwait
    sem_wait sem_timedwait g_thread_join pthread_join
    g_async_queue_pop g_async_queue_timeout_pop
    io_uring_wait_cqe io_uring_submit_and_wait
    waitpid wait system
'''.split())

EXCUSE = re.compile(r'check-coroutines: off, \S')

# They talk to the kernel for everybody else.
ENGINES = ('util/loop/aio-', 'util/loop/io-')

FUNCTIONS = (T.FUNCTIONPROTO, T.FUNCTIONNOPROTO)
ARRAYS = (T.CONSTANTARRAY, T.INCOMPLETEARRAY, T.VARIABLEARRAY)
STATEMENTS = frozenset((
    K.COMPOUND_STMT, K.DECL_STMT, K.IF_STMT, K.WHILE_STMT, K.DO_STMT,
    K.FOR_STMT, K.SWITCH_STMT, K.CASE_STMT, K.DEFAULT_STMT, K.LABEL_STMT,
    K.GOTO_STMT, K.BREAK_STMT, K.CONTINUE_STMT, K.NULL_STMT))
DECLARATORS = (K.VAR_DECL, K.FIELD_DECL, K.PARM_DECL)

# What becomes of an expression's value.
FREE = None         # tested, compared or dropped
MARKED = True       # kept in a marked place
PLAIN = False       # kept in an unmarked one


def children(cursor):
    return list(cursor.get_children())


def has_mark(decl):
    return any(c.kind == K.ANNOTATE_ATTR and c.spelling == MARK
               for c in decl.get_children())


def type_mark(type_):
    """Whether a typedef on the way to the function's type is marked."""
    while True:
        if type_.kind == T.ELABORATED:
            type_ = type_.get_named_type()
        elif type_.kind == T.TYPEDEF:
            decl = type_.get_declaration()
            if has_mark(decl):
                return True
            type_ = decl.underlying_typedef_type
        elif type_.kind == T.POINTER:
            type_ = type_.get_pointee()
        elif type_.kind in ARRAYS:
            type_ = type_.element_type
        else:
            return False


def is_function(type_):
    """A function, a pointer to one or an array of such pointers."""
    type_ = type_.get_canonical()
    while type_.kind == T.POINTER or type_.kind in ARRAYS:
        type_ = (type_.get_pointee() if type_.kind == T.POINTER
                 else type_.element_type)
    return type_.kind in FUNCTIONS


def decl_mark(decl):
    """decl: of a function, or of something that holds a pointer."""
    return is_function(decl.type) and (has_mark(decl) or type_mark(decl.type))


def strip(cursor):
    """The expression without parentheses and implicit conversions."""
    while cursor.kind in (K.UNEXPOSED_EXPR, K.PAREN_EXPR):
        inner = children(cursor)
        if len(inner) != 1:
            break
        cursor = inner[0]
    return cursor


def callee_decl(cursor):
    """What a called expression names: a function, variable or field."""
    while True:
        cursor = strip(cursor)
        if cursor.kind in (K.DECL_REF_EXPR, K.MEMBER_REF_EXPR):
            return cursor.referenced
        if cursor.kind not in (K.UNARY_OPERATOR, K.ARRAY_SUBSCRIPT_EXPR):
            return None
        cursor = children(cursor)[0]


def parameters(decl, type_):
    """The marks of the parameters of a called function."""
    decls = [c for c in children(decl) if c.kind == K.PARM_DECL] if decl else []
    type_ = type_.get_canonical() if not decls else type_
    while type_.kind != T.FUNCTIONPROTO:
        if type_.kind == T.POINTER:
            type_ = type_.get_pointee()
        elif type_.get_canonical().kind != type_.kind:
            type_ = type_.get_canonical()
        else:
            return []
    types = [type_mark(t) for t in type_.argument_types()]
    if len(decls) == len(types):
        return [decl_mark(d) or t for d, t in zip(decls, types)]
    return types


class Checker:
    """Looks through one translation unit."""

    def __init__(self, roots):
        self.roots = roots
        self.findings = set()
        self.marks = {}
        self.function = None    # the definition around

    def report(self, cursor, message):
        location = cursor.location
        path = location.file.name if location.file else '?'
        path = os.path.relpath(os.path.realpath(path), self.roots[0])
        self.findings.add((path, location.line, message))

    def mark_of(self, decl):
        key = decl.hash
        if key not in self.marks:
            self.marks[key] = decl_mark(decl)
        return self.marks[key]

    def unit(self, unit):
        ours = {}
        for cursor in unit.cursor.get_children():
            file = cursor.location.file
            name = file.name if file else ''
            if name not in ours:
                ours[name] = os.path.realpath(name).startswith(self.roots)
            if not ours[name]:
                continue
            if cursor.kind == K.FUNCTION_DECL:
                self.declared(cursor)
            elif cursor.kind == K.VAR_DECL:
                self.variable(cursor, False)

    def declared(self, cursor):
        marked = self.mark_of(cursor)
        first = cursor.canonical
        if marked and first != cursor and not self.mark_of(first):
            self.report(cursor, f'{cursor.spelling} is {MARK} here, but not '
                        'where it is declared first')
        if cursor.is_definition():
            self.function = cursor
            for child in cursor.get_children():
                if child.kind == K.COMPOUND_STMT:
                    self.visit(child, marked, FREE)

    def variable(self, cursor, inside):
        mark = self.mark_of(cursor)
        for child in cursor.get_children():
            if child.kind.is_expression():
                self.visit(child, inside, mark)

    # ---- the walk: inside: in a coroutine; dest: where the value goes ------

    def visit(self, cursor, inside, dest):
        kind = cursor.kind
        if kind in DECLARATORS:
            self.variable(cursor, inside)
        elif kind == K.IF_STMT:
            self.branches(cursor, inside)
        elif kind == K.RETURN_STMT:
            self.all(cursor, inside, type_mark(self.function.result_type))
        elif kind in STATEMENTS:
            self.all(cursor, inside, FREE)
        elif kind == K.StmtExpr:
            self.statement_expression(cursor, inside, dest)
        elif kind == K.CALL_EXPR:
            self.call(cursor, inside, dest)
        elif kind == K.INIT_LIST_EXPR:
            self.initialisers(cursor, inside, dest)
        elif kind == K.CSTYLE_CAST_EXPR:
            self.cast(cursor, inside, dest)
        elif kind == K.BINARY_OPERATOR:
            self.binary(cursor, inside, dest)
        elif kind == K.CONDITIONAL_OPERATOR:
            test, *values = children(cursor)
            self.visit(test, inside, FREE)
            for value in values:
                self.visit(value, inside, dest)
        elif kind in (K.DECL_REF_EXPR, K.MEMBER_REF_EXPR):
            self.value(cursor, self.mark_of(cursor.referenced), dest)
            self.all(cursor, inside, FREE)
        elif kind == K.ARRAY_SUBSCRIPT_EXPR:
            array, index = children(cursor)
            self.visit(array, inside, dest if is_function(cursor.type)
                       else FREE)
            self.visit(index, inside, FREE)
        elif kind == K.UNARY_OPERATOR and not is_function(cursor.type):
            self.all(cursor, inside, FREE)
        elif kind == K.UNEXPOSED_EXPR and \
                cursor.type.get_canonical().kind == T.BOOL:
            self.all(cursor, inside, FREE)
        elif kind in (K.UNEXPOSED_EXPR, K.PAREN_EXPR, K.UNARY_OPERATOR):
            self.all(cursor, inside, dest)
        elif kind == K.COMPOUND_LITERAL_EXPR:
            self.all(cursor, inside, dest)
        elif kind.is_expression():
            self.all(cursor, inside, PLAIN)
        elif kind.is_statement():
            self.all(cursor, inside, FREE)

    def all(self, cursor, inside, dest):
        for child in cursor.get_children():
            self.visit(child, inside, dest)

    def branches(self, cursor, inside):
        test, *rest = children(cursor)
        self.visit(test, inside, FREE)
        asks = strip(test)
        asks = asks.kind == K.CALL_EXPR and asks.spelling == ASKS
        for i, branch in enumerate(rest):
            self.visit(branch, inside or (asks and i == 0), FREE)

    def statement_expression(self, cursor, inside, dest):
        statements = children(children(cursor)[0])
        for i, statement in enumerate(statements):
            last = i + 1 == len(statements)
            self.visit(statement, inside, dest if last else FREE)

    def value(self, cursor, mark, dest):
        if dest is FREE or mark == dest or not is_function(cursor.type):
            return
        what = cursor.spelling or 'this function'
        if mark:
            self.report(cursor, f'{what} is {MARK}, the place that its '
                        'address goes to is not')
        else:
            self.report(cursor, f'{what} is not {MARK}, the place that its '
                        'address goes to is')

    def call(self, cursor, inside, dest):
        callee, *arguments = children(cursor)
        decl = callee_decl(callee)
        if decl is not None:
            mark = self.mark_of(decl)
            self.called(cursor, decl, mark, inside)
        else:
            mark = type_mark(callee.type)
            if mark and not inside:
                self.report(cursor, f'{self.caller()} calls a {MARK} through '
                            'a pointer')
        self.visit(callee, inside, FREE)
        marks = parameters(decl, callee.type)
        for i, argument in enumerate(arguments):
            self.visit(argument, inside,
                       marks[i] if i < len(marks) else PLAIN)
        self.value(cursor, type_mark(cursor.type), dest)

    def called(self, cursor, decl, mark, inside):
        if mark and not inside:
            self.report(cursor, f'{self.caller()} is not {MARK} and calls '
                        f'{decl.spelling}, which is')
        if inside and decl.spelling in BLOCKING and \
                decl.kind == K.FUNCTION_DECL and not self.engine(cursor):
            self.report(cursor, f'{self.caller()} is {MARK} and calls '
                        f'{decl.spelling}, which blocks')

    def engine(self, cursor):
        path = os.path.realpath(cursor.location.file.name)
        return os.path.relpath(path, self.roots[0]).startswith(ENGINES)

    def caller(self):
        return self.function.spelling if self.function else 'an initialiser'

    def initialisers(self, cursor, inside, dest):
        record = cursor.type.get_canonical()
        fields = ([c for c in record.get_fields()]
                  if record.kind == T.RECORD else [])
        place = 0
        for child in cursor.get_children():
            inner = children(child)
            named = next((c for c in reversed(inner)
                          if c.kind == K.MEMBER_REF), None)
            if child.kind == K.UNEXPOSED_EXPR and named is not None:
                self.visit(inner[-1], inside, self.mark_of(named.referenced))
                place = next((i + 1 for i, f in enumerate(fields)
                              if f == named.referenced), place)
            elif record.kind == T.RECORD:
                mark = (self.mark_of(fields[place]) if place < len(fields)
                        else PLAIN)
                self.visit(child, inside, mark)
                place += 1
            else:
                designated = child.kind == K.UNEXPOSED_EXPR and len(inner) > 1
                self.visit(inner[-1] if designated else child, inside, dest)

    def cast(self, cursor, inside, dest):
        mark = type_mark(cursor.type)
        dropped = cursor.type.get_canonical().kind == T.VOID
        self.all(cursor, inside, FREE if dropped else mark)
        self.value(cursor, mark, dest)

    def binary(self, cursor, inside, dest):
        left, right = children(cursor)
        if not is_function(left.type) or not is_function(cursor.type):
            keeps = cursor.type.get_canonical().kind == T.POINTER
            self.visit(left, inside, FREE)
            self.visit(right, inside, PLAIN if keeps else FREE)
            return
        # An assignment: comparisons are numbers.
        decl = callee_decl(left)
        mark = (self.mark_of(decl) if decl is not None
                else type_mark(left.type))
        self.visit(left, inside, FREE)
        self.visit(right, inside, mark)
        self.value(cursor, mark, dest)


def arguments_of(entry):
    """The compiler's arguments that matter to a parser."""
    words = iter(entry.get('arguments') or shlex.split(entry['command']))
    result = ['-DMINBLK_ANALYSER', '-Wno-everything']
    for word in words:
        if word in ('-include', '-isystem', '-I', '-D', '-U'):
            result += [word, next(words)]
        elif word.startswith(('-I', '-D', '-U', '-isystem', '-std=')):
            result.append(word)
    return result


def check(task):
    entry, roots = task
    os.chdir(entry['directory'])
    checker = Checker(roots)
    unit = clang.cindex.Index.create().parse(entry['file'],
                                             arguments_of(entry))
    for problem in unit.diagnostics:
        if problem.severity >= clang.cindex.Diagnostic.Error:
            where = problem.location.file
            path = where.name if where else entry['file']
            path = os.path.relpath(os.path.realpath(path), roots[0])
            checker.findings.add((path, problem.location.line,
                                  'cannot be parsed: ' + problem.spelling))
    checker.unit(unit)
    return checker.findings


def excused(root, findings, sources):
    """findings without those that a comment excuses."""
    excuses = {}
    for path in {finding[0] for finding in findings} | sources:
        with open(os.path.join(root, path), errors='replace') as file:
            excuses[path] = {number for number, line in enumerate(file, 1)
                             if EXCUSE.search(line)}
    left = set()
    used = set()
    for path, line, message in findings:
        excuse = excuses[path] & {line, line - 1}
        used |= {(path, number) for number in excuse}
        if not excuse:
            left.add((path, line, message))
    for path in sources:
        for number in excuses[path]:
            if (path, number) not in used:
                left.add((path, number, 'this comment excuses nothing'))
    return left


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('--root', help='the source tree; else the one around '
                        'this script')
    parser.add_argument('build')
    parser.add_argument('files', nargs='*')
    args = parser.parse_args()
    here = os.path.dirname(os.path.realpath(__file__))
    root = os.path.realpath(args.root or os.path.join(here, '..', '..'))
    build = os.path.realpath(args.build)
    with open(os.path.join(build, 'compile_commands.json')) as file:
        entries = json.load(file)
    tasks = {}
    for entry in entries:
        path = os.path.realpath(os.path.join(entry['directory'],
                                             entry['file']))
        if path.endswith('.c') and (not args.files or
                                    path.endswith(tuple(args.files))):
            tasks.setdefault(path, (entry, (root, build)))
    if not tasks:
        print('nothing to check in ' + args.build, file=sys.stderr)
        return 2
    findings = set()
    with multiprocessing.Pool(args.jobs) as pool:
        for found in pool.imap_unordered(check, tasks.values()):
            findings |= found
    sources = {os.path.relpath(path, root) for path in tasks}
    findings = excused(root, findings, sources)
    for path, line, message in sorted(findings):
        print(f'{path}:{line}: {message}')
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
