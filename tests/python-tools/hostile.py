"""Functions that end, block or disturb the process that they run in."""
import asyncio
import ctypes
import os
import subprocess
import sys
import time


def begun():
    """Tells the test so."""
    with open("begun", "ab") as f:
        f.write(b"x")


def quits():
    os._exit(7)


def crashes():
    ctypes.string_at(0)


def crashes_loudly():
    print("said before", file=sys.stderr, flush=True)
    ctypes.string_at(0)


def kills_itself():
    os.kill(os.getpid(), 9)


def writes_garbage():
    for fd in range(3, 20):
        try:
            os.write(fd, b"garbage\n")
        except OSError:
            pass
    time.sleep(1000)


def writes_lies():
    for fd in range(3, 20):
        try:
            os.write(fd, b'{"id": 1, "text": "of another one", "len": 14}\n')
        except OSError:
            pass
    time.sleep(1000)


def sleeps():
    begun()
    time.sleep(1000)


def spins():
    begun()
    while True:
        pass


def holds_on():
    tell = begun
    while True:
        try:
            tell()
            tell = bool  # once
            while True:
                time.sleep(0.001)
        except BaseException:
            pass


async def waits():
    begun()
    await asyncio.sleep(1000)


async def tidies():
    begun()
    try:
        await asyncio.sleep(1000)
    finally:
        end = time.monotonic() + 0.002
        while time.monotonic() < end:
            pass


async def blocks():
    begun()
    time.sleep(1000)


async def refuses():
    begun()
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            pass


async def sleeps_elsewhere():
    await asyncio.to_thread(sleeps)


def starts(file: str):
    child = subprocess.Popen(["sleep", "1000"])
    with open(file + ".new", "w") as f:
        f.write(str(child.pid))
    os.rename(file + ".new", file)
    child.wait()


def pid():
    return str(os.getpid())
