#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Creation by QAPI is compared with that by options, and sound drivers pass.

  test-create.py HARNESS

HARNESS is the program with the drivers of create-drivers.c linked in.  Prints
TAP.
"""
import sys

from verdict import failures, report, run

SAME = 'create: options and QAPI accept the same sizes'
STATIC = 'create: the option static, by QAPI, too'


def line_of(lines, what):
    """The line of the report about the property @what."""
    return next((line for line in lines if f' - {what}' in line), '')


def sound(harness, driver, wanted, *more):
    """Nothing is found, what is compared is not skipped, @wanted is said."""
    status, lines = run(harness, driver, 'create', 1, *more)
    if status:
        return f'the harness exits with {status}', lines
    if not line_of(lines, SAME).endswith(SAME):
        return 'sizes are not compared', lines
    return (None if any(wanted in line for line in lines)
            else f'it does not say: {wanted}'), lines


def skips_unknown(harness):
    """An option that the schema does not have is skipped by name."""
    _, lines = run(harness, 'parallels', 'create', 1)
    line = line_of(lines, STATIC)
    return (None if line.endswith('# SKIP QAPI does not have static')
            else f'it says: {line}'), lines


def skips_flights(harness):
    """The suite graph writes to images as they cannot be written to."""
    status, lines = run(harness, 'vhdx', 'graph', 1, '-o', 'subformat=FIXED')
    why = '# SKIP such images take compressed writes of whole clusters'
    good = not status and any(line.endswith(why) for line in lines)
    return None if good else f'the harness exits with {status}', lines


def finds_shorter(harness):
    status, lines = run(harness, 'vdi', 'create', 1)
    found = [name for name, _ in failures(lines)]
    return (None if status == 1 and SAME in found
            else f'it exits with {status} and finds {found}'), lines


SUITES = ['failure', 'crash', 'graph', 'create', 'create-crash', 'hostile',
          'damage', 'turns']


def takes_what_it_takes(harness, driver):
    """Sizes that a driver refuses are no findings of any suite."""
    more = [word for suite in SUITES for word in ('--only', suite)]
    status, lines = run(harness, driver, 'model', 20, *more)
    return (f'the harness exits with {status}' if status else None), lines


def main(harness):
    return report([
        ('options round what QAPI refuses', lambda: sound(
            harness, 'parallels',
            '# cluster_size=511: by options, but not by QAPI: The cluster')),
        ('an option that the schema does not have', lambda: sound(
            harness, 'parallels',
            '# by QAPI without what the schema does not have: static',
            '-o', 'static=on')),
        ('such an option is skipped by name', lambda: skips_unknown(harness)),
        ('words in other capitals', lambda: sound(
            harness, 'vhdx',
            'ok 5 - create: the option subformat, by QAPI, too',
            '-o', 'subformat=FIXED')),
        ('images that take compressed writes only', lambda: sound(
            harness, 'vhdx',
            '# an image that takes compressed writes only is not written to')),
        ('with requests in flight they are skipped by name',
         lambda: skips_flights(harness)),
        ('QAPI makes images shorter', lambda: finds_shorter(harness)),
        ('sizes of whole pages only',
         lambda: takes_what_it_takes(harness, 'make-pages')),
        ('new lengths of whole pages only',
         lambda: takes_what_it_takes(harness, 'make-steps')),
    ])


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
