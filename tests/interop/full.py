# SPDX-License-Identifier: MIT
"""A full disk costs nothing but the writes that it refuses.

    full.py LAYOUT WAY ENGINE

WAY is `disk`: the current folder is a small file system, or `limit`: a file may
not become longer.  minblk-io (MINBLK_IO) writes to an image in the layout of
another program.  Where no block finds room the file is byte for byte as it was;
with room for two, two are written, and then as many as give their space up,
again and again.  After each session all readers agree, check finds nothing, and
the file has no place that nobody uses.
"""
import os
import resource
import sys

import foreign
import layouts
import rules
import second
import vhd

BLOCK = second.BLOCK
PLACE = BLOCK + 4096            # of a block, at most
BALLAST = 'ballast'


def allow(way, room):
    """The image may take @room more bytes from now on; None: any number."""
    length = os.path.getsize(foreign.IMAGE)
    if way == 'limit':
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        soft = hard if room is None else length + room
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return
    if os.path.exists(BALLAST):
        os.remove(BALLAST)
    disk = os.statvfs('.')
    free = disk.f_bavail * disk.f_frsize
    if room is not None:
        with open(BALLAST, 'wb') as file:
            file.write(bytes(free - room))


def session(model, engine, commands):
    """Returns how many were refused."""
    done = second.session(model, engine, commands)
    refused = done.stdout.count('write failed: ')
    if done.stderr or done.returncode != (1 if refused else 0):
        sys.exit('status %d\n%s%s' % (done.returncode, done.stdout,
                                      done.stderr))
    return refused


def look(model, what, creator):
    if second.look(model, what, creator)[0]:
        sys.exit('check finds something ' + what)
    image = foreign.read_file(foreign.IMAGE)
    lines = rules.problems(image)
    if lines:
        sys.exit('%s: %s' % (what, '\n'.join(lines[:20])))
    return rules.Parts(image)


def main(name, way, engine):
    layout = layouts.LAYOUTS[name]
    image = layouts.used(layout, block_size=BLOCK)
    image.write(foreign.IMAGE)
    model = second.Model(image.reads_as())
    before = foreign.read_file(foreign.IMAGE)
    free = [i for i, entry in enumerate(rules.Parts(before).table)
            if entry == vhd.UNALLOCATED and (i + 1) * BLOCK <= model.size]

    def writes(blocks, pattern):
        return [('write', i * BLOCK, BLOCK, pattern) for i in blocks]

    # Whole blocks, the beginning of one, some bytes in the middle.
    commands = writes(free[:3], 1) + [
        ('write', free[3] * BLOCK, 32768, 2),
        ('write', free[3] * BLOCK + 16384, 32768, 3), ('flush', 0, 0, 0),
        ('write', free[0] * BLOCK, BLOCK, 4)]
    allow(way, 8192)
    if session(model, engine, commands) != len(commands) - 1:
        sys.exit('not all was refused')
    allow(way, None)
    if foreign.read_file(foreign.IMAGE) != before:
        sys.exit('the file is not as it was')
    look(model, 'after nothing', layout.creator)

    allow(way, 2 * PLACE + 8192)
    refused = session(model, engine, writes(free[:4], 5))
    if refused != 2:
        sys.exit('%d of 4 were refused' % refused)
    allow(way, None)
    look(model, 'after two blocks', layout.creator)

    # In turn: what is given up is room for the other one.
    allow(way, 8192)
    commands = []
    one, other = free[0], free[2]
    for pattern in range(6, 16):
        commands += [('write -z -u', one * BLOCK, BLOCK, 0),
                     ('write', other * BLOCK, BLOCK, pattern)]
        one, other = other, one
    if session(model, engine, commands):
        sys.exit('refused although space was given up')
    allow(way, None)
    look(model, 'after turns', layout.creator)

    session(model, engine, writes(free[:4], 20))
    look(model, 'at last', layout.creator)


if __name__ == '__main__':
    main(*sys.argv[1:])
