"""OpenAI Agents: all tools with strict off; with strict on, those without free-form objects."""

import inspect
import os

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
import place  # noqa: E402
from agents import Agent, RunContextWrapper  # noqa: E402
from agents.mcp import MCPServerStdio, MCPUtil  # noqa: E402
from agents.tool_context import ToolContext  # noqa: E402


async def main():
    params = {"command": place.COMMAND, "args": place.ARGS, "env": place.ENV, "cwd": place.CWD}
    async with MCPServerStdio(params=params, client_session_timeout_seconds=60) as server:
        agent = Agent(name="a", mcp_servers=[server])
        loose = await MCPUtil.get_all_function_tools([server], False, RunContextWrapper(None), agent)
        tools = {tool.name: tool for tool in loose}
        for tool in loose:
            place.convert(tool.name, lambda: {"name": tool.name, "parameters": tool.params_json_schema})
        strict = await MCPUtil.get_all_function_tools([server], True, RunContextWrapper(None), agent)
        place.report["strict"] = [
            {"name": tool.name, "parameters": tool.params_json_schema} for tool in strict if tool.strict_json_schema
        ]

        async def call(name, arguments):
            text = place.json.dumps(arguments)
            values = {"context": None, "tool_name": name, "tool_call_id": "1", "tool_arguments": text}
            known = inspect.signature(ToolContext).parameters
            context = ToolContext(**{key: value for key, value in values.items() if key in known})
            found = await tools[name].on_invoke_tool(context, text)
            return found.get("text", found) if isinstance(found, dict) else found

        await place.answer(call)


place.run(main)
