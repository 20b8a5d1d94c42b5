#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: reference.py [--check] SCHEMA DOCUMENT

Writes the tables of keys between the markers of a Markdown document from the descriptions in a JSON schema.
--check changes nothing, and exits with 1 if the document would change.
"""
import json
import sys

BEGIN = '<!-- reference: made by docs/reference.py, do not edit by hand -->'
END = '<!-- end of reference -->'
WORDS = {'object': 'map', 'array': 'list', 'string': 'text', 'integer': 'integer', 'number': 'number',
         'boolean': '`true` or `false`', 'null': 'nothing'}
FORMATS = {'name': 'name', 'size': 'size', 'ip': 'address', 'ipv4': 'IPv4 address', 'ipv6': 'IPv6 address',
           'prefix': 'prefix', 'ipv4-prefix': 'IPv4 prefix', 'ipv6-prefix': 'IPv6 prefix',
           'address': 'address with prefix length', 'mac': 'MAC address', 'port-range': 'port or range',
           'cpu-list': 'list of cores as text'}
PLURALS = {'text': 'names', 'prefix': 'prefixes', '0 to 65535, or port or range': 'ports or ranges',
           'address with prefix length': 'addresses with prefix lengths', 'map': 'maps', 'address': 'addresses',
           'IPv4 address': 'IPv4 addresses', '0 to 1023': 'cores'}


class Reference:
    def __init__(self, schema):
        self.root = schema
        self.lines = []

    def resolve(self, schema):
        """The schema with what its reference says, its own keywords first."""
        while '$ref' in schema:
            target = self.root['$defs'][schema['$ref'].rsplit('/', 1)[1]]
            schema = {**target, **{k: v for k, v in schema.items() if k != '$ref'}}
        return schema

    def type_of(self, schema):
        schema = self.resolve(schema)
        if 'const' in schema:
            return '`%s`' % json.dumps(schema['const'])
        if 'enum' in schema:
            return ', '.join('`%s`' % v for v in schema['enum'])
        for branches in ('oneOf', 'anyOf'):
            if branches in schema:
                return ', or '.join(dict.fromkeys(self.type_of(s) for s in schema[branches]))
        kinds = schema.get('type', 'object')
        kinds = kinds if isinstance(kinds, list) else [kinds]
        words = []
        for kind in kinds:
            word = WORDS[kind]
            if kind == 'string' and 'format' in schema:
                word = FORMATS[schema['format']]
            if kind == 'integer' and 'maximum' in schema:
                word = '%s to %s' % (schema['minimum'], schema['maximum'])
            if kind == 'array' and 'items' in schema:
                item = self.type_of(schema['items'])
                word = 'list of %s' % PLURALS.get(item, item)
            words.append(word)
        # A size may be written as a number of bytes; that goes without saying.
        if 'size' in words:
            words = ['size']
        return ' or '.join(words)

    def table(self, title, schema):
        required = schema.get('required', [])
        self.lines += ['### ' + title, '', '| key | value | default | meaning |', '|---|---|---|---|']
        nested = []
        for key, value in schema['properties'].items():
            value = self.resolve(value)
            default = 'required' if key in required else ''
            if 'default' in value:
                default = '`%s`' % json.dumps(value['default']).strip('"')
            kind = self.type_of(value)
            self.lines.append('| `%s` | %s | %s | %s |' % (key, kind.replace('|', '\\|'), default,
                                                         value.get('description', '').replace('|', '\\|')))
            nested.append((key, value))
        self.lines.append('')
        for key, value in nested:
            self.descend('%s.%s' % (title, key) if title != 'The file' else key, value)

    def descend(self, title, schema):
        schema = self.resolve(schema)
        if 'properties' in schema:
            self.table(title, schema)
        for branches in ('oneOf', 'anyOf'):
            for branch in schema.get(branches, []):
                self.descend(title, branch)
        if 'items' in schema:
            self.descend(title + '[]', schema['items'])
        if isinstance(schema.get('additionalProperties'), dict):
            self.descend(title + '.NAME', schema['additionalProperties'])

    def text(self):
        self.table('The file', self.resolve(self.root))
        return '\n'.join(self.lines).rstrip('\n') + '\n'


def main():
    check = sys.argv[1:2] == ['--check']
    schema_path, document_path = sys.argv[2:] if check else sys.argv[1:]
    with open(schema_path) as f:
        reference = Reference(json.load(f)).text()
    with open(document_path) as f:
        document = f.read()
    head, rest = document.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    new = head + BEGIN + '\n\n' + reference + '\n' + END + tail
    if new == document:
        return 0
    if check:
        print('%s does not say what %s says; run docs/reference.py %s %s' %
              (document_path, schema_path, schema_path, document_path), file=sys.stderr)
        return 1
    with open(document_path, 'w') as f:
        f.write(new)
    return 0


sys.exit(main())
