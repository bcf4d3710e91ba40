# SPDX-License-Identifier: MIT
"""What one process left, the next ones go on with.

    second.py LAYOUT ENGINE EFFECT [FIRST [STEP [CACHE]]]

minblk-io (MINBLK_IO) writes to an image in the layout of another program, and
at its N-th call that changes the file EFFECT happens (fault-preload.c, in
MINBLK_FAULT_PRELOAD): KILL, or a call that fails with EIO or ENOSPC, or with
EIO+ or ENOSPC+ all later ones as well; for N from FIRST in steps of STEP until
fewer calls are made.  Then

  - minblk-img check finds no corruption, and what was flushed is there;
  - a second session opens the image for writing, with one warning at most,
    fills blocks, gives some back, and closes it;
  - vhd.py, qemu-img and minblk-img read the same, and what they have to;
  - qemu-io writes in its turn, once there is no lost space, and all is there.

Invariants: nothing is told apart by time; a sector is known by its contents.
"""
import os
import subprocess
import sys

import foreign
import layouts
import rules
import vhd

BLOCK = 65536
SECTOR = vhd.SECTOR
IO, IMG = os.environ['MINBLK_IO'], os.environ['MINBLK_IMG']
HIT = '.hit'


class Model:
    """
    What each sector may hold: the last that was written is the last of its
    list, and alone there once it was flushed.
    """

    def __init__(self, content):
        self.size = len(content)
        self.may = [[content[at:at + SECTOR]]
                    for at in range(0, self.size, SECTOR)]
        self.unsure = set()             # sectors whose last write may be undone

    def change(self, offset, data, sure=True):
        end = offset + len(data)
        for index in range(offset // SECTOR, -(-end // SECTOR)):
            at = index * SECTOR
            low, high = max(offset, at), min(end, at + SECTOR)
            part = data[low - offset:high - offset]
            # Where an earlier write may be undone, on each of its outcomes.
            olds = self.may[index][-1:]
            if index in self.unsure and high - low < SECTOR:
                olds = list(dict.fromkeys(self.may[index]))
            self.may[index] = self.may[index] + [
                old[:low - at] + part + old[high - at:] for old in olds]
            if not sure:
                self.unsure.add(index)
            elif high - low == SECTOR:
                self.unsure.discard(index)

    def flushed(self):
        for index, may in enumerate(self.may):
            if len(may) > 1 and index not in self.unsure:
                del may[:-1]

    def settle(self, who, data):
        """It was read by @who, and is to stay so."""
        if len(data) != self.size:
            sys.exit('%s reads %d bytes, not %d' % (who, len(data), self.size))
        for index, may in enumerate(self.may):
            at = index * SECTOR
            if data[at:at + SECTOR] not in may:
                sys.exit('%s reads %s at %d, not one of %s' % (
                    who, data[at:at + 8].hex(), at,
                    [m[:8].hex() for m in may]))
            self.may[index] = [data[at:at + SECTOR]]
        self.unsure.clear()

    def content(self):
        return b''.join(may[-1] for may in self.may)


# ---- sessions --------------------------------------------------------------

def fault_environment(effect, n):
    if not effect:
        return {}
    later = '+' if effect.endswith('+') else ''
    return {'LD_PRELOAD': os.environ['MINBLK_FAULT_PRELOAD'],
            'MINBLK_FAULT': 'any:%d%s:%s' % (n, later, effect.rstrip('+')),
            'MINBLK_FAULT_LOG': HIT, 'MINBLK_FAULT_URING': '1',
            'ASAN_OPTIONS': 'verify_asan_link_order=0'}


def hit():
    if os.path.exists(HIT):
        os.remove(HIT)
        return True
    return False


def session(model, engine, commands, effect='', n=0, cache='writeback'):
    """Runs (verb, offset, bytes, pattern)s; returns the process."""
    args = ['stdbuf', '-oL', IO, '-f', 'vpc', '-i', engine, '-t', cache]
    for verb, offset, size, pattern in commands:
        if verb != 'flush':
            verb += ' -P %d' % pattern if pattern else ''
            verb += ' %d %d' % (offset, size)
        args += ['-c', verb, '-c', 'length']
    done = subprocess.run(
        args + [foreign.IMAGE], capture_output=True, text=True, check=False,
        env={**os.environ, **fault_environment(effect, n)})
    # `length` prints a line after each command that has ended.
    answers, said = [], ''
    for line in done.stdout.splitlines():
        if line[0].isdigit() and ',' not in line:
            answers.append(said)
            said = ''
        else:
            said += line + '\n'
    for i, (verb, offset, size, pattern) in enumerate(commands):
        good = i < len(answers) and 'failed' not in answers[i]
        if verb == 'flush' and good:
            model.flushed()
        elif verb != 'flush':
            model.change(offset, bytes([pattern]) * size,
                         good and verb != 'discard')
            if good and cache == 'writethrough':
                model.flushed()
    if done.returncode == 0:
        model.flushed()
    return done


def check(what):
    """Returns its exit status, and whether QEMU would read otherwise."""
    done = subprocess.run([IMG, 'check', '-f', 'vpc', foreign.IMAGE],
                          capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3) or done.stderr:
        sys.exit('check %s: status %d\n%s%s' % (
            what, done.returncode, done.stdout, done.stderr))
    return done.returncode, 'clear' in done.stdout


def look(model, what, creator):
    """
    All readers agree, and read what they should.  QEMU, which takes no notice
    of clear bits, shows what was written under them and never flushed.
    """
    model.settle('minblk-img ' + what, foreign.by_minblk(IMG))
    content = model.content()
    foreign.compare('vhd.py ' + what, content, foreign.by_vhd(model.size))
    status, under = check(what)
    if not under:
        foreign.compare('qemu-img ' + what, content, foreign.by_qemu(creator))
    return status, under


def first_commands(size):
    last = size - 8192
    return [
        # New blocks, a part of one that is there, across two.
        ('write', BLOCK + 5 * SECTOR, SECTOR, 1),
        ('write', 5 * BLOCK + 11 * SECTOR, 4096, 2),
        ('flush', 0, 0, 0),
        ('write', 2 * BLOCK - 1000, 3000, 3),
        ('write -z -u', 3 * BLOCK, BLOCK, 0),
        ('write', BLOCK + 6 * SECTOR, SECTOR, 4),
        ('flush', 0, 0, 0),
        # Into the space of one that is gone.
        ('write', 4 * BLOCK, BLOCK, 5),
        ('discard', last, 8192, 0),
        ('flush', 0, 0, 0),
        ('write', 6 * BLOCK + 4096, 8192, 6),
        ('write -z', 5 * BLOCK, BLOCK // 2, 0),
        ('write', 3 * BLOCK, 4096, 7),
    ]


def second_commands(size):
    return [
        ('write', 7 * BLOCK - SECTOR, 2 * SECTOR, 8),
        ('write', 3 * BLOCK + SECTOR, 3 * SECTOR, 9),
        ('write -z -u', 4 * BLOCK, BLOCK, 0),
        ('flush', 0, 0, 0),
        ('write', 2 * BLOCK, BLOCK, 10),
        ('write', size - SECTOR, SECTOR, 11),
        ('flush', 0, 0, 0),
        ('write', 4 * BLOCK + SECTOR, SECTOR, 12),
    ]


def qemu_turn(model, creator, commands):
    rule = 'chs' if creator in (b'vpc ', b'qemu') else 'current_size'
    args = []
    for offset, size, pattern in commands:
        args += ['-c', 'write -q -P %d %d %d' % (pattern, offset, size)]
        model.change(offset, bytes([pattern]) * size)
    foreign.run('qemu-io', '--image-opts', *args,
                'driver=vpc,file.filename=%s,force_size_calc=%s' % (
                    foreign.IMAGE, rule))
    model.flushed()
    if look(model, 'after qemu-io', creator) != (0, False):
        sys.exit('check finds something after qemu-io')


def go_on(model, engine, creator):
    """The sessions after the first."""
    look(model, 'after the first session', creator)
    done = session(model, engine, second_commands(model.size))
    if done.returncode or 'failed' in done.stdout or \
            len(done.stderr.splitlines()) > 1:
        sys.exit('the second session: status %d\n%s%s' % (
            done.returncode, done.stdout, done.stderr))
    status, under = look(model, 'after the second session', creator)
    if status == 3:
        foreign.run(IMG, 'check', '-q', '-f', 'vpc', '-r', 'leaks',
                    foreign.IMAGE)
        look(model, 'after the repair', creator)
    lines = [line for line in rules.problems(foreign.read_file(foreign.IMAGE))
             if not (under and 'clear bit' in line)]
    if lines:
        sys.exit('\n'.join(lines[:20]))
    if not under:
        qemu_turn(model, creator, [(BLOCK, SECTOR, 13),
                                   (model.size - SECTOR, SECTOR, 14)])
    # The last free block is minblk's own, again.
    session(model, engine, [('write', 5 * BLOCK, BLOCK, 15)])
    look(model, 'at last', creator)


def one(layout, engine, effect, n, cache='writeback'):
    """Returns whether there is more to try."""
    image = layouts.used(layout, block_size=BLOCK)
    image.write(foreign.IMAGE)
    model = Model(image.reads_as())
    done = session(model, engine, first_commands(model.size), effect, n, cache)
    happened = hit()
    try:
        if happened and effect == 'KILL' and done.returncode != -9:
            sys.exit('it was not killed')
        if not happened and done.returncode:
            sys.exit('status %d' % done.returncode)
        go_on(model, engine, layout.creator)
    except SystemExit as why:
        sys.exit('%s at call %d: %s\n%s%s' % (effect, n, why, done.stdout,
                                              done.stderr))
    return happened


def main(name, engine, effect, first=1, step=1, cache='writeback'):
    n = int(first)
    while one(layouts.LAYOUTS[name], engine, effect, n, cache):
        n += int(step)
    if n == int(first):
        sys.exit('nothing was tested')


if __name__ == '__main__':
    main(*sys.argv[1:])
