# SPDX-License-Identifier: MIT
"""One image written by minblk-io and by qemu-io, in turns.

    turns.py created OPTIONS MINBLK-IO MINBLK-IMG   minblk made it, QEMU begins
    turns.py layout NAME MINBLK-IO MINBLK-IMG       another program made it
    turns.py repaired NAME MINBLK-IO MINBLK-IMG     `check -r all` repaired it
    turns.py cut QEMU'S-OPTIONS MINBLK-IO MINBLK-IMG
    turns.py killed ROUNDS MINBLK-IO MINBLK-IMG     minblk-io was killed

After each turn both programs read what was written, and `check` finds nothing.
MINBLK_TURNS_SEED chooses other writes.

What is left out, since it is not promised: XenServer's images without a block,
and images of Windows and Virtual PC in which minblk has allocated nothing yet;
of a session that was killed, or of a repair that keeps lost blocks, data may
stand after the last block, so minblk allocates first.
"""
import os
import random
import re
import subprocess
import sys

import damaged
import foreign
import kill
import layouts
import rules
import vhd

TURNS = 8
SIZES = (65536, 4 << 20)
# QEMU takes the sizes of these from their geometry.
BY_GEOMETRY = (b'vpc ', b'qemu')


class Image:
    """foreign.IMAGE, and what it has to read as."""

    def __init__(self, seed, io, img):
        seed = '%s %s' % (seed, os.environ.get('MINBLK_TURNS_SEED', ''))
        self.rng = random.Random(seed)
        self.io, self.img = io, img
        self.content = bytearray(foreign.by_minblk(img))
        parts = self.parts()
        self.block = parts.block_size
        self.blocks = -(-len(self.content) // self.block)
        self.creator = parts.head[28:32]
        self.story = []
        self.by_qemu = False            # it has had a turn

    @staticmethod
    def parts():
        """All but the blocks."""
        with open(foreign.IMAGE, 'rb') as file:
            return rules.Parts(file.read(65536))

    def options(self):
        rule = 'chs' if self.creator in BY_GEOMETRY else 'current_size'
        return 'driver=vpc,file.filename=%s,force_size_calc=%s' % (
            foreign.IMAGE, rule)

    def index(self, want_new):
        """A block, where it is asked one without space."""
        used = {i for i, _ in self.parts().blocks()}
        new = [i for i in range(self.blocks) if i not in used]
        return self.rng.choice(new if want_new and new
                               else range(self.blocks))

    def put(self, verb, offset, size, byte=0):
        """Does to the content what @verb does, and returns the command."""
        size = min(size, len(self.content) - offset)
        self.content[offset:offset + size] = bytes([byte]) * size
        if byte:
            verb += ' -P %d' % byte
        return '%s -q %d %d' % (verb, offset, size)

    def write(self, want_new):
        start = self.index(want_new) * self.block
        offset = start + self.rng.choice(
            (0, 512, 5 * 512, 4096, self.block - 512))
        size = self.rng.choice((512, 4096, self.block // 2, self.block,
                                self.block + 1024))
        if offset >= len(self.content):
            offset = start
        return self.put('write', offset, size, self.rng.randrange(1, 256))

    # ---- minblk ----

    def give_back(self, index):
        """Whole blocks; what a discard leaves is not wanted here."""
        size = self.block
        verb = self.rng.choice(('discard', 'write -z', 'write -z -u'))
        if verb != 'discard':
            return [self.put(verb, index * self.block, size)]
        command = self.put('write -z', index * self.block, size)
        return [command.replace('write -z', 'discard'), command]

    def discards(self):
        """Of the block that is last in the file, some others, or all."""
        # QEMU and Virtual PC may have blocks past the end of the geometry.
        places = sorted((b for b in self.parts().blocks()
                         if b[0] < self.blocks), key=lambda block: block[1])
        if not places:
            return []
        some = self.rng.choice((places[-1:], places[-2:], places[-1:],
                                [self.rng.choice(places)], places))
        if self.parts().batmap:
            some = some[:len(places) - 1]
        return [c for i, _ in some for c in self.give_back(i)]

    def minblk_commands(self):
        out = []
        for _ in range(self.rng.randrange(1, 5)):
            what = self.rng.randrange(5)
            if what < 3:
                out.append(self.write(what < 2))
            else:
                offset = self.index(False) * self.block + 512
                out.append(self.put('write -z', offset, self.block // 2))
        return out

    def session(self, commands):
        self.story.append('minblk-io: ' + '; '.join(commands))
        args = [w for c in commands for w in ('-c', c)]
        foreign.run(self.io, '-d', 'unmap', '-f', 'vpc', *args, foreign.IMAGE)

    def minblk(self, allocate=False):
        if allocate:
            self.session([self.write(True)])
        first, last = self.rng.randrange(2), self.rng.randrange(3)
        if first:
            self.session(self.discards())
        self.session(self.minblk_commands())
        if last == 0 or not first:
            self.session(self.discards())
        self.look('minblk')

    # ---- QEMU ----

    def qemu(self):
        # One sector of a new block, so that all else in it shows; nothing more
        # in the first turn, since that could hide it.
        offset = self.index(True) * self.block
        commands = [self.put('write', offset, 512, self.rng.randrange(1, 256))]
        others = self.rng.randrange(3) if self.by_qemu else 0
        self.by_qemu = True
        commands += [self.write(self.rng.randrange(3)) for _ in range(others)]
        if others:
            offset = self.index(False) * self.block
            commands.append(self.put('write -z', offset, self.block // 4))
        self.story.append('qemu-io: ' + '; '.join(commands))
        args = [w for c in commands for w in ('-c', c)]
        foreign.run('qemu-io', '--image-opts', *args, self.options())
        self.look('qemu')

    # ---- what it is now ----

    def look(self, who, status=(0,)):
        try:
            foreign.compare('minblk-img, after %s,' % who, self.content,
                            foreign.by_minblk(self.img))
            foreign.compare('qemu-img, after %s,' % who, self.content,
                            foreign.by_qemu(self.creator))
            self.check(who, status)
        except SystemExit as why:
            sys.exit('%s\n%s' % ('\n'.join(self.story), why))

    def check(self, who, status):
        done = subprocess.run(
            [self.img, 'check', '-f', 'vpc', foreign.IMAGE],
            capture_output=True, text=True, check=False)
        self.lost = done.returncode == 3
        if done.returncode not in status or done.stderr:
            sys.exit('check after %s: status %d\n%s%s' % (
                who, done.returncode, done.stdout, done.stderr))

    def turns(self, qemu_first, count=TURNS):
        for turn in range(count):
            if turn % 2 == (not qemu_first):
                self.qemu()
            else:
                self.minblk(turn == 0)


# ---- where an image comes from ---------------------------------------------

def created(options, io, img):
    size = re.search(r'block_size=([0-9]+)([kM])', options)
    block = 2 << 20
    if size:
        block = int(size[1]) << {'k': 10, 'M': 20}[size[2]]
    foreign.run(img, 'create', '-q', '-f', 'vpc', '-o', options,
                foreign.IMAGE, str(7 * block + 8192))
    image = Image('created ' + options, io, img)
    image.turns(qemu_first='xenserver' not in options)


def layout_images(layout):
    """(what it is, the image, whether QEMU begins)"""
    # Their footer is where QEMU looks for it.
    packed = not layout.page and not layout.spare
    small, large = SIZES
    for block in sorted({layout.block_size, *SIZES}):
        used = layouts.used(layout, block_size=block)
        yield 'in use, %d' % block, used, packed
        if packed and block != large:
            yield 'in use, %d, minblk first' % block, used, False
    empty = layouts.Image(layout, 8 * small + 8192, block_size=small)
    yield 'empty, minblk first', empty, False
    if packed and not layout.batmap:
        yield 'empty', empty, True


def by_layout(name, io, img):
    for what, made, qemu_first in layout_images(layouts.LAYOUTS[name]):
        made.write(foreign.IMAGE)
        try:
            Image('%s %s' % (name, what), io, img).turns(qemu_first)
        except SystemExit as why:
            sys.exit('%s, %s:\n%s' % (name, what, why))


def repair_and_use(layout, damage, io, img):
    d = damaged.Damage(layout)
    damage(d)
    if d.data == d.before:
        return
    damaged.write(d.data)
    damaged.repair_all(d, damage, img)
    image = Image(damage.__name__, io, img)
    foreign.compare('minblk-img, repaired,', d.content, image.content)
    image.look('the repair', (3,) if damage in damaged.ORPHANS else (0,))
    if damage not in damaged.ORPHANS:
        # QEMU looks for the footer directly after the last block.
        parts = rules.Parts(foreign.read_file(foreign.IMAGE))
        image.turns(qemu_first=rules.follows(parts), count=4)


def repaired(name, io, img):
    for damage in damaged.DAMAGES:
        try:
            repair_and_use(layouts.LAYOUTS[name], damage, io, img)
        except SystemExit as why:
            sys.exit('%s, %s:\n%s' % (name, damage.__name__, why))


def cut(options, io, img):
    """QEMU's image lost its footer; once it was left in a guest's block."""
    for lost in (512, 511, 1):
        foreign.run('qemu-img', 'create', '-q', '-f', 'vpc', '-o', options,
                    foreign.IMAGE, '20M')
        foreign.run('qemu-io', '-f', 'vpc', '-c', 'write -q -P 1 0 2M',
                    foreign.IMAGE)
        os.truncate(foreign.IMAGE, os.path.getsize(foreign.IMAGE) - lost)
        foreign.run(img, 'check', '-f', 'vpc', '-r', 'all', foreign.IMAGE)
        image = Image('cut', io, img)
        foreign.run('qemu-io', '--image-opts', '-c',
                    image.put('write', (6 << 20) - 512, 512, 2),
                    image.options())
        image.look('qemu, %d bytes cut,' % lost)
        image.turns(qemu_first=False)


def killed(rounds, io, img):
    program = [io, '-f', 'vpc', '-i', 'threads']
    for n in range(int(rounds)):
        foreign.run(img, 'create', '-q', '-f', 'vpc', '-o',
                    'force_size,block_size=64k', foreign.IMAGE,
                    str(kill.SIZE))
        kill.fill(program, 'writeback', random.Random())
        image = Image('killed %d' % n, io, img)
        image.session([image.write(True)])
        image.look('the kill', (0, 3))
        lost = image.lost
        while len(image.story) < TURNS:
            image.session([image.write(True)])
            commands = [image.write(True), image.write(False)]
            image.story.append('qemu-io: ' + '; '.join(commands))
            foreign.run('qemu-io', '--image-opts', '-c', commands[0],
                        '-c', commands[1], image.options())
            image.look('qemu', (0, 3) if lost else (0,))


def main(what, name, io, img):
    {'created': created, 'layout': by_layout, 'repaired': repaired,
     'cut': cut, 'killed': killed}[what](name, io, img)


if __name__ == '__main__':
    main(*sys.argv[1:])
