#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""blkdebug and blkverify in qemu-io and minblk-io: the same command lines.

Each run works on files of its own, made anew for each of the two programs.
Compared are standard output, standard error without hints, the exit status and
the image's contents afterwards; times and rates are filtered out.  Descriptions
of nodes are compared as what they mean, not as text: the order of members
differs.

Not compared is where ours differs on purpose: a negative errno is refused, a
drain resumes what is stopped, blkverify fails the request instead of the
program, and resizes both images, and a flush that fails is printed, that of a
closing, too.

Usage: test-fault-differential.py MINBLK-IMG MINBLK-IO
TAP on standard output; all is skipped where there is no qemu-io.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from hints import HINTS

RATES = re.compile(r'\d[\d.]*( bytes| .iB)/sec and [\d.]+ ops/sec')
FLUSHES = re.compile(r'^(flush failed|.*: Could not flush .*): .*\n',
                     re.MULTILINE)
TIMES = re.compile(r'\d\d\.\d\d sec|\d+:\d\d:\d\d\.\d\d')

FILE = {'driver': 'file', 'filename': 'disk'}

CONFIGS = {
    'good': '''# rules

[inject-error]
event = "read_aio"
errno = "28"
once = "on"

[set-state "x"]
  event  =  "read_aio"   # text
state = "1"
new_state = "2"
[inject-error "y"]
event = "write_aio"
state = "2"
errno = "0x1c"''',
    'empty': '',
    'cr': '[inject-error]\r\nevent = "read_aio"\r\n',
    'spaced': '[inject-error "x" ]\nevent ="none"\n',
    'unquoted-number': '[inject-error]\nevent = "none"\nerrno = 28\n',
    'unquoted-event': '[inject-error]\nevent = none\n',
    'no-value': '[inject-error]\nevent =\n',
    'bare-word': '[inject-error]\nevent\n',
    'no-space': '[inject-error]\nevent="none"\n',
    'twice': '[set-state "x"]\nevent = "none"\n'
             '[set-state "x"]\nevent = "none"\n',
    'no-group': 'event = "none"\n',
    'indented-group': ' [inject-error]\nevent = "none"\n',
    'other-group': '[suspend]\nevent = "none"\n',
    'unknown-key': '[inject-error]\nfoo = "1"\n',
    'no-event': '[inject-error]\nerrno = "1"\n',
    'blank-line': '[inject-error]\n   \nevent = "none"\n',
    'semicolon': '[inject-error]\n; x\nevent = "none"\n',
    'indented-hash': '[inject-error]\n # x\nevent = "none"\n',
    'not-a-bool': '[inject-error]\nevent = "none"\nonce = "maybe"\n',
    'bad-id': '[inject-error "9"]\nevent = "none"\n',
}

READS = ['read 0 512'] * 4
MIXED = ['write -P 1 0 512', 'write -P 2 512 100', 'read 0 512', 'flush',
         'write -z 0 512', 'discard 0 4096', 'alloc 0 4096', 'truncate 1M',
         'flush', 'read 1000 24', 'map']


def inject(*rules, **more):
    return {'inject-error': list(rules), **more}


def rule_cases():
    """(options of blkdebug, commands)"""
    for event in ('none', 'read_aio', 'write_aio', 'read_backing_aio',
                  'pwritev', 'pwritev_zero', 'pwritev_done', 'flush_to_os',
                  'flush_to_disk', 'pwritev_rmw_head', 'pwritev_rmw_tail',
                  'pwritev_rmw_after_head', 'pwritev_rmw_after_tail',
                  'cor_write'):
        yield inject({'event': event}), MIXED
        yield inject({'event': event, 'once': True}), MIXED
    for iotype in ('read', 'write', 'write-zeroes', 'discard', 'flush',
                   'block-status'):
        yield inject({'event': 'none', 'iotype': iotype}), MIXED
        yield inject({'event': 'write_aio', 'iotype': iotype}), MIXED
        yield inject({'event': 'none', 'iotype': iotype, 'once': True,
                      'immediately': True}), MIXED
    for sector in (0, 1, 7, -1, '0x1', 4096, 1 << 40, (1 << 63) - 1):
        yield (inject({'event': 'none', 'sector': sector}),
               ['read 0 512', 'read 512 512', 'read 0 4k', 'read 1k 1k',
                'read 1000 24', 'read 513 1k', 'write 3584 512', 'flush'])
    for error in (1, 5, 28, 95, 0, 100000, '0x1c', '34'):
        yield inject({'event': 'none', 'errno': error}), MIXED
    once = {'event': 'none', 'once': True}
    yield inject({**once, 'errno': 28}, {**once, 'errno': 1},
                 {**once, 'errno': 2}), READS
    yield inject({**once, 'errno': 28},
                 {'event': 'read_aio', 'once': True, 'errno': 1}), READS
    yield inject({'event': 'read_aio', 'errno': 0, 'once': True},
                 {'event': 'read_aio', 'errno': 1}), READS
    yield inject({'event': 'read_aio', 'iotype': 'write', 'once': True},
                 {'event': 'none', 'iotype': 'flush'}), MIXED
    for state in (0, 1, 2, 3, -1):
        yield inject({'event': 'read_aio', 'state': state},
                     **{'set-state': [
                         {'event': 'read_aio', 'state': 1, 'new_state': 2},
                         {'event': 'read_aio', 'state': 2, 'new_state': 3}]}
                     ), READS
    for first, second in ((2, 3), (3, 2)):
        yield inject({'event': 'read_aio', 'state': 2, 'errno': 1},
                     {'event': 'read_aio', 'state': 3, 'errno': 2},
                     **{'set-state': [
                         {'event': 'read_aio', 'state': 1,
                          'new_state': first},
                         {'event': 'read_aio', 'state': 1,
                          'new_state': second}]}), READS
    yield inject({'event': 'none', 'state': 2},
                 **{'set-state': [{'event': 'none', 'new_state': 2}]}), READS
    yield inject({'event': 'write_aio', 'state': 2},
                 **{'set-state': [{'event': 'read_aio', 'new_state': 2}]}
                 ), ['write 0 1k', 'read 0 1k', 'write 0 1k', 'read 0 1k']
    yield ({'config': 'good', **inject({'event': 'read_aio', 'errno': 1,
                                        'once': True})},
           READS + ['write 0 512'])


def option_cases():
    for key, values in {
            'align': (0, 1, 3, 512, '512', 'x', -1, 1 << 31, 1 << 32),
            'max-transfer': (0, 1, 512, 1000, 65536, 'x', (1 << 31) - 1,
                             1 << 31, 1 << 32),
            'opt-write-zero': (0, 3, 4096, '8k', 1 << 31),
            'max-write-zero': (0, 1, 4096, 1 << 31),
            'opt-discard': (0, 7, 4096, 1 << 31),
            'max-discard': (0, 1, 4096, 1 << 31)}.items():
        for value in values:
            yield {key: value}, ['read 0 512', 'write 0 4k',
                                 'write -z 0 16k', 'discard 0 16k']
    for a, b, c, d in (('align', 4096, 'max-transfer', 5000),
                       ('align', 512, 'opt-write-zero', 256),
                       ('align', 512, 'max-discard', 100),
                       ('opt-write-zero', 4096, 'max-write-zero', 2048),
                       ('opt-discard', 8192, 'max-discard', 12288),
                       ('opt-discard', 8192, 'max-discard', 16384)):
        yield {a: b, c: d}, ['read 0 512']
    for iotype in ('write-zeroes', 'write', 'discard'):
        yield ({'opt-discard': 4096, 'opt-write-zero': 8192,
                'max-write-zero': 16384,
                **inject({'event': 'none', 'iotype': iotype})},
               ['discard 0 512', 'discard 0 8k', 'discard 512 8k',
                'write -z 0 512', 'write -z 0 8k', 'write -z 512 8k',
                'write -z 0 64k'])
    for rule in ({'event': 'foo'}, {'event': 5}, {'event': 'READ_AIO'}, {},
                 {'event': 'none', 'iotype': 'foo'},
                 {'event': 'none', 'bar': 'foo'}, {'iotype': 'write'},
                 {'event': 'none', 'errno': 'x'},
                 {'event': 'none', 'errno': '5k'},
                 {'event': 'none', 'state': 1.5},
                 {'event': 'none', 'sector': 'abc'},
                 {'event': 'none', 'once': 'x'}, {'event': 'none', 'once': 5},
                 {'event': 'none', 'immediately': 'on'}):
        yield inject(rule), READS
        yield {'inject-error': rule}, READS
    yield {'set-state': [{'event': 'none', 'iotype': 'write'}]}, READS
    yield {'set-state': [{'event': 'z'}]}, READS
    yield {'set-state': [{'new_state': 2}]}, READS
    yield {'set-state': [{'event': 'none'}]}, READS
    yield inject(5), READS
    yield {'inject-error': 5}, READS
    yield {'inject-error.foo': 1}, READS
    yield {'inject-error.event': 'none', 'inject-error.foo': 1}, READS
    yield {'inject-error.1.event': 'none'}, READS
    yield {'foo': 1}, READS
    yield {'suspend': [{'event': 'none'}]}, READS
    yield {'config': 'nosuch'}, READS
    for name in CONFIGS:
        yield {'config': name}, READS + ['write 0 1k']


def break_cases():
    read, write = 'aio_read 0 512', 'aio_write 0 512'
    yield 'break read_aio A', read, 'wait_break A', 'resume A', 'aio_flush'
    yield 'break foo A',
    yield ('break read_aio', 'break', 'break a b c', 'wait_break',
           'wait_break a b', 'resume', 'resume A', 'remove_break',
           'remove_break A')
    yield 'break read_aio A', 'resume A', 'remove_break A', 'remove_break A'
    yield 'break read_aio A', 'remove_break B', 'resume B'
    yield ('break read_aio A', read, 'wait_break A', 'remove_break A',
           'aio_flush')
    yield ('break read_aio A', read, 'wait_break A', 'read 0 1k', 'resume A',
           'aio_flush')
    yield ('break read_aio A', 'break read_aio A', read, 'wait_break A',
           'resume A', 'wait_break A', 'resume A', 'aio_flush')
    yield ('break read_aio A', 'break read_aio B', read, 'wait_break A',
           'resume A', 'wait_break B', 'resume B', 'aio_flush')
    yield 'break none A', read, 'aio_flush'
    # The sleep lets the first one end before the other goes on: no command of
    # qemu-io waits for one request of several.
    yield ('break read_aio A', read, 'break read_aio A', 'aio_read 512 1k',
           'wait_break A', 'resume A', 'sleep 300', 'resume A', 'aio_flush')
    yield ('break write_aio A', 'break write_aio A', 'remove_break A',
           'remove_break A')
    for event in ('write_aio', 'pwritev', 'pwritev_done'):
        yield (f'break {event} A', write, 'wait_break A', 'read 4k 512',
               'resume A', 'aio_flush', 'read -P 0xcd 0 512')
    yield ('break pwritev_zero A', 'aio_write -z 0 512', 'wait_break A',
           'resume A', 'aio_flush')
    yield ('write 4k 1k', 'break flush_to_disk A', 'aio_write -f 0 512',
           'wait_break A', 'resume A', 'aio_flush')
    yield 'help break', 'help wait_break', 'help resume', 'help remove_break'


def verify(test, raw):
    return 'json:' + json.dumps({'driver': 'blkverify', 'test': test,
                                 'raw': raw})


VERIFY = verify({'driver': 'raw', 'file': FILE},
                {'driver': 'file', 'filename': 'other'})

OTHER = [
    ['-f', 'raw', 'blkdebug::disk'] + sum((['-c', c] for c in MIXED), []),
    ['-f', 'raw', 'blkdebug:good:disk'] + sum((['-c', c] for c in READS), []),
    ['-f', 'raw', 'blkdebug:empty:blkdebug:good:disk', '-c', 'read 0 1'],
    ['blkdebug:good'], ['blkdebug:'], ['blkdebug:nosuch:disk'],
    ['blkdebug::nosuch'], ['blkdebug:/:nosuch'],
    ['--image-opts', 'driver=blkdebug'],
    ['--image-opts', 'driver=blkdebug,image=nosuch'],
    ['--image-opts', 'driver=blkdebug,x-image=nosuch'],
    ['--image-opts', 'driver=blkdebug,align=3'],
    ['--image-opts', 'driver=blkdebug,x-image=disk,image.driver=file'],
    ['--image-opts', 'driver=raw,file.driver=blkdebug,file.x-image=disk,'
     'file.inject-error.0.event=none,file.inject-error.0.once=on',
     '-c', 'read 0 512', '-c', 'read 0 512'],
    ['-f', 'raw', 'disk', '-c', 'break read_aio A', '-c', 'resume A', '-c',
     'remove_break A'],
    ['-c', 'break read_aio A', '-c', 'wait_break A', '-c', 'resume A', '-c',
     'remove_break A'],
    [VERIFY, '-c', 'read 0 512', '-c', 'write -P 3 0 1k', '-c',
     'read -P 3 0 1k', '-c', 'flush', '-c', 'length', '-c', 'discard 0 4k',
     '-c', 'write -P 4 1000 5000', '-c', 'read 0 64k'],
    ['-f', 'raw', 'blkverify:other:disk', '-c', 'read 0 1'],
    ['blkverify:other'], ['blkverify:'], ['blkverify:nosuch:disk'],
    ['blkverify:other:nosuch'],
    ['--image-opts', 'driver=blkverify'],
    ['--image-opts', 'driver=blkverify,x-raw=other'],
    ['--image-opts', 'driver=blkverify,x-image=disk'],
    ['--image-opts', 'driver=blkverify,test.driver=null-co,x-raw=other,foo=1'],
]

INFO = [
    {}, {'align': 512}, {'config': 'good'}, {'max-transfer': 65536},
    {'node-name': 'foo'}, {'read-only': True}, {'config': 'empty',
                                                'align': 1},
    inject({'event': 'none', 'once': True, 'errno': 28}),
    {'set-state': [{'event': 'none', 'state': 1, 'new_state': 3}]},
    {'opt-write-zero': 512, 'max-write-zero': 1024, 'opt-discard': 512,
     'max-discard': 1024},
]


def blkdebug(options):
    return {'driver': 'blkdebug', 'image': FILE, **options}


def raw_over(options):
    return 'json:' + json.dumps({'driver': 'raw', 'file': blkdebug(options)})


def cache_mode(options):
    """The original counts a write as unflushed after its own flush only."""
    return ['-t', 'writeback'] if 'flush_to_disk' in str(options) else []


def all_runs():
    """(program: 'io' or 'img', arguments)"""
    for options, commands in [*rule_cases(), *option_cases()]:
        yield 'io', (cache_mode(options) + [raw_over(options)] +
                     sum((['-c', c] for c in commands), []))
    for commands in break_cases():
        yield 'io', [raw_over({})] + sum((['-c', c] for c in commands), [])
    for args in OTHER:
        yield 'io', args
    info = ['info', '--output=json']
    for options in INFO:
        yield 'img', info + [raw_over(options)]
        yield 'img', info + ['json:' + json.dumps(blkdebug(options))]
    for name in ('blkdebug::disk', 'blkdebug:good:disk',
                 'blkdebug:good:blkdebug::disk', 'blkverify:other:disk',
                 VERIFY, verify({'driver': 'null-co', 'size': 65536},
                                {'driver': 'null-co'})):
        yield 'img', info + [name]
    yield 'img', info + ['--image-opts', 'driver=raw,file.driver=blkdebug,'
                         'file.x-image=disk,file.config=good']


def plain_name(name):
    """What a file name says, whatever the order."""
    return json.loads(name[5:]) if name.startswith('json:') else name


def normalize(text, is_info):
    if is_info:
        info = json.loads(text)
        keys = ('virtual-size', 'format', 'actual-size')
        return (plain_name(info['filename']), {k: info.get(k) for k in keys})
    return TIMES.sub('TIME', RATES.sub('RATES', FLUSHES.sub('', text)))


def make_files():
    for name in os.listdir('.'):
        os.remove(name)
    for name in ('disk', 'other'):
        with open(name, 'wb') as f:
            f.truncate(1 << 20)
    for name, text in CONFIGS.items():
        with open(name, 'w', newline='') as f:
            f.write(text)


def digest():
    result = []
    for name in ('disk', 'other'):
        with open(name, 'rb') as f:
            result.append(hashlib.sha256(f.read()).hexdigest())
    return result


def run(program, name, args):
    make_files()
    p = subprocess.run([name] + args, executable=program, input='',
                       capture_output=True, text=True, timeout=60)
    is_info = args[0] == 'info' and p.returncode == 0
    return (normalize(p.stdout, is_info),
            HINTS.sub('', FLUSHES.sub('', p.stderr)), p.returncode, digest())


def main():
    ours = {'img': os.path.abspath(sys.argv[1]),
            'io': os.path.abspath(sys.argv[2])}
    theirs = {'img': shutil.which('qemu-img'), 'io': shutil.which('qemu-io')}
    if not all(theirs.values()):
        print('1..0 # SKIP no qemu-io')
        return 0
    failed = 0
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for count, (program, args) in enumerate(all_runs(), 1):
            results = [run(which[program], 'qemu-' + program, args)
                       for which in (theirs, ours)]
            good = results[0] == results[1]
            failed += not good
            label = ' '.join(args).replace('#', '(hash)')[:250]
            print(f'{"" if good else "not "}ok {count} - {label}', flush=True)
            for what, a, b in zip(('out', 'err', 'status', 'disks'),
                                  *results):
                if a != b:
                    print(f'# {what} of qemu-{program}: {a!r}')
                    print(f'# {what} of minblk-{program}: {b!r}', flush=True)
        os.chdir('/')
    print(f'1..{count}')
    return 1 if failed else 0


sys.exit(main())
