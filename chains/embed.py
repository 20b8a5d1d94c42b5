#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: embed.py FILE HEADER NAME

Writes a C header with the file's bytes as a constant, so that what the library needs travels with it.
"""
import sys

source, header, name = sys.argv[1:]
with open(source, 'rb') as f:
    data = f.read()
with open(header, 'w') as f:
    f.write('static const char %s[] = {\n' % name)
    for i in range(0, len(data), 16):
        f.write('\t' + ' '.join('%d,' % b for b in data[i:i + 16]) + '\n')
    f.write('};\n')
