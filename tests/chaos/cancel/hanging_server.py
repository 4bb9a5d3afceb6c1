#!/usr/bin/env python3
"""An MCP server over stdio whose one tool is answered when its call has been cancelled, which is never."""
import json, os, sys, time

from hanging import mark

TOOL = {"name": "hang", "description": "Waits.", "inputSchema": {"type": "object", "properties": {"input": {"type": "string"}}}}
DISCOVERED = {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}
tasks = {}

for line in sys.stdin:
    message = json.loads(line)
    method, params = message.get("method"), message.get("params") or {}
    if method == "tools/call":
        tasks[message["id"]] = params["arguments"]["input"]
        mark("run", tasks[message["id"]], os.getpid(), 0)
    elif method == "notifications/cancelled":
        mark("ended", tasks.pop(params["requestId"]), time.monotonic())
    elif "id" in message:
        result = {"tools": [TOOL]} if method == "tools/list" else DISCOVERED
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
