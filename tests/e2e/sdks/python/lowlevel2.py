"""A server by the low-level API of Python's mcp 2.x, of both eras: a program, or with a port over Streamable HTTP."""

import asyncio
import sys

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server


async def list_tools(context, params):
    number = {"type": "number"}
    return types.ListToolsResult(
        tools=[
            types.Tool(
                name="add", title="Add", description="a and b", input_schema={"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]},
                output_schema={"type": "object", "properties": {"sum": number}, "required": ["sum"]}, annotations=types.ToolAnnotations(read_only_hint=True),
            ),
            types.Tool(name="fail", description="fails", input_schema={"type": "object"}),
        ]
    )


async def call_tool(context, params):
    if params.name == "add":
        total = params.arguments["a"] + params.arguments["b"]
        return types.CallToolResult(content=[types.TextContent(type="text", text=str(total))], structured_content={"sum": total})
    return types.CallToolResult(content=[types.TextContent(type="text", text=f"{params.name} fails")], is_error=True)


async def list_prompts(context, params):
    return types.ListPromptsResult(
        prompts=[types.Prompt(name="greet", description="greets", arguments=[types.PromptArgument(name="who", required=True)])]
    )


async def get_prompt(context, params):
    text = types.TextContent(type="text", text=f"Greet {params.arguments['who']}.")
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])


server = Server(
    "lowlevel2", version="2.0.0", on_list_tools=list_tools, on_call_tool=call_tool, on_list_prompts=list_prompts, on_get_prompt=get_prompt
)


async def stdio():
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if len(sys.argv) > 1:
    uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
else:
    asyncio.run(stdio())
