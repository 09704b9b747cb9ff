// The official SDKs for TypeScript, v1 and v2: listing compiles the output
// schemas, and every result is validated. With `stop` it closes in the middle of a run.
import { answer, answered, convert, done, load, place, server } from './place.mjs'

const old = place.version === 1
const { Client } = load(old ? '@modelcontextprotocol/sdk/client/index.js' : '@modelcontextprotocol/client')
const { StdioClientTransport } = load(old ? '@modelcontextprotocol/sdk/client/stdio.js' : '@modelcontextprotocol/client/stdio')
const client = new Client({ name: 'interop', version: '1' })
await client.connect(new StdioClientTransport(server))
if (place.stop) {
  const result = await client.callTool({ name: place.stop.tool, arguments: place.stop.arguments })
  answered(result.content[0].text)
} else {
  for (const tool of (await client.listTools()).tools) convert(tool.name, () => ({ name: tool.name, parameters: tool.inputSchema }))
  await answer(async (name, args) => (await client.callTool({ name, arguments: args })).content[0].text)
}
await client.close()
done()
