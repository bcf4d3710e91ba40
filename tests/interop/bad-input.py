# SPDX-License-Identifier: MIT
"""Damaged images: a clear error or a right read.

    bad-input.py MINBLK-IO MINBLK-IMG cut|footer|header|fixed|table|geometry

Never a signal, more than SECONDS of the processor (a busy machine takes longer),
more than MEMORY, or a changed file.  What a right read is says vhd.Disk.  One
minblk-io opens one image after the other; minblk-img converts a part of them.

MINBLK_SLOW in the environment is a factor for SECONDS; when it is above 1,
memory is not measured (sanitizers need much of it).
"""
import os
import random
import re
import resource
import select
import subprocess
import sys
import tempfile
import time

import vhd

SLOW = int(os.environ.get('MINBLK_SLOW', '1'))
SECONDS = 5 * SLOW
# Of the clock: whoever waits for ever uses no processor.
STUCK = 20 * SECONDS
MEMORY = 64 << 10               # KiB
PROMPT = b'minblk-io> '
DISK = 32 << 10
BLOCK = 4096
STRIDE = 512 + BLOCK
TABLE = 1536
PATH = 'image.vhd'


class Dead(Exception):
    pass


def cpu_seconds(pid):
    """What a process has used of the processor."""
    with open('/proc/%d/stat' % pid) as file:
        fields = file.read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def limit_cpu():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def only_footer_new(before, after):
    """Was nothing done but to write the footer again that was cut off?"""
    return after[-512:] == before[:512] and len(after) - len(before) <= 512 \
        and after.startswith(before)


class Session:
    """A minblk-io that takes its commands one by one."""

    def __init__(self, program):
        self.program = program
        self.errors = tempfile.TemporaryFile()
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, bufsize=0)
        self.answer('start')

    def answer(self, command):
        """What it prints up to the next prompt."""
        out = b''
        end = cpu_seconds(self.process.pid) + SECONDS
        deadline = time.monotonic() + STUCK
        while not out.endswith(PROMPT):
            ready = select.select([self.process.stdout], [], [], SECONDS)[0]
            stuck = time.monotonic() > deadline
            if stuck or not ready:
                if not stuck and cpu_seconds(self.process.pid) < end:
                    continue
                self.process.kill()
                self.process.wait()
                raise Dead('%s: more than %d s' % (command, SECONDS))
            got = os.read(self.process.stdout.fileno(), 1 << 16)
            if not got:
                raise Dead('%s: died with status %d: %s' % (
                    command, self.process.wait(), self.said()))
            out += got
        return out[:-len(PROMPT)].decode()

    def said(self):
        """Standard error since the last time."""
        self.errors.seek(0)
        text = self.errors.read().decode(errors='replace')
        self.errors.seek(0)
        self.errors.truncate()
        return text

    def run(self, command):
        self.process.stdin.write(command.encode() + b'\n')
        return self.answer(command)

    def close(self):
        """The most memory that it needed, in KiB; it must end well."""
        self.process.stdin.close()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = status
        # 1: some commands failed, as they should.
        if not os.WIFEXITED(status) or os.WEXITSTATUS(status) > 1:
            raise Dead('status %#x at the end: %s' % (status, self.said()))
        return usage.ru_maxrss


def base_image(kind, creator=b'win '):
    """A small disk with everything in it that a disk can have."""
    rng = random.Random(4)
    if kind == vhd.FIXED:
        return bytearray(rng.randbytes(DISK) +
                         vhd.new_footer(DISK, kind, creator))
    footer = vhd.new_footer(DISK, kind, creator)
    table = [vhd.UNALLOCATED] * (512 // 4)
    image = bytearray(footer + vhd.new_header(DISK // BLOCK, BLOCK) +
                      bytes(512))
    for block in (7, 0, 3, 5, 2):
        table[block] = len(image) // 512
        # Some sectors are not there, with stale bytes in their place.
        image += bytes([rng.choice((0xff, 0x3a))] + [0] * 511)
        image += rng.randbytes(BLOCK)
    image[TABLE:TABLE + 512] = b''.join(e.to_bytes(4, 'big') for e in table)
    return image + footer


def hex_bytes(dump):
    """The bytes that `read -v` shows."""
    out = bytearray()
    for line in dump.splitlines():
        match = re.match(r'[0-9a-f]{8,}:  ((?:[0-9a-f]{2} )+)', line)
        if match:
            out += bytes.fromhex(match.group(1))
    return bytes(out)


class Checker:
    def __init__(self, io, img):
        self.session = Session(io)
        self.img = img
        self.cases = self.failures = self.read = self.refused = 0

    def fail(self, name, why):
        self.failures += 1
        print('%s: %s' % (name, why))

    def check(self, name, image, must_open=False):
        """One image: read, opened for writing, left as it was."""
        image = bytes(image)
        with open(PATH, 'wb') as file:
            file.write(image)
        self.cases += 1
        try:
            self.check_read(name, image, must_open)
            self.open('', name)
            self.session.run('close')
            self.session.said()
            if self.cases % 16 == 0:
                self.check_img(name, image)
        except Dead as dead:
            self.fail(name, dead)
            self.session.start()
        with open(PATH, 'rb') as file:
            after = file.read()
        if after != image and not only_footer_new(image, after):
            self.fail(name, 'the file was changed')

    def open(self, flags, name):
        """Opens the image; None, or what it says that is wrong with it."""
        out = self.session.run('open %s -o driver=vpc %s' % (flags, PATH))
        text = self.session.said()
        problem = re.fullmatch(r"\S+: can't open: (\S.*)\n", text)
        warning = re.fullmatch(r"\S+: warning: \S.*\n", text)
        if out or text and not problem and not warning:
            self.fail(name, 'open says: %s%s' % (out, text))
        return problem and problem.group(1)

    def check_read(self, name, image, must_open):
        try:
            disk, reason = vhd.Disk(image), None
        except vhd.Refused as refused:
            disk, reason = None, refused
        problem = self.open('-r', name)
        if problem:
            self.refused += 1
            if must_open:
                self.fail(name, 'refused: %s' % problem)
            return
        self.read += 1
        if disk is None:
            self.fail(name, 'was opened: %s' % reason)
        else:
            self.check_contents(name, disk)
        self.session.run('close')
        self.session.said()

    def check_contents(self, name, disk):
        if disk.size and 'failed' in self.session.run(
                'read -q %d 512' % (disk.size - 512)) and \
                self.expected(disk, disk.size - 512, 512) is not None:
            self.fail(name, 'the last sector cannot be read')
        if 'failed' not in self.session.run('read -q %d 512' % disk.size):
            self.fail(name, 'there is more than %d bytes' % disk.size)
        step = DISK if disk.kind == vhd.FIXED else disk.block_size
        end = min(disk.size, DISK)
        parts = [(start, min(step, end - start))
                 for start in range(0, end, step)]
        contents = [self.expected(disk, *part) for part in parts]
        if end and None not in contents:
            parts, contents = [(0, end)], [b''.join(contents)]
        for (start, length), want in zip(parts, contents):
            self.check_range(name, start, length, want)

    def check_range(self, name, start, length, want):
        dump = self.session.run('read -v %d %d' % (start, length))
        if want is None:
            if 'read failed: Input/output error' not in dump:
                self.fail(name, 'offset %d has no right read' % start)
        elif 'read failed' in dump:
            self.fail(name, 'offset %d cannot be read' % start)
        elif hex_bytes(dump) != want:
            self.fail(name, 'offset %d reads wrongly' % start)

    @staticmethod
    def expected(disk, start, length):
        """What that part of one block holds; None: nothing can be right."""
        if disk.kind == vhd.FIXED:
            return disk.image[start:start + length]
        index, inside = divmod(start, disk.block_size)
        try:
            data = disk.read_block(index) or bytes(disk.block_size)
        except vhd.Refused:
            return None
        return data[inside:inside + length]

    def check_img(self, name, image):
        """The whole of it by minblk-img: the disk, or one line."""
        result = subprocess.run(
            [self.img, 'convert', '-f', 'vpc', '-O', 'raw', PATH, 'out.raw'],
            capture_output=True, text=True, check=False, timeout=STUCK,
            preexec_fn=limit_cpu)
        errors = [line for line in result.stderr.splitlines()
                  if ': warning: ' not in line]
        if result.returncode not in (0, 1) or \
                len(errors) != result.returncode:
            self.fail(name, 'convert: %d: %s' % (result.returncode,
                                                 result.stderr))
        if result.returncode == 0:
            disk = vhd.Disk(image)
            want = bytearray(min(disk.size, DISK))
            for offset, data in disk.extents():
                want[offset:offset + len(data)] = data
            with open('out.raw', 'rb') as file:
                if os.fstat(file.fileno()).st_size != disk.size or \
                        file.read(DISK) != want[:DISK]:
                    self.fail(name, 'convert: wrong contents')

    def finish(self):
        memory = self.session.close()
        if memory > MEMORY and SLOW == 1:
            self.fail('memory', '%d KiB' % memory)
        print('%d images, %d read, %d refused, %d KiB' % (
            self.cases, self.read, self.refused, memory))
        if self.failures or not self.read:
            sys.exit('%d failures' % self.failures)


def values(rng, layout, name, image):
    """Numbers for a field, that of the sound image left out."""
    bits = 8 * layout[name][1]
    now = vhd.get(image, layout, name)
    wanted = [0, 1, (1 << bits) - 1, rng.getrandbits(bits),
              rng.getrandbits(bits), rng.getrandbits(bits) & ~0x1ff,
              now + 1, now - 1, now * 2, now + 512, now >> 1]
    return sorted({v for v in wanted if 0 <= v < 1 << bits} - {now})


# Fields that say nothing about how to read the disk.
HARMLESS = {'timestamp', 'creator_version', 'creator_os', 'original_size',
            'uuid', 'reserved', 'features'}


def mutate(check, kind, layout, places, names=None, creator=b'win '):
    """Each field set to each value, in the places together and alone."""
    rng = random.Random(20)
    base = base_image(kind, creator)
    sets = [places] + [[p] for p in places if len(places) > 1]
    for name in names or [n for n in layout if n != 'checksum']:
        for value in values(rng, layout, name, base[places[0]:]):
            for where in sets:
                for right in (True, False):
                    image = bytearray(base)
                    for place in where:
                        size = 1024 if layout is vhd.HEADER else 512
                        part = image[place:place + size]
                        vhd.put(part, layout, name, value)
                        if right:
                            vhd.seal(part, layout)
                        image[place:place + size] = part
                    check.check('%s=%#x at %s%s' % (
                        name, value, where, '' if right else ', unsealed'),
                        image, right and where == places and name in HARMLESS)


def test_footer(check):
    end = len(base_image(vhd.DYNAMIC)) - 512
    mutate(check, vhd.DYNAMIC, vhd.FOOTER, [0, end])


def test_header(check):
    mutate(check, vhd.DYNAMIC, vhd.HEADER, [512])


def test_fixed(check):
    mutate(check, vhd.FIXED, vhd.FOOTER, [DISK])


def test_geometry(check):
    """Creators whose geometry is the size."""
    names = ['cylinders', 'heads', 'sectors', 'current_size', 'creator']
    end = len(base_image(vhd.DYNAMIC)) - 512
    for creator in (b'vpc ', b'qemu', b'vs  ', b'qem2'):
        mutate(check, vhd.FIXED, vhd.FOOTER, [DISK], names, creator)
    mutate(check, vhd.DYNAMIC, vhd.FOOTER, [0, end], names, b'vpc ')


def test_table(check):
    """Each entry that is there, set to places where no block can be."""
    rng = random.Random(21)
    base = base_image(vhd.DYNAMIC)
    last = len(base) // 512
    for block in range(DISK // BLOCK):
        at = TABLE + 4 * block
        for value in (0, 1, 2, 3, last - 1, last - 9, last - 11, last, 0x7fffffff,
                      0xfffffffe, vhd.UNALLOCATED, rng.getrandbits(32)):
            image = bytearray(base)
            image[at:at + 4] = value.to_bytes(4, 'big')
            check.check('entry of block %d is %#x' % (block, value), image,
                        must_open=True)


def test_cut(check):
    """Cut at every 512 bytes, and a byte beside."""
    for kind in (vhd.DYNAMIC, vhd.FIXED):
        base = base_image(kind)
        for end in range(0, len(base) + 1, 512):
            for size in {max(end - 1, 0), end, min(end + 1, len(base))}:
                check.check('%d, cut to %d' % (kind, size), base[:size])


def main():
    check = Checker(os.path.abspath(sys.argv[1]),
                    os.path.abspath(sys.argv[2]))
    globals()['test_' + sys.argv[3]](check)
    check.finish()


if __name__ == '__main__':
    main()
