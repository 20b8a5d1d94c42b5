#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The life cycle of VNFs through SOL003, over services that really run."""
import json
import sys

import sol003
from sol003 import Client, Receiver, SLOW, check, links, ok, validate, wait_until

v2, v1 = Client(2), Client(1)
null = v2.kinds()['null']


def contract():
    """What is refused before anything is done."""
    for client in (v1, v2):
        body = client.get('/api_versions').json
        validate('ApiVersionInformation', body)
        check([v['version'] for v in body['apiVersions']] == ['1.3.0', '2.0.0'], 'versions: %s' % body)
    v2.get('/vnf_instances', headers={'Version': None}, expect=400)
    v2.get('/vnf_instances', headers={'Version': '3.0.0'}, expect=406)
    v2.get('/vnf_instances', headers={'Version': 'x'}, expect=406)
    v1.get('/vnf_instances', headers={'Version': None})
    v2.get('/vnf_instances', headers={'Accept': 'text/html'}, expect=406)
    v2.get('/vnf_instances', headers={'Accept': 'text/html, application/json;q=0'}, expect=406)
    v2.get('/vnf_instances', headers={'Accept': 'text/html, */*;q=0.1'})
    check(v2.call('PUT', '/vnf_instances', {}).status == 405, 'PUT')
    answer = v2.call('DELETE', '/vnf_instances', expect=405)
    check(answer.headers['Allow'] == 'GET, POST', 'Allow: %s' % answer.headers['Allow'])
    check(v1.call('POST', '/vnf_instances/0/change_vnfpkg', {}).status == 404, 'change_vnfpkg is not in 1.x')
    v2.get('/vnf_instances/none', expect=404)
    v2.get('/vnf_instances/0000', expect=404)
    v2.get('/nothing', expect=404)
    v2.post('/vnf_instances', raw='{', expect=400)
    v2.post('/vnf_instances', raw='', expect=400)
    v2.post('/vnf_instances', raw='{"vnfdId": "%s"}' % ('x' * 2000000), expect=413)
    v2.post('/vnf_instances', raw='{}', headers={'Content-Type': 'text/plain'}, expect=415)
    for body in ({}, [], {'vnfdId': 7}, {'vnfdId': ''}, {'vnfdId': 'nobody'}, {'vnfdId': null, 'vnfInstanceName': []}):
        v2.post('/vnf_instances', body, expect=422)
    for text in ('x', '(eq,a)', '(eq,a,b', '(like,a,b)', '(eq,,b)', '(eq,a,b);', "(eq,a,'b)"):
        v2.get('/vnf_instances?filter=' + text.replace("'", '%27'), expect=400)
    v2.get('/vnf_instances?all_fields&fields=id', expect=400)
    v2.get('/vnf_instances?nextpage_opaque_marker=zz', expect=400)
    check(v2.get('/vnf_instances').json == [], 'something was made all the same')
    ok('the contract: versions, media types, methods, bodies, filters')


def modify_and_conditions():
    one = v2.create(null, 'first')
    answer = v2.get('/vnf_instances/' + one)
    tag = answer.headers['ETag']
    v2.get('/vnf_instances/' + one, headers={'If-None-Match': tag}, expect=304)
    v2.call('PATCH', '/vnf_instances/' + one, {'vnfInstanceName': 'x'}, headers={'If-Match': '"0"'}, expect=412)
    patch = {'vnfInstanceName': 'second', 'metadata': {'a': 'b', 'c': 'd'}}
    done = v2.end_of(v2.call('PATCH', '/vnf_instances/' + one, patch, headers={'If-Match': tag}, expect=202).id)
    check(done['operation'] == 'MODIFY_INFO' and done['operationState'] == 'COMPLETED', str(done))
    v2.end_of(v2.call('PATCH', '/vnf_instances/' + one, {'metadata': {'a': None}}, expect=202).id)
    body = v2.instance(one)
    check(body['vnfInstanceName'] == 'second' and body['metadata'] == {'c': 'd'}, str(body))
    v2.call('DELETE', '/vnf_instances/' + one, headers={'If-Match': tag}, expect=412)
    found = v2.get('/vnf_instances?filter=(eq,vnfInstanceName,second);(cont,metadata/c,d)&fields=metadata').json
    check(len(found) == 1 and found[0]['metadata'] == {'c': 'd'} and 'vnfInstanceName' not in found[0], str(found))
    check(v2.get('/vnf_instances?filter=(neq,vnfInstanceName,second)').json == [], 'neq')
    v2.call('DELETE', '/vnf_instances/' + one, expect=204)
    v2.get('/vnf_instances/' + one, expect=404)
    ok('modify, ETag and If-Match, filters and selectors')


def life():
    receiver = Receiver()
    receiver.refuse = 2
    v2.post('/subscriptions', {'callbackUri': receiver.uri + '/none'}, expect=422)
    v2.post('/subscriptions', {'callbackUri': 'http://127.0.0.1:1/'}, expect=422)
    v2.post('/subscriptions', {'callbackUri': 'file:///etc/passwd'}, expect=422)
    v2.post('/subscriptions', {'callbackUri': receiver.uri, 'authentication': {'authType': ['BASIC']}}, expect=422)
    secret = {'authType': ['BASIC'], 'paramsBasic': {'userName': 'u', 'password': 'p'}}
    answer = v2.post('/subscriptions', {'callbackUri': receiver.uri, 'authentication': secret}, expect=201)
    validate('LccnSubscription', answer.json)
    check('authentication' not in answer.json, 'credentials are told')
    subscription = answer.json['id']
    check(v2.post('/subscriptions', {'callbackUri': receiver.uri}, expect=303).id == subscription, '303')
    quiet = Receiver()
    token = {'authType': ['BEARER'], 'paramsBearer': {'token': 'abc'}}
    v1.post('/subscriptions', {'callbackUri': quiet.uri, 'authentication': token, 'filter': {
        'notificationTypes': ['VnfLcmOperationOccurrenceNotification'], 'operationTypes': ['HEAL'],
        'operationStates': ['COMPLETED']}}, expect=201)
    for item in v2.get('/subscriptions').json:
        validate('LccnSubscription', item)

    one = v2.create(null, 'vnf')
    path = '/vnf_instances/' + one
    v2.post(path + '/heal', {}, expect=409)
    v2.post(path + '/terminate', {'terminationType': 'FORCEFUL'}, expect=409)
    v2.post(path + '/instantiate', {'flavourId': 'default'}, expect=422)
    v2.post(path + '/instantiate', {'flavourId': 'none', 'extVirtualLinks': links()}, expect=422)
    v2.post(path + '/instantiate', {'flavourId': 'default', 'extVirtualLinks': links('bad:x')}, expect=422)
    begun = v2.post(path + '/instantiate', {'flavourId': 'default', 'extVirtualLinks': links(), 'additionalParams': SLOW})
    busy = v2.post(path + '/instantiate', {'flavourId': 'default', 'extVirtualLinks': links()}, expect=409)
    check('under way' in busy.json['detail'], str(busy.json))
    v2.call('DELETE', path, expect=409)
    done = v2.end_of(begun.id)
    check(done['operationState'] == 'COMPLETED', str(done))
    body = v2.instance(one)
    v1.instance(one)
    info = body['instantiatedVnfInfo']
    check(body['instantiationState'] == 'INSTANTIATED' and info['vnfState'] == 'STARTED' and
          info['extVirtualLinkInfo'][0]['id'] == 'l' and info['vnfcResourceInfo'][0]['metadata']['state'] == 'running',
          str(body))
    service = info['vnfcResourceInfo'][0]['metadata']['service']
    check(v2.get('/catena/v1/services/' + service).json['state'] == 'running', 'the other API does not see it')
    ok('instantiate: a service of one')

    pid = info['vnfcResourceInfo'][0]['metadata']['pid']
    v2.operate(path + '/heal', {'cause': 'test'})
    healed = v2.instance(one)['instantiatedVnfInfo']['vnfcResourceInfo'][0]['metadata']
    check(healed['pid'] != pid and healed['state'] == 'running', 'heal changed nothing')
    v2.end_of(v2.call('PATCH', path, {'vnfConfigurableProperties': {'touch': True}}, expect=202).id)
    check(v2.instance(one)['vnfConfigurableProperties'] == {'touch': True}, 'the configuration')
    check('"touch": true' in v2.get('/catena/v1/services/' + service).json['file'], 'not in the service file')
    v2.call('PATCH', path, {'vnfConfigurableProperties': {'nonsense': 1}}, expect=422)
    v2.operate(path + '/operate', {'changeStateTo': 'STOPPED', 'stopType': 'FORCEFUL'})
    check(v2.instance(one)['instantiatedVnfInfo']['vnfState'] == 'STOPPED', 'not stopped')
    v2.get('/catena/v1/services/' + service, expect=404)
    v2.post(path + '/operate', {'changeStateTo': 'STOPPED'}, expect=409)
    v2.post(path + '/heal', {}, expect=409)
    v2.operate(path + '/operate', {'changeStateTo': 'STARTED'})
    v2.operate(path + '/change_flavour', {'newFlavourId': 'default'})
    v2.operate(path + '/change_ext_conn', {'extVirtualLinks': [
        {'id': 'other', 'resourceId': 'pcap:/dev/null', 'extCps': [{'cpdId': 'right'}]}]}, 'ROLLED_BACK')
    check(v2.instance(one)['instantiatedVnfInfo']['vnfState'] == 'STARTED', 'not as before')
    v2.post(path + '/scale', {'type': 'SCALE_OUT', 'aspectId': 'lanes', 'numberOfSteps': 60}, expect=422)
    v2.post(path + '/scale', {'type': 'SCALE_IN', 'aspectId': 'lanes'}, expect=422)
    v2.operate(path + '/scale_to_level', {'scaleInfo': [{'aspectId': 'lanes', 'scaleLevel': 0}]})
    ok('heal, modify, operate, change flavour and connectivity, scale')
    v2.operate(path + '/terminate', {'terminationType': 'GRACEFUL'})
    check(v2.instance(one)['instantiationState'] == 'NOT_INSTANTIATED', 'not terminated')
    v2.get('/catena/v1/services/' + service, expect=404)
    v2.call('DELETE', path, expect=204)

    occurrences = v2.get('/vnf_lcm_op_occs').json
    validate('VnfLcmOpOccs', occurrences)
    for item in v2.get('/vnf_lcm_op_occs?all_fields').json:
        validate('vnfLcmOpOcc', item)
    wait_until('the last notification', lambda: any(
        b['notificationType'] == 'VnfIdentifierDeletionNotification' for b in receiver.bodies))
    for occurrence in occurrences:
        if occurrence['vnfInstanceId'] == one:
            states = receiver.states_of(occurrence['id'])
            check(states[:2] == ['STARTING', 'PROCESSING'] and states[-1] == occurrence['operationState'],
                  '%s was told as %s' % (occurrence['operation'], states))
    for body in receiver.bodies:
        kind = body['notificationType']
        validate(kind if 'Deletion' not in kind else 'vnfIdentifierDeletionNotification', body)
    check(receiver.headers[0]['Authorization'].startswith('Basic '), 'no credentials')
    wait_until('the filtered notification', lambda: quiet.bodies)
    check([b['operation'] for b in quiet.bodies] == ['HEAL'] and quiet.headers[0]['Authorization'] == 'Bearer abc',
          str(quiet.bodies))
    for item in v2.get('/subscriptions').json:
        v2.call('DELETE', '/subscriptions/' + item['id'], expect=204)
    ok('notifications: complete, in order, retried, filtered, with credentials')


def failures():
    one = v2.create(null)
    path = '/vnf_instances/' + one
    params = dict(SLOW, onFailure='stop')
    body = {'flavourId': 'default', 'extVirtualLinks': links('pcap:/nonexistent/file'), 'additionalParams': {
        'onFailure': 'stop'}}
    occurrence = v2.post(path + '/instantiate', body).id
    stopped = v2.end_of(occurrence, ('FAILED_TEMP',))
    check(stopped['error']['detail'].startswith('step '), str(stopped))
    v2.post('/vnf_lcm_op_occs/%s/cancel' % occurrence, {'cancelMode': 'GRACEFUL'}, expect=409)
    v2.post('/vnf_lcm_op_occs/%s/retry' % occurrence)
    v2.end_of(occurrence, ('FAILED_TEMP',))
    v2.post('/vnf_lcm_op_occs/%s/rollback' % occurrence)
    check(v2.end_of(occurrence)['operationState'] == 'ROLLED_BACK', 'rollback')
    v2.post('/vnf_lcm_op_occs/%s/retry' % occurrence, expect=409)
    occurrence = v2.post(path + '/instantiate', body).id
    v2.end_of(occurrence, ('FAILED_TEMP',))
    failed = v2.post('/vnf_lcm_op_occs/%s/fail' % occurrence, expect=200)
    validate('vnfLcmOpOcc', failed.json)
    check(failed.json['operationState'] == 'FAILED', 'fail')
    occurrence = v2.post(path + '/instantiate', {'flavourId': 'default', 'extVirtualLinks': links(),
                                                 'additionalParams': SLOW}).id
    v2.post('/vnf_lcm_op_occs/%s/cancel' % occurrence, {'cancelMode': 'FORCEFUL'})
    check(v2.end_of(occurrence)['operationState'] == 'ROLLED_BACK', 'cancel')
    v2.call('DELETE', path, expect=204)
    ok('retry, rollback, fail, cancel')


def pages(count):
    ids = [v2.create(null, 'page %d' % i) for i in range(count)]
    seen, path, pages_seen, slowest = [], '/vnf_instances?filter=(cont,vnfInstanceName,page)', 0, 0.0
    while path:
        begin = sol003.time.monotonic()
        answer = v2.get(path)
        slowest = max(slowest, sol003.time.monotonic() - begin)
        validate('vnfInstances', answer.json)
        seen += [item['id'] for item in answer.json]
        link = answer.headers.get('Link')
        path = link[1:].split('>')[0].split('catena', 1)[1] if link else None
        pages_seen += 1
    check(seen == ids, 'found %d of %d, in order: %s' % (len(seen), count, seen == ids))
    check(pages_seen == -(-count // 200), 'pages: %d' % pages_seen)
    begin = sol003.time.monotonic()
    found = v2.get('/vnf_instances?filter=(eq,vnfInstanceName,%%27page%%20%d%%27)' % (count - 1)).json
    filtered = sol003.time.monotonic() - begin
    check([item['id'] for item in found] == ids[-1:], 'filter')
    for one in ids:
        v2.call('DELETE', '/vnf_instances/' + one, expect=204)
    ok('%d instances: a page of 200 within %.0f ms, one by filter in %.0f ms' % (count, slowest * 1000, filtered * 1000))


if __name__ == '__main__':
    contract()
    modify_and_conditions()
    life()
    failures()
    pages(1000)
    ok('%d bodies validated against ETSI\'s schemas' % sol003.validated)
