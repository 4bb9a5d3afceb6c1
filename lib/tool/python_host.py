# The host process of tools of kind python (python_host.c): imports what it may, describes functions, and runs them side by side.
#
# In and out go lines of JSON. The first one in is this program, the second the setup: {"modules", "functions", "folders", "preload",
# "line_max", "blocks_max"}. When what is to be imported beforehand has been, {"ready": true} goes out. Then, in:
#   {"id", "op": "describe", "path"}
#   {"id", "op": "call", "path", "arguments", "max"}
#   {"id", "op": "stop"}: the call must end soon
# and one answer to each but stop: {"id", "error"}, {"id", "name", "description", "parameters", "large", "is_async"},
# {"id", "text", "len"} or {"id", "text", "len", "blocks"}.
# It runs with `requests`, the file that the lines come from.
import asyncio
import codecs
import concurrent.futures
import contextvars
import dataclasses
import faulthandler
import importlib
import inspect
import json
import os
import re
import sys
import threading
import typing

setup = json.loads(requests.readline())  # noqa: F821
# The pipes are ours alone: what functions and their child processes print goes to stderr, and they read nothing.
answers = os.dup(1)
os.dup2(2, 1)
nothing = os.open(os.devnull, os.O_RDONLY)
os.dup2(nothing, 0)
os.close(nothing)
faulthandler.enable()
codecs.register_error("mark", lambda e: ("\ufffd".encode(), e.end))  # for lone surrogates
sys.path[:0] = setup["folders"]

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
job_now = contextvars.ContextVar("job", default=None)
found = {}
jobs = {}


def send(answer):
    line = json.dumps(answer, ensure_ascii=False).encode("utf-8", "mark") + b"\n"
    if len(line) > setup["line_max"]:
        line = json.dumps({"id": answer["id"], "error": "its result is too large"}).encode() + b"\n"
    while line:
        line = line[os.write(answers, line) :]


class Stopped(BaseException):
    """Raised in the thread of a call that must end."""


def reason(e):
    if isinstance(e, SystemExit):
        return f"it called sys.exit({e.code!r})"[:2000]
    if isinstance(e, (Stopped, asyncio.CancelledError)):
        return "it was stopped"
    try:
        text = str(e)
    except Exception:
        text = ""
    return (text or type(e).__name__)[:2000]


# ---- from a path to what it names ----


def is_allowed(module):
    return any(module == a or module.startswith(a + ".") for a in setup["modules"])


def is_tool(at):
    """An object as the Python package makes them, told by what it can do."""
    return (
        not inspect.isclass(at)
        and isinstance(getattr(at, "name", None), str)
        and isinstance(getattr(at, "description", None), str)
        and isinstance(getattr(at, "parameters", None), dict)
        and callable(method_of(at))
    )


def method_of(at):
    return getattr(at, "execute", None) or getattr(at, "call", None)


def import_longest(parts, is_listed):
    """The longest part of a path that is a module, and how many names it has."""
    missing = "no module of the tool file"
    for n in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:n])
        if not is_listed and not is_allowed(module):
            break
        try:
            return importlib.import_module(module), n
        except ModuleNotFoundError as e:
            # Another one than what was asked for: the module is there, and imports what is not.
            if not e.name or not (module == e.name or module.startswith(e.name + ".")):
                raise ImportError(f"cannot import {module}: {reason(e)}") from e
            missing = reason(e)
        except BaseException as e:
            raise ImportError(f"cannot import {module}: {type(e).__name__}: {reason(e)}") from e
    raise ImportError(f"Cannot import '{'.'.join(parts)}': {missing}")


def check_origin(path, at):
    """What a module has imported for its own use (os.system, say) is not for agents."""
    origin = getattr(at, "__module__", None) or type(at).__module__
    if not is_allowed(origin):
        raise ImportError(f"'{path}' is from the module {origin}, which the tool file does not list; \"functions\" may name it")


def walk(path, at, names, is_listed):
    for i, name in enumerate(names):
        if not is_listed and name.startswith("_"):
            raise ImportError(f"'{path}' is private: only \"functions\" of the tool file may name it")
        if not is_listed and i > 0:
            if not inspect.isclass(at):
                raise ImportError(f"Cannot import '{path}': {'.'.join(names[:i])} is neither a listed module nor a class")
            check_origin(path, at)
        at = getattr(at, name)
    return at


def find(path):
    """The object at a path, and what is called: (tool or function, callable)."""
    if path in found:
        return found[path]
    parts, is_listed = path.split("."), path in setup["functions"]
    at, n = import_longest(parts, is_listed)
    at = walk(path, at, parts[n:], is_listed)
    if inspect.ismodule(at):
        raise ImportError(f"Cannot import '{path}': it is a module; name a function of it")
    is_class = inspect.isclass(at)
    if not is_listed and (is_class or not is_tool(at)) and (is_class or callable(at)):
        check_origin(path, at)
    if is_class and callable(method_of(at)):
        at = at()
    if is_tool(at):
        found[path] = at, method_of(at)
    elif not is_class and callable(at) and isinstance(getattr(at, "__name__", None), str):
        found[path] = at, at
    else:
        raise TypeError(f"Imported '{path}' is not a callable or Tool instance: {at if is_class else type(at)}")
    return found[path]


# ---- descriptions ----


def schema_of(kind):
    simple = {str: "string", int: "integer", float: "number", bool: "boolean"}
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union or type(kind).__name__ == "UnionType":
        return schema_of(next((m for m in members if m is not type(None)), str))
    if origin is list and members:
        return {"type": "array", "items": schema_of(members[0])}
    if origin is dict and members:
        return {"type": "object"}
    return {"type": simple.get(kind, "string") if isinstance(kind, type) else "string"}


def argument_texts(doc, names):
    """The Args section of a Google-style docstring: name -> text."""
    texts, name, inside, depth = {}, None, False, None
    for line in inspect.cleandoc(doc).splitlines():
        text, indent = line.strip(), len(line) - len(line.lstrip())
        entry = re.match(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:\s*(.*)", text)
        if text == "Args:":
            inside, depth = True, None
        elif not inside or not text:
            continue
        elif (depth is not None and indent < depth) or (re.fullmatch(r"\w+:", text) and text[:-1] not in names):
            break
        elif entry and depth in (None, indent):
            name, depth = entry.group(1), indent
            texts[name] = entry.group(2)
        elif name:
            texts[name] = (texts[name] + " " + text).strip()
    return texts


def parameters_of(function):
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # a name that is there for type checkers only
        hints = {}
    skipped = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    taken = {n: p for n, p in inspect.signature(function).parameters.items() if p.kind not in skipped and n not in ("self", "cls")}
    texts = argument_texts(function.__doc__ or "", taken)
    properties = {}
    for name, p in taken.items():
        annotation = str if p.annotation is p.empty or isinstance(p.annotation, str) else p.annotation
        properties[name] = schema_of(hints.get(name, annotation))
        if texts.get(name):
            properties[name]["description"] = texts[name]
    required = [name for name, p in taken.items() if p.default is p.empty]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def describe(request):
    try:
        at, function = find(request["path"])
        if is_tool(at):
            answer = {"name": at.name, "description": at.description, "parameters": at.parameters}
        else:
            lines = [line.strip() for line in (at.__doc__ or "").splitlines()]
            answer = {"name": at.__name__, "description": next(filter(None, lines), ""), "parameters": parameters_of(at)}
        # As text: how deep it goes is not known here.
        answer["parameters"] = json.dumps(answer["parameters"])
        answer["large"] = bool(getattr(at, "large_output", False))
        answer["is_async"] = inspect.iscoroutinefunction(function)
    except BaseException as e:
        answer = {"error": reason(e)}
    send({"id": request["id"], **answer})


# ---- results ----

CONTENT = {"text": ["text"], "image_url": ["url"], "image_data": ["data"], "audio": ["data"], "video": ["data", "url"], "document": ["data"]}


def plain(value):
    """What json asks about."""
    if hasattr(value, "model_dump") and not inspect.isclass(value):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not inspect.isclass(value):
        return dataclasses.asdict(value)
    raise TypeError(f"it holds an object of type {type(value).__name__}")


def blocks_of(value):
    """Content blocks, when it is a list of nothing else; or None."""
    if not isinstance(value, list) or not 0 < len(value) <= 1000:
        return None
    blocks = []
    for one in value:
        block = one if isinstance(one, dict) else plain(one) if hasattr(one, "model_dump") or dataclasses.is_dataclass(one) else {}
        block = {k: v for k, v in block.items() if v is not None}
        if not all(isinstance(x, str) for pair in block.items() for x in pair):
            return None
        if not any(name in block for name in CONTENT.get(block.get("type"), [])):
            return None
        blocks.append(block)
    return blocks


def as_json(value):
    try:
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False, default=plain)
        except ValueError:  # NaN, or it holds itself
            value = json.loads(json.dumps(value, default=plain), parse_constant=lambda name: None)
            return json.dumps(value, ensure_ascii=False)
    except Exception as e:
        raise TypeError(f"its result cannot be written as JSON: {reason(e)}") from None


def render(value, limit):
    blocks = None if isinstance(value, str) else blocks_of(value)
    if blocks:
        text = "\n".join(b["text"] for b in blocks if b["type"] == "text")
        if sum(len(v) for b in blocks for v in b.values()) > setup["blocks_max"]:
            raise ValueError(f"its content blocks are over {setup['blocks_max']} bytes")
    else:
        text = str(value) if isinstance(value, str) else as_json(value)
    data = text.encode("utf-8", "mark")
    answer = {"text": text if len(data) <= limit else data[: limit + 4].decode("utf-8", "ignore"), "len": len(data)}
    if blocks and any(b["type"] != "text" for b in blocks):
        answer["blocks"] = blocks
    return answer


# ---- calls ----


class Job:
    def __init__(self, request):
        self.id, self.limit = request["id"], request["max"]
        self.task = self.thread = None
        self.work = set()  # what it has given to other threads
        self.is_done = self.is_stopped = False


class Pool(concurrent.futures.ThreadPoolExecutor):
    """asyncio.to_thread: knows whose work it does."""

    def submit(self, *args, **kwargs):
        future, job = super().submit(*args, **kwargs), job_now.get()
        if job:
            job.work.add(future)
            future.add_done_callback(job.work.discard)
        return future


def finish(job, answer):
    jobs.pop(job.id, None)
    send({"id": job.id, **answer})


async def run_here(job, make):
    job_now.set(job)
    try:
        answer = render(await make(), job.limit)
    except BaseException as e:
        answer = {"error": reason(e)}
    if job.is_stopped and job.work:
        await asyncio.wait([asyncio.wrap_future(future) for future in list(job.work)])
    finish(job, answer)  # at once: of many that end together, the worker sees each


def start_here(job, make):
    job.thread = None
    job.task = loop.create_task(run_here(job, make))
    # A task that is cancelled before its first step does not run at all.
    job.task.add_done_callback(lambda task: task.cancelled() and finish(job, {"error": "it was stopped"}))
    if job.is_stopped:
        job.task.cancel()


def run_in_thread(job, function, arguments):
    try:
        value = function(**arguments)
        if inspect.isawaitable(value):

            async def make():
                return await value

            loop.call_soon_threadsafe(start_here, job, make)
            return
        answer = render(value, job.limit)
    except BaseException as e:
        answer = {"error": reason(e)}
    job.is_done = True
    loop.call_soon_threadsafe(finish, job, answer)


def call(request):
    job, arguments = Job(request), request["arguments"]
    jobs[job.id] = job
    try:
        function = find(request["path"])[1]
        if inspect.iscoroutinefunction(function):
            start_here(job, lambda: function(**arguments))
        else:
            job.thread = threading.Thread(target=run_in_thread, args=(job, function, arguments), daemon=True)
            job.thread.start()
    except BaseException as e:
        finish(job, {"error": reason(e)})


def stop(request):
    job = jobs.get(request["id"])
    if not job or job.is_stopped:
        return
    job.is_stopped = True
    if job.task:
        job.task.cancel()
    elif job.thread and job.thread.is_alive() and not job.is_done:
        # Ends a loop in Python, not one in C and not a sleep: then this process will be killed.
        import ctypes

        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(job.thread.ident), ctypes.py_object(Stopped))


def read():
    does = {"describe": describe, "call": call, "stop": stop}
    try:
        for line in requests:  # noqa: F821
            request = json.loads(line)
            loop.call_soon_threadsafe(does[request["op"]], request)
    finally:
        os._exit(0)  # the worker is gone; or there is no memory to hear it


def begin():
    for path in setup["preload"]:
        try:
            find(path)
        except BaseException:
            pass  # told when it is called
    send({"ready": True})
    threading.Thread(target=read, daemon=True).start()


loop.set_default_executor(Pool(max_workers=32))
loop.call_soon(begin)
loop.run_forever()
