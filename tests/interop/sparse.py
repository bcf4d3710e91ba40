# SPDX-License-Identifier: MIT
"""Raw disks that are mostly holes: comparing without reading the holes.

    sparse.py same A B [TAIL]   A and B hold the same; B may be TAIL bytes
                                longer ("any": however many), of zeroes
    sparse.py zero A            A holds nothing but zeroes
    sparse.py vhdi IMAGE RAW    what libvhdi reads in IMAGE is RAW

Exit status 1, and the first difference, if not.
"""
import os
import sys

CHUNK = 1 << 20
ZEROES = bytes(CHUNK)


def data_extents(fd, size):
    """[start, end) of what is data, in order, cut into pieces of CHUNK."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        at = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        for piece in range(start, at, CHUNK):
            yield piece, min(piece + CHUNK, at)


class Raw:
    """A file, read as if zeroes followed it."""

    def __init__(self, name):
        self.name = name
        self.fd = os.open(name, os.O_RDONLY)
        self.size = os.fstat(self.fd).st_size

    def read(self, offset, size):
        return os.pread(self.fd, size, offset).ljust(size, b'\0')

    def extents(self):
        return data_extents(self.fd, self.size)


class Vhdi:
    """What libvhdi sees in an image; its extents are not known."""

    def __init__(self, name):
        import pyvhdi
        self.name = name
        self.file = pyvhdi.file()
        self.file.open(name)
        self.size = self.file.get_media_size()

    def read(self, offset, size):
        data = self.file.read_buffer_at_offset(size, offset)
        return data.ljust(size, b'\0')

    def extents(self):
        """All of a small disk; of a large one, parts spread over it."""
        step = max(CHUNK, self.size // 32 // 512 * 512)
        for start in range(0, self.size, step):
            yield start, min(start + CHUNK, self.size)


def first_difference(a, b):
    for side in (a, b):
        for start, end in side.extents():
            one, two = a.read(start, end - start), b.read(start, end - start)
            if one != two:
                return start + next(i for i in range(len(one))
                                    if one[i] != two[i])
    return None


def same(a, b, tail='0'):
    """None, or how they differ."""
    more = b.size - a.size
    if more < 0 or tail != 'any' and more != int(tail):
        return '%s has %d bytes, %s has %d' % (a.name, a.size, b.name, b.size)
    at = first_difference(a, b)
    if at is not None:
        return '%s and %s differ at offset %d' % (a.name, b.name, at)
    return None


def zero(a):
    for start, end in a.extents():
        if a.read(start, end - start) != ZEROES[:end - start]:
            return '%s is not zero near offset %d' % (a.name, start)
    return None


def main():
    command, names = sys.argv[1], sys.argv[2:]
    if command == 'same':
        problem = same(Raw(names[0]), Raw(names[1]), *names[2:])
    elif command == 'zero':
        problem = zero(Raw(names[0]))
    elif command == 'vhdi':
        problem = same(Vhdi(names[0]), Raw(names[1]))
    else:
        problem = __doc__
    if problem:
        sys.exit(problem)


if __name__ == '__main__':
    main()
