# SPDX-License-Identifier: MIT
"""Emits the visitors of a schema.

Invariants: there is one static function a type, which says whether it
succeeded, and a public one around it; what an input visitor has allocated is
freed by the function that started it as soon as something fails.
"""

from gen_types import Types, branch_label, comment, declare
from schema import BUILTINS, c_name


class Visitors:
    """Emits qapi-visit-NAME."""

    def __init__(self, schema):
        self.schema = schema
        self.types = Types(schema)
        self.lists = self.types.lists

    def signatures(self):
        """Yields (name, C type of the object) of all that can be visited."""
        for definition in self.schema.types.values():
            yield definition.name, self.types.member_type(definition.name)
        for name in self.lists:
            yield name + 'List', name + 'List *'

    def header(self):
        out = comment(
            'Visit an object: an input visitor allocates *obj, zeroed, and '
            'fills it; on failure *obj is NULL, all is freed and errp is set '
            '(enums are left alone). An output visitor reads *obj, which it '
            'leaves alone, and does not fail. Name is the key in the '
            'surrounding object, NULL at the root. Plain.')
        for name, c_type in self.signatures():
            out += 'void visit_type_%s(Visitor *v, const char *name,\n' \
                '    %s, Error **errp);\n' % (name, self.object_arg(c_type))
        return out

    def source(self):
        out = ''
        for name, c_type in self.signatures():
            out += 'static bool visit_%s(Visitor *v, const char *name,\n' \
                '    %s, Error **errp);\n' % (name, self.object_arg(c_type))
        for definition in self.schema.types.values():
            if definition.kind in ('struct', 'union'):
                out += 'static bool visit_%s_members(Visitor *v, %s *obj,\n' \
                    '    Error **errp);\n' % ((definition.name,) * 2)
        for definition in self.schema.types.values():
            if definition.kind in ('struct', 'union'):
                out += self.members(definition)
            out += getattr(self, definition.kind)(definition)
        for name in self.lists:
            out += self.list(name)
        for name, c_type in self.signatures():
            out += '''
void visit_type_{0}(Visitor *v, const char *name,
    {1}, Error **errp)
{{
    visit_{0}(v, name, obj, errp);
}}
'''.format(name, self.object_arg(c_type))
        return out

    @staticmethod
    def object_arg(c_type):
        return declare(c_type, '*obj')

    def call(self, type_name, name, value, is_list=False):
        """The expression that visits a value: true if that succeeded."""
        if is_list:
            function = 'visit_%sList' % type_name
        elif type_name in BUILTINS:
            function = 'visit_type_' + type_name
        else:
            function = 'visit_%s' % type_name
        return '%s(v, %s, %s, errp)' % (function, name, value)

    def enum(self, enum):
        return '''
static bool visit_{0}(Visitor *v, const char *name,
    {0} *obj, Error **errp)
{{
    int value = visit_is_input(v) ? 0 : (int)*obj;

    if (!visit_type_enum(v, name, &value, &{0}_lookup, errp)) {{
        return false;
    }}
    *obj = value;
    return true;
}}
'''.format(enum.name)

    def members(self, definition):
        out = '''
static bool visit_{0}_members(Visitor *v, {0} *obj,
    Error **errp)
{{
'''.format(definition.name)
        for member in definition.all_members():
            out += self.member(member)
        if definition.branches:
            out += self.branch_switch(definition)
        return out + '    return true;\n}\n'

    def member(self, member):
        condition = ''
        if member.optional and self.schema.is_nullable(member):
            condition = 'visit_nullable(v, "%s", obj->%s, &obj->has_%s) ' \
                '&&\n        ' % (member.name, member.c, member.c)
        elif member.optional:
            condition = 'visit_optional(v, "%s", &obj->has_%s) &&\n' \
                '        ' % (member.name, member.c)
        return '    if (%s!%s) {\n        return false;\n    }\n' % (
            condition, self.call(member.type, '"%s"' % member.name,
                                 '&obj->' + member.c, member.list))

    def branch_switch(self, union):
        out = '    switch (obj->%s) {\n' % union.tag.c
        for name, branch in union.branches:
            out += '''\
    case %s:
        return visit_%s_members(v, &obj->u.%s, errp);
''' % (branch_label(self.schema, union, name), branch, c_name(name))
        return out + '    default:\n        break;\n    }\n'

    def struct(self, struct):
        return '''
static bool visit_{0}(Visitor *v, const char *name,
    {0} **obj, Error **errp)
{{
    bool ok;

    if (!visit_start_struct(v, name, (void **)obj, sizeof(**obj), errp)) {{
        return false;
    }}
    ok = visit_{0}_members(v, *obj, errp) &&
         visit_check_struct(v, errp);
    visit_end_struct(v);
    if (!ok && visit_is_input(v)) {{
        qapi_free_{0}(*obj);
        *obj = NULL;
    }}
    return ok;
}}
'''.format(struct.name)

    union = struct

    def alternate(self, alternate):
        cases = ''
        for name, branch in alternate.branches:
            value = '&(*obj)->u.' + c_name(name)
            cases += '    case %s:\n' % branch_label(self.schema, alternate,
                                                     name)
            if self.schema.is_kind(branch, 'struct', 'union'):
                cases += '''\
        ok = visit_start_struct(v, name, NULL, 0, errp);
        if (ok) {{
            ok = visit_{0}_members(v, {1}, errp) &&
                 visit_check_struct(v, errp);
            visit_end_struct(v);
        }}
'''.format(branch, value)
            else:
                cases += '        ok = %s;\n' % self.call(branch, 'name',
                                                          value)
            cases += '        break;\n'
        return '''
static bool visit_{0}(Visitor *v, const char *name,
    {0} **obj, Error **errp)
{{
    bool ok;
    QType type = visit_is_input(v) ? QTYPE_NONE : (*obj)->type;

    if (!visit_start_alternate(v, name, (void **)obj, sizeof(**obj), &type,
                               errp)) {{
        return false;
    }}
    (*obj)->type = type;
    switch (type) {{
{1}    default:
        visit_wrong_type(v, name, "{0}", errp);
        ok = false;
        break;
    }}
    if (!ok && visit_is_input(v)) {{
        qapi_free_{0}(*obj);
        *obj = NULL;
    }}
    return ok;
}}
'''.format(alternate.name, cases)

    def list(self, name):
        return '''
static bool visit_{0}List(Visitor *v, const char *name,
    {0}List **obj, Error **errp)
{{
    bool ok = true;
    {0}List **tail = obj;

    if (!visit_start_list(v, name, (void **)obj, errp)) {{
        return false;
    }}
    while (ok && visit_next_list(v, (void **)tail, sizeof(**tail))) {{
        ok = {1};
        tail = &(*tail)->next;
    }}
    visit_end_list(v);
    if (!ok && visit_is_input(v)) {{
        qapi_free_{0}List(*obj);
        *obj = NULL;
    }}
    return ok;
}}
'''.format(name, self.call(name, 'NULL', '&(*tail)->value'))
