// Calls a tool with the official client of a revision, in the trace of the caller.
//
//   node trace.mjs MODULES REVISION TRACEPARENT NAME ARGUMENTS TARGET ARGS…
import { connect } from "./connect.mjs";

const [modules, revision, traceparent, name, args, ...target] = process.argv.slice(2);
const client = await connect(modules, revision, undefined, ...target);
const result = await client.callTool({ name, arguments: JSON.parse(args), _meta: { traceparent } });
await client.close();
console.log(JSON.stringify(result.structuredContent));
