# SPDX-License-Identifier: MIT
"""The VHD format, written down a second time, for the tests.

Nothing here is taken from the driver: what both read in the same way was
understood twice.  All offsets and sizes are in bytes, integers on the disk are
big-endian.
"""
import struct

SECTOR = 512
MAX_CHS = 65535 * 16 * 255      # sectors
UNALLOCATED = 0xffffffff
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4

# name: (offset, size)
FOOTER = {
    'cookie': (0, 8), 'features': (8, 4), 'version': (12, 4),
    'data_offset': (16, 8), 'timestamp': (24, 4), 'creator': (28, 4),
    'creator_version': (32, 4), 'creator_os': (36, 4),
    'original_size': (40, 8), 'current_size': (48, 8), 'cylinders': (56, 2),
    'heads': (58, 1), 'sectors': (59, 1), 'type': (60, 4),
    'checksum': (64, 4), 'uuid': (68, 16), 'saved_state': (84, 1),
    'reserved': (85, 427),
}
HEADER = {
    'cookie': (0, 8), 'data_offset': (8, 8), 'table_offset': (16, 8),
    'version': (24, 4), 'entries': (28, 4), 'block_size': (32, 4),
    'checksum': (36, 4), 'parent_uuid': (40, 16),
    'parent_timestamp': (56, 4), 'reserved': (60, 4),
    'parent_name': (64, 512), 'locator_platform': (576, 4),
    'locator_space': (580, 4), 'locator_length': (584, 4),
    'locator_reserved': (588, 4), 'locator_offset': (592, 8),
    'locators': (600, 168), 'reserved2': (768, 256),
}


def get(buf, layout, name):
    """A field as a number."""
    offset, size = layout[name]
    return int.from_bytes(buf[offset:offset + size], 'big')


def put(buf, layout, name, value):
    """Sets a field of a bytearray to a number."""
    offset, size = layout[name]
    buf[offset:offset + size] = value.to_bytes(size, 'big')


def checksum(buf, layout):
    offset, size = layout['checksum']
    total = sum(buf) - sum(buf[offset:offset + size])
    return ~total & 0xffffffff


def seal(buf, layout):
    put(buf, layout, 'checksum', checksum(buf, layout))


def sealed(buf, layout):
    return get(buf, layout, 'checksum') == checksum(buf, layout)


def geometry(sectors):
    """The specification's (cylinders, heads, sectors per track)."""
    total = min(sectors, MAX_CHS)
    if total == 0:
        return 0, 0, 0
    if total >= 65535 * 16 * 63:
        heads, spt = 16, 255
        tracks = total // spt
    else:
        spt = 17
        tracks = total // spt
        heads = max(4, (tracks + 1023) // 1024)
        if tracks >= heads * 1024 or heads > 16:
            heads, spt = 16, 31
            tracks = total // spt
        if tracks >= heads * 1024:
            heads, spt = 16, 63
            tracks = total // spt
    return tracks // heads, heads, spt


def footer_geometry(footer):
    return tuple(get(footer, FOOTER, n)
                 for n in ('cylinders', 'heads', 'sectors'))


def chs_sectors(chs):
    return chs[0] * chs[1] * chs[2]


def rounded(size):
    """The size that an image gets when none was forced."""
    sectors = total = -(-size // SECTOR)
    if sectors > MAX_CHS:
        return sectors * SECTOR
    while chs_sectors(geometry(total)) < sectors:
        total += 1
    total = chs_sectors(geometry(total))
    # The largest geometry means that current_size counts.
    return (sectors if total == MAX_CHS else total) * SECTOR


def footer_sound(footer):
    return (len(footer) == SECTOR and footer[:8] == b'conectix' and
            get(footer, FOOTER, 'version') >> 16 == 1 and
            get(footer, FOOTER, 'type') in (FIXED, DYNAMIC, DIFFERENCING) and
            sealed(footer, FOOTER))


def disk_size(footer):
    current = get(footer, FOOTER, 'current_size')
    chs = chs_sectors(footer_geometry(footer))
    creator = footer[28:32]
    if creator in (b'vpc ', b'vs  ', b'qemu') and \
            chs not in (0, MAX_CHS) and chs <= current // SECTOR:
        return chs * SECTOR
    return current


def new_footer(size, kind, creator=b'win ', data_offset=None):
    footer = bytearray(SECTOR)
    footer[:8] = b'conectix'
    put(footer, FOOTER, 'features', 2)
    put(footer, FOOTER, 'version', 0x10000)
    put(footer, FOOTER, 'data_offset',
        2 ** 64 - 1 if kind == FIXED else data_offset or SECTOR)
    put(footer, FOOTER, 'timestamp', 0x20202020)
    footer[28:32] = creator
    put(footer, FOOTER, 'creator_version', 0xa0000)
    footer[36:40] = b'Wi2k'
    put(footer, FOOTER, 'original_size', size)
    put(footer, FOOTER, 'current_size', size)
    for name, value in zip(('cylinders', 'heads', 'sectors'),
                           geometry(size // SECTOR)):
        put(footer, FOOTER, name, value)
    put(footer, FOOTER, 'type', kind)
    footer[68:84] = bytes(range(1, 17))
    seal(footer, FOOTER)
    return footer


def new_header(entries, block_size, table_offset=1536):
    header = bytearray(1024)
    header[:8] = b'cxsparse'
    put(header, HEADER, 'data_offset', 2 ** 64 - 1)
    put(header, HEADER, 'table_offset', table_offset)
    put(header, HEADER, 'version', 0x10000)
    put(header, HEADER, 'entries', entries)
    put(header, HEADER, 'block_size', block_size)
    seal(header, HEADER)
    return header


def bitmap_bytes(block_size):
    return -(-block_size // (SECTOR * 8 * SECTOR)) * SECTOR


class Refused(Exception):
    """The image cannot be read rightly."""


class Disk:
    """What an image holds, by an independent reading of the format.

    `image` is all of the file as bytes.  Raises Refused where there is no
    right reading; read() raises it for a block that has none.
    """

    def __init__(self, image):
        self.image = image
        padded = image + bytes(-len(image) % SECTOR)
        self.length = len(padded)
        tail, head = padded[-SECTOR:], padded[:SECTOR]
        self.footer = None
        if footer_sound(tail):
            self.footer = tail
            self.length -= SECTOR
        # The head counts where the tail cannot be that of this file.
        if self._has_header(head) and not self._has_header(tail) and \
                not (footer_sound(tail) and
                     get(tail, FOOTER, 'type') == FIXED and
                     get(tail, FOOTER, 'current_size') ==
                     len(padded) - SECTOR):
            self.footer = head
            self.length = len(image) // SECTOR * SECTOR
        if self.footer is None:
            raise Refused('no footer')
        self.kind = get(self.footer, FOOTER, 'type')
        self.size = disk_size(self.footer)
        if self.kind == DIFFERENCING:
            raise Refused('differencing')
        if self.size % SECTOR or self.size > 0xff000000 * SECTOR:
            raise Refused('size')
        if self.kind == FIXED:
            if get(self.footer, FOOTER, 'current_size') > \
                    len(padded) - SECTOR:
                raise Refused('fixed disk cut short')
            return
        self._open_table(padded)

    def _at(self, offset, size):
        return self.image[offset:offset + size]

    def _has_header(self, footer):
        """Is it a dynamic disk's, with a header where it says?"""
        return footer_sound(footer) and \
            get(footer, FOOTER, 'type') != FIXED and \
            self._at(get(footer, FOOTER, 'data_offset'), 8) == b'cxsparse'

    def _open_table(self, padded):
        start = get(self.footer, FOOTER, 'data_offset')
        header = self._at(start, 1024)
        if start % SECTOR or len(header) < 1024 or \
                header[:8] != b'cxsparse' or not sealed(header, HEADER) or \
                get(header, HEADER, 'version') >> 16 != 1:
            raise Refused('dynamic header')
        self.block_size = get(header, HEADER, 'block_size')
        table = get(header, HEADER, 'table_offset')
        entries = get(header, HEADER, 'entries')
        if self.block_size < SECTOR or \
                self.block_size & (self.block_size - 1):
            raise Refused('block size')
        self.blocks = -(-self.size // self.block_size)
        if self.blocks > entries or table % SECTOR or \
                table + 4 * self.blocks > len(padded):
            raise Refused('table')
        self.reserved = [(0, SECTOR), (start, start + 1024),
                         (table, table + 4 * self.blocks)]
        if table < start + 1024 and table + 4 * self.blocks > start or \
                self.blocks and table < SECTOR:
            raise Refused('table over headers')
        # Entries behind the disk's end, up to current_size, have their space.
        current = get(self.footer, FOOTER, 'current_size')
        named = min(entries, -(-current // self.block_size))
        self.reserved.append((table, table + -(-4 * named // SECTOR) * SECTOR))
        self.table = struct.unpack('>%dI' % self.blocks,
                                   self._at(table, 4 * self.blocks)
                                   .ljust(4 * self.blocks, b'\0'))

    def _alone(self, entry):
        """Is that a place for a block, and of one block only?"""
        stride = bitmap_bytes(self.block_size) + self.block_size
        start, end = entry * SECTOR, entry * SECTOR + stride
        return (end <= self.length and
                not any(start < e and end > s for s, e in self.reserved))

    def read_block(self, index):
        """The data of a block, or None where it is all zeroes."""
        entry = self.table[index]
        if entry == UNALLOCATED:
            return None
        start = entry * SECTOR
        data = start + bitmap_bytes(self.block_size)
        sectors = (data - start + self.block_size) // SECTOR
        rivals = [e for e in self.table
                  if abs(e - entry) < sectors and self._alone(e)]
        if not self._alone(entry) or len(rivals) > 1:
            raise Refused('block %d' % index)
        bitmap = self._at(start, data - start)
        out = bytearray(self.block_size)
        for i in range(self.block_size // SECTOR):
            if bitmap[i // 8] & (0x80 >> i % 8):
                out[i * SECTOR:(i + 1) * SECTOR] = \
                    self._at(data + i * SECTOR, SECTOR).ljust(SECTOR, b'\0')
        return bytes(out)

    def extents(self):
        """(offset, bytes) of what may be other than zero, in order."""
        if self.kind == FIXED:
            yield 0, self.image[:self.size]
            return
        for index in range(self.blocks):
            data = self.read_block(index)
            if data:
                offset = index * self.block_size
                yield offset, data[:self.size - offset]
