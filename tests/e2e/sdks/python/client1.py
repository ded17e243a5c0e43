"""The client of Python's mcp 1.x: client1.py URL NAME. See driver.py."""

import asyncio
import sys
from contextlib import AsyncExitStack

from mcp import ClientSession, McpError, types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from driver import drive, say

url, name = sys.argv[1:]
text = types.TextContent(type="text", text=f"a word of {name}")


async def sample(context, params):
    return types.CreateMessageResult(role="assistant", model="none", content=text)


async def elicit(context, params):
    return types.ElicitResult(action="accept", content={"name": name})


async def roots(context):
    return types.ListRootsResult(roots=[types.Root(uri=f"file:///home/{name}", name=name)])


async def log(params):
    say({"log": params.model_dump(mode="json")})


async def hear(message):
    if isinstance(message, types.ServerNotification) and isinstance(message.root, types.ResourceUpdatedNotification):
        say({"updated": str(message.root.params.uri)})


async def main():
    async with AsyncExitStack() as stack:
        connect = sse_client(url) if url.endswith("/sse") else streamable_http_client(url)
        read, write, *_ = await stack.enter_async_context(connect)
        session = await stack.enter_async_context(
            ClientSession(
                read, write, sampling_callback=sample, elicitation_callback=elicit, list_roots_callback=roots,
                logging_callback=log, message_handler=hear,
            )
        )
        result = await session.initialize()
        ids = {}

        async def call(params, id):
            async def progress(value, total, message):
                say({"progress": value, "of": id})

            ids[id] = session._request_id  # which it has at once; nothing else tells
            return await session.call_tool(
                params["name"], params["arguments"], progress_callback=progress if params["progress"] else None
            )

        # This SDK gives a request up without a word.
        async def cancel(id):
            params = types.CancelledNotificationParams(requestId=ids[id], reason="enough")
            await session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))

        methods = {
            "tools/list": lambda p, _: session.list_tools(),
            "resources/list": lambda p, _: session.list_resources(),
            "resources/templates/list": lambda p, _: session.list_resource_templates(),
            "prompts/list": lambda p, _: session.list_prompts(),
            "tools/call": call,
            "resources/read": lambda p, _: session.read_resource(p["uri"]),
            "resources/subscribe": lambda p, _: session.subscribe_resource(p["uri"]),
            "resources/unsubscribe": lambda p, _: session.unsubscribe_resource(p["uri"]),
            "prompts/get": lambda p, _: session.get_prompt(p["name"], p["arguments"]),
            "completion/complete": lambda p, _: session.complete(reference(p["ref"]), p["argument"]),
            "logging/setLevel": lambda p, _: session.set_logging_level(p["level"]),
        }
        say({"ready": result.protocolVersion})
        await drive(methods, McpError, cancel)


def reference(ref):
    of = types.PromptReference if ref["type"] == "ref/prompt" else types.ResourceTemplateReference
    return of.model_validate(ref)


asyncio.run(main())
