"""The client of Python's mcp 2.x: client2.py MODE URL NAME; MODE is "legacy" or "auto". See driver.py."""

import asyncio
import sys

import mcp_types as types
from mcp import Client, MCPError
from mcp.client.sse import sse_client

from driver import drive, say

mode, url, name = sys.argv[1:]


async def sample(context, params):
    text = types.TextContent(type="text", text=f"a word of {name}")
    return types.CreateMessageResult(role="assistant", model="none", content=text)


async def elicit(context, params):
    return types.ElicitResult(action="accept", content={"name": name})


async def roots(context):
    return types.ListRootsResult(roots=[types.Root(uri=f"file:///home/{name}", name=name)])


async def log(params):
    say({"log": params.model_dump(mode="json")})


async def hear(message):
    if isinstance(message, types.ResourceUpdatedNotification):
        say({"updated": str(message.params.uri)})


async def main():
    client = Client(
        sse_client(url) if url.endswith("/sse") else url, mode=mode, sampling_callback=sample, elicitation_callback=elicit,
        list_roots_callback=roots, logging_callback=log, message_handler=hear,
    )
    async with client:
        listening = {}

        async def call(params, id):
            async def progress(value, total, message):
                say({"progress": value, "of": id})

            return await client.call_tool(
                params["name"], params["arguments"], progress_callback=progress if params["progress"] else None, meta=params.get("_meta")
            )

        # In a task of its own: what it opens is closed by who opened it.
        async def watch(uri, honored):
            try:
                async with client.listen(resource_subscriptions=[uri]) as subscription:
                    honored.set_result(subscription.honored.resource_subscriptions)
                    async for event in subscription:
                        say({"updated": str(event.uri)})
            except Exception as error:
                if honored.done():
                    raise
                honored.set_exception(error)

        async def listen(params, id):
            honored = asyncio.get_running_loop().create_future()
            listening[params["uri"]] = asyncio.create_task(watch(params["uri"], honored))
            if params["uri"] not in (await honored or []):
                raise RuntimeError(f"{params['uri']} is not listened to")

        async def unlisten(params, id):
            listening.pop(params["uri"]).cancel()

        is_modern = client.protocol_version >= "2026-07-28"
        methods = {
            "tools/list": lambda p, _: client.list_tools(),
            "resources/list": lambda p, _: client.list_resources(),
            "resources/templates/list": lambda p, _: client.list_resource_templates(),
            "prompts/list": lambda p, _: client.list_prompts(),
            "tools/call": call,
            "resources/read": lambda p, _: client.read_resource(p["uri"]),
            "resources/subscribe": listen if is_modern else lambda p, _: client.subscribe_resource(p["uri"]),
            "resources/unsubscribe": unlisten if is_modern else lambda p, _: client.unsubscribe_resource(p["uri"]),
            "prompts/get": lambda p, _: client.get_prompt(p["name"], p["arguments"]),
            "completion/complete": lambda p, _: client.complete(reference(p["ref"]), p["argument"]),
            "logging/setLevel": lambda p, _: client.set_logging_level(p["level"]),
        }
        say({"ready": client.protocol_version})
        await drive(methods, MCPError)


def reference(ref):
    of = types.PromptReference if ref["type"] == "ref/prompt" else types.ResourceTemplateReference
    return of.model_validate(ref)


asyncio.run(main())
