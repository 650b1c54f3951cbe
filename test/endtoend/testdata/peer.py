"""An AE that knows ESCertKE and ESPrim from their descriptions alone, good and hostile.

It shares no code with Bulwark: TLS is OpenSSL's, AES-GCM that of the package cryptography. It prints one JSON object for each
thing that it tries: what it is, and whether the answer was what it has to be.

usage: peer.py CONFIG   with a JSON file: url, from, id, cert, key, ca, other (cert and key of another AE), stranger (an identity
that is not configured), target, cse
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.request

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from OpenSSL import SSL

with open(sys.argv[1], encoding="utf-8") as f:
    CFG = json.load(f)

LABEL = b"EXPORTER-oneM2M-ESCertKE"
SESSION = b"oneM2M HMAC-SHA256 sessionESPrimKey derivation algorithm"
serial = 0


def report(name, ok, got=""):
    print(json.dumps({"name": name, "ok": bool(ok), "got": str(got)}), flush=True)


def notify(seci, origin=None):
    """Sends security information and returns the response status code and the security information in the answer."""
    global serial
    serial += 1
    request = urllib.request.Request(
        CFG["url"] + "/~/id-in/-",
        data=json.dumps({"m2m:seci": seci}).encode(),
        method="POST",
        headers={
            "X-M2M-Origin": origin or CFG["from"],
            "X-M2M-RI": "py-%d" % serial,
            "X-M2M-RVI": "3",
            "Content-Type": "application/json",
            "Accept": "application/json",
        },
    )
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as refused:
        answer = refused
    body = answer.read()
    content = json.loads(body) if body else {}
    return int(answer.headers["X-M2M-RSC"]), content.get("m2m:seci")


# ESCertKE


class Handshake:
    """A TLS client whose flights are messages."""

    def __init__(self, cert=None, key=None, suite=b"ECDHE-ECDSA-AES128-SHA256", version=SSL.TLS1_2_VERSION):
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.set_options(SSL.OP_NO_TICKET)
        if version == SSL.TLS1_2_VERSION:
            context.set_cipher_list(suite)
        context.load_verify_locations(CFG["ca"])
        context.set_verify(SSL.VERIFY_PEER, lambda conn, cert, err, depth, ok: bool(ok))
        if cert:
            context.use_certificate_chain_file(cert)
            context.use_privatekey_file(key)
        self.conn = SSL.Connection(context, None)
        self.conn.set_connect_state()

    def step(self, message=None):
        """Takes a message of the other end and returns the next one, b'' at the end."""
        if message is not None:
            self.conn.bio_write(message)
        try:
            self.conn.do_handshake()
        except SSL.WantReadError:
            pass
        try:
            return self.conn.bio_read(1 << 16)
        except SSL.WantReadError:
            return b""

    def export(self):
        octets = self.conn.export_keying_material(LABEL, 48, None)
        return octets[:16].hex().upper(), octets[16:]

    def names(self):
        cert = self.conn.get_peer_certificate()
        return [str(cert.get_extension(i)) for i in range(cert.get_extension_count()) if cert.get_extension(i).get_short_name() == b"subjectAltName"]


def send(message, origin=None):
    rsc, seci = notify({"sit": 6, "eckm": base64.b64encode(message).decode()}, origin)
    if rsc != 2000:
        return rsc, None
    assert seci["sit"] == 6, seci
    return rsc, base64.b64decode(seci["eckm"], validate=True)


def types(message):
    """The content types of the records of a message."""
    found = []
    while message:
        found.append(message[0])
        message = message[5 + int.from_bytes(message[3:5], "big"):]
    return found


def establish(suite=b"ECDHE-ECDSA-AES128-SHA256"):
    h = Handshake(CFG["cert"], CFG["key"], suite)
    _, second = send(h.step())
    third = h.step(second)
    _, fourth = send(third)
    h.step(fourth)
    assert CFG["dns"] in "".join(h.names()), h.names()
    return h.export(), (second, third, fourth)


def escertke():
    (kid, key), (second, third, fourth) = establish()
    report("E-97 E-105 a key with CBC", len(kid) == 32 and len(key) == 32, kid)
    report("E-98 the records of the messages", types(second) == [22] * 5 and types(third)[-2:] == [20, 22] and types(fourth) == [20, 22], types(fourth))
    (again, _), _ = establish(b"ECDHE-ECDSA-AES128-GCM-SHA256")
    report("E-100 a key with GCM", len(again) == 32 and again != kid, again)

    hello = Handshake(CFG["cert"], CFG["key"]).step()

    def refused(name, want, message, origin=None):
        rsc, _ = send(message, origin)
        report(name, rsc == want, rsc)

    refused("E-109 message 3 without message 1", 4000, third)
    refused("E-109 message 4", 4000, fourth)
    refused("E-109 garbage", 4000, b"no TLS")
    refused("E-109 a truncated message", 4000, hello[:-1])
    refused("E-110 an oversize message", 4000, hello + b"\x16\x03\x03\x3f\xff" + bytes(0x3FFF))
    refused("E-99 TLS 1.3 alone", 4000, Handshake(CFG["cert"], CFG["key"], version=SSL.TLS1_3_VERSION).step())
    refused("E-99 another suite", 4000, Handshake(CFG["cert"], CFG["key"], b"ECDHE-ECDSA-AES256-GCM-SHA384").step())
    refused("E-103 a stranger", 4103, hello, CFG["stranger"])

    def third_of(cert, key):
        h = Handshake(cert, key)
        _, answer = send(h.step())
        return h.step(answer)

    refused("E-104 no certificate", 4106, third_of(None, None))
    refused("E-106 the certificate of another AE", 4106, third_of(*CFG["other"]))
    message = third_of(CFG["cert"], CFG["key"])
    refused("E-96 message 3 from somebody else", 4000, message, CFG["stranger"])
    rsc, _ = send(message[:-1] + bytes([message[-1] ^ 1]))
    report("E-107 a Finished that is changed", rsc == 4000, rsc)
    refused("E-107 and then the right one: the state is gone", 4000, message)
    rsc, _ = notify({"sit": 6, "eckm": base64.urlsafe_b64encode(hello + b"\xff\xff\xff").decode()})
    report("E-14 base64url", rsc == 4000, rsc)
    return kid, key


# ESPrim


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def stamp(seconds):
    return (datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%S")


def canonical(o):
    order = ["esri", "esrv", "esrx", "esks" if "esks" in o else "esk", "espa"]
    return json.dumps({n: o[n] for n in order}, separators=(",", ":")).encode()


SIZES = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32}


class Session:
    def __init__(self, kid, key, rro, **changes):
        self.kid, self.rro = kid, rro
        self.oro = {"esri": "U" + os.urandom(10).hex(), "esrv": "x" + os.urandom(16).hex(), "esrx": stamp(120), "esk": 1, "espa": [12]}
        self.oro.update(changes)
        self.key = hmac.new(key, canonical(rro) + canonical(self.oro) + SESSION, hashlib.sha256).digest()

    def header(self, enclose=True, **changes):
        h = {"alg": "dir", "enc": "A256GCM", "kid": self.kid, "cty": "application/vnd.onem2m-preq+json", "ori": self.oro["esri"], "rri": self.rro["esri"]}
        if enclose:
            h["oro"] = self.oro
        h.update(changes)
        return h

    def seal(self, plain, header):
        first = b64(header if isinstance(header, bytes) else json.dumps(header).encode())
        iv = os.urandom(12)
        enc = "A256GCM" if isinstance(header, bytes) else header["enc"]
        sealed = AESGCM(self.key[:SIZES.get(enc, 32)]).encrypt(iv, plain, first.encode())
        return ".".join([first, "", b64(iv), b64(sealed[:-16]), b64(sealed[-16:])])

    def open(self, text):
        first, encrypted, iv, ciphertext, tag = text.split(".")
        header = json.loads(unb64(first))
        assert encrypted == "" and header["kid"] == self.kid and header["ori"] == self.oro["esri"] and header["rri"] == self.rro["esri"], header
        assert "oro" not in header, header
        return json.loads(AESGCM(self.key).decrypt(unb64(iv), unb64(ciphertext) + unb64(tag), first.encode()))


def rand():
    rsc, seci = notify({"sit": 3})
    assert rsc == 2000 and seci["sit"] == 4, (rsc, seci)
    return seci["ero"]


def inner(rqi, to=None, fr=None):
    return json.dumps({"op": 2, "to": to or CFG["target"], "fr": fr or CFG["id"], "rqi": rqi, "rvi": "3"}).encode()


def esprim(kid, key):
    def session(**changes):
        return Session(kid, key, rand(), **changes)

    def exchange(s, text, origin=None):
        rsc, seci = notify({"sit": 5, "epo": text}, origin)
        return rsc, (s.open(seci["epo"]) if seci else None), seci

    s = session()
    rsc, answer, raw = exchange(s, s.seal(inner("i1"), s.header()))
    report("E-69 E-73 a protected RETRIEVE", rsc == 2000 and answer["rsc"] == 2000 and answer["rqi"] == "i1" and "m2m:cnt" in answer["pc"], answer)
    response = raw["epo"]
    text = s.seal(inner("i2"), s.header(enclose=False))
    rsc, answer, _ = exchange(s, text)
    report("E-62 a second one in the session, without oro", rsc == 2000 and answer["rqi"] == "i2", rsc)
    rsc, answer, _ = exchange(s, s.seal(inner("i3"), s.header(False, cty="application/json")))
    report("E-56 another cty", rsc == 2000 and answer["rqi"] == "i3", rsc)
    rsc, answer, _ = exchange(s, s.seal(inner("i4", to="/id-in/cse-in/nothing"), s.header(False)))
    report("E-73 an inner failure is protected", rsc == 2000 and answer["rsc"] == 4004, answer)
    rsc, answer, _ = exchange(s, s.seal(inner("i5", to="/id-far/cse-far"), s.header(False)))
    report("E-76 what is not at the target", rsc == 2000 and answer["rsc"] == 4004, answer)
    rsc, answer, _ = exchange(s, s.seal(inner("i6"), s.header(False)), CFG["stranger"])
    report("E-70 the outer From counts for nothing", rsc == 2000 and answer["rsc"] == 2000, rsc)

    def refused(name, want, text, origin=None):
        rsc, seci = notify({"sit": 5, "epo": text}, origin)
        report(name, rsc == want, rsc)
        return seci

    refused("E-92 a replay", 5210, text)
    refused("E-92 a replay by somebody else", 5210, text, CFG["stranger"])
    refused("E-79 a reflected response", 5210, response)
    first, rest = text.split(".", 1)
    refused("E-61 a changed tag", 4115, s.seal(inner("h1"), s.header(False))[:-2] + "AA")
    refused("E-61 another header under the same tag", 4115, b64(json.dumps(s.header(False, cty="application/xml")).encode()) + "." + rest)
    refused("E-30 an unknown kid", 4112, s.seal(inner("h2"), s.header(False, kid="0" * 32)))
    refused("E-31 the kid of a function that is not configured", 4112, s.seal(inner("h3"), s.header(False, kid="x@maf.example")))
    refused("E-40 an unknown receiver object", 4114, s.seal(inner("h4"), s.header(False, rri="Unone")))
    refused("E-62 an unknown originator object", 4113, s.seal(inner("h5"), s.header(False, ori="Unone")))
    late = session(esrx=stamp(86400))
    refused("E-63 an originator object that outlives the other", 4113, late.seal(inner("h6"), late.header()))
    old = session(esrx=stamp(-1))
    refused("E-63 one that has expired", 4113, old.seal(inner("h7"), old.header()))
    weak = session(espa=[12, 10])
    refused("E-65 algorithms that were not on offer", 4111, weak.seal(inner("h8"), weak.header(enc="A128GCM")))
    other = session(esk=2)
    refused("E-64 another key generation algorithm", 4111, other.seal(inner("h9"), other.header()))
    twin = Session(kid, key, s.rro, esri=s.oro["esri"])
    refused("E-78 another object under a name that is in use", 4113, twin.seal(inner("h10"), twin.header()))
    seci = refused("E-67 another From inside", 4116, s.seal(inner("h11", fr=CFG["stranger"]), s.header(False)))
    report("E-91 what goes with it is protected", seci and s.open(seci["epo"])["rsc"] == 4116, seci)
    refused("E-68 a stem of another registrar", 4116, s.seal(inner("h12", fr="/id-mn/" + CFG["from"]), s.header(False)))
    refused("E-79 not a primitive", 5210, s.seal(b"hello", s.header(False)))
    header = json.dumps(s.header(False))
    for name, text in {
        "no object": "hello",
        "four parts": "a..b.c",
        "padding": s.seal(inner("h13"), s.header(False)).replace("..", "=..", 1),
        "an encrypted key": s.seal(inner("h14"), s.header(False)).replace("..", ".AAAA.", 1),
        "a name twice": s.seal(inner("h15"), (header[:-1] + ',"kid":"' + kid + '"}').encode()),
        "compression": s.seal(inner("h16"), s.header(False, zip="DEF")),
        "a critical extension": s.seal(inner("h17"), s.header(False, crit=["x"], x=1)),
        "another key management": s.seal(inner("h18"), s.header(False, alg="A256KW")),
        "a receiver object in a request": s.seal(inner("h19"), s.header(False, rro=s.rro)),
        "a relative expiry": s.seal(inner("h20"), s.header(True, oro=dict(s.oro, esrx=60000))),
        "ESPrim in the JSON serialization": json.dumps({"protected": first}),
    }.items():
        refused("E-60 " + name, 4000, text)
    rsc, answer, _ = exchange(s, s.seal(json.dumps({"op": 5, "to": "/id-in/-", "fr": CFG["id"], "rqi": "i7", "rvi": "3", "pc": {"m2m:seci": {"sit": 5, "epo": text}}}).encode(), s.header(False)))
    report("E-76 ESPrim in ESPrim", rsc == 2000 and answer["rsc"] == 4000, answer)
    rsc, answer, _ = exchange(s, s.seal(inner("i8"), s.header(False)))
    report("E-77 after all of this the session is as it was", rsc == 2000 and answer["rqi"] == "i8", rsc)
    try:
        s.open(response[:-4] + "AAAA")
        report("the peer itself checks the tag", False)
    except InvalidTag:
        report("the peer itself checks the tag", True)
    unique = rand()["esri"]
    report("E-37 E-42 unique objects differ", unique[0] == "U" and unique != rand()["esri"], unique)


esprim(*escertke())
