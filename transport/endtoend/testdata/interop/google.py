"""Google: the declarations of google-genai and of ADK, and calls through ADK."""

import warnings

warnings.filterwarnings("ignore")
import place  # noqa: E402
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams  # noqa: E402
from google.genai import _mcp_utils  # noqa: E402
from mcp import ClientSession, StdioServerParameters  # noqa: E402
from mcp.client.stdio import stdio_client  # noqa: E402


def declared(declaration):
    return declaration.model_dump(mode="json", exclude_none=True, by_alias=True)


async def main():
    server = StdioServerParameters(command=place.COMMAND, args=place.ARGS, env=place.ENV, cwd=place.CWD)
    async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()
        for tool in (await session.list_tools()).tools:
            place.convert(tool.name, lambda: declared(_mcp_utils.mcp_to_gemini_tool(tool).function_declarations[0]))
    tools = McpToolset(connection_params=StdioConnectionParams(server_params=server, timeout=60))
    by = {tool.name: tool for tool in await tools.get_tools()}
    for tool in by.values():
        place.convert(tool.name + " (ADK)", lambda: declared(tool._get_declaration()))

    async def call(name, arguments):
        session = await by[name]._mcp_session_manager.create_session()
        return (await session.call_tool(name, arguments)).content[0].text

    await place.answer(call)
    await tools.close()


place.run(main)
