"""LlamaIndex: McpToolSpec makes pydantic models of the schemas."""

import place
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


async def main():
    client = BasicMCPClient(place.COMMAND, args=place.ARGS, env=place.ENV)
    tools = {tool.metadata.name: tool for tool in await McpToolSpec(client=client).to_tool_list_async()}
    for tool in tools.values():
        place.convert(tool.metadata.name, lambda: tool.metadata.to_openai_tool()["function"])

    async def call(name, arguments):
        return (await tools[name].acall(**arguments)).raw_output.content[0].text

    await place.answer(call)


place.run(main)
