#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: sol003_faults.py WORK [KILLS]

Every step of every operation fails once, and kills the manager once: the operation ends COMPLETED or ROLLED_BACK, both
APIs agree on what runs, and the instance can be terminated and deleted. With KILLS, instead: that many managers are
killed at random moments of random operations."""
import atexit
import os
import random
import signal
import subprocess
import sys
import time

import sol003
from sol003 import Client, SLOW, check, links, ok, wait_until

FAULT = os.path.join(sys.argv[1], 'fault')
STEPS = {
    'INSTANTIATE': ['plan', 'service', 'record'],
    'SCALE_TO_LEVEL': ['plan', 'service', 'record'],
    'MODIFY_INFO': ['plan', 'service', 'record'],
    'CHANGE_FLAVOUR': ['plan', 'service', 'record'],
    'HEAL': ['replace', 'record'],
    'STOP': ['stop', 'record'],
    'START': ['start', 'record'],
    'TERMINATE': ['down', 'record'],
}
client = Client(2)
manager = None


def start():
    global manager
    with open(os.path.join(sys.argv[1], 'catenad.log'), 'a') as log:
        manager = subprocess.Popen(['catenad', '--foreground'], stdout=log, stderr=log,
                                   env=dict(os.environ, CATENA_FAULT=FAULT))

    def serves():
        check(manager.poll() is None, 'catenad ended')
        try:
            return client.call('GET', '/catena/v1/version').status == 200
        except OSError:
            return False
    wait_until('catenad serves', serves, 30)


def stop():
    if manager and manager.poll() is None:
        manager.terminate()
        manager.wait()


def arm(text):
    with open(FAULT + '.new', 'w') as f:
        f.write(text + '\n')
    os.rename(FAULT + '.new', FAULT)


BODIES = {
    'INSTANTIATE': ('POST', 'instantiate', {'flavourId': 'default', 'extVirtualLinks': links(), 'additionalParams': SLOW}),
    'SCALE_TO_LEVEL': ('POST', 'scale_to_level', {'scaleInfo': [{'aspectId': 'lanes', 'scaleLevel': 0}]}),
    'CHANGE_FLAVOUR': ('POST', 'change_flavour', {'newFlavourId': 'default'}),
    'HEAL': ('POST', 'heal', {}),
    'STOP': ('POST', 'operate', {'changeStateTo': 'STOPPED'}),
    'START': ('POST', 'operate', {'changeStateTo': 'STARTED'}),
    'TERMINATE': ('POST', 'terminate', {'terminationType': 'FORCEFUL'}),
}


def begin(one, operation, number=0):
    path = '/vnf_instances/' + one
    if operation == 'MODIFY_INFO':
        return client.call('PATCH', path, {'vnfConfigurableProperties': {'touch': bool(number % 2)}}, expect=202).id
    verb, task, body = BODIES[operation]
    return client.call(verb, path + '/' + task, body, expect=202).id


def state(one):
    body = client.instance(one)
    info = body.get('instantiatedVnfInfo')
    return info['vnfState'] if info else body['instantiationState']


def agree(one):
    """Both APIs tell the same of the instance."""
    wanted = state(one)
    services = [s for s in client.get('/catena/v1/services').json['services']]
    check(len(services) == (wanted == 'STARTED'), '%s, and these services: %s' % (wanted, services))
    if services:
        name = services[0]['service']
        wait_until('the service runs', lambda: client.get('/catena/v1/services/' + name).json['state'] == 'running')
    return wanted


NEEDS = {'INSTANTIATE': 'NOT_INSTANTIATED', 'START': 'STOPPED'}


def bring(one, operation):
    """To the state that the operation begins in."""
    wanted, now = NEEDS.get(operation, 'STARTED'), agree(one)
    for _ in range(3):
        if now == wanted:
            return
        step = {'NOT_INSTANTIATED': 'INSTANTIATE', 'STOPPED': 'START'}.get(now)
        if not step:
            step = 'STOP' if wanted == 'STOPPED' else 'TERMINATE'
        if now == 'STOPPED' and wanted == 'NOT_INSTANTIATED':
            step = 'TERMINATE'
        check(client.end_of(begin(one, step))['operationState'] == 'COMPLETED', step)
        now = agree(one)
    check(now == wanted, 'is %s' % now)


def every_step(one):
    count = 0
    for operation, steps in STEPS.items():
        for number, step in enumerate(steps):
            for when, what in (('before', 'fail'), ('after', 'fail'), ('after', 'die')):
                arm('')
                bring(one, operation)
                before = state(one)
                arm('%s/%s/%s/%s' % (operation, step, when, what))
                identifier = begin(one, operation, count)
                if what == 'die':
                    manager.wait()
                    arm('')
                    start()
                ended = client.end_of(identifier)
                check(ended['operationState'] == ('ROLLED_BACK' if what == 'fail' else 'COMPLETED'),
                      '%s: step %s %s %s: %s' % (operation, step, when, what, ended))
                if what == 'fail':
                    check(ended['error']['detail'].startswith('step %s: ' % step), str(ended['error']))
                    check(state(one) == before, '%s is not as before' % operation)
                agree(one)
                count += 1
    arm('')
    ok('%d faults: a step that fails is undone, a manager that dies in one is followed by one that goes on' % count)
    # Undoing that fails waits for somebody.
    bring(one, 'INSTANTIATE')
    arm('INSTANTIATE/service/undo/fail')
    body = {'flavourId': 'default', 'extVirtualLinks': links('pcap:/nonexistent/file')}
    identifier = client.post('/vnf_instances/%s/instantiate' % one, body).id
    client.end_of(identifier, ('FAILED_TEMP',))
    arm('')
    wait_until('a roll-back is possible', lambda: client.call(
        'POST', '/vnf_lcm_op_occs/%s/rollback' % identifier).status == 202)
    check(client.end_of(identifier)['operationState'] == 'ROLLED_BACK', 'after the second roll-back')
    ok('a roll-back that fails can be asked for again')


def kills(one, count):
    random.seed(int(os.environ.get('SEED', '1')))
    ends = {}
    for number in range(count):
        now = agree(one)
        choice = {'NOT_INSTANTIATED': ['INSTANTIATE'], 'STOPPED': ['START', 'TERMINATE']}.get(
            now, ['HEAL', 'STOP', 'TERMINATE', 'MODIFY_INFO', 'SCALE_TO_LEVEL'])
        identifier = begin(one, random.choice(choice), number)
        # Anywhere in the operation: this is where it is killed, nothing waits for the time.
        time.sleep(random.random() * 0.3)
        os.kill(manager.pid, signal.SIGKILL)
        manager.wait()
        start()
        end = client.end_of(identifier)['operationState']
        check(end in ('COMPLETED', 'ROLLED_BACK'), 'kill %d: %s' % (number, end))
        ends[end] = ends.get(end, 0) + 1
    ok('%d kills: %s' % (count, ends))


if __name__ == '__main__':
    atexit.register(stop)
    arm('')
    start()
    instance = client.create(client.kinds()['null'], 'faults')
    if len(sys.argv) > 2:
        kills(instance, int(sys.argv[2]))
    else:
        every_step(instance)
    bring(instance, 'INSTANTIATE')
    client.call('DELETE', '/vnf_instances/' + instance, expect=204)
    check(client.get('/catena/v1/services').json['services'] == [], 'a service is left')
    stop()
