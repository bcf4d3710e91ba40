# SPDX-License-Identifier: MIT
"""Files of all lengths that end in the footer of a fixed VHD.

What probing finds is what -f vpc opens, with the disk's size; a shorter one is
refused with the number of bytes that it lacks; only in a longer one is it not
believed.

    lengths.py MINBLK_IMG       in an empty folder
"""
import itertools
import json
import subprocess
import sys

import vhd

LENGTHS = (1, 510, 511, 512, 513, 1023, 1024, 1536, 65536, 65535, 65537)
LACKING = (0, 1, 2, 510, 511, 512, 513, 1024)


def info(img, *args):
    """The JSON of info, or its error."""
    p = subprocess.run([img, 'info', '--output=json', *args, 'f'],
                       capture_output=True, text=True, check=False)
    if p.returncode == 0:
        return json.loads(p.stdout)
    assert p.returncode == 1 and p.stderr.count('\n') == 1, p
    return p.stderr


def footer(current):
    f = bytearray(vhd.SECTOR)
    f[:8] = b'conectix'
    f[28:32] = b'win '
    for name, value in (('features', 2), ('version', 0x10000),
                        ('data_offset', 2 ** 64 - 1), ('type', vhd.FIXED),
                        ('original_size', current),
                        ('current_size', current)):
        vhd.put(f, vhd.FOOTER, name, value)
    vhd.seal(f, vhd.FOOTER)
    return f


def check(img, before, current, size):
    """@before bytes, then @size bytes of a footer for @current bytes."""
    with open('f', 'wb') as f:
        f.write(bytes(before) + footer(current)[:size])
    case = before, current, size
    probed, named = info(img), info(img, '-f', 'vpc')
    if before < current:
        either = '' if before % vhd.SECTOR else ' or -f vpc'
        assert (f'f looks like a fixed VHD, {current - before} bytes short; '
                f'give -f raw{either}\n') in probed + '\n', (case, probed)
        assert isinstance(named, str), (case, named)
    elif before == current and before % vhd.SECTOR == 0:
        assert probed == named, (case, probed, named)
        assert named['format'] == 'vpc', case
        assert named['virtual-size'] == current, (case, named)
    elif before == current:
        assert probed == named and isinstance(named, str), (case, probed)
    else:
        assert probed['format'] == 'raw', (case, probed)


def main():
    img = sys.argv[1]
    for before, lacking, size in itertools.product(LENGTHS, LACKING,
                                                   (511, 512)):
        check(img, before, before + lacking, size)
        if lacking <= before:
            check(img, before, before - lacking, size)


main()
