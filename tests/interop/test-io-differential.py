#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the same command lines through qemu-io and minblk-io and compares.

Each run works on files of its own, made anew for each of the two programs.
Compared are standard output, standard error without hints, the exit status and
the image's contents afterwards; times and rates are filtered out, and minblk-io
is called qemu-io, as a script would call it.  Single commands share a run; when
such a run differs, its commands are run one by one to name the culprit.

Not compared is where ours differs on purpose: tabs between words, the words of
an error of `open FILE`, bad usage of the program, aio=native without O_DIRECT.

Usage: test-io-differential.py MINBLK-IO commands|others [FILTER]
TAP on standard output; all is skipped where there is no qemu-io.
"""

import hashlib
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from hints import HINTS

RATES = re.compile(r'\d[\d.]*( bytes| .iB)/sec and [\d.]+ ops/sec')
TIMES = re.compile(r'\d\d\.\d\d sec|\d+:\d\d:\d\d\.\d\d')
MACHINE = re.compile(r'^(\d+,\d+),TIME,.*$', re.M)
NODE = re.compile(r"#block\d+")

OFFSETS = ['0', '1', '511', '512', '1k', '4095', '65536', '1048575', '1M',
           '1048577', '2M', '6E', '0x10', '0x1000', '1.5k', '0.5M']
# The largest request, 2147483136, is left to commands without a buffer: the
# original fills one of 2 GiB before it looks at the range.
LENGTHS = ['0', '1', '511', '512', '513', '4k', '64k', '100000', '1M',
           '1048577', '2147483137', '2g', '3g', '7E']
BAD_NUMBERS = ['abc', '-1', '1z', '1kB', '1KK', '1KiB', '0xg', '', '1e3',
               '8E', '9999999999999999999', '99999999999999999999', '0x',
               '.5k', '1.5', '+', 'k', '1,5', '1_000', '"0"']
PATTERNS = ['0', '1', '255', '0xff', '0XA', '010', '+5', '5k', '0x', '256',
            '-1', 'abc', '0xg', '999999999999', '08', '0x100', '1.5', '']


def raw_cases():
    """(name, arguments before the commands, commands)"""
    def each(*commands):
        for command in commands:
            yield (command,)

    yield from each(*(f'read {o} 512' for o in OFFSETS))
    yield from each(*(f'read 0 {n}' for n in LENGTHS))
    yield from each(*(f'write {o} 512' for o in OFFSETS))
    yield from each(*(f'write 0 {n}' for n in LENGTHS))
    yield from each(*(f'write -z {o} 700' for o in OFFSETS))
    yield from each(*(f'write -z 0 {n}' for n in LENGTHS))
    yield from each(*(f'write -zn 0 {n}' for n in LENGTHS))
    yield from each(*(f'write -zu 3 {n}' for n in LENGTHS))
    yield from each(*(f'discard {o} 512' for o in OFFSETS))
    yield from each(*(f'discard 0 {n}' for n in LENGTHS))
    yield from each('write -z 0 2147483136', 'discard 0 2147483136',
                    'alloc 0 2147483136', 'aio_write -z 0 2147483136')
    yield from each(*(f'readv {o} 512 1 7' for o in OFFSETS))
    yield from each(*(f'writev {o} 512 1 7' for o in OFFSETS))
    yield from each(*(f'readv 0 {n}' for n in LENGTHS))
    yield from each(*(f'writev 0 1 {n}' for n in LENGTHS))
    yield from each(*(f'aio_read {o} 512' for o in OFFSETS))
    yield from each(*(f'aio_write {o} 512' for o in OFFSETS))
    yield from each(*(f'aio_write -z {o} 512' for o in OFFSETS))
    yield from each(*(f'aio_read 0 {n}' for n in LENGTHS))
    yield from each(*(f'aio_write 0 512 {n}' for n in LENGTHS))
    yield from each(*(f'aio_write -z 0 {n}' for n in LENGTHS))
    yield from each(*(f'alloc {o} 512' for o in OFFSETS))
    yield from each(*(f'alloc {o}' for o in OFFSETS))
    yield from each(*(f'alloc 0 {n}' for n in LENGTHS))
    for n in BAD_NUMBERS:
        for command in ('read', 'write', 'write -z', 'writev', 'readv',
                        'discard', 'aio_read', 'aio_write', 'aio_write -z'):
            yield (f'{command} {n} 512',)
            yield (f'{command} 512 {n}',)
            yield (f'{command} -- 512 {n}',)
        for command in ('alloc', 'truncate', 'sigraise', 'alloc 0',
                        'read -P 0 -s', 'read -P 0 -l'):
            yield (f'{command} {n}',)
        yield (f'read -P 0 -s {n} 0 512',)
        yield (f'read -P 0 -l {n} 0 512',)
    for p in PATTERNS:
        for command in ('read', 'write', 'writev', 'readv', 'aio_read',
                        'aio_write'):
            yield (f'{command} -P {p} 0 512',)
            yield ('read -v 0 17',)
            yield (f'{command} -P{p} 0 512',)
    # Letters of options, alone and together.
    for letter in 'abcCdefghiklmnopqrstuvwxyzABDEFGHIJ0123456789':
        for command in ('read', 'write', 'readv', 'writev', 'aio_read',
                        'aio_write', 'discard', 'truncate', 'reopen'):
            if (command, letter) != ('reopen', 'o'):
                yield (f'{command} -{letter} 0 512',)
            yield (f'{command} 0 512 -{letter}',)
        yield (f'write -z{letter} 0 512',)
        yield (f'write -P3{letter} 0 512',)
        yield (f'write -q{letter} 0 512',)
        yield (f'read -C{letter} 0 16',)
        yield (f'read -v{letter} 0 16',)
        yield (f'aio_write -z{letter} 0 512',)
        yield (f'read -p{letter} 0 16',)
    for a in 'bcfnsuz':
        for b in 'bcfnuz':
            if a != b and 's' not in (a, b):
                yield (f'write -{a}{b} 512 512',)
                yield ('read -v 512 64',)
                yield (f'write -{a}{b}P 5 512 512',)
                yield (f'write -{a}{b} 5 512',)
                yield (f'write -{a}{b}s pat 512 1024',)
    # Numbers of words.
    for command in ('read', 'write', 'readv', 'writev', 'aio_read',
                    'aio_write', 'aio_flush', 'flush', 'discard', 'length',
                    'truncate', 'close', 'open', 'reopen', 'info', 'map',
                    'alloc', 'break', 'wait_break', 'resume', 'remove_break',
                    'sleep', 'sigraise', 'abort', 'help', 'quit', 'w', 'r',
                    'd', 'f', 'l', 'i', 'a', 't', 'o', 'c', 'q', '?'):
        yield (f'help {command}',)
        for n in range(0, 5):
            words = ' '.join(['0', '1', '2', '3', '4'][:n])
            if command == 'wait_break' and n == 1 or \
               command in ('o', 'open') and n == 1:
                continue
            yield (f'{command} {words}',)
    for command in ('Read', 'rea', 'reads', 'exit', 'wr', 'h', 's', 'p',
                    'aio', 'mapp', '-', '--help', '#', 'read0', 'READ', '?x'):
        yield (command,)
        yield (f'{command} 0 512',)
        yield (f'help {command}',)
    yield from each('', ' ', 'help', '?', 'read 0 16  ', 'read   0   16')
    # -s FILE
    yield ('write -s pat 0 16', 'read -v 0 32')
    yield ('write -s pat 10 2k', 'read -v 0 2100')
    yield ('write -s nosuch 0 16',)
    yield ('write -s empty 0 16',)
    yield ('write -s . 0 16',)
    yield ('write -s pat -s nosuch 0 16',)
    # Verification.
    yield ('write -P 7 100 50', 'read -P 7 100 50', 'read -P 7 99 50',
           'read -P 7 -s 1 99 51', 'read -P 7 -s 1 -l 50 99 60',
           'read -P 7 -s 1 -l 51 99 60', 'read -P 0 -s 51 99 200',
           'read -P 7 -l 50 100 60', 'read -P 7 -s 61 99 60',
           'read -P 7 -s 60 99 60', 'read -P 7 -l 0 0 60',
           'readv -P 7 100 25 25', 'readv -P 7 100 25 26',
           'readv -P 7 100 0 50', 'read -s 1 0 16', 'read -l 1 0 16')
    yield ('aio_read -P 7 0 16', 'aio_flush', 'aio_read -P 0 0 16')
    yield ('aio_read -P 7 -v 0 16',)
    yield ('aio_read -q 0 16', 'aio_read -qv 0 16')
    yield ('aio_read -C 0 16', 'aio_flush', 'aio_write -C 0 16')
    yield ('aio_read -i 0 16', 'aio_write -i 0 16', 'aio_write -zi 0 16',
           'aio_read -i 0 abc', 'aio_write -i -u 0 16')
    yield ('aio_write -z 0 512 512',)
    yield ('aio_write -P 9 0 4k', 'aio_flush', 'read -P 9 0 4k')
    yield ('aio_write -P 9 0 4k', 'close', 'length')
    yield ('aio_write -P 9 0 4k', 'length', 'quit', 'length')
    yield ('aio_write 0 4k', 'aio_write 1M 1', 'aio_flush')
    # Dumps.
    yield ('write -s all 0 256', 'read -v 0 256', 'read -v 31 100',
           'readv -v 0 16 3', 'read -v 0 0', 'read -qv 0 16',
           'read -Cv 0 5', 'read -v 510 2')
    # Length, truncation, discard.
    yield ('truncate 2M', 'length', 'read -P 0 1M 1M', 'truncate 1000',
           'length', 'map', 'alloc 0 2k', 'read 0 1k', 'truncate 0', 'length',
           'map', 'alloc 0', 'read 0 0', 'read 0 1', 'write 0 0')
    for size in ('1', '511', '513', '1023', '1025', '1536', '100000',
                 '1048064', '1048575', '1000000', '123456789', '999999999',
                 '1073741823', '1g', '1.5T'):
        yield (f'truncate {size}', 'length', 'map', 'info', 'alloc 0 1g')
    yield from each('truncate -m off 2M', 'truncate -m full 2M',
                    'truncate -m falloc 2M', 'truncate -m metadata 2M',
                    'truncate -m nosuch 2M', 'truncate -m full 512k',
                    'truncate -m falloc 512k', 'truncate 7E',
                    'truncate -m full 1M', 'truncate 1M 1M')
    yield ('write 0 64k', 'discard 3 2', 'read -v 0 16', 'discard 0 64k',
           'read -P 0 0 64k', 'discard -C 0 512', 'discard -q 0 512')
    yield ('write 0 64k', 'write -zu 3 5', 'read -v 0 16',
           'write -zu 0 64k', 'read -P 0 0 64k')
    # Reopening.
    for words in ('', '-r', '-w', '-rw', '-rr', '-ww', '-c none',
                  '-c writethrough', '-c unsafe', '-c directsync', '-c x',
                  '-o x=y', '-o driver=raw', '-o driver=nosuch', '-o size=1k',
                  '-o offset=512', '-o size=1k,offset=512',
                  '-o size=1k -o offset=512', '-o size=2M', '-o offset=2M',
                  '-r -o read-only=off', '-w -o read-only=on',
                  '-c none -o cache.direct=off',
                  '-c none -o cache.no-flush=on',
                  '-o cache.direct=on', '-o cache.no-flush=on', 'x', '-x',
                  '-o', '-c',
                  '-r -c writeback', '-o x=y -o z=w'):
        yield (f'reopen {words}', 'length', 'write 0 512', 'read 0 512')
        yield ('reopen -r', f'reopen {words}', 'length', 'write 0 512')
        yield ('aio_write 0 4k', f'reopen {words}', 'aio_read 0 512')
    # No image.
    yield ('close', 'read 0 1', 'close', 'flush', 'length', 'info', 'map',
           'aio_flush', 'reopen', 'break a b', 'nosuch', 'help nosuch',
           'sleep 0', 'sigraise 0', 'truncate 0', 'alloc 0', 'discard 0 1',
           'aio_read 0 1', 'read', 'resume a', 'wait_break a')
    # Opening.
    for words in ('-r', '-o driver=raw disk', '-o driver=raw -r disk',
                  '-r -o driver=raw,file.filename=disk',
                  '-o driver=raw,file.filename=nosuch',
                  '-o driver=raw', '-o driver=nosuch',
                  '-o driver=null-co,size=1M',
                  '-o driver=null-co,nosuch=1', '-o driver=raw,nosuch=1 ',
                  '-x disk', 'disk disk', '-t x disk', '-d x disk',
                  '-i x disk', '-o', '-t', '-rx disk',
                  '-n -o driver=raw disk', '-t none -o driver=raw disk',
                  '-t writeback -o driver=raw disk',
                  '-t directsync -o driver=raw disk',
                  '-t unsafe -o driver=raw disk',
                  '-i threads -o driver=raw disk',
                  '-i io_uring -o driver=raw disk',
                  '-n -i native -o driver=raw disk',
                  '-d unmap -o driver=raw disk', '-d off -o driver=raw disk',
                  '-s -o driver=raw disk', '-rU -o driver=raw disk',
                  '-o driver=raw -o size=1k disk',
                  '-o driver=raw,size=1k,offset=512 disk',
                  '-o driver=raw,size=2M,file.filename=disk',
                  '-o driver=raw,size=0 disk',
                  '-r disk', '-- disk', 'disk',
                  'json:{"driver":"raw","file.filename":"disk"}',
                  'json:{"driver":"null-co","size":4096}',
                  "json:{'driver':'null-co','size':'4096'}"):
        yield ('close', f'open {words}', 'length', 'write 0 512',
               'read 0 512')
    yield ('open disk', 'open -x', 'length')
    yield ('sleep 0', 'sleep 1', 'sleep 0x2', 'sleep 010', 'sleep +1',
           'sleep x', 'sleep -1', 'sleep 1x', 'sleep')
    yield ('length', 'sigraise 15', 'length')
    yield ('length', 'abort', 'length')
    yield ('break a b', 'break read_aio A', 'resume A', 'remove_break A')
    yield from each('flush', 'info', 'map', 'length')


FORMAT_CASES = [
    ('info', 'map', 'length', 'alloc 0 8M', 'alloc 0'),
    ('read -P 0 0 8M', 'read 8M 512', 'read 9M 1'),
    ('write -P 1 0 512', 'read -P 1 0 512', 'read -P 0 512 1M', 'map'),
    ('write -P 2 2097151 2', 'read -v 2097144 16', 'alloc 0 8M'),
    ('write -P 3 1M 4M', 'read -P 3 1M 4M', 'read -P 0 0 1M',
     'read -P 0 5M 1M'),
    ('write -z 0 1M', 'write -P 4 0 1M', 'write -z 4k 4k',
     'read -P 0 4k 4k', 'read -P 4 8k 4k'),
    ('write -zu 0 4M', 'write -P 4 0 4M', 'write -zu 2M 2M',
     'read -P 0 2M 2M', 'read -P 4 0 2M'),
    ('write 8M 1k', 'write 8388608 1k', 'write 8390656 1',
     'read 8390655 2', 'read 8390655 1'),
    ('writev -P 5 3M 1 2 3', 'readv -P 5 3M 3 3', 'read -v 3M 8'),
    ('aio_write -P 6 5M 512', 'aio_flush', 'read -P 6 5M 512'),
    ('reopen -r', 'write 0 512', 'reopen -w', 'write 0 512', 'length'),
    ('reopen -o driver=raw', 'length'),
    ('flush', 'length', 'close', 'length'),
]

CMDLINES = [
    ['-f', 'raw', 'nosuch', '-c', 'length'],
    ['-f', 'nosuch', 'disk'],
    ['-f', 'raw', '.'],
    ['nosuch:x', '-c', 'length'],
    ['-f', 'raw', 'file:disk', '-c', 'length'],
    ['disk', '-c', 'length'],
    ['disk', '-c', 'write 0 1k'],
    ['-r', 'disk', '-c', 'length', '-c', 'write 0 512'],
    ['-r', '-f', 'raw', 'disk', '-c', 'discard 0 512', '-c', 'truncate 0',
     '-c', 'aio_write 0 512', '-c', 'writev 0 512', '-c', 'write -z 0 512',
     '-c', 'flush', '-c', 'aio_write -z 0 512', '-c', 'w'],
    ['-t', 'x', 'disk'], ['--cache', 'x', 'disk'], ['--cache=x', 'disk'],
    ['-i', 'x', 'disk'], ['--aio=x', 'disk'], ['-d', 'x', 'disk'],
    ['-n', '-k', '-f', 'raw', 'disk', '-c', 'read 0 512'],
    ['-n', '-f', 'raw', 'disk', '-c', 'write 1 3', '-c', 'read -v 0 8'],
    ['-n', '-m', '-f', 'raw', 'disk', '-c', 'write 0 4k', '-c', 'read 0 8k'],
    ['-U', '-f', 'raw', 'disk', '-c', 'length'],
    ['-r', '-U', '-f', 'raw', 'disk', '-c', 'length'],
    ['-s', '-f', 'raw', 'disk', '-c', 'write -P 7 0 1k', '-c',
     'read -P 7 0 1k', '-c', 'read -P 0 1k 1k'],
    ['-s', '-r', '-f', 'raw', 'disk', '-c', 'write -P 7 0 1k'],
    ['-d', 'off', '-f', 'raw', 'disk', '-c', 'write 0 64k', '-c',
     'discard 0 64k', '-c', 'read -P 0xcd 0 64k'],
    ['-d', 'unmap', '-f', 'raw', 'disk', '-c', 'write 0 64k', '-c',
     'discard 0 64k', '-c', 'read -P 0 0 64k'],
    ['--image-opts', 'driver=raw,file.filename=disk', '-c', 'length'],
    ['--image-opts', '-f', 'raw', 'driver=raw,file.filename=disk'],
    ['--image-opts', 'driver=raw'],
    ['--image-opts', 'driver=raw,x=y,file.filename=disk'],
    ['--image-opts', 'driver=raw,file.driver=file,file.filename=nosuch'],
    ['--image-opts', 'driver=raw,size=1k,offset=1k,file.filename=disk',
     '-c', 'length', '-c', 'write 0 1k', '-c', 'write 1k 1'],
    ['--image-opts', 'driver=raw,discard=ignore,file.filename=disk', '-c',
     'write 0 64k', '-c', 'discard 0 64k', '-c', 'read -P 0xcd 0 64k'],
    ['--image-opts', '-n', 'driver=raw,file.filename=disk,cache.direct=off',
     '-c', 'write 0 1'],
    ['--image-opts', '-r', 'driver=raw,file.filename=disk', '-c', 'length'],
    ['--image-opts', 'driver=null-co,size=1T', '-c', 'length', '-c', 'map',
     '-c', 'read 1023g 1M', '-c', 'write -zn 0 3g', '-c', 'alloc 0 1T'],
    ['-c', 'length', '-f', 'raw', 'disk', '-c', 'info'],
    ['-f', 'vpc', '-f', 'raw', 'disk', '-c', 'length'],
    ['-c', 'length'], ['-c', 'help read'], ['-c', ''],
    ['-f', 'raw', '', '-c', 'length'],
]

STDIN = [
    '', '\n', 'length', 'length\n', '\n\nlength\n', 'nosuch\nlength\n',
    'length\nquit\nlength\n', 'read 1M 1\nlength\n', 'aio_read 0 16\n',
    'aio_write 0 16\naio_flush\nlength\n',
    'read -q 0 16\nq\n', 'close\nlength\n', '# x\n', 'help read\n',
    'read 0\nread 0 1 2\nread -z 0 1\n', 'write -P 300 0 1\n',
]

# Commands that end the program or close the image run by themselves.
ALONE = {'quit', 'q', 'abort', 'sigraise', 'close', 'c', 'open', 'o',
         'reopen', 'sleep', 'truncate', 't'}
BATCH = 40


def normalize(text):
    text = RATES.sub('RATES', text)
    text = TIMES.sub('TIME', text)
    text = MACHINE.sub(r'\1', text)
    return NODE.sub('#block', text)


class Runner:
    def __init__(self, minblk, folder):
        self.programs = [shutil.which('qemu-io'), minblk]
        self.folder = folder
        self.dynamic = None

    def make_files(self, image):
        for name in os.listdir(self.folder):
            os.remove(os.path.join(self.folder, name))
        disk = os.path.join(self.folder, 'disk')
        if image == 'raw':
            with open(disk, 'wb') as f:
                f.truncate(1 << 20)
        else:
            shutil.copyfile(image, disk)
        files = {'pat': b'ab\n', 'empty': b'', 'all': bytes(range(256))}
        for name, data in files.items():
            with open(os.path.join(self.folder, name), 'wb') as f:
                f.write(data)

    def digest(self, image):
        disk = os.path.join(self.folder, 'disk')
        if image != 'raw':
            # The contents, not how they are laid out.
            flat = os.path.join(self.folder, 'flat')
            subprocess.run(['qemu-img', 'convert', '-f', 'vpc', '-O', 'raw',
                            disk, flat], check=True)
            disk = flat
        with open(disk, 'rb') as f:
            data = f.read(1 << 24)
        return (os.path.getsize(disk), hashlib.sha256(data).hexdigest())

    def run(self, image, args, stdin=None):
        results = []
        for program in self.programs:
            self.make_files(image)
            p = subprocess.run(['qemu-io'] + args, executable=program,
                               cwd=self.folder, input=stdin or '',
                               capture_output=True, text=True, timeout=60)
            results.append((normalize(p.stdout),
                            HINTS.sub('', normalize(p.stderr)),
                            p.returncode, self.digest(image)))
        return results


def raw_line(commands):
    args = ['-f', 'raw', 'disk']
    for command in commands:
        args += ['-c', command]
        if command.startswith('aio_') and len(commands) > 2:
            args += ['-c', 'aio_flush']
    return args


def raw_batches(wanted):
    """Single commands, many to a run; a run is (arguments, cases in it)."""
    batch = []
    for commands in raw_cases():
        if wanted not in ' '.join(commands):
            continue
        word = (commands[0].split() or [''])[0]
        if len(commands) > 1 or word in ALONE:
            yield raw_line(commands), [commands]
            continue
        batch.append(commands[0])
        if len(batch) == BATCH:
            yield raw_line(batch), [(c,) for c in batch]
            batch = []
    if batch:
        yield raw_line(batch), [(c,) for c in batch]


def all_runs(part, images, wanted):
    """(image, arguments, standard input, the cases that are in it)"""
    if part == 'commands':
        for args, cases in raw_batches(wanted):
            yield 'raw', args, None, cases
        return
    for _, image in images:
        for commands in FORMAT_CASES:
            args = ['-f', 'vpc', 'disk']
            for command in commands:
                args += ['-c', command]
            yield image, args, None, [commands]
    for args in CMDLINES:
        yield 'raw', args, None, [args]
    for text in STDIN:
        yield 'raw', ['-f', 'raw', 'disk'], text, [(text,)]


def make_vhds(folder):
    for subformat in ('dynamic', 'fixed'):
        path = os.path.join(folder, subformat + '.vhd')
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'vpc', '-o',
                        f'subformat={subformat}', path, '8M'], check=True)
        yield subformat, path


def compare(runner, image, args, stdin):
    """The differences between the two programs, as lines."""
    theirs, ours = runner.run(image, args, stdin)
    lines = []
    for what, a, b in zip(('out', 'err', 'status', 'disk'), theirs, ours):
        if a != b:
            lines += [f'# {what} of qemu-io: {a!r}',
                      f'# {what} of minblk-io: {b!r}']
    return lines


def narrow(runner, image, cases, lines):
    """Of a run of many cases, those that differ by themselves."""
    found = []
    for commands in cases if len(cases) > 1 else []:
        more = compare(runner, image, raw_line(commands), None)
        found += [f'# {commands[0]}'] + more if more else []
    return found or lines


def main():
    minblk = os.path.abspath(sys.argv[1])
    part = sys.argv[2]
    wanted = sys.argv[3] if len(sys.argv) > 3 else ''
    if not shutil.which('qemu-io') or not shutil.which('qemu-img'):
        print('1..0 # SKIP no qemu-io')
        return 0
    with tempfile.TemporaryDirectory() as top:
        work = os.path.join(top, 'work')
        os.mkdir(work)
        runs = list(all_runs(part, list(make_vhds(top)), wanted))
        runners = queue.SimpleQueue()
        for i in range(os.cpu_count() or 1):
            os.mkdir(os.path.join(work, str(i)))
            runners.put(Runner(minblk, os.path.join(work, str(i))))

        def judge(run):
            image, args, stdin, cases = run
            runner = runners.get()
            lines = compare(runner, image, args, stdin)
            if lines:
                lines = narrow(runner, image, cases, lines)
            runners.put(runner)
            return lines

        failed = 0
        with ThreadPoolExecutor(runners.qsize()) as pool:
            for n, lines in enumerate(pool.map(judge, runs), 1):
                _, args, stdin, _ = runs[n - 1]
                label = ' '.join(args) + (f' <<< {stdin!r}' if stdin else '')
                label = label.replace('#', '(hash)')[:200]
                print(('not ' if lines else '') + f'ok {n} - {label}',
                      flush=True)
                failed += bool(lines)
                for line in lines:
                    print(line, flush=True)
        print(f'1..{len(runs)}')
    return 1 if failed else 0


sys.exit(main())
