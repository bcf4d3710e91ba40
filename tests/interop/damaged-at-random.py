# SPDX-License-Identifier: MIT
"""Images in the layouts of other programs, damaged at random, and repaired.

    damaged-at-random.py COUNT MINBLK-IO MINBLK-IMG [SEED]

The damage knows the structures, and most of it has right checksums.  Whatever
`check -r all`, again, and `-r all --force` make of an image is checked

  - by the bytes of the file: what its blocks held is still where it was, the
    file is not shorter, an image that could not be repaired is as it was, and a
    second repair changes nothing that the first one could have done;
  - by the bytes of the disk (vhd.py): what could be read reads the same, what
    could not is as before, or a finding names its range of the disk;
  - by the exit status: 2 when anything was lost, and what is called sound can
    be checked again and written to.
"""
import json
import random
import subprocess
import sys

import damaged
import foreign
import layouts
import vhd

SECTORS = damaged.BLOCK // vhd.SECTOR


def any_entry(rng, d):
    """A place for a block: over a structure, another block, outside ..."""
    last = len(d.data) // vhd.SECTOR
    return rng.choice((0, 1, 3, 4, last - 1, last, 0x7fffffff,
                       rng.randrange(last),
                       rng.choice(d.parts.blocks())[1] // vhd.SECTOR +
                       rng.randrange(-9, SECTORS)))


def hurt_entry(rng, d):
    d.entry(rng.randrange(d.parts.entries), max(0, any_entry(rng, d)))


def hurt_block(rng, d):
    d.entry(rng.choice(d.parts.blocks())[0], max(0, any_entry(rng, d)))


def lose_table(_, d):
    at = d.parts.table_at
    d.data[at:at + vhd.SECTOR] = bytes(vhd.SECTOR)


def hurt_batmap(rng, d):
    """Its header names another place."""
    if d.parts.batmap:
        at = d.parts.table_end + 8
        place = rng.choice((0, 512, d.parts.table_at, at - 8,
                            rng.randrange(len(d.data)),
                            rng.choice(d.parts.blocks())[1]))
        d.data[at:at + 8] = place.to_bytes(8, 'big')


def hurt_head(rng, d):
    d.data[:vhd.SECTOR] = rng.randbytes(vhd.SECTOR)


def hurt_tail(rng, d):
    d.data[-vhd.SECTOR:] = rng.choice((rng.randbytes(vhd.SECTOR),
                                       bytes(vhd.SECTOR)))


def change(rng, d, layout, places, names):
    """A field gets another value; the checksums are right."""
    name = rng.choice(names)
    size = layout[name][1]
    old = vhd.get(d.data[places[0]:], layout, name)
    value = rng.choice((0, 1, old ^ 1 << rng.randrange(8 * size),
                        old * 2, old // 2, old + 1,
                        rng.randrange(len(d.data) // 512 + 9) * 512,
                        rng.randrange(256 ** size))) % 256 ** size
    length = 512 if layout is vhd.FOOTER else 1024
    for at in places:
        part = bytearray(d.data[at:at + length])
        if len(part) == length:
            vhd.put(part, layout, name, value)
            vhd.seal(part, layout)
            d.data[at:at + length] = part


def change_footer(rng, d):
    ends = [0, len(d.data) - vhd.SECTOR]
    change(rng, d, vhd.FOOTER, rng.choice((ends, ends[:1], ends[1:])),
           ('data_offset', 'current_size', 'cylinders', 'heads', 'sectors',
            'type', 'timestamp', 'creator', 'saved_state', 'features'))


def change_header(rng, d):
    change(rng, d, vhd.HEADER, [512],
           ('table_offset', 'entries', 'block_size', 'parent_uuid'))


def add_locator(rng, d):
    part = bytearray(d.data[512:1536])
    block = rng.choice(d.parts.blocks())[1]
    for name, value in (
            ('platform', 0x57327275),
            ('space', rng.choice((0, 1, 512, 70000, rng.randrange(2 ** 32)))),
            ('length', rng.choice((0, 100, 512, rng.randrange(99999)))),
            ('offset', rng.choice((0, 512, block, block + 4096, len(d.data),
                                   rng.randrange(len(d.data)))))):
        vhd.put(part, vhd.HEADER, 'locator_' + name, value)
    vhd.seal(part, vhd.HEADER)
    d.data[512:1536] = part


def hurt_bitmap(rng, d):
    at = rng.choice(d.parts.blocks())[1] + rng.randrange(16)
    d.data[at:at + 4] = rng.choice((bytes(4), b'\xff' * 4, rng.randbytes(4)))


def hurt_batmap_bits(rng, d):
    if d.parts.batmap:
        at, size = d.parts.batmap
        d.data[at] = rng.choice((0, 255, rng.randrange(256)))
        total = ~sum(d.data[at:at + size]) & 0xffffffff
        end = d.parts.table_end
        d.data[end + 24:end + 28] = total.to_bytes(4, 'big')


def lengthen(rng, d):
    tail = d.data[-vhd.SECTOR:]
    d.data += rng.choice((bytes(4096), rng.randbytes(512),
                          rng.randbytes(70000), bytes(100)))
    if rng.randrange(2):
        d.data += tail


def cut(rng, d):
    first = min(start for _, start in d.parts.blocks())
    del d.data[rng.choice((-512, -4096, rng.randrange(first, len(d.data)))):]


DAMAGES = (hurt_entry, hurt_block, hurt_block, hurt_block, lose_table,
           hurt_batmap, hurt_head, hurt_tail, change_footer, change_header,
           add_locator, hurt_bitmap, hurt_batmap_bits, lengthen, cut)


def gone(d, after):
    """The offset of a sector of a block that is not as it was, or None."""
    size = d.parts.bitmap_size + d.parts.block_size
    # Where the header says that it is, by force; its checksum is right.
    table = vhd.get(d.data[512:], vhd.HEADER, 'table_offset')
    table = range(table, table + 4 * d.parts.entries)
    for _, start in d.parts.blocks():
        # Of a block that was cut off, the last whole sector.
        end = min(start + size, len(d.data) // vhd.SECTOR * vhd.SECTOR)
        for at in range(start, end, vhd.SECTOR):
            sector = d.data[at:at + vhd.SECTOR]
            if range(max(at, table.start), min(at + 512, table.stop)):
                continue
            # A new footer may stand where zeroes or an old footer did.
            if after[at:at + vhd.SECTOR] != sector and any(sector) and \
                    not sector.startswith(b'conectix'):
                return at
    return None


class View:
    """The disk by vhd.py: blocks as bytes, None where one is an I/O error."""

    def __init__(self, data):
        self.disk = disk = vhd.Disk(bytes(data))
        if disk.kind == vhd.FIXED or disk.blocks > 1000:
            raise vhd.Refused('not looked at')
        self.blocks = []
        for index in range(disk.blocks):
            try:
                block = disk.read_block(index)
                self.blocks.append(block or bytes(disk.block_size))
            except vhd.Refused:
                self.blocks.append(None)

    def sector(self, index, at):
        block = self.blocks[index]
        return block and block[at:at + vhd.SECTOR]

    def rest(self, index, at):
        """What of a block that is lost is in the file, or None."""
        disk = self.disk
        start = disk.table[index] * vhd.SECTOR
        data = start + vhd.bitmap_bytes(disk.block_size) + at
        if data + vhd.SECTOR > len(disk.image):
            return None
        bit = disk.image[start + at // vhd.SECTOR // 8] & \
            0x80 >> at // vhd.SECTOR % 8
        return disk.image[data:data + vhd.SECTOR] if bit \
            else bytes(vhd.SECTOR)


def compare(before, after, findings):
    """What could be read reads the same; what reads otherwise is named."""
    try:
        old, new = View(before), View(after)
    except vhd.Refused:
        return
    size = old.disk.block_size
    if size != new.disk.block_size:
        return
    for index in range(min(old.disk.blocks, new.disk.blocks)):
        if old.blocks[index] == new.blocks[index]:
            continue
        start = index * size
        for at in range(0, min(size, old.disk.size - start), vhd.SECTOR):
            sector = new.sector(index, at)
            if sector == (old.sector(index, at) or old.rest(index, at)):
                continue
            if not any(offset < start + at + vhd.SECTOR and
                       start + at < offset + length
                       for offset, length in findings):
                sys.exit('offset %d of the disk does not read as before, and '
                         'no finding names it' % (start + at))


def repair(img, *options):
    """The exit status, and the ranges of the disk that findings name."""
    done = subprocess.run(
        [img, 'check', '-f', 'vpc', '-r', 'all', '--output=json', *options,
         foreign.IMAGE], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 2, 3):
        sys.exit('exit status %d: %s' % (done.returncode, done.stderr))
    if done.returncode == 1:
        return 1, []
    report = json.loads(done.stdout)
    lost = report.get('zeroed-bytes', 0) + report.get('doubtful-bytes', 0)
    if (lost or report.get('corruptions', 0)) and done.returncode != 2:
        sys.exit('exit status %d of: %s' % (done.returncode, done.stdout))
    return done.returncode, sorted(
        (f[other + 'guest-offset'], f[other + 'guest-length'])
        for f in report.get('findings', ()) if f['fixed']
        for other in ('', 'other-') if other + 'guest-length' in f)


def use(io, img, status):
    """What is sound, but for lost space, is an image like any other."""
    foreign.run(img, 'check', '-f', 'vpc', foreign.IMAGE, status=status)
    head = foreign.read_file(foreign.IMAGE)[:vhd.SECTOR]
    if vhd.get(head, vhd.FOOTER, 'type') == vhd.DIFFERENCING or \
            vhd.get(head, vhd.FOOTER, 'saved_state') or \
            vhd.disk_size(head) < 75000:
        return
    foreign.run(io, '-f', 'vpc', '-c', 'write -q -P 9 5000 70000',
                '-c', 'read -q -P 9 5000 70000', foreign.IMAGE)
    foreign.run(io, '-r', '-f', 'vpc', '-c', 'read -q -P 9 5000 70000',
                foreign.IMAGE)


def try_repair(d, img, *options):
    """The exit status, or None where nothing could be repaired."""
    data = foreign.read_file(foreign.IMAGE)
    status, findings = repair(img, *options)
    after = foreign.read_file(foreign.IMAGE)
    if status == 1:
        if after != data:
            sys.exit('it could not be repaired, and is not as it was')
        return None
    at = gone(d, after)
    if at is not None:
        sys.exit('what offset %d held is gone' % at)
    compare(data, after, findings)
    return status


def try_one(seed, io, img):
    """Returns whether anything was repaired."""
    rng = random.Random(seed)
    d = damaged.Damage(rng.choice(list(layouts.LAYOUTS.values())))
    for damage in rng.choices(DAMAGES, k=rng.randrange(1, 4)):
        damage(rng, d)
    damaged.write(d.data)
    first = try_repair(d, img)
    if first is None:
        return False
    # What a warning hid, or what was lost by the first run, is done now.
    status = try_repair(d, img)
    if status is None or (status == 2 and first != 2):
        sys.exit('exit status %s, then %s' % (first, status))
    once = foreign.read_file(foreign.IMAGE)
    if try_repair(d, img) != status or \
            foreign.read_file(foreign.IMAGE) != once:
        sys.exit('a third repair changes the image')
    forced = status == 2 and try_repair(d, img, '--force')
    if forced == 2:
        status = repair(img)[0]
    if status in (0, 3):
        use(io, img, status)
    return True


def main(count, io, img, seed=None):
    repaired = foreign.try_seeds(foreign.random_seeds(count, seed),
                                 lambda seed: try_one(seed, io, img))
    if not any(repaired) and not seed:
        sys.exit('no image could be repaired')


if __name__ == '__main__':
    main(*sys.argv[1:])
