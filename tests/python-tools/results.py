"""What comes back."""
import asyncio
import dataclasses
import json
import math
import os
import resource
import subprocess
import sys
import time
from os import system  # noqa: F401


@dataclasses.dataclass
class Block:
    type: str
    data: str
    media_type: str = "image/png"
    title: str = None


class Model:
    def __init__(self, **members):
        self.members = members

    def model_dump(self, mode="python"):
        return {"mode": mode, **self.members}


class ModelBlock(Model):
    def model_dump(self, mode="python"):
        return self.members


def text():
    return "as it is \u20ac \0 \ud800."


def noisy():
    print("to nowhere", flush=True)
    os.write(1, b'{"id": 1, "text": "not this", "len": 8}\n')
    subprocess.run(["echo", "nor this"])
    return "quiet"


def reads():
    child = subprocess.run(["cat"], capture_output=True, text=True)
    return f"{sys.stdin.read()!r} {child.stdout!r}"


def data():
    return {"a": [1, None, True, "\u20ac"], 2: (3, 4)}


def none():
    return None


def not_finite():
    return [math.nan, -math.inf, 1.5]


def dataclass():
    return {"block": Block("x", "y")}


def model():
    return Model(a=1)


def a_set():
    return {1, 2}


def in_itself():
    value = []
    value.append(value)
    return value


def deep():
    value = []
    for _ in range(100000):
        value = [value]
    return value


def blocks():
    return [{"type": "text", "text": "one"}, Block("image_data", "aGk="), ModelBlock(type="text", text="two"), {"type": "image_url", "url": "http://x/"}]


def text_blocks():
    return [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]


def like_blocks():
    return [{"type": "document", "id": "7"}, {"type": "text", "text": "one"}]


def big_blocks():
    return [{"type": "image_data", "data": "x" * 20000000}]


def big():
    return "\u20ac" * 1000000


def control():
    return "\1" * 20000000


def fails():
    raise ValueError("bad luck")


def key():
    return {}["missing"]


def says_nothing():
    raise RuntimeError


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError


def unspeakable():
    raise Unspeakable


def exits():
    sys.exit(3)


async def exits_async():
    sys.exit(4)


async def interrupts():
    raise KeyboardInterrupt


def recursion():
    return recursion()


def memory():
    return len(bytearray(1 << 40))


def hoards():
    kept = []
    while True:
        kept.append(bytearray(1 << 24))


def nap(s: float):
    time.sleep(s)
    return "slept"


async def anap(s: float):
    await asyncio.sleep(s)
    return "woke"


def later():
    return anap(0.01)


async def in_thread():
    return await asyncio.to_thread(nap, 0.01)


def pid():
    return str(os.getpid())


def keys():
    return sorted(k for k in os.environ if "KEY" in k or "GIVEN" in k)


def limits():
    return [resource.getrlimit(r)[0] for r in (resource.RLIMIT_AS, resource.RLIMIT_CORE)] + [sys.flags.isolated]


def where():
    return json.dumps([os.path.basename(os.getcwd()), os.getpgrp() == os.getpid()])
