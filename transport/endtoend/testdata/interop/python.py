"""The official SDK for Python, 1.x and 2.x. With `stop` it leaves in the middle of a run."""

import place
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main():
    server = StdioServerParameters(command=place.COMMAND, args=place.ARGS, env=place.ENV, cwd=place.CWD)
    async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()
        if stop := place.PLACE.get("stop"):
            result = await session.call_tool(stop["tool"], stop["arguments"])
            place.report["answers"].append(result.content[0].text)
            return
        for tool in (await session.list_tools()).tools:
            dumped = tool.model_dump(by_alias=True, exclude_none=True)
            place.convert(tool.name, lambda: {"name": dumped["name"], "parameters": dumped["inputSchema"]})

        async def call(name, arguments):
            return (await session.call_tool(name, arguments)).content[0].text

        await place.answer(call)


place.run(main)
