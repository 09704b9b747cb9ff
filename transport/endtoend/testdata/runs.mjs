// Starts two trees with the official client of a revision, follows the first one
// to its end, and cancels the second one. Prints, as JSON, what it saw.
//
//   node runs.mjs MODULES REVISION FOLLOWED CANCELLED URL
import { connect } from "./connect.mjs";

const [modules, revision, followed, cancelled, url] = process.argv.slice(2);
const client = await connect(modules, revision, undefined, url);
const call = async (name, args) => (await client.callTool({ name, arguments: args })).structuredContent;
const end = async (id) => {
  for (let polls = 1; ; polls++) {
    const run = await call("get_run", { run_id: id });
    if (!["queued", "in_progress"].includes(run.status)) return { id, status: run.status, polls };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
const tools = (await client.listTools()).tools.map((tool) => tool.name);
const called = await call("system_info_executor", { resource: "host" });
const first = await call("run_task_tree", { ...JSON.parse(followed), wait_seconds: 0 });
const second = await call("run_task_tree", { ...JSON.parse(cancelled), wait_seconds: 0 });
const before = await call("get_run", { run_id: second.run_id });
await call("cancel_run", { run_id: second.run_id });
const ends = [await end(first.run_id), await end(second.run_id)];
await client.close();
console.log(JSON.stringify({ tools, called, before: before.status, ends }));
