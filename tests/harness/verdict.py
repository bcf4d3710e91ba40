# SPDX-License-Identifier: MIT
"""Runs the harness on a driver, reads its verdict, and reports in TAP."""
import re
import subprocess
import sys

SEED = 7


def run(harness, driver, suite, ops, *more):
    """The harness's exit status and the lines that it prints."""
    done = subprocess.run(
        [harness, '--driver', driver, '--only', suite, '--ops', str(ops),
         '--seed', str(SEED), '--timeout', '20', *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    return done.returncode, done.stdout.splitlines()


def failures(lines):
    """The properties that do not hold: name, and the comments below it."""
    found = []
    for line in lines:
        match = re.match(r'not ok \d+ - (.*)', line)
        if match:
            found.append((match[1], []))
        elif line.startswith('ok '):
            found.append(None)
        elif found and found[-1]:
            found[-1][1].append(line)
    return [f for f in found if f]


def report(tests):
    """
    Runs @tests, pairs of a name and a function that returns what is wrong (or
    None) and lines that explain it; the status to exit with.
    """
    failed = 0
    print(f'1..{len(tests)}', flush=True)
    for number, (name, test) in enumerate(tests, 1):
        problem, lines = test()
        failed += bool(problem)
        print(f'{"not ok" if problem else "ok"} {number} - {name}')
        if problem:
            print(f'# {problem}')
            for line in lines:
                print(f'#   {line}')
        sys.stdout.flush()
    return 1 if failed else 0
