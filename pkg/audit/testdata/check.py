"""Checks an audit bundle: written from docs/audit-format.md alone, with the standard library alone.

python3 check.py BUNDLE PUBLIC_KEY_BASE64: exit code 0 and "good", or 1 and what is wrong.
"""

import base64
import hashlib
import json
import sys


class Bad(Exception):
    pass


def must(condition, what):
    if not condition:
        raise Bad(what)


# Ed25519 verification, RFC 8032, section 5.1, in affine coordinates: plain, and slow.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def plus(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P,
    )


def times(n, point):
    total = (0, 1)
    while n:
        if n & 1:
            total = plus(total, point)
        point = plus(point, point)
        n >>= 1
    return total


def point_of(b):
    n = int.from_bytes(b, "little")
    sign, y = n >> 255, n & (2**255 - 1)
    must(y < P, "a point is out of range")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    must(x * x % P == square and not (x == 0 and sign), "a point is not on the curve")
    return (P - x if x & 1 != sign else x), y


BASE = point_of(bytes.fromhex("58" + "66" * 31))


def verify(public, message, signature):
    must(len(public) == 32 and len(signature) == 64, "key or signature has another size")
    a, r, s = point_of(public), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    must(s < L, "the signature is out of range")
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    must(times(s, BASE) == plus(r, times(h, a)), "the signature does not fit")


# The file.


def header(name, size):
    fields = [
        name.encode().ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"0" * 11 + b"\0",
        b" " * 8, b"0", bytes(100), b"ustar\x0000", bytes(64), b"0000000\0", b"0000000\0", bytes(167),
    ]
    fields[6] = b"%06o\0 " % sum(b"".join(fields))
    return b"".join(fields)


def files(data):
    at, found = 0, []
    for name in ("manifest.json", "signature.json", "records.jsonl"):
        must(len(data) >= at + 512, "cut before " + name)
        try:
            size = int(data[at + 124 : at + 135], 8)
        except ValueError:
            raise Bad("no size of " + name) from None
        must(data[at : at + 512] == header(name, size), "the header of " + name)
        at += 512
        must(len(data) >= at + size, name + " is cut")
        found.append(data[at : at + size])
        at += size
        pad = -size % 512
        must(data[at : at + pad] == bytes(pad), "behind " + name)
        at += pad
    must(data[at:] == bytes(1024), "the end")
    return found


# The bytes of a record.


def fields(data):
    """Yields number and value of a Protobuf message's fields: int or bytes."""

    def varint(at):
        n = shift = 0
        while True:
            must(at < len(data) and shift < 70, "a number is cut")
            n |= (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 128:
                return n, at

    at = 0
    while at < len(data):
        tag, at = varint(at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                size, at = varint(at)
            must(size is not None and at + size <= len(data), "a field is cut")
            value, at = data[at : at + size], at + size
        yield tag >> 3, value


def check_records(manifest, lines):
    must(lines.endswith(b"\n"), "the last line is cut")
    lines = lines[:-1].split(b"\n")
    must(len(lines) == manifest["records"], "the number of records")
    expected, before = manifest["first_prev_hash"], None
    must(manifest["from_ms"] > 0 or expected == "0" * 64, "the session's beginning is missing")
    for n, line in enumerate(lines, 1):
        r = json.loads(line)
        data = base64.b64decode(r["bytes"], validate=True)
        outcome = dict(fields(data))
        accepted = dict(fields(outcome.get(20, b"")))
        rejected = dict(fields(outcome.get(21, b"")))
        prev = outcome.get(10, bytes(32)).hex()
        must(hashlib.sha256(data).hexdigest() == r["hash"], f"line {n}: hash")
        must(prev == r["prev_hash"], f"line {n}: prev_hash")
        must(outcome.get(9, 0) == r["time_ms"], f"line {n}: time")
        must(str(accepted.get(1, 0)) == r["seq"], f"line {n}: seq")
        must(outcome.get(2, b"").decode() == manifest["session"] or rejected.get(1) == b"MALFORMED", f"line {n}: session")
        must(r["time_ms"] >= manifest["from_ms"], f"line {n}: before the range")
        must(manifest["to_ms"] == 0 or r["time_ms"] < manifest["to_ms"], f"line {n}: behind the range")
        must(before is None or before[0] == r["partition"] and before[1] < r["offset"], f"line {n}: order")
        must(prev == expected, f"line {n}: does not follow the one before it")
        apart = prev == "0" * 64 and 10 not in accepted
        expected, before = ("0" * 64 if apart else r["hash"]), (r["partition"], r["offset"])
        last = r["hash"]
    must(last == manifest["last_hash"], "the last record")


def check(data, trusted):
    manifest, signature, records = files(data)
    s = json.loads(signature)
    must(s["algorithm"] == "Ed25519", "the algorithm")
    must(base64.b64decode(s["public_key"], validate=True) == trusted, "signed by another key")
    verify(trusted, manifest, base64.b64decode(s["signature"], validate=True))
    m = json.loads(manifest)
    must((m["format"], m["version"]) == ("annal-audit-bundle", 1), "another format")
    (f,) = m["files"]
    must(f["name"] == "records.jsonl" and f["size"] == len(records), "the size of the records")
    must(f["sha256"] == hashlib.sha256(records).hexdigest(), "the records are not those that were signed")
    check_records(m, records)


def main():
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    try:
        check(data, base64.b64decode(sys.argv[2]))
    except (Bad, ValueError, KeyError, TypeError) as e:
        print("bad:", e)
        sys.exit(1)
    print("good")


main()
