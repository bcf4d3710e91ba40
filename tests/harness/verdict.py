# SPDX-License-Identifier: MIT
"""Runs the harness on a driver, reads its verdict, and reports in TAP."""
from concurrent.futures import ThreadPoolExecutor
import json
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
    """The properties that do not hold: name, and the lines below it."""
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


OPTIONAL = ['case', 'image']
KEYS = ['message', 'seed', 'depth', 'case', 'operations', 'image', 'commands']


def scalar(text):
    """A number or a quoted string."""
    if text.isdecimal():
        return int(text)
    return json.loads(re.sub(r'\\U0000([0-9a-f]{4})', r'\\u\1', text))


def block(lines):
    """
    The YAML that @lines of a failure begin with, as a dictionary.  No more of
    YAML is known here than the harness writes, so that nothing else gets in.
    """
    if not lines or lines[0] != '  ---' or '  ...' not in lines:
        raise ValueError('there is no block of YAML')
    values = {}
    for line in lines[1:lines.index('  ...')]:
        if line.startswith('    - '):
            values[key].append(scalar(line[6:]))
        elif line.startswith('    '):
            values[key] += line[4:] + '\n'
        else:
            key, value = re.fullmatch('  ([a-z]+):(?: (.+))?', line).groups()
            known = {None: [], '[]': [], '|': ''}
            values[key] = (known[value] if value in known else scalar(value))
    if list(values) != [k for k in KEYS if k in values or k not in OPTIONAL]:
        raise ValueError(f'its keys are {list(values)}')
    return values


def report(tests):
    """
    Runs @tests, pairs of a name and a function that returns what is wrong (or
    None) and lines that explain it; the status to exit with.
    """
    failed = 0
    print(f'1..{len(tests)}', flush=True)
    # Three at a time, because those with drivers that hang only wait.
    with ThreadPoolExecutor(3) as pool:
        verdicts = pool.map(lambda test: test[1](), tests)
        for number, (problem, lines) in enumerate(verdicts, 1):
            failed += bool(problem)
            print(f'{"not ok" if problem else "ok"} {number} - '
                  f'{tests[number - 1][0]}')
            if problem:
                print(f'# {problem}')
                for line in lines:
                    print(f'#   {line}')
            sys.stdout.flush()
    return 1 if failed else 0
