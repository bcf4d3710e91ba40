# SPDX-License-Identifier: MIT
"""Reads a schema: text to checked definitions.

Invariants: a Schema that exists is sound (each type that is named is defined,
each member documented, each C name unique), so the generator checks nothing;
definitions keep the order of the text; every SchemaError names file and line.
"""

import re

# Scalar types of the language and the C types that hold them.
BUILTINS = {
    'str': 'char *', 'bool': 'bool', 'int': 'int64_t', 'uint32': 'uint32_t',
    'uint64': 'uint64_t', 'size': 'uint64_t', 'null': 'QNull *',
}

# The kind of value that each type has in JSON: what alternates tell apart.
QTYPES = {'str': 'QTYPE_QSTRING', 'bool': 'QTYPE_QBOOL',
          'int': 'QTYPE_QNUM', 'size': 'QTYPE_QNUM', 'null': 'QTYPE_QNULL'}

# Words that C or the system's headers claim; they get a q_ in front.
RESERVED = set('''
    asm auto bool break case char const continue default do double else enum
    errno extern false float for goto if inline int linux long register
    restrict return short signed sizeof static struct switch true typedef
    typeof union unix unsigned void volatile while'''.split())

TYPE_NAME = re.compile(r'[A-Z][A-Za-z0-9]*$')
MEMBER_NAME = re.compile(r'[a-z][a-z0-9]*([-_][a-z0-9]+)*$')
VALUE_NAME = re.compile(r'[a-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*$')
TOKEN = re.compile(r"'(?P<str>[^'\\]*)'|(?P<punct>[{}\[\],:])|(?P<space>\s+)")


class SchemaError(Exception):
    """A mistake in the schema, with the place where it stands."""

    def __init__(self, where, text):
        super().__init__('%s:%d: %s' % (where[0], where[1], text))


def c_name(name):
    """The C identifier for a member: null-co becomes null_co."""
    ident = name.replace('-', '_')
    return 'q_' + ident if ident in RESERVED else ident


def upper_name(name):
    """The C prefix of an enum's constants: OnOffAuto becomes ON_OFF_AUTO."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).upper()


class Member:
    """One member of a struct: an asterisk in its name makes it optional."""

    def __init__(self, key, type_name, is_list, where):
        self.optional = key.startswith('*')
        self.name = key[1:] if self.optional else key
        self.type = type_name
        self.list = is_list
        self.where = where
        self.c = c_name(self.name)


class Definition:
    """What enum, struct, union and alternate have in common."""

    def __init__(self, kind, name, where, doc):
        self.kind = kind
        self.name = name
        self.where = where
        self.doc = doc          # { None: text, member: text }
        self.base = None        # Definition of a struct, from which it derives
        self.members = []       # own members, without those of the base
        self.values = []        # of an enum
        self.prefix = None      # of an enum's constants
        self.tag = None         # Member that tells which branch of a union
        self.branches = []      # [(name, type name)] of union and alternate

    def all_members(self):
        """The members as they stand in C: the base's first."""
        inherited = self.base.all_members() if self.base else []
        return inherited + self.members


class Lexer:
    """Splits the text into tokens (kind, value, where)."""

    def __init__(self, path, text):
        self.tokens = []
        self.path = path
        doc = None
        for number, line in enumerate(text.splitlines(), 1):
            where = (path, number)
            if line.startswith('##'):
                if doc is None:
                    doc = []
                    start = where
                else:
                    self.tokens.append(('doc', doc, start))
                    doc = None
            elif doc is not None:
                if not line.startswith('#'):
                    raise SchemaError(where, 'comment is not closed by ##')
                doc.append(line[1:])
            else:
                self.split(line, where)
        if doc is not None:
            raise SchemaError(start, 'comment is not closed by ##')
        self.tokens.append(('end', None, (path, len(text.splitlines()))))

    def split(self, line, where):
        line = line if not line.lstrip().startswith('#') else ''
        pos = 0
        while pos < len(line):
            match = TOKEN.match(line, pos)
            if not match:
                raise SchemaError(where, 'stray text: %s' % line[pos:])
            if match.lastgroup == 'str':
                self.tokens.append(('str', match.group('str'), where))
            elif match.lastgroup == 'punct':
                self.tokens.append((match.group(), None, where))
            pos = match.end()


class Parser:
    """Builds expressions: objects are lists of (key, value, where)."""

    def __init__(self, path, text):
        self.tokens = Lexer(path, text).tokens
        self.pos = 0

    def next(self, *kinds):
        kind, value, where = self.tokens[self.pos]
        if kinds and kind not in kinds:
            raise SchemaError(where, 'expected %s, found %s' % (
                ' or '.join(kinds), kind))
        self.pos += 1
        return kind, value, where

    def peek(self):
        return self.tokens[self.pos][0]

    def value(self):
        kind, value, _ = self.next('str', '{', '[')
        if kind == 'str':
            return value
        if kind == '{':
            return self.object()
        items = []
        while self.peek() != ']':
            items.append(self.value())
            if self.peek() != ']':
                self.next(',')
        self.next(']')
        return items

    def object(self):
        pairs = {}
        while self.peek() != '}':
            _, key, where = self.next('str')
            if key in pairs:
                raise SchemaError(where, "key '%s' stands twice" % key)
            self.next(':')
            pairs[key] = (self.value(), where)
            if self.peek() != '}':
                self.next(',')
        self.next('}')
        return pairs

    def expressions(self):
        """Yields (documentation or None, object, where)."""
        while self.peek() != 'end':
            doc = None
            if self.peek() == 'doc':
                _, lines, where = self.next()
                doc = parse_doc(lines, where)
            _, _, where = self.next('{')
            yield doc, self.object(), where


def parse_doc(lines, where):
    """Splits a comment at its @member: lines; None stands for the whole."""
    sections = {}
    current = None
    subject = None
    for offset, line in enumerate(lines, 1):
        match = re.match(r' @([A-Za-z0-9_-]+):(.*)$', line)
        if match and subject is None:
            subject = match.group(1)
            sections[None] = match.group(2).strip()
        elif match:
            current = match.group(1)
            if current in sections:
                raise SchemaError((where[0], where[1] + offset),
                                  "'%s' is documented twice" % current)
            sections[current] = match.group(2).strip()
        elif subject is None and line.strip():
            raise SchemaError((where[0], where[1] + offset),
                              'comment does not begin with @Name:')
        elif line.strip():
            sections[current] = (sections[current] + ' ' + line.strip()).strip()
    return subject, sections


class Schema:
    """All definitions of a text, checked; see the fields below."""

    KINDS = {'enum': {'data', 'prefix'}, 'struct': {'data', 'base'},
             'union': {'data', 'base', 'discriminator'}, 'alternate': {'data'}}

    def __init__(self, path, text):
        self.types = {}         # name: Definition, in the order of the text
        bases = {}
        for doc, pairs, where in Parser(path, text).expressions():
            self.define(doc, pairs, where, bases)
        for definition, base in bases.items():
            self.derive(definition, base)
        for definition in self.types.values():
            self.check(definition)

    # First pass: shapes of the expressions.

    def define(self, doc, pairs, where, bases):
        kinds = [key for key in pairs if key in self.KINDS]
        if len(kinds) != 1:
            raise SchemaError(where, 'a definition is one of %s' %
                              ', '.join(self.KINDS))
        kind = kinds[0]
        name = pairs[kind][0]
        if not isinstance(name, str) or not TYPE_NAME.match(name):
            raise SchemaError(where, 'name of the %s is not CamelCase' % kind)
        if name in self.types:
            raise SchemaError(where, "'%s' is defined twice" % name)
        for key in pairs:
            if key != kind and key not in self.KINDS[kind]:
                raise SchemaError(where, "%s '%s' has no '%s'" % (
                    kind, name, key))
        if doc is None or doc[0] != name:
            raise SchemaError(where, "'%s' is not documented" % name)
        if 'data' not in pairs:
            raise SchemaError(where, "%s '%s' lacks 'data'" % (kind, name))
        definition = Definition(kind, name, where, doc[1])
        self.types[name] = definition
        getattr(self, 'define_' + kind)(definition, pairs, bases)
        self.check_doc(definition)

    def define_enum(self, enum, pairs, bases):
        values = pairs['data'][0]
        if not isinstance(values, list) or not values:
            raise SchemaError(enum.where, "'data' is not a list of values")
        for value in values:
            if not isinstance(value, str) or not VALUE_NAME.match(value):
                raise SchemaError(enum.where, 'bad value %s' % (value,))
        enum.values = values
        enum.prefix = pairs.get('prefix', [upper_name(enum.name)])[0]
        constants = [self.constant(enum, v) for v in values]
        if len(set(constants)) < len(constants):
            raise SchemaError(enum.where, 'a value stands twice')

    def define_struct(self, struct, pairs, bases):
        struct.members = self.parse_members(struct, pairs['data'][0])
        if 'base' in pairs:
            bases[struct] = pairs['base'][0]

    def define_union(self, union, pairs, bases):
        for key in ('base', 'discriminator'):
            if key not in pairs:
                raise SchemaError(union.where, "union '%s' lacks '%s'" % (
                    union.name, key))
        base = pairs['base'][0]
        if isinstance(base, str):
            bases[union] = base
        else:
            union.members = self.parse_members(union, base)
        union.tag = pairs['discriminator'][0]
        union.branches = self.parse_branches(union, pairs['data'][0])

    def define_alternate(self, alternate, pairs, bases):
        alternate.branches = self.parse_branches(alternate, pairs['data'][0])

    @staticmethod
    def parse_members(definition, data):
        if not isinstance(data, dict):
            raise SchemaError(definition.where, 'members are not an object')
        members = []
        for key, (value, where) in data.items():
            is_list = isinstance(value, list)
            if is_list and len(value) == 1:
                value = value[0]
            if not isinstance(value, str):
                raise SchemaError(where, "'%s' is no type or [ type ]" % key)
            member = Member(key, value, is_list, where)
            if not MEMBER_NAME.match(member.name):
                raise SchemaError(where, "bad name '%s'" % member.name)
            members.append(member)
        return members

    @staticmethod
    def parse_branches(definition, data):
        if not isinstance(data, dict) or not data:
            raise SchemaError(definition.where, "'data' holds no branches")
        for name, (value, where) in data.items():
            if not MEMBER_NAME.match(name) or not isinstance(value, str):
                raise SchemaError(where, "bad branch '%s'" % name)
        return [(name, value) for name, (value, _) in data.items()]

    @staticmethod
    def check_doc(definition):
        wanted = definition.values + [m.name for m in definition.members]
        if definition.kind == 'alternate':
            wanted += [name for name, _ in definition.branches]
        for name in wanted:
            if not definition.doc.get(name):
                raise SchemaError(definition.where, "'%s' of '%s' is not "
                                  'documented' % (name, definition.name))
        for name in definition.doc:
            if name is not None and name not in wanted:
                raise SchemaError(definition.where, "'%s' has no '%s' to "
                                  'document' % (definition.name, name))

    # Second pass: names that refer to other definitions.

    def derive(self, definition, base_name):
        base = self.types.get(base_name)
        if base is None or base.kind != 'struct':
            raise SchemaError(definition.where,
                              "base '%s' is not a struct" % base_name)
        above = base
        while above is not None:
            if above is definition:
                raise SchemaError(definition.where, "'%s' derives from itself"
                                  % definition.name)
            above = above.base
        definition.base = base

    def check(self, definition):
        self.check_members(definition, definition.all_members())
        if definition.kind == 'union':
            self.check_union(definition)
        elif definition.kind == 'alternate':
            self.check_alternate(definition)

    def check_members(self, definition, members):
        """Refuses unknown types and members that are one in JSON or in C."""
        seen = {'u'} if definition.kind == 'union' else set()
        for member in members:
            if member.type not in BUILTINS and member.type not in self.types:
                raise SchemaError(member.where,
                                  "unknown type '%s'" % member.type)
            names = {member.c}
            if member.optional:
                names.add('has_' + member.c)
            if names & seen:
                raise SchemaError(definition.where, "'%s' has two members '%s'"
                                  % (definition.name, member.name))
            seen |= names

    def check_union(self, union):
        tags = [m for m in union.all_members() if m.name == union.tag]
        if not tags or tags[0].optional or tags[0].list or \
           not self.is_kind(tags[0].type, 'enum'):
            raise SchemaError(union.where, "discriminator '%s' is no member "
                              'that is always there and an enum' % union.tag)
        union.tag = tags[0]
        values = self.types[union.tag.type].values
        for name, type_name in union.branches:
            if name not in values:
                raise SchemaError(union.where, "'%s' is no value of '%s'" % (
                    name, union.tag.type))
            if not self.is_kind(type_name, 'struct'):
                raise SchemaError(union.where,
                                  "branch '%s' is not a struct" % name)
            self.check_members(union, union.all_members() +
                               self.types[type_name].all_members())

    def check_alternate(self, alternate):
        seen = {}
        for name, type_name in alternate.branches:
            qtype = self.qtype(type_name)
            if qtype is None:
                raise SchemaError(alternate.where, "branch '%s' has a type "
                                  'that no alternate can hold' % name)
            if qtype in seen:
                raise SchemaError(alternate.where, "branches '%s' and '%s' "
                                  'look the same' % (seen[qtype], name))
            seen[qtype] = name

    # Questions that the generator asks.

    def is_kind(self, type_name, *kinds):
        definition = self.types.get(type_name)
        return definition is not None and definition.kind in kinds

    def is_pointer(self, type_name):
        """True if a member of the type is a pointer in C."""
        return BUILTINS.get(type_name, '').endswith('*') or \
            self.is_kind(type_name, 'struct', 'union', 'alternate')

    def is_nullable(self, member):
        """True if NULL says that an optional member is not there."""
        return not member.list and self.is_pointer(member.type)

    def qtype(self, type_name):
        """The QType by which an alternate knows a branch, or None."""
        if self.is_kind(type_name, 'struct', 'union'):
            return 'QTYPE_QDICT'
        if self.is_kind(type_name, 'enum'):
            return 'QTYPE_QSTRING'
        return QTYPES.get(type_name)

    @staticmethod
    def constant(enum, value):
        return '%s_%s' % (enum.prefix, value.replace('-', '_').upper())
