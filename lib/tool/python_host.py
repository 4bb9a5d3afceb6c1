# The host process of tools of kind python: imports what it may, describes functions, and runs them side by side.
# One line of JSON each way: {"id", "op": "describe" | "call", "path", "arguments", "max"} in, {"id", "ok" | "error", "len"} out.
# The first line is this program, the second {"modules": [...]}.
import asyncio
import concurrent.futures
import importlib
import inspect
import json
import os
import re
import sys
import threading
import typing

# What functions print goes to stderr: stdout is ours.
out = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
lock = threading.Lock()
allowed = json.loads(sys.stdin.readline())["modules"]
sys.path.insert(0, os.getcwd())
threads = concurrent.futures.ThreadPoolExecutor(max_workers=256)
found = {}


def send(reply):
    line = json.dumps(reply)
    with lock:
        out.write(line + "\n")
        out.flush()


def is_allowed(module):
    return any(module == a or module.startswith(a + ".") for a in allowed)


def check_origin(path, at):
    """What a module has imported for itself (os.system, say) is not for agents."""
    origin = at.__module__ if inspect.isclass(at) else None
    if origin is None and not (hasattr(at, "execute") and hasattr(at, "name")):
        origin = getattr(at, "__module__", None) or type(at).__module__
    if origin is not None and not is_allowed(origin):
        raise ImportError(f"'{path}' is from the module {origin}, which the tool file does not list")


def find(path):
    """The tool instance, or function, at module.name; only below the allowed modules."""
    if path in found:
        return found[path]
    parts = path.split(".")
    for n in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:n])
        if not is_allowed(module):
            continue
        try:
            at = importlib.import_module(module)
        except ModuleNotFoundError as e:
            if e.name and (module == e.name or module.startswith(e.name + ".")) and n > 1:
                continue
            raise
        for name in parts[n:]:
            at = getattr(at, name)
            if inspect.ismodule(at) or name.startswith("__"):
                raise ImportError(f"Cannot import '{path}'")
        if inspect.isclass(at) or callable(at):
            check_origin(path, at)
        if inspect.isclass(at) and hasattr(at, "execute"):
            at = at()
        if not hasattr(at, "execute") and not callable(at):
            raise TypeError(f"Imported '{path}' is not a callable or Tool instance: {type(at)}")
        found[path] = at
        return at
    raise ImportError(f"Cannot import '{path}'")


def schema_of(kind):
    simple = {str: "string", int: "integer", float: "number", bool: "boolean"}
    origin = typing.get_origin(kind)
    if origin is typing.Union or type(kind).__name__ == "UnionType":
        members = [a for a in typing.get_args(kind) if a is not type(None)]
        return schema_of(members[0]) if members else {"type": "string"}
    if origin is list:
        return {"type": "array", "items": schema_of((typing.get_args(kind) or (str,))[0])}
    if origin is dict:
        return {"type": "object"}
    return {"type": simple.get(kind, "string") if isinstance(kind, type) else "string"}


def argument_texts(doc):
    """The Args section of a Google-style docstring: name -> text."""
    texts, name, inside = {}, None, False
    for line in inspect.cleandoc(doc).splitlines():
        text = line.strip()
        if text == "Args:":
            inside = True
        elif inside and re.fullmatch(r"[A-Z]\w*:", text):
            break
        elif inside and text:
            entry = re.match(r"(\w+)(?:\s*\([^)]*\))?:\s*(.*)", text)
            if entry:
                name = entry.group(1)
                texts[name] = entry.group(2)
            elif name:
                texts[name] += " " + text
    return texts


def describe(path):
    at = find(path)
    if hasattr(at, "execute") and hasattr(at, "name"):
        return {"name": at.name, "description": at.description, "parameters": at.parameters,
                "large": bool(getattr(at, "large_output", False))}
    doc = at.__doc__ or ""
    texts = argument_texts(doc)
    try:
        hints = typing.get_type_hints(at)
    except Exception:
        hints = {}
    properties, required = {}, []
    for name, p in inspect.signature(at).parameters.items():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) or name in ("self", "cls"):
            continue
        properties[name] = schema_of(hints.get(name, str))
        if name in texts:
            properties[name]["description"] = texts[name]
        if p.default is p.empty:
            required.append(name)
    parameters = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    lines = [line.strip() for line in doc.splitlines() if line.strip()]
    return {"name": at.__name__, "description": lines[0] if lines else "", "parameters": parameters, "large": False}


def text_of(value):
    if isinstance(value, str):
        return value
    if hasattr(value, "model_dump"):
        value = value.model_dump()
    return json.dumps(value, ensure_ascii=False, default=str)


async def run(loop, request):
    try:
        path = request["path"]
        if request["op"] == "describe":
            reply = {"ok": await loop.run_in_executor(threads, describe, path)}
        else:
            at = await loop.run_in_executor(threads, find, path)
            at = at.execute if hasattr(at, "execute") else at
            if inspect.iscoroutinefunction(at):
                value = await at(**request["arguments"])
            else:
                value = await loop.run_in_executor(threads, lambda: at(**request["arguments"]))
                if inspect.isawaitable(value):
                    value = await value
            data = text_of(value).encode("utf-8", "replace")
            reply = {"ok": data[: request["max"] + 4].decode("utf-8", "ignore"), "len": len(data)}
    except BaseException as e:
        reply = {"error": (str(e) or type(e).__name__)[:2000]}
    reply["id"] = request["id"]
    send(reply)


async def main():
    loop = asyncio.get_running_loop()
    running = set()

    def start(line):
        task = loop.create_task(run(loop, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(start, line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    await asyncio.Event().wait()


asyncio.run(main())
