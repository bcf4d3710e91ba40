#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a report says can be done by hand shows the same fault.

  test-byhand.py HARNESS

HARNESS is the program with the drivers of bugs.c linked in; minblk-img and
minblk-io with these lie beside it.  The commands of each report are run by sh in
an empty folder, then once more with the sound driver.  Prints TAP.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

from verdict import block, failures, report, run


def wrong(message, said):
    """Whether the byte of the message is the one that is wrong."""
    byte = re.search(r'byte (\d+) is', message)
    return byte and re.search(
        fr'^Pattern verification failed at offset {byte[1]}, 1 bytes$', said,
        re.MULTILINE)


def untrue(message, said):
    """Whether the map says that what was written is zero."""
    offset = int(re.search(r'not zero.* bytes at (\d+)', message)[1])
    extents = json.loads(said[said.index('[{'):])
    return any(e['zero'] for e in extents
               if e['start'] <= offset < e['start'] + e['length'])


def says(text):
    return lambda message, said: text in said


# Driver, suite, operations in a list, and whether the tools show it.
BUGS = [
    ('lost-update', 'failure', 6, wrong),
    ('stale-entry', 'failure', 6, wrong),
    ('ignored-error', 'failure', 40, wrong),
    ('wrong-piece', 'model', 12, wrong),
    ('mixed-sectors', 'model', 12, wrong),
    ('status-zero', 'model', 12, untrue),
    ('odd-length', 'model', 12, says('Not an image of this format')),
    ('flush-order', 'failure', 16, says('cannot be where the table says')),
    ('create-option', 'create', 1, says('Not an image of this format')),
]

# The same, of the image alone that --keep has left; and a driver that still
# makes it good, as nothing has touched the image since the power was cut.
KEPT = [
    ('lost-update', 'failure', 6, wrong),
    ('flush-order', 'crash', 4, says('cannot be where the table says')),
    ('stale-bytes', 'crash', 6, wrong),
    ('log-unread', 'crash', 12, wrong),
    ('log-lost', 'crash', 12, wrong, 'log'),
    ('unrepaired', 'crash', 12, says('errors were found on the image')),
    ('hostile-bounds', 'hostile', 1, says('Segmentation fault')),
    ('any-entry', 'damage', 1, wrong),
]


def by_hand(harness, commands, end=-1):
    """What the tools say to @commands, but for the harness at their end."""
    tools = os.path.dirname(os.path.abspath(harness))
    environment = dict(os.environ, PATH=f'{tools}:{os.environ["PATH"]}')
    lines = commands.splitlines()
    if not lines[-1].startswith(os.path.basename(harness)):
        return 'the last line does not run the harness'
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(['sh', '-c', '\n'.join(lines[:end])], cwd=folder,
                              env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              check=False).stdout


def candidates(harness, driver, suite, ops, shown, *more):
    """The reports that say what @shown looks for: blocks, and comments."""
    _, lines = run(harness, f'bug-{driver}', suite, ops, *more)
    for _, comments in failures(lines):
        values = block(comments)
        if shown is not wrong or 'byte ' in values['message']:
            yield values, comments


def shows(harness, driver, suite, ops, shown):
    """Do the commands show the fault, and not with the sound driver?"""
    told = []
    for values, _ in candidates(harness, driver, suite, ops, shown):
        commands = values['commands']
        # Its data are wrong only where sectors differ.
        if driver == 'mixed-sectors' and 'write -s ' not in commands:
            return 'no file is written', commands.splitlines()
        said = by_hand(harness, commands)
        told = commands.splitlines() + said.splitlines()
        if not shown(values['message'], said):
            return 'the commands do not show it', told
        said = by_hand(harness, commands.replace(f'bug-{driver}', 'bug-none'))
        # That a write failed is no fault: the case would try it again.
        return ('they show it with the sound driver, too'
                if shown(values['message'], said) and
                'write failed' not in said else None), told
    return 'there is no such report', told


def keeps(harness, driver, suite, ops, shown, sound=None):
    """Is there an image that shows the fault as the commands go on from it?"""
    with tempfile.TemporaryDirectory() as folder:
        for values, comments in candidates(harness, driver, suite, ops, shown,
                                           '--keep', folder):
            if f'# image: {values["image"]}' not in comments:
                return 'the comments do not name it', comments
            commands = values['commands'].split('# the image of the case\n')[1]
            said = by_hand(harness, commands)
            if sound and shown(values['message'], by_hand(
                    harness, commands.replace(f'bug-{driver} ',
                                              f'bug-{sound} '))):
                return ('the image is not as the power cut left it',
                        commands.splitlines())
            return (None if shown(values['message'], said)
                    else 'the image does not show it'), (
                        commands.splitlines() + said.splitlines())
    return 'there is no such report', []


def runs_again(harness):
    """The last line does the same in another folder, whatever paths it has."""
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
        by_hand(harness, '\n'.join([
            f'minblk-img create -q -f bug-wrong-piece {folder}/image 1M',
            os.path.basename(harness)]))
        near = os.path.relpath(folder)
        for values, _ in candidates(harness, 'wrong-piece', 'model', 12, wrong,
                                    '--from', f'{near}/image', '--image', near):
            again = values['commands'].splitlines()[-1]
            said = by_hand(harness, again, None)
            return (None if f'# {values["message"]}' in said
                    else 'it does not'), [again] + said.splitlines()
    return 'there is no such report', []


def keeps_hanging(harness, suite):
    """An image is kept of what hangs or crashes, too."""
    with tempfile.TemporaryDirectory() as folder:
        _, lines = run(harness, 'bug-endless', suite, 4, '--timeout', '3',
                       '--keep', folder)
        good = any(block(comments).get('image') and
                   'did not end' in block(comments)['message'] and
                   os.path.getsize(block(comments)['image']) > 0
                   for _, comments in failures(lines))
    return None if good else 'there is none', lines


def replays(harness):
    """A log that has to be replayed is no finding, whoever has left it."""
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, 'image')
        said = by_hand(harness, '\n'.join([
            f'minblk-img create -q -f bug-log {image} 1M',
            f"minblk-io -f bug-log -c 'write -P 7 0 64k' -c abort {image}",
            f"minblk-io -r -f bug-log -c 'read 0 1k' {image}",
            os.path.basename(harness)]))
        if 'The log has to be replayed' not in said:
            return 'there is no log', said.splitlines()
        status, lines = run(harness, 'bug-log', 'read', 8, '--only', 'graph',
                            '--only', 'damage', '--only', 'hostile', '--only',
                            'turns', '--image', folder)
    return 'it is a finding' if status else None, lines


def main(harness):
    tests = [(f'bug-{bug[0]}: {bug[1]}', lambda b=bug: shows(harness, *b))
             for bug in BUGS]
    tests += [(f'bug-{bug[0]}: {bug[1]}, the image',
               lambda b=bug: keeps(harness, *b)) for bug in KEPT]
    tests.append(('the last line', lambda: runs_again(harness)))
    tests += [(f'{suite}: the image of a case that hangs',
               lambda s=suite: keeps_hanging(harness, s))
              for suite in ('graph', 'turns')]
    tests.append(('an image with a log', lambda: replays(harness)))
    return report(tests)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
