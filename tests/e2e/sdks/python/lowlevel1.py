"""A server by the low-level API of Python's mcp 1.x: a program, or with a port over Streamable HTTP."""

import asyncio
import contextlib
import sys

import uvicorn
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Mount

server = Server("lowlevel1", version="1.0.0")


@server.list_tools()
async def list_tools():
    number = {"type": "number"}
    return [
        types.Tool(
            name="add", title="Add", description="a and b", inputSchema={"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]},
            outputSchema={"type": "object", "properties": {"sum": number}, "required": ["sum"]}, annotations=types.ToolAnnotations(readOnlyHint=True),
        ),
        types.Tool(name="fail", description="fails", inputSchema={"type": "object"}),
        types.Tool(name="blob", description="content of several kinds", inputSchema={"type": "object"}),
    ]


@server.call_tool()
async def call_tool(name, arguments):
    if name == "add":
        return {"sum": arguments["a"] + arguments["b"]}
    if name == "blob":
        return [
            types.TextContent(type="text", text="grüße 🌍"), types.ImageContent(type="image", data="AAAA", mimeType="image/png"),
            types.ResourceLink(type="resource_link", uri="low1://a", name="a"),
        ]
    raise ValueError(f"{name} fails")


@server.list_resources()
async def list_resources():
    return [types.Resource(uri="low1://a", name="a", mimeType="text/plain")]


@server.list_prompts()
async def list_prompts():
    return [types.Prompt(name="greet", description="greets", arguments=[types.PromptArgument(name="who", required=True)])]


@server.get_prompt()
async def get_prompt(name, arguments):
    text = types.TextContent(type="text", text=f"Greet {arguments['who']}.")
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])


async def stdio():
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def http(port):
    manager = StreamableHTTPSessionManager(server)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with manager.run():
            yield

    app = Starlette(routes=[Mount("/mcp", app=manager.handle_request)], lifespan=lifespan)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if len(sys.argv) > 1:
    http(int(sys.argv[1]))
else:
    asyncio.run(stdio())
