// Calls run_task_tree as a task, with an official client. Prints what it saw as one line of JSON.
// GOOD and BAD are trees: one that completes, and one that fails.
//
//   node tasks.mjs MODULES GOOD BAD sdk PROGRAM ARGUMENT…  the SDK of 2025-11-25, over stdio, in two processes
//   node tasks.mjs MODULES GOOD BAD (v1 | v2) URL          the client of the extension, in both generations
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'

const [modules, good_, bad_, kind, ...rest] = process.argv.slice(2)
const load = (...path) => import(pathToFileURL(join(modules, '@modelcontextprotocol', ...path)))
const me = { name: 'tasks', version: '1' }
const [args, failing] = [JSON.parse(good_), JSON.parse(bad_)]

async function sdk(command, ...args_) {
  const { Client } = await load('sdk', 'dist/esm/client/index.js')
  const { StdioClientTransport } = await load('sdk', 'dist/esm/client/stdio.js')
  const { CallToolResultSchema } = await load('sdk', 'dist/esm/types.js')
  const connect = async () => {
    const client = new Client(me)
    await client.connect(new StdioClientTransport({ command, args: args_, env: process.env }))
    await client.listTools()
    return client
  }
  let client = await connect()
  const call = async (given) => {
    const seen = []
    for await (const m of client.experimental.tasks.callToolStream({ name: 'run_task_tree', arguments: given }, CallToolResultSchema, { task: { ttl: 60000 } })) seen.push(m)
    return { id: seen[0].task?.taskId, result: seen.at(-1).result }
  }
  const [good, bad] = [await call(args), await call(failing)]
  await client.close()
  client = await connect()
  const later = await client.experimental.tasks.getTaskResult(good.id, CallToolResultSchema)
  const list = await client.experimental.tasks.listTasks()
  await client.close()
  return { good: good.result, bad: bad.result, later, listed: list.tasks.map((t) => t.status) }
}

const methods = []

// rpc sends one request of the newest revision.
function rpc(url) {
  let last = 0
  return async (request, options) => {
    methods.push(request.method)
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': request.method }
    const name = request.params?.taskId ?? request.params?.name
    if (name) headers['Mcp-Name'] = name
    const params = { ...request.params, _meta: { ...meta, ...request.params?._meta } }
    const res = await fetch(url, { method: 'POST', headers: { ...headers, ...options?.context?.headers }, body: JSON.stringify({ jsonrpc: '2.0', id: ++last, method: request.method, params }) })
    const reply = await res.json()
    return reply.error ? { kind: 'error', error: reply.error } : { kind: 'result', result: reply.result }
  }
}

async function extension(generation, url) {
  const { Client, StreamableHTTPClientTransport } = await load('client', 'dist/index.mjs')
  const tasks = await load('ext-tasks', 'dist/client/index.js')
  const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
  const client = new Client(me, generation === 'v2' ? { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } } : {})
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  const raw = generation === 'v2' ? { rawDispatch: rpc(url), v2RequestFraming: { protocolVersion: '2026-07-28', clientInfo: me, clientCapabilities: capabilities } } : {}
  const session = tasks.createTaskSessionFromClient(client, { endpointId: 'test', ...raw })
  const call = async (given) => {
    const execution = await session.callTool('run_task_tree', given)
    return tasks.resultFromTaskOutcome((await execution.settle()).outcome)
  }
  const [good, bad] = [await call(args), await call(failing)]
  await session.close()
  await client.close()
  return { good, bad, methods }
}

console.log(JSON.stringify(kind === 'sdk' ? await sdk(...rest) : await extension(kind, ...rest)))
process.exit(0)
