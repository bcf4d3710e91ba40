# SPDX-License-Identifier: MIT
"""Commands of minblk-img that are killed halfway, and given again.

    stopped.py create|convert|amend|repair|raw

Each command is killed at its first call that changes the file, then at the
second, and so on (fault-preload.c, in MINBLK_FAULT_PRELOAD) until it makes
fewer calls.  What it leaves is no image or one without corruption; the same
command, given again at once, ends as if nothing had been before it.
"""
import os
import shutil
import subprocess
import sys

import damaged
import foreign
import layouts
import second
import vhd

IMG, IO = second.IMG, second.IO
IMAGE, SOURCE = foreign.IMAGE, 'source.raw'
SIZE = 6 << 20


def run(*args, effect='', n=0):
    return subprocess.run(
        [IMG, *args], capture_output=True, text=True, check=False,
        env={**os.environ, **second.fault_environment(effect, n)})


def good(*args, status=(0,)):
    done = run(*args)
    if done.returncode not in status:
        sys.exit('%s: status %d\n%s%s' % (
            ' '.join(args), done.returncode, done.stdout, done.stderr))
    return done


def each_kill(prepare, args, judge, wanted=0):
    """
    judge() looks at what the killed command left; @wanted is the exit status of
    one that is not killed.
    """
    for n in range(1, 10000):
        old = prepare()
        done = run(*args, effect='KILL', n=n)
        happened = second.hit()
        try:
            if done.returncode != (-9 if happened else wanted):
                sys.exit('status %d\n%s' % (done.returncode, done.stderr))
            if not old or foreign.read_file(IMAGE) != old:
                judge(happened)
        except SystemExit as why:
            sys.exit('%s, killed at call %d: %s' % (' '.join(args), n, why))
        if not happened:
            break
    if n == 1 and not wanted:
        sys.exit('%s: nothing was tested' % ' '.join(args))


def remove():
    if os.path.exists(IMAGE):
        os.remove(IMAGE)


def old_image(name='qemu', kind=vhd.DYNAMIC):
    """One that must not show through a new one."""
    image = layouts.used(layouts.LAYOUTS[name], kind, 65536)
    image.write(IMAGE)
    return image.bytes()


def old_fixed_image():
    return old_image('virtualbox', vhd.FIXED)


def image_or_none():
    """Is there an image that can be written to, and then without corruption?"""
    if not os.path.exists(IMAGE) or subprocess.run(
            [IO, '-f', 'vpc', '-c', 'length', IMAGE], check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        return False
    second.check('after the kill')
    return True


# ---- what is killed --------------------------------------------------------

CREATED = ('force_size', 'subformat=fixed,force_size',
           'force_size,block_size=512k,preallocation=metadata',
           'subformat=fixed,force_size,preallocation=full',
           'target=azure,size=20M',
           'target=hyperv',
           'target=xenserver', 'target=virtualbox', 'target=virtualpc')


def empty():
    data = foreign.by_minblk(IMG)
    return data.count(0) == len(data)


def create():
    for options in CREATED:
        args = ('create', '-q', '-f', 'vpc', '-o', options, IMAGE)
        if 'size=20M' not in options:
            args += (str(SIZE),)

        def judge(_):
            if image_or_none() and not empty():
                sys.exit('it is not empty')
            good(*args)
            good('check', '-q', '-f', 'vpc', IMAGE)
            if not empty():
                sys.exit('the second one is not empty')

        each_kill(remove, args, judge)
        if options in CREATED[:2]:
            each_kill(old_image, args, judge)
            each_kill(old_fixed_image, args, judge)


def make_source():
    with open(SOURCE, 'wb') as file:
        os.truncate(file.fileno(), SIZE)
        for at in (0, 3 << 20, SIZE - 65536):
            os.pwrite(file.fileno(), bytes([1 + at % 251]) * 65536, at)


def convert():
    make_source()

    def judge(happened):
        image = image_or_none()
        if not happened and not image:
            sys.exit('no image')
        good(*args)
        # With -n, blocks of the first time may be lost.
        good('check', '-q', '-f', 'vpc', IMAGE, status=(0, 3))
        good('compare', '-q', '-f', 'raw', '-F', 'vpc', SOURCE, IMAGE)

    for options in ('force_size', 'subformat=fixed,force_size',
                    'target=xenserver'):
        args = ('convert', '-m', '1', '-f', 'raw', '-O', 'vpc', '-o', options,
                SOURCE, IMAGE)
        for prepare in (remove, old_image, old_fixed_image):
            each_kill(prepare, args, judge)

    def new():
        good('create', '-q', '-f', 'vpc', '-o', 'force_size', IMAGE, str(SIZE))

    args = ('convert', '-n', '-m', '1', '-f', 'raw', '-O', 'vpc', SOURCE,
            IMAGE)
    each_kill(new, args, judge)


def amend():
    for name, layout in layouts.LAYOUTS.items():
        image = layouts.used(layout, block_size=65536)
        args = ('amend', '-f', 'vpc', '-o',
                'uuid=00112233-4455-6677-8899-aabbccddeeff', IMAGE)

        def judge(_):
            # Its footers may differ now.
            good('check', '-q', '-f', 'vpc', '-r', 'all', IMAGE)
            foreign.compare(name, image.reads_as(), foreign.by_minblk(IMG))
            good(*args)
            foreign.compare(name, image.reads_as(), foreign.by_minblk(IMG))
            good('check', '-q', '-f', 'vpc', IMAGE)
            if bytes.fromhex('00112233445566778899aabbccddeeff') not in \
                    foreign.read_file(IMAGE)[-512:]:
                sys.exit('the id is another one')

        each_kill(lambda: image.write(IMAGE), args, judge)


def outcome():
    """What an image reads as, and what a check of it says."""
    done = run('check', '-f', 'vpc', IMAGE)
    good('convert', '--salvage', '-f', 'vpc', '-O', 'raw', IMAGE, foreign.RAW)
    return done.returncode, done.stdout, foreign.read_file(foreign.RAW)


def repair():
    for name in ('qemu', 'windows', 'xenserver'):
        for damage in damaged.DAMAGES:
            d = damaged.Damage(layouts.LAYOUTS[name])
            damage(d)
            if d.data == d.before:
                continue
            damaged.write(d.data)
            force = ('--force',) if damage in damaged.FORCED else ()
            args = ('check', '-f', 'vpc', '-r', 'all', *force, IMAGE)
            status = run(*args).returncode
            wanted = outcome()

            def judge(_):
                run(*args)
                found = outcome()
                # A block that was copied twice may be there a third time.
                if found[0] not in (wanted[0], wanted[0] or 3) or \
                        found[2] != wanted[2]:
                    sys.exit('%s, %s: it ends with status %d, not %d\n%s' % (
                        name, damage.__name__, found[0], wanted[0], found[1]))

            each_kill(lambda: damaged.write(d.data), args, judge, status)


def raw():
    make_source()

    def same(_):
        good(*args)
        if foreign.read_file(IMAGE) != wanted:
            sys.exit('it holds something else')

    wanted = foreign.read_file(SOURCE)
    for args in (('dd', '-f', 'raw', 'bs=1M', 'if=' + SOURCE, 'of=' + IMAGE),
                 ('convert', '-m', '1', '-f', 'raw', '-O', 'raw', SOURCE,
                  IMAGE)):
        for prepare in (remove, old_image):
            each_kill(prepare, args, same)
    wanted += bytes(SIZE)
    for option in ('off', 'falloc', 'full'):
        args = ('resize', '-q', '-f', 'raw', '--preallocation=' + option,
                IMAGE, str(2 * SIZE))

        def resized(happened):
            # Once the length is set, the rest of the work is not known to lack.
            size = os.path.getsize(IMAGE)
            if foreign.read_file(IMAGE) != wanted[:size] or size < SIZE:
                sys.exit('what was there has changed')
            if not happened and size != 2 * SIZE:
                sys.exit('%d bytes' % size)
            if size < 2 * SIZE:
                same(happened)

        each_kill(lambda: shutil.copy(SOURCE, IMAGE), args, resized)


if __name__ == '__main__':
    {'create': create, 'convert': convert, 'amend': amend, 'repair': repair,
     'raw': raw}[sys.argv[1]]()
