#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Tests circles.py on small trees, which are compiled: it sees circles of calls
# and of data, and needs that run up; and it cuts where few cuts are needed.
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / 'circles.py'
CC = os.environ.get('CC', 'cc').split()


class CirclesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.build = self.root / 'build'
        self.build.mkdir()
        self.entries = []

    def add(self, path, text):
        source = self.root / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        output = path.replace('/', '_') + '.o'
        subprocess.run(CC + ['-c', '-o', self.build / output, source],
                       check=True)
        self.entries = [e for e in self.entries if e['output'] != output]
        self.entries.append({'directory': str(self.build),
                             'file': '../' + path, 'output': output,
                             'command': f'cc -o {output} -c ../{path}'})

    def calls(self, path, *others):
        """A file whose function, named after it, calls those of others."""
        names = [Path(p).stem for p in (path, *others)]
        self.add(path, ''.join(f'void {n}(void);\n' for n in names) +
                 f'void {names[0]}(void)\n{{\n' +
                 ''.join(f'    {n}();\n' for n in names[1:]) + '}\n')

    def run_script(self, *args):
        (self.build / 'compile_commands.json').write_text(
            json.dumps(self.entries))
        done = subprocess.run([sys.executable, '-B', SCRIPT, *args, self.build],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        return done.returncode, done.stdout

    def passes(self):
        status, out = self.run_script('--check')
        self.assertEqual(status, 0, out)
        return out

    def fails(self, *parts):
        status, out = self.run_script('--check')
        self.assertEqual(status, 1, out)
        for part in parts:
            self.assertIn(part, out)
        self.assertEqual(self.run_script(), (0, out))
        return out

    def test_no_circle(self):
        self.calls('block/core/a.c', 'block/core/b.c', 'util/u.c')
        self.calls('block/core/b.c', 'util/u.c')
        self.calls('util/u.c', 'outside.c')
        self.assertIn('0 of 2 files in circles', self.passes())

    def test_circle_of_calls(self):
        """d -> a is the one need that is in both circles."""
        self.calls('block/core/a.c', 'block/core/b.c', 'block/core/c.c')
        self.calls('block/core/b.c', 'block/core/d.c')
        self.calls('block/core/c.c', 'block/core/d.c')
        self.calls('block/core/d.c', 'block/core/a.c', 'block/core/e.c')
        self.calls('block/core/e.c')
        out = self.fails('block/core: 4 of 5 files', '  4 files: ',
                         '    block/core/d.c -> block/core/a.c: a\n')
        self.assertEqual(out.count('->'), 1)

    def test_circle_of_data(self):
        self.add('block/core/a.c', 'extern int b; int *a = &b;\n')
        self.add('block/core/b.c', 'void f(void); extern int *a; int b;\n'
                 'int f2(void) { return *a; }\n')
        self.fails('block/core: 2 of 2 files')

    def test_two_circles(self):
        for a, b in (('a', 'b'), ('c', 'd')):
            self.calls(f'block/core/{a}.c', f'block/core/{b}.c')
            self.calls(f'block/core/{b}.c', f'block/core/{a}.c')
        out = self.fails('block/core: 4 of 4 files')
        self.assertEqual(out.count('  2 files: '), 2)

    def test_allowance(self):
        """Two files may need each other in block/vpc, three may not."""
        self.calls('block/vpc/a.c', 'block/vpc/b.c')
        self.calls('block/vpc/b.c', 'block/vpc/a.c', 'block/vpc/c.c')
        self.calls('block/vpc/c.c')
        self.assertIn('block/vpc: 2 of 3 files', self.passes())
        self.calls('block/vpc/c.c', 'block/vpc/a.c')
        self.fails('block/vpc: 3 of 3 files')

    def test_floors(self):
        folders = ('util', 'util/loop', 'qapi', 'block/core/node',
                   'block/core/request', 'block/core/graph',
                   'block/core/backend', 'block/vpc', 'tools/img')
        paths = [f'{folder}/f{i}.c' for i, folder in enumerate(folders)]
        for i, path in enumerate(paths):
            self.calls(path, *paths[:i])
        self.passes()
        for n, (low, high) in enumerate(zip(paths, paths[1:]), 1):
            self.calls(low, high)
            self.fails(f'    {low} -> {high}: ', f'higher floor: {n} ')

    def test_programs(self):
        """Each program has its own function of one name."""
        for folder in ('tools/img', 'tools/io'):
            self.add(f'{folder}/main.c', 'void help(void);\n'
                     'int main(void) { help(); }\n')
            self.add(f'{folder}/help.c', 'void help(void) { }\n')
        self.add('tools/harness/memory.c', 'void free(void *p) { }\n')
        self.add('util/a.c', '#include <stdlib.h>\n'
                 'void a(void *p) { free(p); }\n')
        self.passes()

    def test_nothing(self):
        self.assertEqual(self.run_script('--check')[0], 2)


if __name__ == '__main__':
    unittest.main()
