# SPDX-License-Identifier: MIT
"""What must hold of an image that somebody else wrote to.

Nothing here is taken from the driver (see vhd.py).  problems() says what is
wrong with an image, damages() what a writer may not have done to it.
"""
import vhd

PAGE = 4096


class Parts:
    """A dynamic image in its parts; offsets in bytes."""

    def __init__(self, image):
        self.image = image
        self.head, self.tail = image[:vhd.SECTOR], image[-vhd.SECTOR:]
        self.end = len(image) - vhd.SECTOR
        at = vhd.get(self.head, vhd.FOOTER, 'data_offset')
        self.header = image[at:at + 1024]
        self.header_at = at
        self.table_at = vhd.get(self.header, vhd.HEADER, 'table_offset')
        self.entries = vhd.get(self.header, vhd.HEADER, 'entries')
        self.block_size = vhd.get(self.header, vhd.HEADER, 'block_size')
        self.bitmap_size = vhd.bitmap_bytes(self.block_size)
        self.sectors = self.block_size // vhd.SECTOR
        self.table_end = self.table_at + -(-4 * self.entries // vhd.SECTOR) \
            * vhd.SECTOR
        self.table = [self._number(self.table_at + 4 * i, 4)
                      for i in range(self.entries)]
        self.batmap = self._find_batmap()

    def _number(self, offset, size):
        return int.from_bytes(self.image[offset:offset + size], 'big')

    def _find_batmap(self):
        """(offset, bytes) of the map, or None."""
        at = self.table_end
        if self.image[at:at + 8] != b'tdbatmap':
            return None
        return self._number(at + 8, 8), self._number(at + 16, 4) * vhd.SECTOR

    def blocks(self):
        """(index, offset of the bitmap), in the order of the table."""
        return [(i, e * vhd.SECTOR) for i, e in enumerate(self.table)
                if e != vhd.UNALLOCATED]

    def bitmap(self, start):
        return self._padded(start, self.bitmap_size)

    def data(self, start):
        return self._padded(start + self.bitmap_size, self.block_size)

    def _padded(self, start, size):
        return self.image[start:start + size].ljust(size, b'\0')

    def full(self, start):
        bitmap = self.bitmap(start)
        return all(get_bit(bitmap, i) for i in range(self.sectors))

    def reserved(self):
        """(start, end, what) of all that is no block."""
        yield 0, vhd.SECTOR, 'the footer at the start'
        yield self.header_at, self.header_at + 1024, 'the header'
        yield self.table_at, self.table_end, 'the table'
        if self.batmap:
            at, size = self.batmap
            yield self.table_end, self.table_end + vhd.SECTOR, \
                'the header of the batmap'
            yield at, at + size, 'the batmap'
        yield self.end, self.end + vhd.SECTOR, 'the footer'


def get_bit(bitmap, i):
    return bitmap[i // 8] >> 7 - i % 8 & 1


def ends(parts):
    if not vhd.footer_sound(parts.tail):
        yield 'no sound footer ends the file'
    if parts.head != parts.tail:
        yield 'the footers differ'
    if not vhd.sealed(parts.header, vhd.HEADER):
        yield 'the checksum of the header is wrong'


def places(parts):
    """Blocks and all else have their own places."""
    size = parts.bitmap_size + parts.block_size
    spans = sorted(list(parts.reserved()) +
                   [(start, start + size, 'block %d' % index)
                    for index, start in parts.blocks()])
    for one, two in zip(spans, spans[1:]):
        if one[1] > two[0]:
            yield '%s, %d to %d, reaches into %s at %d' % (
                one[2], one[0], one[1], two[2], two[0])
    if spans[-1][1] > len(parts.image):
        yield '%s reaches past the end' % spans[-1][2]


def data(parts):
    """Nothing shows that was not written."""
    for index, start in parts.blocks():
        bitmap, block = parts.bitmap(start), parts.data(start)
        for i in range(parts.sectors):
            sector = block[i * vhd.SECTOR:(i + 1) * vhd.SECTOR]
            if sector[:8] in (b'conectix', b'cxsparse', b'tdbatmap'):
                yield 'block %d holds %r in sector %d' % (index, sector[:8], i)
            if not get_bit(bitmap, i) and any(sector):
                yield 'block %d, sector %d: data under a clear bit' % (index,
                                                                       i)
                break


def batmap(parts):
    if not parts.batmap:
        return
    at, size = parts.batmap
    bits = parts.image[at:at + size]
    checksum = parts.image[parts.table_end + 24:parts.table_end + 28]
    if int.from_bytes(checksum, 'big') != ~sum(bits) & 0xffffffff:
        yield 'the checksum of the batmap is wrong'
    # A bit that is clear says nothing.
    full = {index for index, start in parts.blocks() if parts.full(start)}
    for i in range(size * 8):
        if get_bit(bits, i) and i not in full:
            yield 'the batmap says that block %d is full' % i


def problems(image):
    """All that is wrong with an image, as lines."""
    parts = Parts(image)
    return [line for rule in (ends, places, data, batmap)
            for line in rule(parts)]


def kept(old, new):
    """The fields, and what stands between the parts, are as they were."""
    if new.tail != old.tail:
        yield 'the footer is another one'
    first = min([start for _, start in old.blocks()] + [old.end])
    same = [(0, old.table_at), (old.table_at + 4 * old.entries, old.table_end)]
    if old.batmap:
        at, size = old.batmap
        same += [(old.table_end, old.table_end + 24),
                 (old.table_end + 28, at), (at + size, first)]
    else:
        # Without blocks, up to where the first one may begin.
        same.append((old.table_end, min(first, old.table_end)))
    for start, end in same:
        if old.image[start:end] != new.image[start:end]:
            yield 'bytes %d to %d have changed' % (start, end)


def moved(old, new):
    before, after = dict(old.blocks()), dict(new.blocks())
    for index, start in after.items():
        if index in before and before[index] != start:
            yield 'block %d has moved' % index
        if index not in before and (start + new.bitmap_size) % PAGE:
            yield 'the data of the new block %d begins at %d' % (
                index, start + new.bitmap_size)


def follows(parts):
    """Does the footer stand directly after all else, as QEMU has it?"""
    size = parts.bitmap_size + parts.block_size
    ends_at = [end for _, end, _ in list(parts.reserved())[:-1]]
    ends_at += [start + size for _, start in parts.blocks()]
    return parts.end == max(ends_at)


def footer_place(old, new):
    if set(new.table) - set(old.table) - {vhd.UNALLOCATED} and \
            not follows(new):
        yield 'the footer at %d does not follow the last block' % new.end


def damages(before, after):
    """What a writer has done to an image that it may not."""
    old, new = Parts(before), Parts(after)
    return [line for rule in (kept, moved, footer_place)
            for line in rule(old, new)]
