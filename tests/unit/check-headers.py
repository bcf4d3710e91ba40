#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Public headers: each compiles alone, all compile together in any order.

Usage: check-headers.py BUILD_ROOT INCLUDE_DIR COMPILER [ARG...]

Every header under INCLUDE_DIR, and every generated one in BUILD_ROOT/qapi, is
included twice behind qemu/osdep.h and nothing else; then all are included in
alphabetical, reverse and some random orders.  Only the flags that foreign
drivers are built with are given, and every warning is an error.  Output is
TAP.
"""
import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys

SHUFFLES = 4
FLAGS = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wstrict-prototypes',
         '-Werror', '-fsyntax-only', '-x', 'c', '-']


def public_headers(build_root, include_dir):
    """The names under which sources include the headers, sorted."""
    names = {path.relative_to(include_dir).as_posix()
             for path in include_dir.rglob('*.h')}
    names |= {path.relative_to(build_root).as_posix()
              for path in (build_root / 'qapi').glob('*.h')}
    return sorted(names)


def pkg_config_flags(module):
    """The compiler flags of a library."""
    result = subprocess.run(['pkg-config', '--cflags', module], check=True,
                            capture_output=True, text=True)
    return result.stdout.split()


def compile_headers(command, names):
    """Compile a file of includes; returns the compiler's complaints."""
    lines = [f'#include "{name}"' for name in ['qemu/osdep.h', *names]]
    result = subprocess.run(command, input='\n'.join(lines) + '\n',
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return result.stderr or f'exit status {result.returncode}'
    return ''


def cases(names):
    """What is tried: pairs of a title and a list of headers."""
    for name in names:
        yield f'{name} alone', [name, name]
    yield 'all in order', names
    yield 'all in reverse', names[::-1]
    for seed in range(SHUFFLES):
        order = names[:]
        random.Random(seed).shuffle(order)
        yield f'all shuffled with seed {seed}', order


def main():
    """Compile every case and report it."""
    build_root, include_dir = map(pathlib.Path, sys.argv[1:3])
    names = public_headers(build_root, include_dir)
    command = [*sys.argv[3:], f'-I{include_dir}', f'-I{build_root}',
               *pkg_config_flags('glib-2.0'), *FLAGS]
    todo = list(cases(names))
    failed = not names

    print(f'1..{len(todo)}')
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = pool.map(lambda case: compile_headers(command, case[1]),
                              todo)
        for i, ((title, _), text) in enumerate(zip(todo, complaints), 1):
            print(f'{"not ok" if text else "ok"} {i} {title}')
            for line in text.splitlines():
                print(f'# {line}')
            failed = failed or bool(text)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
