"""A Dynamic Authorization Server that shares nothing with the CSE that asks it.

It answers a question at https://localhost:PORT/NAME with what the file NAME.json
in its folder says, and notes who has asked what in asked.jsonl. Usage: server.py
FOLDER CERTIFICATE KEY CA
"""

import http.server
import json
import pathlib
import ssl
import sys
import time

folder, certificate, key, authority = sys.argv[1:]
folder = pathlib.Path(folder)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        names = [value for _, value in self.connection.getpeercert().get("subjectAltName", ())]
        with open(folder / "asked.jsonl", "a") as out:
            out.write(json.dumps({"path": self.path, "peer": names, "from": self.headers.get("X-M2M-Origin"), "body": body}) + "\n")
        says = json.loads((folder / (self.path.strip("/") + ".json")).read_text())
        time.sleep(says.get("delay", 0))
        if says.get("hangup"):
            self.close_connection = True
            return
        self.send_response(says.get("status", 200))
        if "rsc" in says:
            self.send_header("X-M2M-RSC", says["rsc"])
        self.send_header("X-M2M-RI", says.get("rqi", self.headers.get("X-M2M-RI")))
        for name, value in says.get("headers", {}).items():
            self.send_header(name, value)
        answer = says.get("body", "").encode() + b" " * says.get("blanks", 0)
        if answer:
            self.send_header("Content-Type", says.get("type", "application/json"))
        self.send_header("Content-Length", str(len(answer) + says.get("lacking", 0)))
        self.end_headers()
        for at in range(0, len(answer), says.get("piece", 1 << 20)):
            self.wfile.write(answer[at : at + says.get("piece", 1 << 20)])
            self.wfile.flush()
            time.sleep(says.get("pause", 0))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args):
        pass


server = Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(certificate, key)
context.load_verify_locations(authority)
context.verify_mode = ssl.CERT_REQUIRED
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("ready", server.server_address[1], flush=True)
server.serve_forever()
