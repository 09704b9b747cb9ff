// LangChain.js: tools with zod or JSON schemas, as OpenAI's models would get them.
import { pathToFileURL } from 'node:url'
import { answer, convert, done, load, server } from './place.mjs'

const from = name => import(pathToFileURL(load.resolve(name)).href)
const { MultiServerMCPClient } = await from('@langchain/mcp-adapters')
const { convertToOpenAITool } = await from('@langchain/core/utils/function_calling')
const client = new MultiServerMCPClient({ mcpServers: { chainwright: server }, prefixToolNameWithServerName: false, useStandardContentBlocks: true })
const tools = Object.fromEntries((await client.getTools()).map(tool => [tool.name, tool]))
for (const tool of Object.values(tools)) convert(tool.name, () => convertToOpenAITool(tool).function)
await answer(async (name, args) => {
  const message = await tools[name].invoke({ type: 'tool_call', id: '1', name, args })
  return typeof message.content === 'string' ? message.content : message.content[0].text
})
await client.close()
done()
