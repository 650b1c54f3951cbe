"""An AE over WebSocket. Its one argument is a file with what it needs to know."""
import asyncio
import json
import ssl
import sys

import websockets

task = json.load(open(sys.argv[1]))
secure = task["url"].startswith("wss")
count = 0


def trust(who):
    if not secure:
        return None
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(task["ca"])
    c.check_hostname = False  # the name is that of the CSE
    if who:
        c.load_cert_chain(task[who + "_cert"], task[who + "_key"])
    return c


def connect(who, protocols=("oneM2M.json",), **more):
    return websockets.connect(task["url"], ssl=trust(who), subprotocols=list(protocols), **more)


async def ask(c, **request):
    """Sends a request; answers what comes as requests meanwhile by hand of the caller."""
    global count
    count += 1
    request.setdefault("rqi", "r%d" % count)
    request.setdefault("rvi", "3")
    await c.send(json.dumps(request))
    return json.loads(await asyncio.wait_for(c.recv(), 10))


def expect(what, got, want):
    if got != want:
        print("%s: %r, not %r" % (what, got, want))
        sys.exit(1)


async def refused(what, who, status, **more):
    try:
        async with connect(who, **more):
            expect(what, "accepted", "refused")
    except websockets.exceptions.InvalidStatusCode as e:
        expect(what, e.status_code, status)


async def main():
    async with connect("Clamp") as c:
        expect("B-86 subprotocol", c.subprotocol, "oneM2M.json")
        if secure:
            a = await ask(c, op=2, to="cse-in", fr="Clamp")
            expect("B-91 S-155 nothing before the registration", a["rsc"] // 1000, 4)
        a = await ask(c, op=1, to="cse-in", fr="Clamp", ty=2, pc={"m2m:ae": {"rn": "lamp", "api": "N.example.lamp", "rr": False, "srv": ["3"]}})
        expect("registration", a["rsc"], 2001)
        a = await ask(c, op=1, to="cse-in/lamp", fr="Clamp", ty=3, pc={"m2m:cnt": {"rn": "box"}})
        expect("container", a["rsc"], 2001)
        a = await ask(c, op=2, to="cse-in/lamp/box", fr="Clamp", rqi="mine")
        expect("the identifier comes back", (a["rsc"], a["rqi"], a["pc"]["m2m:cnt"]["rn"]), (2000, "mine", "box"))

        # B-96: it has no point of access, and is notified all the same. The first notification verifies the target.
        await c.send(json.dumps({"op": 1, "to": "cse-in/lamp/box", "fr": "Clamp", "rqi": "sub", "rvi": "3", "ty": 23,
                                 "pc": {"m2m:sub": {"rn": "sub", "nu": ["/id-in/Clamp"], "enc": {"net": [3]}}}}))
        verified = False
        while True:
            m = json.loads(await asyncio.wait_for(c.recv(), 10))
            if "rsc" in m:
                expect("subscription", (m["rqi"], m["rsc"]), ("sub", 2001))
                break
            expect("verification", (m["op"], m["pc"]["m2m:sgn"].get("vrq")), (5, True))
            verified = True
            await c.send(json.dumps({"rsc": 2000, "rqi": m["rqi"]}))
        await c.send(json.dumps({"op": 1, "to": "cse-in/lamp/box", "fr": "Clamp", "rqi": "cin", "rvi": "3", "ty": 4, "pc": {"m2m:cin": {"con": "on"}}}))
        seen = set()
        while len(seen) < 2:
            m = json.loads(await asyncio.wait_for(c.recv(), 10))
            if m.get("rqi") == "cin":
                expect("instance", m["rsc"], 2001)
                seen.add("answer")
                continue
            expect("B-90 notification", m["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "on")
            await c.send(json.dumps({"rsc": 2000, "rqi": m["rqi"]}))
            seen.add("notification")

        if secure:
            a = await ask(c, op=2, to="cse-in/lamp/box", fr="Cother")
            expect("B-97 the From of somebody else", a["rsc"], 4106)

    # B-94: what is due while it is away comes when it is back.
    async with connect("Clamp") as c:
        await c.send(json.dumps({"op": 1, "to": "cse-in/lamp/box", "fr": "Clamp", "rqi": "more", "rvi": "3", "rt": {"rtv": 3}, "ty": 4, "pc": {"m2m:cin": {"con": "off"}}}))
        seen = set()
        while len(seen) < 2:
            m = json.loads(await asyncio.wait_for(c.recv(), 30))
            if m.get("rqi") == "more":
                expect("instance after the break", m["rsc"], 2001)
                seen.add("answer")
                continue
            expect("notification after the break", m["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "off")
            await c.send(json.dumps({"rsc": 2000, "rqi": m["rqi"]}))
            seen.add("notification")

    # Several requests at once, in any order.
    async with connect("Clamp") as c:
        for i in range(100):
            await c.send(json.dumps({"op": 2, "to": "cse-in/lamp/box", "fr": "Clamp", "rqi": "p%d" % i, "rvi": "3"}))
        got = {json.loads(await asyncio.wait_for(c.recv(), 10))["rqi"] for _ in range(100)}
        expect("answers to all", len(got), 100)

    # B-99: the connection outlives the registration, and is worth nothing then.
    async with connect("Clamp") as c:
        a = await ask(c, op=4, to="cse-in/lamp", fr="Clamp")
        expect("de-registration", a["rsc"], 2002)
        if secure:
            a = await ask(c, op=2, to="cse-in", fr="Clamp")
            expect("B-99 after the de-registration", a["rsc"] // 1000, 4)
        a = await ask(c, op=1, to="cse-in", fr="Clamp", ty=2, pc={"m2m:ae": {"rn": "lamp", "api": "N.example.lamp", "rr": False, "srv": ["3"]}})
        expect("registration again", a["rsc"], 2001)

    await refused("B-86 no known subprotocol", "Clamp", 400, protocols=("chat",))
    await refused("S-157 a web page", "Clamp", 403, origin="https://evil.example.com")
    if secure:
        async with connect("Cother") as c:
            a = await ask(c, op=2, to="cse-in/lamp/box", fr="Clamp")
            expect("B-97 another's From", a["rsc"], 4106)
        try:
            async with connect(None) as c:
                await c.recv()
            expect("without a certificate", "accepted", "refused")
        except (ssl.SSLError, ConnectionError, websockets.exceptions.WebSocketException, EOFError):
            pass
    print("all is well")


asyncio.run(main())
