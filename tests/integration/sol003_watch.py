#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usage: sol003_watch.py SERVICE

Performance and fault management of a service that another interface has brought up: both see the same."""
import os
import signal
import sys

from sol003 import Client, Receiver, check, ok, wait_until

lcm, pm, fm = Client(2), Client(1, 'vnfpm'), Client(1, 'vnffm')
service = sys.argv[1]


def both_see_it():
    found = lcm.get('/vnf_instances?filter=(eq,vnfInstanceName,%s/fn)' % service).json
    check(len(found) == 1 and found[0]['instantiationState'] == 'INSTANTIATED', 'the instance: %s' % found)
    one = found[0]['id']
    operations = lcm.get('/vnf_lcm_op_occs?filter=(eq,vnfInstanceId,%s)' % one).json
    check([(o['operation'], o['operationState']) for o in operations] == [('INSTANTIATE', 'COMPLETED')], str(operations))
    lcm.post('/vnf_lcm_op_occs/%s/retry' % operations[0]['id'], expect=409)
    lcm.post('/vnf_instances/%s/instantiate' % one, {'flavourId': 'default'}, expect=409)
    # Its neighbour needs it.
    lcm.post('/vnf_instances/%s/terminate' % one, {'terminationType': 'FORCEFUL'}, expect=409)
    lcm.operate('/vnf_instances/%s/operate' % one, {'changeStateTo': 'STOPPED'})
    check(lcm.get('/catena/v1/services/' + service).json['state'] == 'degraded', 'it runs on')
    lcm.operate('/vnf_instances/%s/operate' % one, {'changeStateTo': 'STARTED'})
    check(lcm.get('/catena/v1/services/' + service).json['state'] == 'running', 'it does not run again')
    ok('a function of a service is an instance: what either interface does is visible in the other')
    return one


def alarms(one):
    receiver = Receiver()
    for body in ({}, {'callbackUri': 7}, {'callbackUri': receiver.uri, 'filter': {'eventTypes': ['NONE']}}):
        fm.post('/subscriptions', body, expect=422)
    fm.post('/subscriptions', {'callbackUri': receiver.uri}, expect=201)
    check(fm.get('/alarms?filter=(eq,managedObjectId,%s)' % one).json == [], 'alarms of nothing')
    uncleared = [a for a in fm.get('/alarms').json if not a.get('alarmClearedTime')]
    check(uncleared == [], 'alarms of what is gone: %s' % uncleared)
    pid = lcm.instance(one)['instantiatedVnfInfo']['vnfcResourceInfo'][0]['metadata']['pid']
    os.kill(pid, signal.SIGKILL)
    wait_until('the alarm and its end', lambda: len(receiver.bodies) >= 2)
    raised, cleared = receiver.bodies[:2]
    check(raised['notificationType'] == 'AlarmNotification' and raised['alarm']['faultType'] == 'CRASH' and
          raised['alarm']['managedObjectId'] == one and raised['alarm']['perceivedSeverity'] == 'CRITICAL', str(raised))
    check(cleared['notificationType'] == 'AlarmClearedNotification' and cleared['alarmId'] == raised['alarm']['id'],
          str(cleared))
    alarm = fm.get('/alarms/' + raised['alarm']['id']).json
    check(alarm['alarmClearedTime'] and alarm['ackState'] == 'UNACKNOWLEDGED', str(alarm))
    path = '/alarms/' + alarm['id']
    fm.call('PATCH', path, {'ackState': 'MAYBE'}, expect=422)
    fm.call('PATCH', path, {'ackState': 'ACKNOWLEDGED'}, expect=200)
    fm.call('PATCH', path, {'ackState': 'ACKNOWLEDGED'}, expect=409)
    check(len(fm.get('/alarms?filter=(eq,ackState,ACKNOWLEDGED)').json) == 1, 'the filter')
    heals = lcm.get('/vnf_lcm_op_occs?filter=(eq,vnfInstanceId,%s);(eq,operation,HEAL)' % one).json
    check([(h['operationState'], h['isAutomaticInvocation']) for h in heals] == [('COMPLETED', True)], str(heals))
    ok('an alarm when a function crashes, cleared when it runs again, acknowledged')


def measurements(one):
    receiver = Receiver()
    pm.post('/subscriptions', {'callbackUri': receiver.uri}, expect=201)
    good = {'objectType': 'VnfExtCp', 'objectInstanceIds': [one], 'subObjectInstanceIds': ['left'], 'criteria': {
        'performanceMetric': ['PacketIncomingVnfExtCp', 'ByteIncomingVnfExtCp'], 'collectionPeriod': 1,
        'reportingPeriod': 2}}
    for key, value in (('objectType', 'Nothing'), ('objectInstanceIds', ['none']), ('objectInstanceIds', []),
                       ('criteria', {}), ('criteria', dict(good['criteria'], performanceMetric=['Unknown'])),
                       ('criteria', dict(good['criteria'], collectionPeriod=0)), ('objectType', 'Vnf')):
        pm.post('/pm_jobs', dict(good, **{key: value}), expect=422)
    job = pm.post('/pm_jobs', good, expect=201).json['id']
    usage = pm.post('/pm_jobs', {'objectType': 'Vnf', 'objectInstanceIds': [one], 'criteria': {
        'performanceMetric': ['VcpuUsageMeanVnf', 'VmemoryUsageMeanVnf'], 'collectionPeriod': 1, 'reportingPeriod': 2}},
        expect=201).json['id']
    threshold = pm.post('/thresholds', dict(good, criteria={
        'performanceMetric': 'PacketIncomingVnfExtCp', 'thresholdType': 'SIMPLE',
        'simpleThresholdDetails': {'thresholdValue': 10, 'hysteresis': 1}}), expect=201).json['id']

    def told(kind, key, identifier):
        return [b for b in receiver.bodies if b['notificationType'] == kind and b.get(key) == identifier]
    wait_until('a report', lambda: told('PerformanceInformationAvailableNotification', 'pmJobId', job))
    wait_until('the other report', lambda: told('PerformanceInformationAvailableNotification', 'pmJobId', usage))
    wait_until('the threshold', lambda: told('ThresholdCrossedNotification', 'thresholdId', threshold))
    check(told('ThresholdCrossedNotification', 'thresholdId', threshold)[0]['crossingDirection'] == 'UP', 'DOWN')
    body = pm.get('/pm_jobs/' + job).json
    entries = pm.get(body['reports'][0]['href'].split('catena', 1)[1]).json['entries']
    check({e['performanceMetric'] for e in entries} == set(good['criteria']['performanceMetric']) and
          all(v['value'] > 0 for e in entries for v in e['performanceValues']), str(entries))
    for client, path in ((pm, '/pm_jobs/' + job), (pm, '/pm_jobs/' + usage), (pm, '/thresholds/' + threshold)):
        client.call('DELETE', path, expect=204)
        client.get(path, expect=404)
    check(pm.get('/pm_jobs').json == [], 'a job is left')
    ok('jobs, reports and thresholds by IFA027 names')


if __name__ == '__main__':
    instance = both_see_it()
    alarms(instance)
    measurements(instance)
    for c in (pm, fm):
        for item in c.get('/subscriptions').json:
            c.call('DELETE', '/subscriptions/' + item['id'], expect=204)
