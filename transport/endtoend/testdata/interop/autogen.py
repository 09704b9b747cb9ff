"""AutoGen: its adapters make pydantic models of the schemas, and send every optional argument as null."""

import place
from autogen_core import CancellationToken
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams, create_mcp_server_session, mcp_server_tools


async def main():
    server = StdioServerParams(command=place.COMMAND, args=place.ARGS, env=place.ENV, cwd=place.CWD, read_timeout_seconds=60)
    async with create_mcp_server_session(server) as session:
        await session.initialize()
        tools = {tool.name: tool for tool in await mcp_server_tools(server, session=session)}
        for tool in tools.values():
            place.convert(tool.name, lambda: dict(tool.schema))

        async def call(name, arguments):
            result = await tools[name].run_json(arguments, CancellationToken())
            return tools[name].return_value_as_string(result)

        await place.answer(call)
    async with McpWorkbench(server) as bench:
        result = await bench.call_tool("data_processor", {"data": [1, 2.5]})
        assert "3.5" in result.to_text(), result


place.run(main)
