# SPDX-License-Identifier: BSD-3-Clause
"""talk.py serve ADDRESS PORT: says again what it is told. talk.py connect ADDRESS PORT: says on one connection, like a shell at a
terminal, every line of standard input, and prints what comes back. It ends with the connection."""
import socket
import socketserver
import sys

WAIT_S = 60  # TCP asks again ever more rarely


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


address = sys.argv[2], int(sys.argv[3])
if sys.argv[1] == "serve":
    Server(address, Echo).serve_forever()
connection = socket.create_connection(address, WAIT_S)
answers = connection.makefile("rb")
for line in sys.stdin:
    connection.sendall(line.encode())
    print(answers.readline().decode().strip() or "closed", flush=True)
