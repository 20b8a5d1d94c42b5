#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the SOL003 API share: a client on the manager's socket, a receiver of notifications, and the
validation of both against ETSI's schemas where CATENA_TEST_DATA has them."""
import http.client
import http.server
import json
import os
import socket
import sys
import threading
import time

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMAS = os.path.join(os.environ.get('CATENA_TEST_DATA', ''), 'sol003')
FINAL = ('COMPLETED', 'FAILED', 'ROLLED_BACK')
validated = 0


def fail(message):
    sys.exit('FAILED: ' + message)


def check(condition, message):
    if not condition:
        fail(message)


def ok(message):
    print('ok: ' + message, flush=True)


def wait_until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            fail('not within %d s: %s' % (seconds, what))
        time.sleep(0.02)


def validate(name, body):
    """Against SCHEMAS/NAME.schema.json; does nothing without the schemas or jsonschema."""
    global validated
    path = os.path.join(SCHEMAS, name + '.schema.json')
    if not jsonschema or not os.path.exists(path):
        return
    with open(path, encoding='latin-1') as f:
        schema = json.load(f)
    try:
        jsonschema.validate(body, schema)
    except jsonschema.ValidationError as e:
        fail('%s: %s at %s in %s' % (name, e.message, list(e.path), json.dumps(body)[:2000]))
    validated += 1


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('catena', timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read()
        kind = self.headers.get('Content-Type', '')
        self.json = json.loads(self.text) if self.text and 'json' in kind and 'jsonl' not in kind else None

    @property
    def id(self):
        return self.headers['Location'].rsplit('/', 1)[1]


class Client:
    def __init__(self, version=2, interface='vnflcm'):
        self.socket = os.path.join(os.environ['CATENA_RUN_DIR'], 'api.sock')
        self.version = version
        self.base = '/%s/v%d' % (interface, version)
        self.number = {1: '1.3.0', 2: '2.0.0'}[version]

    def call(self, verb, path, body=None, headers=None, expect=None, raw=None):
        connection = Connection(self.socket)
        sent = {'Version': self.number, 'Accept': 'application/json'}
        if body is not None or raw is not None:
            sent['Content-Type'] = 'application/merge-patch+json' if verb == 'PATCH' else 'application/json'
        sent.update(headers or {})
        sent = {k: v for k, v in sent.items() if v is not None}
        data = raw if raw is not None else None if body is None else json.dumps(body)
        whole = path.split('/')[1] in ('catena', 'vnflcm', 'vnfpm', 'vnffm', 'metrics')
        try:
            connection.request(verb, path if whole else self.base + path, data, sent)
        except BrokenPipeError:
            # Refused before all of it was sent: the answer is there.
            connection._HTTPConnection__state = 'Request-sent'
        answer = Answer(connection.getresponse())
        connection.close()
        if answer.status >= 400 and answer.json is not None:
            validate('ProblemDetails', answer.json)
            check(answer.json['status'] == answer.status, 'the problem says another status')
        if expect is not None:
            check(answer.status == expect, '%s %s: status %d, expected %d: %s' %
                  (verb, path, answer.status, expect, answer.text[:600]))
        return answer

    def get(self, path, expect=200, **more):
        return self.call('GET', path, expect=expect, **more)

    def post(self, path, body=None, expect=202, **more):
        return self.call('POST', path, body=body, expect=expect, **more)

    def instance(self, identifier):
        body = self.get('/vnf_instances/' + identifier).json
        validate('vnfInstance', body)
        return body

    def occurrence(self, identifier):
        body = self.get('/vnf_lcm_op_occs/' + identifier).json
        validate('vnfLcmOpOcc', body)
        return body

    def end_of(self, identifier, states=FINAL, seconds=90):
        def look():
            body = self.occurrence(identifier)
            return body if body['operationState'] in states else None
        return wait_until('the end of operation ' + identifier, look, seconds)

    def operate(self, path, body, state='COMPLETED'):
        """A task that ends in that state; returns the occurrence."""
        body = self.end_of(self.post(path, body).id)
        check(body['operationState'] == state, '%s ended %s: %s' % (path, body['operationState'], body.get('error')))
        return body

    def kinds(self):
        """vnfdId by kind, from instances of a service of each; the descriptors' own ids are not guessed."""
        return {p['kind']: p['vnfdId'] for p in self.get('/catena/v1/packages').json['packages']}

    def create(self, vnfd, name=None, expect=201):
        body = {'vnfdId': vnfd}
        if name:
            body['vnfInstanceName'] = name
        answer = self.post('/vnf_instances', body, expect=expect)
        validate('vnfInstance', answer.json)
        return answer.json['id']


def links(left='gen:', right='null:'):
    return [{'id': 'l', 'resourceId': left, 'extCps': [{'cpdId': 'left'}]},
            {'id': 'r', 'resourceId': right, 'extCps': [{'cpdId': 'right'}]}]


SLOW = {'ports': {'left': {'gen': {'rate': 1000}}}, 'service': {'share_cores': True}}


class Receiver:
    """Takes notifications; answers those of `refuse` first with 503."""

    def __init__(self):
        self.bodies, self.headers, self.refuse = [], [], 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(404 if 'none' in self.path else 204)
                self.end_headers()

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                if receiver.refuse:
                    receiver.refuse -= 1
                    self.send_response(503)
                else:
                    receiver.bodies.append(body)
                    receiver.headers.append(dict(self.headers))
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.uri = 'http://127.0.0.1:%d/notify' % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def states_of(self, operation):
        return [b['operationState'] for b in self.bodies if b.get('vnfLcmOpOccId') == operation]
