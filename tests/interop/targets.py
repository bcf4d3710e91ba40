# SPDX-License-Identifier: MIT
"""check --target: what create makes for a product passes, also after writes;
and what does not pass is mended by the commands that it prints, as printed.

    targets.py FOLDER [IMAGES]      FOLDER holds minblk-img and minblk-io
"""
import glob
import itertools
import json
import os
import shutil
import subprocess
import sys

import vhd

TARGETS = ('azure', 'hyperv', 'xenserver', 'virtualbox', 'virtualpc')
MIB = 1 << 20


def run(*words, status=0):
    p = subprocess.run(words, capture_output=True, text=True, check=False)
    assert p.returncode == status, (words, p)
    return p.stdout


def check(name, target):
    """The refusals; the two forms of output agree on them."""
    words = ['minblk-img', 'check', '-f', 'vpc', f'--target={target}']
    p = subprocess.run([*words, '--output=json', name], capture_output=True,
                       text=True, check=False)
    refusals = json.loads(p.stdout).get('refusals', [])
    assert not p.stderr, p
    if refusals:
        assert p.returncode == 2, p
    else:
        # The sample images have leaks.
        assert p.returncode in (0, 3), p
    told = run(*words, name, status=p.returncode).splitlines()
    problems = [f"Refused by {target}: {r['problem']}" for r in refusals]
    assert [t for t in told if t.startswith('Refused')] == problems, told
    if not refusals:
        assert told == run(*words[:-1], name,
                           status=p.returncode).splitlines(), told
    return refusals


def created():
    """Whatever create makes for a product passes, empty and written to."""
    made = set()
    for target, sub, size, more in itertools.product(
            TARGETS, ('', ',subformat=fixed'), ('21M', '30000128', '200G'),
            ('', ',block_size=512K', ',block_size=4M',
             ',preallocation=metadata', ',preallocation=falloc')):
        if size == '200G' and ('fixed' in sub or 'prealloc' in more or
                               target == 'azure'):
            continue
        p = subprocess.run(
            ['minblk-img', 'create', '-q', '-f', 'vpc', '-o',
             f'target={target}{sub}{more}', 'v', size],
            capture_output=True, text=True, check=False)
        if p.returncode:
            continue
        made.add((target, sub))
        assert not check('v', target), (target, sub, size, more)
        run('minblk-io', '-f', 'vpc', '-c', 'write 0 512',
            '-c', 'write -z 4k 64k', 'v')
        assert not check('v', target), (target, sub, size, more)
    assert len(made) == 2 * len(TARGETS), made


def mend(name, target):
    """Follows the commands until nothing is refused.  False: there is none."""
    for r in check(name, target):
        if 'command' not in r:
            return False
        run('sh', '-c', r['command'])
    copy = f"{name.removesuffix('.vhd')}-{target}.vhd"
    if os.path.exists(copy):
        left = [r['problem'] for r in check(copy, target)]
        p = subprocess.run(['minblk-img', 'compare', '-f', 'vpc', '-F', 'vpc',
                            name, copy], capture_output=True, text=True,
                           check=False)
        assert p.returncode == 0, p
        os.remove(copy)
    else:
        left = check(name, target)
    assert not left, (name, target, left)
    return True


def edited(name, changes):
    """The fields in all footers."""
    with open(name, 'r+b') as f:
        image = bytearray(f.read())
        for at in (0, len(image) - vhd.SECTOR):
            footer = image[at:at + vhd.SECTOR]
            if footer[:8] == b'conectix':
                for field, value in changes.items():
                    vhd.put(footer, vhd.FOOTER, field, value)
                vhd.seal(footer, vhd.FOOTER)
                image[at:at + vhd.SECTOR] = footer
        f.seek(0)
        f.write(image)


def mended():
    name = "it's a.vhd"
    for options, size, changes in itertools.product(
            ('force_size', 'force_size,subformat=fixed', 'target=xenserver',
             'block_size=64k', 'target=azure'),
            (1000448, 20 * MIB),
            ({}, {'cylinders': 65535, 'heads': 16, 'sectors': 255},
             {'creator': 0x76706320}, {'creator_os': 0}, {'uuid': 0},
             {'features': 0}, {'creator': 0x66726f6d, 'cylinders': 3})):
        p = subprocess.run(['minblk-img', 'create', '-q', '-f', 'vpc', '-o',
                            options, name, str(size)], capture_output=True,
                           check=False)
        if (options, size) == ('target=azure', 1000448):
            assert p.returncode == 1, p
            continue
        assert p.returncode == 0, p
        run('minblk-io', '-f', 'vpc', '-c', 'write -P 7 1000 5000', name)
        edited(name, changes)
        for target in TARGETS:
            shutil.copy(name, f'{target}.vhd')
            assert mend(f'{target}.vhd', target), (options, size, changes)
        # With a name that a shell would split.
        assert mend(name, 'xenserver'), (options, size, changes)


def foreign(folder):
    """Each product takes its own images."""
    for name, target in (('win8', 'hyperv'), ('win8.1-1GB', 'hyperv'),
                         ('vbox', 'virtualbox'),
                         ('virtualpc-dynamic', 'virtualpc')):
        assert not check(f'{folder}/{name}.vhd', target), name
    for name in glob.glob(f'{folder}/*.vhd'):
        if 'image' in name or 'virtualpc' in name or '1GB' in name:
            continue    # damaged, or large
        for target in TARGETS:
            shutil.copy(name, 'f.vhd')
            os.chmod('f.vhd', 0o644)
            assert mend('f.vhd', target) or 'differential' in name, name


def main():
    os.environ['PATH'] = f"{sys.argv[1]}:{os.environ['PATH']}"
    created()
    mended()
    if len(sys.argv) > 2:
        foreign(sys.argv[2])


main()
