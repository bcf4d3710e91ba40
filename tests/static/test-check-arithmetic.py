#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Tests check-arithmetic.py: in arithmetic/examples.c it finds what the lines
# say that have `finds: PART OF THE MESSAGE`, and nothing else.
#
#   test-check-arithmetic.py BUILD-FOLDER
#
# The compiler's arguments are borrowed from a file of BUILD-FOLDER.
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
FINDS = re.compile(r'finds: (.*?)\s*\*/')
BUILD = Path(sys.argv.pop(1))


def run_script(source, root=HERE):
    """The exit status, and for each finding its line and its message."""
    entries = json.loads((BUILD / 'compile_commands.json').read_text())
    entry = next(e for e in entries if e['file'].endswith('util/iov.c'))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, 'compile_commands.json').write_text(json.dumps(
            [dict(entry, file=str(source))] if source else []))
        done = subprocess.run(
            [sys.executable, HERE / 'check-arithmetic.py', '--root', root,
             '--folder', 'arithmetic/', folder],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            check=False)
    lines = [line.split(':', 2) for line in done.stdout.splitlines()]
    return done.returncode, [(int(number), message.strip())
                             for _, number, message in lines]


class CheckArithmeticTest(unittest.TestCase):
    def test_examples(self):
        source = HERE / 'arithmetic' / 'examples.c'
        status, found = run_script(source)
        wanted = {}
        for number, line in enumerate(source.read_text().splitlines(), 1):
            match = FINDS.search(line)
            if match:
                wanted[number] = match[1]
        self.assertEqual(status, 1)
        self.assertEqual([number for number, _ in found], sorted(wanted))
        for number, message in found:
            self.assertIn(wanted[number], message)

    def test_does_not_parse(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, 'arithmetic', 'broken.c')
            source.parent.mkdir()
            source.write_text('int broken(void) { return undeclared; }\n')
            status, found = run_script(source, folder)
        self.assertEqual(status, 1)
        self.assertIn('cannot be parsed', found[0][1])

    def test_nothing(self):
        self.assertEqual(run_script(None)[0], 2)


if __name__ == '__main__':
    unittest.main()
