#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Tests figures.py on small trees: what it counts, and that --check fails for
# each limit that a tree breaks.
import contextlib
import io
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True
import figures  # pylint: disable=wrong-import-position

COUNTED = '''\
/* SPDX-License-Identifier: MIT */
/*
 * Why.
 */
#include "a.h" // beside code

static int early(int n);
static const char *text = "/* no comment { */";

static int
once(int n)
{
    return n + '{';
}

static int early(int n)
{
    return twice(once(n), early(n)) + table->once(n) + s.once;
}

static struct { int (*run)(int n); } table = { .run = pointer };
#define CALL(n) \\
    macro(n)
'''
STATICS = ''.join(f'static int {name}(int n)\n{{\n    return n;\n}}\n'
                  for name in ('twice', 'pointer', 'macro', 'never'))
UNIQUE = 'static int name{n}(void) {{ return name{n}() + name{n}(); }}\n'


class FiguresTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.write('util/noise.c', 'int noise;\n')

    def write(self, path, text):
        path = Path(self.root, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def figures(self):
        return figures.Figures(self.root)

    def run_main(self, *args):
        out = io.StringIO()
        argv = ['figures.py', '--root', self.root, *args]
        with mock.patch.object(sys, 'argv', argv), \
                contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(out):
            return figures.main(), out.getvalue()

    def test_lines(self):
        self.write('util/a.c', COUNTED)
        (source,) = [s for s in self.figures().sources if s.path == 'util/a.c']
        self.assertEqual(source.lines, 23)
        self.assertEqual(len(source.comments), 3)
        self.assertEqual(len(source.code), 15)

    def test_functions(self):
        self.write('util/a.c', COUNTED + STATICS)
        found = {f.name: (f.line, f.lines, f.calls, f.others)
                 for f in self.figures().functions}
        self.assertEqual(found, {
            'once': (11, 5, 1, 0), 'early': (16, 4, 1, 0),
            'twice': (24, 4, 1, 0), 'pointer': (28, 4, 0, 1),
            'macro': (32, 4, 1, 0), 'never': (36, 4, 0, 0)})
        self.assertEqual({f.name for f in self.figures().one_call},
                         {'once', 'early', 'twice', 'macro'})

    def test_other_kinds(self):
        """Neither statics of headers nor global functions are statics."""
        self.write('include/a.h', 'static inline int f(void)\n{ return 1; }\n')
        self.write('util/a.c', 'int f(void)\n{ return 1; }\n')
        self.write('tests/a.c', 'static int f(void)\n{ return 1; }\n')
        self.assertEqual(len(self.figures().functions), 2)
        self.assertEqual(self.figures().statics, [])

    def test_shared(self):
        for path in ('util/a.c', 'tools/b.c'):
            self.write(path, STATICS)
        self.write('block/vpc/c.c', UNIQUE.format(n=1))
        self.assertEqual(set(self.figures().shared),
                         {'twice', 'pointer', 'macro', 'never'})
        self.assertFalse(self.figures().unique)
        self.write('block/d.c', UNIQUE.format(n=1))
        self.assertEqual(set(self.figures().unique), {'name1'})

    def broken(self, text):
        """--check fails, and only for the limit that text names."""
        status, out = self.run_main('--check')
        lines = [line for line in out.splitlines() if 'BROKEN' in line]
        self.assertEqual((status, len(lines)), (1, 1), out)
        self.assertIn(text, lines[0])
        self.assertEqual(self.run_main()[0], 0)
        return out

    def test_limits_hold(self):
        self.write('util/a.c', '/* why */\n' + UNIQUE.format(n=1))
        self.assertEqual(self.run_main('--check')[0], 0, self.run_main())

    def test_limit_code(self):
        self.write('include/a.h', '/* why */\nint a;\n' * 39000)
        self.broken('code lines')

    def test_limit_file(self):
        self.write('util/a.c', '/* why */\n' * 501)
        self.assertIn('util/a.c: 501', self.broken('longest .c file'))

    def test_limit_function(self):
        self.write('util/a.c', 'void f(void)\n{\n' + '/* why */\n' * 58 + '}\n')
        self.assertIn('util/a.c:1: f', self.broken('longest function'))
        self.assertIn('util/a.c:1: f', self.run_main('--list', 'long')[1])

    def test_limit_columns(self):
        self.write('util/a.h', '/* why */\n/* ' + 'é' * 74 + ' */\n')
        self.assertEqual(self.run_main('--check')[0], 0)
        self.write('util/a.h', '/* why */\n/* ' + 'é' * 75 + ' */\n')
        self.assertIn('util/a.h:2: 81', self.broken('longest line'))

    def test_limit_one_call(self):
        self.write('util/a.c', '/* why */\n' * 9 +
                   STATICS + 'int x(void) { return never() + twice(); }\n')
        self.assertIn('util: 2', self.broken('exactly one call'))
        listed = self.run_main('--list', 'one-call')[1].splitlines()
        self.assertEqual(len(listed), 2)
        self.assertIn('util/a.c:10: twice', listed[0])

    def test_limit_shared(self):
        for path in ('util/a.c', 'tools/b.c'):
            self.write(path, '/* why */\n' + UNIQUE.format(n=1))
        out = self.broken('two files use')
        self.assertIn('name1: tools/b.c, util/a.c', out)
        self.assertEqual(
            len(self.run_main('--list', 'shared')[1].splitlines()), 2)

    def test_limit_unique(self):
        for path in ('block/a.c', 'block/vpc/b.c'):
            text = ''.join(UNIQUE.format(n=f'_{path[6]}{i}') for i in range(40))
            self.write(path, '/* why */\n' * 40 + text + UNIQUE.format(n=1))
        self.broken('two files in block/')

    def test_limit_comments(self):
        self.write('util/a.c', 'int a;\n' * 10)
        self.assertIn('util: 2 lines short', self.broken('comment lines'))

    def test_empty_tree(self):
        os.remove(os.path.join(self.root, 'util/noise.c'))
        self.assertEqual(self.run_main('--check')[0], 2)


if __name__ == '__main__':
    unittest.main()
