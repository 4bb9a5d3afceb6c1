#!/usr/bin/env python3
"""An MCP server for tests, with the standard library only: three transports, two eras, and every bad habit.

    server.py stdio [ERA] [HABIT...]        ERA: modern (default), legacy, old (dies of server/discover), mute
    server.py http PORTFILE [ERA] [HABIT...]  streamable HTTP, writes its port to PORTFILE
    server.py sse PORTFILE [HABIT...]        HTTP+SSE of 2024-11-05
Tools: add, echo, env, fail, image, resource, structured, link, empty, sleep, crash, huge, wrong_id, twice, garbage, never, progress, ping,
       routed, pid, count, flood, flood_ping, flood_stderr, flood_line, freeze. HABITs are words that change the whole server, see the code.
"""
import json, os, queue, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODERN = "2026-07-28"
PNG = "iVBORw0KGgo="
habits = set(sys.argv[2:])
is_modern = "legacy" not in habits and "old" not in habits
calls = 0
cancelled = []
lock = threading.Lock()


def tool(name, properties=None, **more):
    return {"name": name, "description": "does " + name, "inputSchema": {"type": "object", "properties": properties or {}}, **more}


def tools():
    number = {"type": "number"}
    listed = [tool("add", {"x": number, "y": number}), tool("echo", {"text": {"type": "string"}}), {"name": "bare"}]
    for name in ("env", "fail", "image", "resource", "structured", "link", "empty", "sleep", "crash", "huge", "wrong_id", "twice", "garbage", "never",
                 "progress", "ping", "pid", "count", "cancelled", "odd-name", "more_input", "stderr", "hang_up"):
        listed.append(tool(name))
    listed.append(tool("routed", {"region": {"type": "string", "x-mcp-header": "Region"}}))
    listed.append(tool("misrouted", {"list": {"type": "array", "x-mcp-header": "List"}}))
    if "clash" in habits:
        listed.append(tool("odd_name"))
    return listed


def page(cursor):
    if "circle" in habits:
        return {"tools": [tool("t" + str(time.time_ns()))], "nextCursor": "same"}
    if "endless" in habits:
        return {"tools": [tool("t" + (cursor or "0"))], "nextCursor": str(int(cursor or 0) + 1)}
    if "many" in habits:
        return {"tools": [tool("t%d" % i) for i in range(1500)]}
    if "bomb" in habits:
        return {"tools": [tool("bomb", {"p%d" % i: {"description": "x" * 100} for i in range(2000)}), tool("fine")]}
    all_tools, at = tools(), int(cursor or 0)
    result = {"tools": all_tools[at:at + 10]}
    if at + 10 < len(all_tools):
        result["nextCursor"] = str(at + 10)
    return result


def text(value, **more):
    return {"content": [{"type": "text", "text": value}], **more}


def call(name, args, headers):
    global calls
    calls += 1
    if name == "add":
        return text(str(args["x"] + args["y"]))
    if name == "echo":
        return text(args.get("text", ""))
    if name == "bare":
        return text("bare")
    if name == "env":
        return text(json.dumps(dict(os.environ)))
    if name == "fail":
        return text("it went wrong", isError=True)
    if name == "image":
        return {"content": [{"type": "text", "text": "look"}, {"type": "image", "data": PNG, "mimeType": "image/png"},
                            {"type": "image", "data": "not base64!", "mimeType": "image/png"}]}
    if name == "album":
        return {"content": [{"type": "text", "text": "x" * 400000}, {"type": "image", "data": PNG, "mimeType": "image/png"}]}
    if name == "resource":
        return {"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}]}
    if name == "link":
        return {"content": [{"type": "resource_link", "uri": "file:///b", "name": "b"}]}
    if name == "structured":
        return {"content": [], "structuredContent": {"n": 7}}
    if name == "empty":
        return {"content": []}
    if name == "more_input":
        return {"resultType": "input_required", "inputRequests": {}}
    if name == "routed":
        return text("%s %s %s" % (headers.get("Mcp-Param-Region"), headers.get("Mcp-Method"), headers.get("Mcp-Name")))
    if name == "pid":
        return text(str(os.getpid()))
    if name == "count":
        return text(str(calls))
    if name == "cancelled":
        return text(json.dumps(cancelled))
    if name == "sleep":
        time.sleep(1.5)
        return text("slept")
    return text("did " + name)


def answer(message, headers=None):
    """The reply to a message, None = there is none."""
    method, ident, params = message.get("method"), message.get("id"), message.get("params") or {}
    if method == "notifications/cancelled":
        cancelled.append(params.get("requestId"))
    if method is None or ident is None:
        return None
    reply = {"jsonrpc": "2.0", "id": ident}
    if method == "server/discover" and is_modern:
        assert params["_meta"]["io.modelcontextprotocol/protocolVersion"] == MODERN
        reply["result"] = {"resultType": "complete", "supportedVersions": ["2099-01-01"] if "future" in habits else [MODERN], "capabilities": {"tools": {}},
                           "ttlMs": 0, "cacheScope": "private"}
    elif method == "initialize" and not is_modern:
        assert "_meta" not in params
        version = next((h for h in habits if h.startswith("20")), "2025-11-25")
        reply["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "t", "version": "1"}}
    elif method == "tools/list":
        reply["result"] = page(params.get("cursor"))
    elif method == "tools/call" and params.get("name") == "bad_params":
        reply["error"] = {"code": -32602, "message": "no"}
    elif method == "tools/call":
        reply["result"] = call(params["name"], params.get("arguments") or {}, headers or {})
    else:
        reply["error"] = {"code": -32601, "message": "Method not found"}
    return reply


# ---- stdio ----

def say(value):
    with lock:
        sys.stdout.write((value if isinstance(value, str) else json.dumps(value)) + "\n")
        sys.stdout.flush()


NOTE = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
FLOODS = {"flood": json.dumps(NOTE) + "\n", "flood_ping": '{"jsonrpc": "2.0", "id": "q", "method": "ping"}\n', "flood_stderr": "spam\n", "flood_line": "x"}


def progress(message):
    """News of a call's progress, and as many of calls that there are not."""
    token = message["params"].get("_meta", {}).get("progressToken")
    return [{"jsonrpc": "2.0", "method": "notifications/progress",
             "params": {"progressToken": token if i % 2 == 0 else [99999, "x", None, -1][i // 2 % 4], "progress": i + 0.5, "total": 1000, "message": "is at it"}}
            for i in range(1000)]


def flood(write, line):
    """Without end, and without listening."""
    try:
        while True:
            write((line * 500).encode())
    except OSError:
        pass


waiting_pong = {}


def misbehave(message):
    """True when the call needs more than an answer."""
    name, ident = (message.get("params") or {}).get("name"), message.get("id")
    result = {"content": [{"type": "text", "text": "did " + str(name)}]}
    if name == "crash":
        sys.stderr.write("going down\n")
        sys.stderr.flush()
        os._exit(3)
    elif name == "freeze":
        time.sleep(100)
    elif name == "hang_up":
        sys.stdout.close()
        os.close(1)
    elif name == "huge":
        say({"jsonrpc": "2.0", "id": ident, "result": {"content": [{"type": "text", "text": "x" * (6 << 20)}]}})
    elif name == "wrong_id":
        for wrong in (999999, str(ident), None, -1, [ident], {"id": ident}):
            say({"jsonrpc": "2.0", "id": wrong, "result": result})
    elif name == "twice":
        for _ in range(2):
            say({"jsonrpc": "2.0", "id": ident, "result": result})
    elif name == "garbage":
        for line in ("hello", "{", "[]", "{}", "\x00\xff", "7", '{"jsonrpc": "2.0"}', '"' * 1000):
            say(line)
        say({"jsonrpc": "2.0", "id": ident, "result": result})
    elif name == "progress":
        for note in progress(message):
            say(note)
        say({"jsonrpc": "2.0", "id": ident, "result": result})
    elif name == "ping":
        waiting_pong["p"] = ident
        say({"jsonrpc": "2.0", "id": "p", "method": "ping"})
        say({"jsonrpc": "2.0", "id": "s", "method": "sampling/createMessage", "params": {}})
    elif name in FLOODS:
        flood(lambda data: os.write(2 if name == "flood_stderr" else 1, data), FLOODS[name])
    elif name == "stderr":
        sys.stderr.write("spam " * 100000 + "\n")
        sys.stderr.flush()
        say({"jsonrpc": "2.0", "id": ident, "result": result})
    elif name != "never":
        return False
    return True


def stdio():
    if "die" in habits:
        sys.stderr.write("no such key\n")
        sys.exit(1)
    if "flood" in habits:
        while True:
            say("this is no JSON " * 1000)
    for line in sys.stdin:
        message = json.loads(line)
        if "mute" in habits:
            continue
        if message.get("id") == "p" and "method" not in message:
            waiting_pong["result"] = message.get("result")
        elif message.get("id") == "s" and "method" not in message:
            ok = waiting_pong.get("result") == {} and message["error"]["code"] == -32601
            say({"jsonrpc": "2.0", "id": waiting_pong["p"], "result": text("pong" if ok else "no pong")})
        elif message.get("method") == "server/discover" and "old" in habits:
            sys.exit(4)
        elif message.get("method") == "server/discover" and "silent" in habits:
            continue
        elif message.get("method") == "tools/call" and misbehave(message):
            continue
        elif message.get("method") == "tools/call" and message["params"]["name"] == "sleep":
            threading.Thread(target=lambda m=message: say(answer(m)), daemon=True).start()
        else:
            reply = answer(message)
            if reply:
                say(reply)
    if "stay" in habits:
        time.sleep(100)


# ---- HTTP ----

sessions, streams = set(), {}
is_frozen = False   # takes messages and answers none, until somebody connects anew


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def events(self, parts, is_whole=True):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for part in parts:
            self.wfile.write(part.encode())
            self.wfile.flush()

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if sys.argv[1] == "sse":
            return self.post_sse(message)
        method = message.get("method")
        if "auth" in habits and self.headers.get("Authorization") != "Bearer s3cret":
            return self.reply(401, b"{}")
        if "html" in habits:
            return self.reply(500, b"<html>no</html>", "text/html")
        if "sse_only" in habits:
            return self.reply(405)
        if is_modern:
            return self.post_modern(message)
        if method == "server/discover":
            return self.reply(400, b"Bad Request: no session", "text/plain")
        if method == "initialize":
            session = "s%d" % (len(sessions) + 1)
            sessions.add(session)
            return self.reply(200, json.dumps(answer(message)).encode(), MCP_Session_Id=session)
        session = self.headers.get("MCP-Session-Id")
        if session not in sessions:
            return self.reply(404, b"", "text/plain")
        if self.headers.get("MCP-Protocol-Version") != "2025-11-25":
            return self.reply(400, b"no version", "text/plain")
        if "id" not in message or not method:
            answer(message)
            return self.reply(202)
        if (message.get("params") or {}).get("name") == "crash":
            sessions.discard(session)   # forgotten: the next request finds out
        return self.post_answer(message)

    def post_modern(self, message):
        method, params = message["method"], message.get("params") or {}
        bad = (self.headers.get("MCP-Protocol-Version") != MODERN or self.headers.get("Mcp-Method") != method or
               (method == "tools/call" and self.headers.get("Mcp-Name") != params["name"]))
        if bad:
            error = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32020, "message": "HeaderMismatch"}}
            return self.reply(400, json.dumps(error).encode())
        return self.post_answer(message)

    def post_answer(self, message):
        name, ident = (message.get("params") or {}).get("name"), message["id"]
        done = {"jsonrpc": "2.0", "id": ident, "result": text("did " + str(name))}
        if name == "huge":
            return self.reply(200, b" " * (6 << 20))
        if name == "wrong_id":
            return self.reply(200, json.dumps(dict(done, id=ident + 1)).encode())
        if name == "hang_up":
            return self.events(["data: {\n"])
        if name == "garbage":
            return self.events([": hi\n\n", "data: garbage\n\n", "data: []\n\n", "event: x\ndata: {}\n\n", "data: " + json.dumps(done) + "\n\n"])
        if name == "twice":
            return self.events(["data: " + json.dumps(done) + "\n\n"] * 2)
        if name == "progress":
            return self.events(["data: " + json.dumps(x) + "\n\n" for x in progress(message) + [done]])
        if name in FLOODS:
            self.events([])
            return flood(self.wfile.write, "data: " + FLOODS[name] + "\n")
        if name == "never":
            self.events([": wait\n\n"])
            try:
                for _ in range(200):
                    time.sleep(0.05)
                    self.wfile.write(b": still\n\n")
            except OSError:
                cancelled.append(ident)
            return None
        reply = answer(message, self.headers)
        status = 404 if "error" in reply and reply["error"]["code"] == -32601 and is_modern else 200
        return self.reply(status, json.dumps(reply).encode())

    def post_sse(self, message):
        out = streams.get(self.path)
        if not out:
            return self.reply(404)
        self.reply(202)
        name = (message.get("params") or {}).get("name")
        if name == "freeze":
            global is_frozen
            is_frozen = True
        if is_frozen:
            return None
        if name == "crash":
            out.put(None)
        elif name == "flood":
            out.put(name)
        elif name == "progress":
            for note in progress(message) + [answer(message, self.headers)]:
                out.put(note)
        elif name != "never":
            reply = answer(message, self.headers)
            if reply:
                out.put(reply)
        return None

    def do_GET(self):
        global is_frozen
        is_frozen = False
        if sys.argv[1] != "sse" and "sse_only" not in habits:
            return self.reply(405)
        path, out = "/messages?n=%d" % (len(streams) + 1), queue.Queue()
        streams[path] = out
        where = "http://127.0.0.2:1/x" if "elsewhere" in habits else path
        self.events(["event: endpoint\ndata: %s\n\n" % where])
        while True:
            reply = out.get()
            if reply is None:
                return None
            if reply == "flood":
                return flood(self.wfile.write, "data: " + FLOODS[reply] + "\n")
            self.wfile.write(("event: message\ndata: %s\n\n" % json.dumps(reply)).encode())
            self.wfile.flush()

    def do_DELETE(self):
        if "deaf" in habits:
            time.sleep(100)
        sessions.discard(self.headers.get("MCP-Session-Id"))
        with open(sys.argv[2] + ".deleted", "w") as f:
            f.write(self.headers.get("MCP-Session-Id", ""))
        self.reply(200)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass


def serve():
    server = Server(("127.0.0.1", 0), Handler)
    with open(sys.argv[2] + ".new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(sys.argv[2] + ".new", sys.argv[2])
    print("ready", flush=True)
    server.serve_forever()


if sys.argv[1] == "stdio":
    stdio()
else:
    serve()
