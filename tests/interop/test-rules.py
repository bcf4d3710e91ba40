# SPDX-License-Identifier: MIT
"""rules.py finds nothing in sound images, and each fault that is put into one."""
import sys

import layouts
import rules
import vhd

XEN = layouts.used(layouts.LAYOUTS['xenserver'], block_size=65536)
BASE = XEN.bytes()
PARTS = rules.Parts(BASE)
MAP_AT = PARTS.batmap[0]


def sound():
    for name, layout in layouts.LAYOUTS.items():
        for image in (layouts.used(layout, block_size=65536),
                      layouts.Image(layout, 10 << 20)):
            lines = rules.problems(image.bytes())
            lines += rules.damages(image.bytes(), image.bytes())
            if lines:
                sys.exit('%s: %s' % (name, lines))


def changed(offset, data):
    image = bytearray(BASE)
    image[offset:offset + len(data)] = data
    return bytes(image)


def entry(index, value):
    return changed(PARTS.table_at + 4 * index, value.to_bytes(4, 'big'))


def found(what, image, text):
    lines = rules.problems(image) + rules.damages(BASE, image)
    if not any(text in line for line in lines):
        sys.exit('%s: not found, but %s' % (what, lines))


def main():
    sound()
    start = XEN.table[3] * vhd.SECTOR
    data = start + PARTS.bitmap_size
    found('a footer', changed(len(BASE) - 100, b'x'), 'no sound footer')
    found('its copy', changed(100, b'x'), 'footers differ')
    found('the header', changed(512 + 700, b'x'), 'checksum of the header')
    found('two in one place', entry(0, XEN.table[3]), 'reaches into')
    found('by a sector', entry(0, XEN.table[3] + 1), 'reaches into')
    found('over the headers', entry(1, 1), 'reaches into')
    found('over the batmap', entry(1, MAP_AT // vhd.SECTOR), 'reaches into')
    found('behind the end', entry(1, 100000), 'past the end')
    found('an old footer', changed(data + 3 * 512, BASE[:512]),
          "holds b'conectix'")
    found('a bit lost', changed(start + 2, b'\xfe'), 'under a clear bit')
    found('a bit of the batmap', changed(MAP_AT, b'\x90'), 'checksum of the')
    found('a stale batmap', changed(MAP_AT, b'\x90'), 'block 0 is full')
    found('padding', changed(PARTS.table_end - 1, b'x'), 'have changed')
    found('a gap', changed(MAP_AT + PARTS.batmap[1], b'x'), 'have changed')
    found('a block elsewhere', entry(3, XEN.table[3] + 8), 'has moved')
    found('no alignment', entry(1, XEN.table[3] + 1), 'the new block 1 begins')
    grown = entry(1, XEN.table[3] + 8)
    found('a footer past zeroes', grown[:-512] + bytes(512) + grown[-512:],
          'does not follow')


if __name__ == '__main__':
    main()
