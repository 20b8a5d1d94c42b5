#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: chain_files.py DATA DIRECTORY

Writes the full chain for benchmarks: vCPE with NAT, firewall with the rules of DATA/acl, router with the routes of DATA/rib. Writes
DIRECTORY/{cpe,fw,rtr,left,right}.json for `fused`, and DIRECTORY/chain.yaml, the same as a service. 10,000 UDP flows of 256 LAN
hosts to 8192 destinations; what arrives on the right is sent back. FLOWS, LANES, LATENCY, RING and SIZE in the environment change that.
"""
import gzip
import json
import os
import re
import sys

NEXT_HOPS = 16


def port_range(text):
    low, high = (int(x) for x in text.split(':'))
    return None if (low, high) == (0, 65535) else low if low == high else f'{low}-{high}'


def rules(path):
    protocols = {6: 'tcp', 17: 'udp', 1: 'icmp'}
    result = []
    with open(path, encoding='ascii') as lines:
        for number, line in enumerate(lines):
            source, destination, sport, dport, protocol, _ = (x.strip() for x in line.strip().lstrip('@').split('\t')[:6])
            rule = {'name': f'r{number}', 'action': 'accept', 'source': [source], 'destination': [destination]}
            value, mask = (int(x, 16) for x in protocol.split('/'))
            if mask:
                rule['protocol'] = protocols.get(value, value)
            if value in (6, 17):
                for key, text in (('source_ports', sport), ('destination_ports', dport)):
                    ports = port_range(re.sub(r'\s', '', text))
                    if ports is not None:
                        rule[key] = [ports]
            result.append(rule)
    return result


def routes(path):
    result = []
    with gzip.open(path, 'rt') as lines:
        for line in lines:
            # Some have no origin, some a set of them.
            prefix, *origin = line.split()
            number = int(re.findall('[0-9]+', ' '.join(origin) + ' 0')[0])
            result.append({'prefix': prefix, 'via': f'203.0.113.{100 + number % NEXT_HOPS}'})
    return result


def main():
    data, directory = sys.argv[1:3]
    flows, size = int(os.environ.get('FLOWS', '10000')), int(os.environ.get('SIZE', '64'))
    os.makedirs(directory, exist_ok=True)
    configs = {
        'cpe': ('vcpe', {'lan': {'address': '192.168.0.1/16', 'mac': '02:00:00:00:01:02'},
                         'wan': {'address': '10.0.0.2/30', 'gateway': '10.0.0.1'}, 'nat': {'pool': ['198.51.100.1']}}),
        'fw': ('firewall', {'default': 'drop', 'rules': rules(f'{data}/acl/acl1_1k.rules') +
                            [{'name': 'lan-out', 'from': 'left', 'action': 'accept'}]}),
        'rtr': ('router', {'left': {'addresses': ['10.0.0.1/30']}, 'right': {'addresses': ['203.0.113.1/24']},
                           'routes': routes(f'{data}/rib/rib-2010.tsv.gz') +
                           [{'prefix': '198.51.100.1/32', 'via': '10.0.0.2'}, {'prefix': '0.0.0.0/0', 'via': '203.0.113.99'}]}),
    }
    left = {'size': size, 'flows': flows, 'hosts': 256, 'source': '192.168.1.0', 'destination': '130.0.0.1',
            'destinations': 8192, 'destination_step': 0x2e63f, 'window': int(os.environ.get('WINDOW', '4096'))}
    right = {'reflect': True, 'source_mac': '02:00:00:00:02:01'}
    for name, (_, config) in configs.items():
        with open(f'{directory}/{name}.json', 'w', encoding='ascii') as file:
            json.dump(config, file)
    for name, options in (('left', left), ('right', right)):
        with open(f'{directory}/{name}.json', 'w', encoding='ascii') as file:
            json.dump({'driver': 'gen', 'options': options}, file)
    service = {
        'version': 1, 'service': 'chain',
        'ports': {'left': {'dev': 'gen:', 'gen': left}, 'right': {'dev': 'gen:', 'gen': right}},
        'functions': {name: {'kind': kind, 'config': config} for name, (kind, config) in configs.items()},
        'path': ['left', 'cpe', 'fw', 'rtr', 'right'],
        'lanes': int(os.environ.get('LANES', '1')),
        'latency': os.environ.get('LATENCY', 'throughput'),
        'ring': int(os.environ.get('RING', '4096')),
    }
    # JSON is YAML.
    with open(f'{directory}/chain.yaml', 'w', encoding='ascii') as file:
        json.dump(service, file)


if __name__ == '__main__':
    main()
