"""Lets a test drive an SDK's client: lines of JSON on stdin and stdout, in MCP's own words.

In:  {"id", "method", "params"}, and {"cancel": id}.
Out: {"id", "result"} or {"id", "error"}; {"progress": value, "of": id}; {"log": params}; {"updated": uri}.
The first line is {"ready": revision}. The end of stdin ends it.
"""

import asyncio
import json
import sys


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def plain(result):
    return {} if result is None else result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def lines():
    reader = asyncio.StreamReader(limit=1 << 26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def drive(methods, errors, on_cancel=None, source=None):
    """methods: name -> async (params, id); errors: what has `error.code`; on_cancel: async (id), before its task is cancelled;
    source: lines() that have been read from already."""
    tasks = {}

    async def answer(id, method, params):
        try:
            say({"id": id, "result": plain(await methods[method](params, id))})
        except errors as error:
            say({"id": id, "error": {"code": error.error.code, "message": error.error.message}})
        except Exception as error:  # whatever the SDK makes of it: the test is to know
            say({"id": id, "error": {"message": f"{type(error).__name__}: {error}"}})

    async for message in source or lines():
        if "cancel" in message:
            if on_cancel:
                await on_cancel(message["cancel"])
            tasks[message["cancel"]].cancel()
        else:
            tasks[message["id"]] = asyncio.create_task(answer(message["id"], message["method"], message["params"]))
    for task in tasks.values():
        task.cancel()
