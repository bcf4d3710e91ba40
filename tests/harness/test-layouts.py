#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The harness on images in the layout of every program, dynamic and fixed.

  test-layouts.py HARNESS

Copies of images in use, as ../interop/layouts.py writes them, are read, written
to, made to fail, cut off from power and damaged.  Blocks are small where a suite
copies an image often, but for that the layouts are as on a user's disk.  Prints
TAP.
"""
import pathlib
import subprocess
import sys
import tempfile

from verdict import report

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       'interop'))
import layouts  # noqa: E402
import vhd  # noqa: E402

SMALL = 64 << 10
TINY = 8 << 10

# But for the block size and the footer they are like one of the others.
LIKE_OTHERS = ('windows-512k', 'qemu-forced')

# Of a fixed disk only the footer is another one: two rules for the size.
FIXED = ('windows', 'virtualpc')


def harness(program, *options):
    """What is wrong with the harness's verdict, or None; and its output."""
    done = subprocess.run(
        [program, '--driver', 'vpc', '--seed', '3', '--ops', '12', *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    problem = f'it exits with {done.returncode}' if done.returncode else None
    return problem, done.stdout.splitlines()


def suites(*names):
    return [option for name in names for option in ('--only', name)]


def on_images(program, layout, names, block_size=None, kind=vhd.DYNAMIC):
    """The suites that look for what is in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / 'image.vhd'
        layouts.used(layout, kind, block_size).write(image)
        return harness(program, '--image', folder, *suites(*names))


def on_copies(program, layout, names, kind=vhd.DYNAMIC):
    """Those that work on copies of one image, where else they create one."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / 'image.vhd'
        layouts.used(layout, kind, SMALL).write(image)
        return harness(program, '--from', str(image), *suites(*names))


def stale(program):
    """Old bytes under clear bits never show, whoever left them there."""
    with tempfile.TemporaryDirectory() as folder:
        for name, layout in layouts.LAYOUTS.items():
            if layout.partial:
                layouts.used(layout, under=0xaa).write(
                    pathlib.Path(folder) / (name + '.vhd'))
        return harness(program, '--image', folder, *suites('read'))


def main(program):
    tests = []
    for name, layout in layouts.LAYOUTS.items():
        tests.append((f'{name}: read, graph', lambda l=layout: on_images(
            program, l, ['read', 'graph'])))
        if name in LIKE_OTHERS:
            continue
        tests.append((f'{name}: model, failure, crash',
                      lambda l=layout: on_copies(
                          program, l, ['model', 'failure', 'crash'])))
        tests.append((f'{name}: hostile', lambda l=layout: on_images(
            program, l, ['hostile'], TINY)))
    for name in FIXED:
        layout = layouts.LAYOUTS[name]
        tests.append((f'{name}, fixed: read, graph, hostile',
                      lambda l=layout: on_images(
                          program, l, ['read', 'graph', 'hostile'], SMALL,
                          vhd.FIXED)))
        tests.append((f'{name}, fixed: model, failure, crash',
                      lambda l=layout: on_copies(
                          program, l, ['model', 'failure', 'crash'],
                          vhd.FIXED)))
    tests.append(('old bytes under clear bits: read', lambda: stale(program)))
    return report(tests)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
