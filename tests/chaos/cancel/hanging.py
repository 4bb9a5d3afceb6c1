"""Tools that never end: one that can be cancelled, and one that cannot."""
import asyncio, os, subprocess, time

marks = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def mark(*words):
    os.write(marks, (" ".join(map(str, words)) + "\n").encode())


async def hang(input: str) -> str:
    """Waits."""
    mark("run", input, os.getpid(), 0)
    try:
        await asyncio.sleep(4711)
    finally:
        mark("ended", input, time.monotonic())


def stick(input: str) -> str:
    """Waits, with a child, where nothing interrupts it."""
    child = subprocess.Popen(["sleep", "4711"])
    mark("run", input, os.getpid(), child.pid)
    time.sleep(4711)
