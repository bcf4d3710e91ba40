#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The harness finds the bug of each driver of bugs.c, and none without one.

  test-bugs.py HARNESS

HARNESS is the program with these drivers linked in.  Prints TAP.
"""
import os
import re
import sys

from verdict import SEED, block, failures, report, run

# Driver, suite, operations in a list, and what is said of some property that
# does not hold.
BUGS = [
    ('lost-update', 'failure', 6, r'a write fails once'),
    ('stale-entry', 'failure', 6, r'a write fails once'),
    ('ignored-error', 'failure', 30, r'a write fails once'),
    ('wrong-piece', 'model', 12, r'random requests, 1 at a time'),
    ('mixed-sectors', 'model', 12, r'random requests, 1 at a time'),
    ('race', 'model', 30, r'random requests, (16|64) at a time'),
    ('odd-length', 'model', 12, r'not a multiple of 512'),
    ('status-zero', 'model', 12, r'the block status is true'),
    ('status-offset', 'model', 12, r'the block status is true'),
    ('flush-order', 'crash', 4, r'power cuts, short lists'),
    ('stale-bytes', 'crash', 6, r'old bytes past its end'),
    ('leak-memory', 'graph', 1, r'open, use and close lose nothing'),
    ('leak-node', 'graph', 1, r'the children of an open image'),
    ('leak-coroutine', 'graph', 1, r'open, use and close lose nothing'),
    ('endless', 'graph', 1, r'read-only and back'),
    ('no-drain', 'graph', 1, r'closing with requests in flight'),
    ('shared-file', 'graph', 1, r'a second writer is refused'),
    ('create-rounding', 'create', 1, r'sizes at boundaries, by options'),
    ('create-option', 'create', 1, r'the option block_size'),
    ('hostile-memory', 'hostile', 1, r'words of the head'),
    ('hostile-loop', 'hostile', 1, r'words of the head'),
    ('hostile-bounds', 'hostile', 1, r'words of the head'),
    ('grow-retry', 'failure', 40, r'a write fails once'),
    ('create-order', 'create-crash', 200, r'over an old image'),
    ('log-unread', 'crash', 12, r'opened read-only'),
    ('log-lost', 'crash', 12, r'long lists, one at a time'),
    ('log-silent', 'crash', 12, r'opened read-only'),
    ('unrepaired', 'crash', 12, r'long lists, one at a time'),
    ('lossy', 'crash', 12, r'old bytes past its end'),
    ('guessed-head', 'damage', 1, r'head or tail are lost'),
    ('any-entry', 'damage', 1, r'the table names wrong places'),
    ('kept-table', 'turns', 12, r'sessions of processes in turn'),
    ('endless', 'turns', 12, r'sessions of processes in turn'),
]

# What the sound drivers are run with: suite, operations in a list.
SOUND = [('none', 'model', 12), ('none', 'failure', 5), ('none', 'crash', 4),
         ('none', 'graph', 1), ('none', 'create', 1),
         ('none', 'create-crash', 200), ('none', 'hostile', 20),
         ('none', 'damage', 1), ('none', 'turns', 24), ('grows', 'model', 40),
         ('grows', 'failure', 12), ('grows', 'crash', 20)]
SOUND += [(driver, suite, ops) for driver in ('log', 'in-use')
          for suite, ops in (('model', 30), ('failure', 12), ('crash', 20),
                             ('graph', 1), ('create', 1),
                             ('create-crash', 50), ('hostile', 20),
                             ('damage', 1), ('turns', 12))]
# A failure that meets closing leaves the mark.
SOUND += [('in-use', 'failure', 60)]
SOUND += [('moving', 'crash', 12), ('moving', 'graph', 1)]

LIST = re.compile(r'^# seed (\d+), depth \d+.*, (\d+) operations of (\d+):')


def block_problem(harness, driver, suite, lines):
    """Is there YAML for programs that says what the comments say?"""
    try:
        values = block(lines)
    except (ValueError, AttributeError, KeyError) as error:
        return f'no good YAML: {error}'
    message = '\n'.join(f'# {line}'
                        for line in values['message'].splitlines())
    again = (f'{os.path.basename(harness)} --driver {driver} --only {suite} '
             f'--seed {SEED} ')
    if message not in '\n'.join(lines) or values['seed'] != SEED:
        return 'the YAML has another message or seed'
    if not values['commands'].splitlines()[-1].startswith(again):
        return 'the YAML does not say how to run it again'
    steps = [re.sub(r'^#\s+\d+  ', '', line) for line in lines
             if re.match(r'^#\s+\d+  \S', line)]
    return (None if values['operations'] == steps
            else 'the YAML has other operations')


def list_problem(comments):
    """Is there a list, shorter than the one that failed, with the seed?"""
    match = next(filter(None, map(LIST.match, comments)), None)
    if not match:
        return 'no list of operations is told'
    seed, left, whole = map(int, match.groups())
    steps = [c for c in comments if re.match(r'^#\s+\d+  \S', c)]
    if seed != SEED:
        return f'the seed {seed} is told'
    if left > whole or len(steps) != left:
        return f'{left} operations of {whole} are told, {len(steps)} listed'
    if whole > 4 and left > whole // 2:
        return f'the list was not shortened: {left} operations of {whole}'
    return None


def find_bug(harness, driver, suite, ops, wanted):
    """What is wrong with the harness's verdict, or None; and its output."""
    hangs = driver in ('bug-endless', 'bug-hostile-loop')
    more = ['--timeout', '3'] if hangs else []
    status, lines = run(harness, driver, suite, ops, *more)
    found = [f for f in failures(lines) if re.search(wanted, f[0])]
    if status != 1:
        return f'the harness exits with {status}', lines
    if not found:
        return 'the property is not said to be broken', lines
    if not all(f[0].startswith(suite + ': ') for f in failures(lines)):
        return 'a property of another suite', lines
    problem = next(filter(None, (block_problem(harness, driver, suite, b)
                                 for _, b in failures(lines))), None)
    if problem:
        return problem, lines
    if driver != 'bug-odd-length' and suite in (
            'model', 'failure', 'crash', 'turns'):
        problem = next(filter(None, (list_problem(c) for _, c in found)),
                       None)
    return problem, lines


def reproduces(harness):
    """The same seed, the same verdict and the same list."""
    runs = [run(harness, 'bug-status-zero', 'model', 12) for _ in range(2)]
    return (None if runs[0] == runs[1] else 'two runs differ',
            runs[0][1] + runs[1][1])


def hangs_do_not_add_up(harness):
    """After the first one, cases have less time, and each is told."""
    _, lines = run(harness, 'bug-endless', 'graph', 1, '--timeout', '15')
    late = [match[1] for match in
            (re.search(r'^# .*did not end within (\d+) sec', l)
             for l in lines) if match]
    good = len(late) > 2 and late[0] == '15' and set(late[1:]) == {'1'}
    return None if good else f'times: {late}', lines


def many_clusters(harness):
    """A fault that takes many clusters is found at each depth that has it."""
    _, lines = run(harness, 'bug-stale-header', 'model', 400)
    found = {m[1] for name, _ in failures(lines)
             if (m := re.search(r'requests, (\d+) at a time', name))}
    return (None if found == {'4', '16', '64'} else f'only at {found}', lines)


def says_what_is_lost(harness):
    """What the check finds hides no loss of data, and is told beside it."""
    for driver, first in (('bug-unrepaired', r'power cut.* the check found'),
                          ('bug-lossy', r'power cut.* byte \d+ is')):
        _, lines = run(harness, driver, 'crash', 12)
        told = [c for name, c in failures(lines) if 'old bytes' in name]
        text = '\n'.join(told[0] if told else [])
        if not (re.search('# after a ' + first, text) and
                'and the driver cannot repair' in text):
            return f'{driver}: something else is told', lines
    for driver, suite, first in (
            ('bug-forgetting', 'model', r'byte \d+ is'),
            ('bug-forgetting', 'turns', r'session \d+: byte \d+ is'),
            ('bug-forgetting', 'failure', r'.*byte \d+ is'),
            ('bug-accused', 'model', r'the check found 1 corruption, and the '
             'driver cannot repair')):
        _, lines = run(harness, driver, suite, 12)
        told = [block(c)['message'] for _, c in failures(lines)]
        if not told or not all(re.match(first, t) for t in told):
            return f'{driver}: {suite} tells something else', told
    return None, []


def takes_a_refusal(harness):
    """A reason not to open read-only, or without a repair, is no failure."""
    for driver, told in (
            ('bug-log', r'^ok .*read-only # SKIP the driver refuses: The log'),
            ('bug-in-use', r'^# after some power cuts .* repaired')):
        _, lines = run(harness, driver, 'crash', 12)
        if not any(re.search(told, line) for line in lines):
            return f'{driver}: it is not told', lines
    return None, []


def says_why_it_hangs(harness, driver):
    """Who waits uses next to no CPU time, and is found out all the same."""
    _, lines = run(harness, driver, 'graph', 1)
    good = any('the case hangs: it waits' in line for line in lines)
    return None if good else 'the case does not hang', lines


def keeps_the_kind(harness):
    """A shorter list that fails in another way is not taken."""
    _, lines = run(harness, 'bug-two-faults', 'model', 100)
    good = any(re.match(r'# byte \d+ is', line) for line in lines)
    return None if good else 'another failure is told', lines


def creates_nothing(harness):
    status, lines = run(harness, 'bug-no-creation', 'model', 1)
    good = not status and '# SKIP the driver creates no images' in lines[2]
    return None if good else 'it is not skipped', lines


def finds_nothing(harness, driver, suite, ops):
    status, lines = run(harness, 'bug-' + driver, suite, ops)
    if status:
        return f'the harness exits with {status}', lines
    return None if any(l.startswith('ok ') for l in lines) else 'nothing', lines


def main(harness):
    tests = [(f'bug-{driver}: found by {suite}',
              lambda b=(f'bug-{driver}', suite, ops, wanted):
              find_bug(harness, *b))
             for driver, suite, ops, wanted in BUGS]
    tests += [(f'bug-{rest[0]}: {rest[1]} finds nothing',
               lambda s=rest: finds_nothing(harness, *s))
              for rest in SOUND]
    tests.append(('a seed brings a failure about again',
                  lambda: reproduces(harness)))
    tests.append(('bug-stale-header: found at depths 4 to 64',
                  lambda: many_clusters(harness)))
    tests.append(('what the check finds hides no loss of data',
                  lambda: says_what_is_lost(harness)))
    tests.append(('reasons to refuse an image are told',
                  lambda: takes_a_refusal(harness)))
    tests += [(f'{driver}: hangs, without CPU time',
               lambda d=driver: says_why_it_hangs(harness, d))
              for driver in ('bug-forgotten', 'bug-polling')]
    tests.append(('a list is shortened for the same failure',
                  lambda: keeps_the_kind(harness)))
    tests.append(('a driver that creates no images',
                  lambda: creates_nothing(harness)))
    tests.append(('hangs do not add up',
                  lambda: hangs_do_not_add_up(harness)))
    return report(tests)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
