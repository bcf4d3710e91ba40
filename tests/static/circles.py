#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Which files need each other, by the symbols of a build folder's object files:
# file a needs b when an undefined symbol of a, function or data, is defined in
# b.  So a table with the address of a function counts as much as a call, and
# calls through a pointer, from the layer into a driver, do not.
#
#   circles.py [--check] BUILD-FOLDER
#
# Prints, for each folder of CIRCLES, how many files are in circles, and which
# needs run up between the floors of docs/architecture.md.  --check: exit status
# 1 when there are more than allowed; 2 when nothing could be looked at.
#
# A circle is printed as its files and the needs to cut: a small set (not
# proven the smallest) without which there is none.  A file in a circle cannot
# be read, or tested, without all the others.
import argparse
import json
import os
import random
import shlex
import subprocess
import sys
from collections import defaultdict

# The most files of a folder that may be in circles.
CIRCLES = {'block/core': 0, 'block/vpc': 2}

# What the harness defines in place of libc's, so that memory can run out.
INTERPOSED = frozenset('''
    malloc calloc realloc free memalign aligned_alloc posix_memalign
'''.split())

STARTS = 8              # orders from which the best cuts are looked for

# From low to high; the longest folder that fits counts.  A file may need its
# own floor and lower ones.  A folder that is not there costs nothing.
FLOORS = (
    ('util',),
    ('util/loop',),
    ('qapi',),
    ('block/core/node', 'block/core'),
    ('block/core/request',),
    ('block/core/graph',),
    ('block/core/backend',),
    ('block',),
    ('tools',),
)


def defined_and_needed(path):
    """The global symbols of an object file."""
    out = subprocess.run(['nm', '-g', '-P', path], stdout=subprocess.PIPE,
                         text=True, check=True).stdout
    defined = set()
    needed = set()
    for line in out.splitlines():
        name, kind = line.split()[:2]
        # A weak reference is w, a weak definition W.
        (needed if kind in 'Uwv' else defined).add(name)
    return defined, needed


def objects(build):
    """Each product source file of the build folder and its object file."""
    with open(os.path.join(build, 'compile_commands.json'),
              encoding='utf-8') as file:
        entries = json.load(file)
    result = {}
    tops = tuple(f + os.sep for f in ('block', 'util', 'qapi', 'tools'))
    for entry in entries:
        where = entry['directory']
        path = os.path.realpath(os.path.join(where, entry['file']))
        # The top of the tree is unknown; generated files are in the folder.
        inside = os.path.relpath(path, os.path.realpath(build))
        if inside.startswith(os.pardir):
            inside = os.path.relpath(path, root_of(path, build))
        output = entry.get('output') or output_of(entry)
        output = os.path.join(where, output)
        if inside.startswith(tops) and path.endswith('.c') and \
                os.path.exists(output):
            result.setdefault(inside, output)
    return result


def root_of(path, build):
    """The source tree: what `meson setup` was run on."""
    info = os.path.join(build, 'meson-info', 'meson-info.json')
    if os.path.exists(info):
        with open(info, encoding='utf-8') as file:
            return os.path.realpath(json.load(file)['directories']['source'])
    return os.path.dirname(os.path.realpath(build))


def output_of(entry):
    words = entry.get('arguments') or shlex.split(entry['command'])
    return words[words.index('-o') + 1]


def needs(files):
    """{file: {other file: symbols}}."""
    symbols = {path: defined_and_needed(output)
               for path, output in files.items()}
    homes = defaultdict(list)
    for path, (defined, _) in symbols.items():
        for name in defined:
            homes[name].append(path)
    result = {path: defaultdict(set) for path in files}
    for path, (defined, needed) in symbols.items():
        for name in needed - defined - INTERPOSED:
            # Two programs may each have a function of one name.
            near = [h for h in homes[name]
                    if os.path.dirname(h) == os.path.dirname(path)]
            for home in near or homes[name]:
                result[path][home].add(name)
    return result


def components(graph):
    """Sets of files that need each other: Tarjan's, without recursion."""
    index = {}
    low = {}
    stack = []
    on_stack = set()
    for root in sorted(graph):
        work = [(root, iter(sorted(graph[root])))] if root not in index else []
        while work:
            node, others = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                stack.append(node)
                on_stack.add(node)
            for other in others:
                if other not in index:
                    work.append((other, iter(sorted(graph[other]))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    found = set()
                    while node not in found:
                        found.add(stack.pop())
                    on_stack -= found
                    if len(found) > 1:
                        yield found


def cost(graph, order):
    """How many needs point backward in the order."""
    place = {node: i for i, node in enumerate(order)}
    return [(a, b) for a in order for b in graph[a]
            if b in place and place[b] < place[a]]


def improved(graph, order):
    """The order, each file moved to where it is best until none is."""
    best = len(cost(graph, order))
    better = True
    while better:
        better = False
        for node in list(order):
            rest = [n for n in order if n != node]
            for i in range(len(order)):
                tried = rest[:i] + [node] + rest[i:]
                n = len(cost(graph, tried))
                if n < best:
                    best, order, better = n, tried, True
    return order


def cuts(graph, circle):
    """Needs without which the circle is none, few of them."""
    graph = {a: [b for b in graph[a] if b in circle] for a in circle}
    chance = random.Random(1)
    found = []
    for _ in range(STARTS):
        order = sorted(circle)
        chance.shuffle(order)
        found.append(cost(graph, improved(graph, order)))
    return min(found, key=lambda arrows: (len(arrows), arrows))


def floor_of(path):
    """The number of the floor."""
    folder = os.path.dirname(path) + '/'
    fitting = [(len(name), number) for number, names in enumerate(FLOORS)
               for name in names if folder.startswith(name + '/')]
    return max(fitting)[1]


def arrow(graph, a, b):
    names = sorted(graph[a][b])
    more = f' and {len(names) - 4} more' if len(names) > 4 else ''
    return f'    {a} -> {b}: {", ".join(names[:4])}{more}'


def report(graph):
    """Prints all; whether the limits hold."""
    holds = True
    for folder, limit in CIRCLES.items():
        inside = {a: [b for b in graph[a] if b.startswith(folder + '/')]
                  for a in graph if a.startswith(folder + '/')}
        circles = list(components(inside))
        count = sum(map(len, circles))
        broken = ': BROKEN' if count > limit else ''
        print(f'{folder}: {count} of {len(inside)} files in circles '
              f'(at most {limit}){broken}')
        for circle in circles:
            print(f'  {len(circle)} files: ' + ' '.join(sorted(circle)))
            for a, b in cuts(graph, circle):
                print(arrow(graph, a, b))
        holds &= not broken
    up = [(a, b) for a in sorted(graph) for b in sorted(graph[a])
          if floor_of(b) > floor_of(a)]
    print(f'needs of a higher floor: {len(up)} (none)' +
          (': BROKEN' if up else ''))
    for a, b in up:
        print(arrow(graph, a, b))
    return holds and not up


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--check', action='store_true')
    parser.add_argument('build')
    args = parser.parse_args()
    files = objects(args.build)
    if not files:
        print('no object files in ' + args.build, file=sys.stderr)
        return 2
    holds = report(needs(files))
    return 1 if args.check and not holds else 0


if __name__ == '__main__':
    sys.exit(main())
