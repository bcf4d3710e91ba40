#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Tests check-coroutines.py: it finds what the examples beside it say, in the
# lines that say `finds: PART OF THE MESSAGE; ...`, and nothing else.
#
#   test-check-coroutines.py BUILD-FOLDER
#
# The compiler's arguments are borrowed from a file of BUILD-FOLDER.
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FINDS = re.compile(r'finds: (.*?)\s*\*/')
HERE = Path(__file__).resolve().parent


def expected(source):
    """The pairs of a line and a part of the message, in the file's order."""
    result = []
    for number, line in enumerate(source.read_text().splitlines(), 1):
        match = FINDS.search(line)
        if match:
            result += [(number, part) for part in match[1].split('; ')]
    return result


def borrowed(build):
    entries = json.loads((build / 'compile_commands.json').read_text())
    return next(e for e in entries if e['file'].endswith('util/loop/coroutine.c'))


def run(entry, source, folder):
    """check-coroutines.py's exit status and findings for one file."""
    (folder / 'compile_commands.json').write_text(json.dumps(
        [dict(entry, file=str(source))]))
    done = subprocess.run(
        [sys.executable, HERE / 'check-coroutines.py', '--jobs', '1',
         '--root', HERE.parent.parent, folder],
        stdout=subprocess.PIPE, text=True, check=False)
    found = []
    for line in done.stdout.splitlines():
        path, number, message = line.split(':', 2)
        found.append((os.path.basename(path), int(number), message.strip()))
    return done.returncode, found


def problems(source, status, found):
    """What is wrong with a run's outcome, a line each."""
    wanted = expected(source)
    for path, number, message in found:
        match = next((w for w in wanted if path == source.name and
                      w[0] == number and w[1] in message), None)
        if match:
            wanted.remove(match)
        else:
            yield f'unexpected: {path}:{number}: {message}'
    for number, part in wanted:
        yield f'not found: {source.name}:{number}: {part}'
    if status != (1 if expected(source) else 0):
        yield f'exit status {status}'


def report(number, name, wrong):
    for line in wrong:
        print('# ' + line)
    print(f'{"not ok" if wrong else "ok"} {number} - {name}')
    return bool(wrong)


def main():
    entry = borrowed(Path(sys.argv[1]))
    sources = sorted(HERE.glob('*.c'))
    print(f'1..{len(sources) + 2}')
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for number, source in enumerate(sources, 1):
            wrong = list(problems(source, *run(entry, source, folder)))
            failed += report(number, source.name, wrong)
        broken = folder / 'broken.c'
        broken.write_text('int broken(void) { return undeclared; }\n')
        status, found = run(entry, broken, folder)
        wrong = [] if status == 1 and 'cannot be parsed' in found[0][2] \
            else [f'{status} {found}']
        failed += report(len(sources) + 1, 'a file that does not parse', wrong)
        (folder / 'compile_commands.json').write_text('[]')
        status = subprocess.run(
            [sys.executable, HERE / 'check-coroutines.py', folder],
            stderr=subprocess.DEVNULL, check=False).returncode
        failed += report(len(sources) + 2, 'a build folder without files',
                         [] if status == 2 else [f'exit status {status}'])
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
