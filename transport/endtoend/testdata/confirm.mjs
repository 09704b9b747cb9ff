// Calls tools with the official clients, behind which sits a person who says
// the same to every question. Prints, as JSON, what was asked and answered.
//
//   node confirm.mjs MODULES REVISION ANSWER CALLS (URL | PROGRAM ARGUMENT…)
import { connect } from "./connect.mjs";

const [modules, revision, answer, calls, ...target] = process.argv.slice(2);
const heard = [];
const client = await connect(modules, revision, (request) => {
  heard.push(request.params);
  return answer === "accept" ? { action: answer, content: {} } : { action: answer };
}, ...target);
const results = [];
for (const call of JSON.parse(calls)) {
  results.push((await client.callTool(call)).structuredContent);
}
await client.close();
console.log(JSON.stringify({ heard, results }));
