# SPDX-License-Identifier: MIT
"""The generator: what it refuses, and the shape of what it writes.

Usage: test_gen.py SOURCE_ROOT [unittest's arguments]

Invariant: every error that the parser can raise is reached by one schema.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = sys.argv.pop(1)
sys.path.insert(0, os.path.join(ROOT, 'qapi'))

import schema                           # noqa: E402
from gen import generate                # noqa: E402
from gen_types import comment           # noqa: E402

ENUM = "##\n# @E:\n# @a: x\n# @b: x\n##\n{ 'enum': 'E', 'data': ['a', 'b'] }\n"
BASE = "##\n# @B:\n# @t: x\n# @o: x\n##\n" \
    "{ 'struct': 'B', 'data': { 't': 'E', '*o': 'E' } }\n"


def documented(name, body, *members):
    """A definition with a comment in front of it."""
    lines = ['##', '# @%s:' % name, '#', '# What it is.']
    lines += ['# @%s: x' % member for member in members]
    return '\n'.join(lines) + '\n##\n{ ' + body + ' }\n'


def struct(name, data, *members, more=''):
    return documented(name, "'struct': '%s', 'data': { %s }%s" % (
        name, data, more), *members)


def union(data, more="'base': 'B', 'discriminator': 't'", members=()):
    return ENUM + BASE + documented(
        'U', "'union': 'U', 'data': { %s }, %s" % (data, more), *members)


# Text of the schema, and what the message about it says.
BAD = [
    ("##\n# @E:\nx\n##", "comment is not closed by ##"),
    ("##\n# @E:\n", "comment is not closed by ##"),
    ("##\n# text\n##\n", "comment does not begin with @Name:"),
    ("##\n# @E:\n# @a: x\n# @a: y\n##\n", "'a' is documented twice"),
    ("{ \"enum\": 'E' }", "stray text: \"enum\": 'E' }"),
    ("{ 'enum': 'E'", "expected ,, found end"),
    ("{ 'enum' 'E' }", "expected :, found str"),
    ("'enum'", "expected {, found str"),
    ("{ 'enum': : }", "expected str or { or [, found :"),
    ("{ 'enum': 'E', 'enum': 'E' }", "key 'enum' stands twice"),
    ("{ 'data': [ 'a' ] }",
     "a definition is one of enum, struct, union, alternate"),
    ("{ 'enum': 'E', 'struct': 'E' }", "a definition is one of"),
    ("{ 'enum': 'e' }", "name of the enum is not CamelCase"),
    ("{ 'struct': [ 'E' ] }", "name of the struct is not CamelCase"),
    (ENUM + ENUM, "'E' is defined twice"),
    ("{ 'enum': 'E', 'base': 'F' }", "enum 'E' has no 'base'"),
    ("{ 'enum': 'E', 'data': [ 'a' ] }", "'E' is not documented"),
    (documented('F', "'enum': 'E', 'data': [ 'a' ]"), "'E' is not documented"),
    (documented('E', "'enum': 'E'"), "enum 'E' lacks 'data'"),
    (documented('E', "'enum': 'E', 'data': [ ]"),
     "'data' is not a list of values"),
    (documented('E', "'enum': 'E', 'data': [ 'A' ]"), "bad value A"),
    (documented('E', "'enum': 'E', 'data': [ [ 'a' ] ]"), "bad value ['a']"),
    (documented('E', "'enum': 'E', 'data': [ 'a-b', 'a_b' ]"),
     "a value stands twice"),
    (documented('E', "'enum': 'E', 'data': [ 'a' ]"),
     "'a' of 'E' is not documented"),
    (documented('E', "'enum': 'E', 'data': [ 'a' ]", 'a', 'b'),
     "'E' has no 'b' to document"),
    (documented('S', "'struct': 'S', 'data': [ 'a' ]"),
     "members are not an object"),
    (struct('S', "'a': { }", 'a'), "'a' is no type or [ type ]"),
    (struct('S', "'a': [ 'int', 'int' ]", 'a'), "'a' is no type or [ type ]"),
    (struct('S', "'A': 'int'", 'A'), "bad name 'A'"),
    (struct('S', "'a': 'T'", 'a'), "unknown type 'T'"),
    (struct('S', "'a': 'int'"), "'a' of 'S' is not documented"),
    (struct('S', "'a-b': 'int', 'a_b': 'int'", 'a-b', 'a_b'),
     "'S' has two members 'a_b'"),
    (struct('S', "'*a': 'int', 'has-a': 'int'", 'a', 'has-a'),
     "'S' has two members 'has-a'"),
    (struct('S', "'a': 'int'", 'a', more=", 'base': 'E'") + ENUM,
     "base 'E' is not a struct"),
    (struct('S', "'a': 'int'", 'a', more=", 'base': 'T'") +
     struct('T', "'b': 'int'", 'b', more=", 'base': 'S'"),
     "derives from itself"),
    (struct('S', "'o': 'int'", 'o', more=", 'base': 'B'") + ENUM + BASE,
     "'S' has two members 'o'"),
    (union("'a': 'B'", more="'base': 'B'"),
     "union 'U' lacks 'discriminator'"),
    (union("'a': 'B'", more="'discriminator': 't'"), "union 'U' lacks 'base'"),
    (union("'a': 'B'", more="'base': 'B', 'discriminator': 'x'"),
     "discriminator 'x' is no member"),
    (union("'a': 'B'", more="'base': 'B', 'discriminator': 'o'"),
     "discriminator 'o' is no member"),
    (union("", more="'base': 'B', 'discriminator': 't'"),
     "'data' holds no branches"),
    (union("'a': [ 'B' ]"), "bad branch 'a'"),
    (union("'c': 'B'"), "'c' is no value of 'E'"),
    (union("'a': 'E'"), "branch 'a' is not a struct"),
    (union("'a': 'B'"), "'U' has two members 't'"),
    (union("'a': 'B'", more="'base': { 'u': 'int', 't': 'E' }, "
           "'discriminator': 't'", members=('u', 't')),
     "'U' has two members 'u'"),
    (documented('A', "'alternate': 'A', 'data': { 'a': 'uint32' }", 'a'),
     "branch 'a' has a type that no alternate can hold"),
    (documented('A', "'alternate': 'A', 'data': { 'a': 'str', 'b': 'E' }",
                'a', 'b') + ENUM, "branches 'a' and 'b' look the same"),
]


class Errors(unittest.TestCase):
    def test_bad_schemas(self):
        for text, message in BAD:
            with self.subTest(message=message):
                with self.assertRaises(schema.SchemaError) as caught:
                    schema.Schema('s.json', text)
                self.assertIn(message, str(caught.exception))
                self.assertRegex(str(caught.exception), r'^s\.json:\d+: ')

    def test_line_number(self):
        with self.assertRaises(schema.SchemaError) as caught:
            schema.Schema('s.json', ENUM + struct('S', "'a': 'T'", 'a'))
        self.assertTrue(str(caught.exception).startswith('s.json:13: '),
                        caught.exception)

    def run_gen(self, *args):
        return subprocess.run(
            [sys.executable, '-B', os.path.join(ROOT, 'qapi', 'gen.py')] +
            list(args), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, check=False)

    def test_bad_usage(self):
        done = self.run_gen('one')
        self.assertEqual(done.returncode, 1)
        self.assertIn('Usage: gen.py SCHEMA OUTDIR NAME', done.stderr)

    def test_nothing_written_on_error(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'bad.json')
            with open(path, 'w', encoding='utf-8') as file:
                file.write("{ 'enum': 'e' }\n")
            done = self.run_gen(path, folder, 'bad')
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, 'gen.py: %s:1: name of the enum is '
                             'not CamelCase\n' % path)
            self.assertEqual(os.listdir(folder), ['bad.json'])

    def test_missing_schema(self):
        done = self.run_gen('/nonexistent/x.json', '/tmp', 'x')
        self.assertEqual(done.returncode, 1)
        self.assertIn('No such file', done.stderr)


class Output(unittest.TestCase):
    def test_names(self):
        self.assertEqual(schema.upper_name('OnOffAuto'), 'ON_OFF_AUTO')
        self.assertEqual(schema.upper_name('Vpc2Size'), 'VPC2_SIZE')
        self.assertEqual(schema.c_name('null-co'), 'null_co')
        self.assertEqual(schema.c_name('errno'), 'q_errno')

    def test_comments_cannot_end_early(self):
        self.assertEqual(comment('a */ b'), '/* a * / b */\n')
        for line in comment('word ' * 40, '    ').splitlines():
            self.assertLessEqual(len(line), 80)

    def test_embedded_types_come_first(self):
        text = union("'a': 'S'") + struct('S', "'s': 'str'", 's')
        header = generate(schema.Schema('s.json', text), 's.json',
                          't')['qapi-types-t.h']
        self.assertLess(header.index('struct S {'), header.index('struct U {'))

    def test_same_text_same_output(self):
        text = union("'a': 'S'") + struct('S', "'s': [ 'str' ]", 's')
        outputs = [generate(schema.Schema('s.json', text), 's.json', 't')
                   for _ in range(2)]
        self.assertEqual(outputs[0], outputs[1])
        self.assertEqual(sorted(outputs[0]), [
            'qapi-types-t.c', 'qapi-types-t.h', 'qapi-visit-t.c',
            'qapi-visit-t.h'])

    def test_flags(self):
        text = struct('S', "'*a': 'int', '*b': 'str', '*c': [ 'str' ]",
                      'a', 'b', 'c')
        header = generate(schema.Schema('s.json', text), 's.json',
                          't')['qapi-types-t.h']
        self.assertEqual(re.findall(r'bool (\w+);', header),
                         ['has_a', 'has_b', 'has_c'])


class Samples(unittest.TestCase):
    """The C tests know every type that the schema has."""

    def test_each_type_has_samples(self):
        with open(os.path.join(ROOT, 'qapi/block-core.json'),
                  encoding='utf-8') as file:
            types = schema.Schema('block-core.json', file.read()).types
        with open(os.path.join(ROOT, 'tests/unit/qapi/samples.h'),
                  encoding='utf-8') as file:
            text = file.read()
        for definition in types.values():
            word = 'ENUM' if definition.kind == 'enum' else 'OBJECT'
            self.assertIn('%s(%s)' % (word, definition.name), text)
            if word == 'OBJECT':
                self.assertIn('SAMPLE(%s,' % definition.name, text)


if __name__ == '__main__':
    unittest.main()
