// Calls tools with the official clients, behind which sits a person who says
// the same to every question. Prints, as JSON, what was asked and answered.
//
//   node confirm.mjs MODULES REVISION ANSWER CALLS (URL | PROGRAM ARGUMENT…)
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";

const [modules, revision, answer, calls, target, ...args] = process.argv.slice(2);
const require = createRequire(path.join(modules, "x.js"));
const load = (name) => import(pathToFileURL(require.resolve("@modelcontextprotocol/" + name)).href);

const info = { name: "confirm", version: "1" };
const heard = [];
const said = (request) => {
  heard.push(request.params);
  return answer === "accept" ? { action: answer, content: {} } : { action: answer };
};

async function older() {
  const { Client } = await load("sdk/client/index.js");
  const { ElicitRequestSchema } = await load("sdk/types.js");
  const client = new Client(info, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, said);
  return [client, await load("sdk/client/stdio.js"), await load("sdk/client/streamableHttp.js")];
}

async function newest() {
  const library = await load("client");
  const client = new library.Client(info, { capabilities: { elicitation: {} }, versionNegotiation: { mode: { pin: revision } } });
  client.setRequestHandler("elicitation/create", said);
  return [client, await load("client/stdio"), library];
}

const [client, stdio, http] = await (revision === "2026-07-28" ? newest() : older());
const transport = target.startsWith("http")
  ? new http.StreamableHTTPClientTransport(new URL(target))
  : new stdio.StdioClientTransport({ command: target, args, env: process.env });
await client.connect(transport);
const results = [];
for (const call of JSON.parse(calls)) {
  results.push((await client.callTool(call)).structuredContent);
}
await client.close();
console.log(JSON.stringify({ heard, results }));
