# SPDX-License-Identifier: MIT
"""Emits the types of a schema: definitions, enum tables, free functions.

Invariants: a type is defined before it is embedded; all memory of a type comes
from GLib's allocator and its qapi_free_ function frees it whole, also when a
visitor gave up half-way, since what is not set yet is zero.
"""

import textwrap

from schema import BUILTINS, c_name


def comment(text, indent=''):
    """A C comment, folded to the width of a line."""
    text = text.replace('*/', '* /')
    if len(indent) + len(text) + 6 <= 80:
        return '%s/* %s */\n' % (indent, text)
    lead = indent + ' * '
    return indent + '/*\n' + textwrap.fill(
        text, 80, initial_indent=lead, subsequent_indent=lead,
        break_long_words=False, break_on_hyphens=False) + \
        '\n' + indent + ' */\n'


def declare(c_type, name):
    """C's declaration of a name: the asterisk stands with the name."""
    return c_type + name if c_type.endswith('*') else c_type + ' ' + name


def list_types(schema):
    """The element types of the lists that occur, in order."""
    names = []
    for definition in schema.types.values():
        for member in definition.members:
            if member.list and member.type not in names:
                names.append(member.type)
    return names


def branch_label(schema, definition, name):
    """The constant that a branch of a union or alternate is known by."""
    if definition.kind == 'union':
        return schema.constant(schema.types[definition.tag.type], name)
    return schema.qtype(dict(definition.branches)[name])


class Types:
    """Emits qapi-types-NAME: definitions, enum tables, free functions."""

    def __init__(self, schema):
        self.schema = schema
        self.lists = list_types(schema)

    def member_type(self, type_name, is_list=False):
        if is_list:
            return type_name + 'List *'
        if type_name in BUILTINS:
            return BUILTINS[type_name]
        pointer = self.schema.is_pointer(type_name)
        return type_name + (' *' if pointer else '')

    # The header.

    def header(self):
        types = self.schema.types.values()
        out = ''
        for definition in types:
            if definition.kind != 'enum':
                out += 'typedef struct %s %s;\n' % ((definition.name,) * 2)
        for name in self.lists:
            out += 'typedef struct %sList %sList;\n' % (name, name)
        for definition in types:
            if definition.kind == 'enum':
                out += '\n' + self.enum(definition)
        done = set()
        for definition in types:
            out += self.define(definition, done)
        for name in self.lists:
            out += '\nstruct %sList {\n    %sList *next;\n    %s;\n};\n' % (
                name, name, declare(self.member_type(name), 'value'))
        out += '\n' + comment('Free an object with all that it holds; NULL is '
                              'let pass. Plain.')
        for name in self.freeable():
            out += 'void qapi_free_%s(%s *obj);\n' % (name, name)
        return out

    def freeable(self):
        names = [d.name for d in self.schema.types.values()
                 if d.kind != 'enum']
        return names + [name + 'List' for name in self.lists]

    def enum(self, enum):
        out = comment(enum.doc[None])
        out += 'typedef enum %s {\n' % enum.name
        for value in enum.values:
            out += comment(enum.doc[value], '    ')
            out += '    %s,\n' % self.schema.constant(enum, value)
        out += '    %s__MAX\n} %s;\n\n' % (enum.prefix, enum.name)
        out += 'extern const QEnumLookup %s_lookup;\n\n' % enum.name
        out += 'static inline const char *%s_str(%s value)\n' % (
            enum.name, enum.name)
        return out + '{\n    return qapi_enum_lookup(&%s_lookup, value);\n}\n' \
            % enum.name

    def define(self, definition, done):
        """The struct, after those that it embeds."""
        if definition.name in done or definition.kind == 'enum':
            return ''
        done.add(definition.name)
        out = ''
        for _, branch in definition.branches:
            if branch in self.schema.types:
                out += self.define(self.schema.types[branch], done)
        return out + '\n' + self.struct(definition)

    def struct(self, definition):
        out = comment(definition.doc[None])
        out += 'struct %s {\n' % definition.name
        if definition.kind == 'alternate':
            out += '    QType type;\n'
        owner = definition
        docs = {}
        while owner is not None:
            docs.update(owner.doc)
            owner = owner.base
        for member in definition.all_members():
            out += comment(docs[member.name], '    ')
            if member.optional:
                out += '    bool has_%s;\n' % member.c
            out += '    %s;\n' % declare(
                self.member_type(member.type, member.list), member.c)
        if definition.branches:
            out += '    union {\n'
            for name, branch in definition.branches:
                embedded = branch if branch in self.schema.types \
                    else BUILTINS[branch]
                out += '        %s;\n' % declare(embedded, c_name(name))
            out += '    } u;\n'
        return out + '};\n'

    # The source.

    def source(self):
        out = ''
        for definition in self.schema.types.values():
            if definition.kind == 'enum':
                out += self.enum_table(definition)
        for definition in self.schema.types.values():
            if definition.kind != 'enum':
                out += 'static void free_%s_members(%s *obj);\n' % (
                    (definition.name,) * 2)
        for definition in self.schema.types.values():
            if definition.kind != 'enum':
                out += self.free_members(definition)
        for name in self.freeable():
            out += self.free_list(name[:-4]) if name not in \
                self.schema.types else self.free_object(name)
        return out

    def enum_table(self, enum):
        out = 'const QEnumLookup %s_lookup = {\n' % enum.name
        out += '    .array = (const char *const[]) {\n'
        for value in enum.values:
            out += '        [%s] = "%s",\n' % (
                self.schema.constant(enum, value), value)
        return out + '    },\n    .size = %s__MAX,\n};\n\n' % enum.prefix

    def free_value(self, type_name, value, is_list=False):
        """The statement that frees a member, '' if it owns nothing."""
        if is_list:
            return 'qapi_free_%sList(%s);' % (type_name, value)
        if type_name == 'str':
            return 'g_free(%s);' % value
        if type_name == 'null':
            return 'qobject_unref(%s);' % value
        if self.schema.is_pointer(type_name):
            return 'qapi_free_%s(%s);' % (type_name, value)
        return ''

    def free_members(self, definition):
        out = '\nstatic void free_%s_members(%s *obj)\n{\n' % (
            (definition.name,) * 2)
        for member in definition.all_members():
            statement = self.free_value(member.type, 'obj->' + member.c,
                                        member.list)
            if statement:
                out += '    %s\n' % statement
        if definition.branches:
            out += self.free_branches(definition)
        return out + '}\n'

    def free_branches(self, definition):
        cases = ''
        for name, branch in definition.branches:
            value = 'obj->u.' + c_name(name)
            if self.schema.is_kind(branch, 'struct', 'union'):
                statement = 'free_%s_members(&%s);' % (branch, value)
            else:
                statement = self.free_value(branch, value)
            if statement:
                cases += '    case %s:\n        %s\n        break;\n' % (
                    branch_label(self.schema, definition, name), statement)
        tag = definition.tag.c if definition.tag else 'type'
        return '    switch (obj->%s) {\n%s    default:\n        break;\n' \
            '    }\n' % (tag, cases)

    @staticmethod
    def free_object(name):
        return '''
void qapi_free_{0}({0} *obj)
{{
    if (obj) {{
        free_{0}_members(obj);
        g_free(obj);
    }}
}}
'''.format(name)

    def free_list(self, name):
        statement = self.free_value(name, 'obj->value')
        if statement:
            statement = '        %s\n' % statement
        return '''
void qapi_free_{0}List({0}List *obj)
{{
    while (obj) {{
        {0}List *next = obj->next;

{1}        g_free(obj);
        obj = next;
    }}
}}
'''.format(name, statement)
