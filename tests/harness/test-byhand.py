#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a report says can be done by hand shows the same fault.

  test-byhand.py HARNESS

HARNESS is the program with the drivers of bugs.c linked in; minblk-img and
minblk-io with these lie beside it.  The commands of each report are run by sh in
an empty folder, then once more with the sound driver.  Prints TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

from verdict import block, failures, report, run

# Driver, suite, operations in a list, and what the tools must say.  One byte is
# compared, so that it is the one of the message.
WRONG = r'^Pattern verification failed at offset {byte}, 1 bytes$'
BUGS = [
    ('lost-update', 'failure', 6, WRONG),
    ('stale-entry', 'failure', 6, WRONG),
    ('ignored-error', 'failure', 16, WRONG),
    ('wrong-piece', 'model', 12, WRONG),
    ('mixed-sectors', 'model', 12, WRONG),
    ('status-zero', 'model', 12, r'^\[.*"start": 0,.*"data": false\}\]$'),
    ('flush-order', 'failure', 16, r'cannot be where the table says'),
    ('create-option', 'create', 1, r'Not an image of this format'),
]

# The same, of the image alone that --keep has left.
KEPT = [
    ('lost-update', 'failure', 6, WRONG),
    ('flush-order', 'crash', 4, r'cannot be where the table says'),
    ('stale-bytes', 'crash', 6, WRONG),
    ('hostile-bounds', 'hostile', 1, r'Segmentation fault'),
]


def by_hand(harness, commands, folder):
    """What the tools say to @commands, but for the harness at their end."""
    tools = os.path.dirname(os.path.abspath(harness))
    environment = dict(os.environ, PATH=f'{tools}:{os.environ["PATH"]}')
    lines = commands.splitlines()
    if not lines[-1].startswith(os.path.basename(harness)):
        return 'the last line does not run the harness'
    return subprocess.run(['sh', '-c', '\n'.join(lines[:-1])], cwd=folder,
                          env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          check=False).stdout


def shows(harness, driver, suite, ops, wanted):
    """Is there a report of which the commands show the fault?"""
    _, lines = run(harness, f'bug-{driver}', suite, ops)
    told = lines
    for _, comments in failures(lines):
        values = block(comments)
        byte = re.search(r'byte (\d+) is', values['message'])
        if '{byte}' in wanted and not byte:
            continue
        pattern = wanted.replace('{byte}', byte[1] if byte else '')
        commands = values['commands']
        # Its data are wrong only where sectors differ.
        if driver == 'mixed-sectors' and 'write -s ' not in commands:
            return 'no file is written', commands.splitlines()
        with tempfile.TemporaryDirectory() as folder:
            said = by_hand(harness, commands, folder)
        told = commands.splitlines() + said.splitlines()
        if not re.search(pattern, said, re.MULTILINE):
            return 'the commands do not show it', told
        with tempfile.TemporaryDirectory() as folder:
            said = by_hand(harness,
                           commands.replace(f'bug-{driver}', 'bug-none'),
                           folder)
        # That a write failed is no fault: the case would try it again.
        if (re.search(pattern, said, re.MULTILINE) and
                'write failed' not in said):
            return 'they show it with the sound driver, too', told
        return None, told
    return 'there is no such report', told


def keeps(harness, driver, suite, ops, wanted):
    """Is there an image that shows the fault as the commands go on from it?"""
    with tempfile.TemporaryDirectory() as folder:
        _, lines = run(harness, f'bug-{driver}', suite, ops, '--keep', folder)
        told = lines
        for _, comments in failures(lines):
            values = block(comments)
            byte = re.search(r'byte (\d+) is', values['message'])
            if '{byte}' in wanted and not byte:
                continue
            commands = values['commands'].split('# the image of the case\n')[1]
            said = by_hand(harness, commands, folder)
            told = commands.splitlines() + said.splitlines()
            if f'# image: {values["image"]}' not in comments:
                return 'the comments do not name it', comments
            return (None if re.search(
                wanted.replace('{byte}', byte[1] if byte else ''), said,
                re.MULTILINE) else 'the image does not show it'), told
    return 'there is no such report', told


def keeps_hanging(harness):
    """An image is kept of what hangs or crashes, too."""
    with tempfile.TemporaryDirectory() as folder:
        _, lines = run(harness, 'bug-endless', 'graph', 1, '--timeout', '3',
                       '--keep', folder)
        good = any(block(comments).get('image') and
                   'did not end' in block(comments)['message'] and
                   os.path.getsize(block(comments)['image']) > 0
                   for _, comments in failures(lines))
    return None if good else 'there is none', lines


def main(harness):
    tests = [(f'bug-{bug[0]}: {bug[1]}', lambda b=bug: shows(harness, *b))
             for bug in BUGS]
    tests += [(f'bug-{bug[0]}: {bug[1]}, the image',
               lambda b=bug: keeps(harness, *b)) for bug in KEPT]
    tests.append(('the image of a case that hangs',
                  lambda: keeps_hanging(harness)))
    return report(tests)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
