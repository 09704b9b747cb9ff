// Connects the official client of a revision with a server.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";

// connect returns a client. target is a URL, or a program with args. If answer is
// set, it answers the server's questions.
export async function connect(modules, revision, answer, target, ...args) {
  const require = createRequire(path.join(modules, "x.js"));
  const load = (name) => import(pathToFileURL(require.resolve("@modelcontextprotocol/" + name)).href);
  const info = { name: "official", version: "1" };
  const capabilities = answer ? { elicitation: {} } : {};
  let client, stdio, http;
  if (revision === "2026-07-28") {
    http = await load("client");
    stdio = await load("client/stdio");
    client = new http.Client(info, { capabilities, versionNegotiation: { mode: { pin: revision } } });
    if (answer) client.setRequestHandler("elicitation/create", answer);
  } else {
    const { Client } = await load("sdk/client/index.js");
    http = await load("sdk/client/streamableHttp.js");
    stdio = await load("sdk/client/stdio.js");
    client = new Client(info, { capabilities });
    if (answer) client.setRequestHandler((await load("sdk/types.js")).ElicitRequestSchema, answer);
  }
  await client.connect(target.startsWith("http")
    ? new http.StreamableHTTPClientTransport(new URL(target))
    : new stdio.StdioClientTransport({ command: target, args, env: process.env }));
  return client;
}
