"""LangChain: the adapters' tools, as OpenAI's models would get them."""

import place
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_mcp_adapters.client import MultiServerMCPClient


async def main():
    server = {"transport": "stdio", "command": place.COMMAND, "args": place.ARGS, "env": place.ENV, "cwd": place.CWD}
    client = MultiServerMCPClient({"chainwright": server})
    async with client.session("chainwright") as session:
        from langchain_mcp_adapters.tools import load_mcp_tools

        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        for tool in tools.values():
            place.convert(tool.name, lambda: convert_to_openai_tool(tool)["function"])
            if tool.name in place.PLACE["strict"]:
                place.convert(tool.name + " (strict)", lambda: convert_to_openai_tool(tool, strict=True)["function"])

        async def call(name, arguments):
            message = await tools[name].ainvoke({"type": "tool_call", "id": "1", "name": name, "args": arguments})
            return message.content if isinstance(message.content, str) else message.content[0]["text"]

        await place.answer(call)


place.run(main)
