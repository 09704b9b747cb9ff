// Uses the App in Inspector's own host, in Chromium, by its deep link. Each part
// prints a line; the first failure ends it.
import {createRequire} from 'node:module';
import {spawn, execFileSync} from 'node:child_process';
import {createServer} from 'node:net';
import {mkdirSync, writeFileSync} from 'node:fs';
import assert from 'node:assert/strict';

const asked = JSON.parse(process.argv[2]);
const require = createRequire(asked.modules + '/');
const {chromium} = require('playwright-core');
const {AxeBuilder} = require('@axe-core/playwright');
const inspector = asked.modules + '/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js';

// What the command line says of the App.
const info = (tool) => JSON.parse(execFileSync(process.execPath, [inspector, '--cli', asked.server, '--app-info', '--advertise-apps', '--method', 'tools/call', '--tool-name', tool], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']}));
for (const [tool, visibility] of Object.entries({run_task_tree: ['model', 'app'], get_run: ['model', 'app'], retry_run: ['model', 'app'], task_tree_generator: ['model', 'app'], run_view: ['app']})) {
  const said = info(tool);
  assert.equal(said.hasApp, true, tool);
  assert.equal(said.resourceUri, 'ui://chainwright/run.html');
  assert.equal(said.resourceMimeType, 'text/html;profile=mcp-app');
  assert.deepEqual(said.visibility, visibility);
  assert.equal(said.csp, undefined, 'the App asks for no network');
}
console.log('done: --app-info');

const freePort = () => new Promise((done) => { const s = createServer().listen(0, '127.0.0.1', () => { const {port} = s.address(); s.close(() => done(port)); }); });
const token = 'app-' + process.pid, port = await freePort();
const web = spawn(process.execPath, [inspector, '--web'], {
  stdio: ['ignore', 'pipe', 'pipe'], cwd: asked.home,
  env: {...process.env, HOME: asked.home, CLIENT_PORT: String(port), HOST: '127.0.0.1', MCP_INSPECTOR_API_TOKEN: token, MCP_AUTO_OPEN_ENABLED: 'false', MCP_SANDBOX_PORT: '0', MCP_APP_ORIGIN_PORT: '0', MCP_STORAGE_DIR: asked.home},
});
let said = '';
for (const out of [web.stdout, web.stderr]) out.on('data', (text) => { said += text; });
process.on('exit', () => web.kill());

const origin = 'http://127.0.0.1:' + port;
for (let i = 0; ; i++) {
  try { await fetch(origin); break; } catch (err) { if (i > 300) { console.log(said); throw err; } }
  await new Promise((done) => setTimeout(done, 200));
}

const browser = await chromium.launch({executablePath: asked.chromium || '/usr/bin/chromium', args: ['--no-sandbox']});
const problems = [];

// openApp calls a tool in Inspector and returns its page and the App's frame.
async function openApp(tool, args, options = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 860}, colorScheme: 'light', ...options});
  await context.exposeBinding('violated', (_, text) => problems.push(text));
  await context.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => window.violated(`CSP: ${e.violatedDirective} ${e.blockedURI}`)));
  await context.addInitScript(() => window.addEventListener('message', (e) => { window.longest = Math.max(window.longest || 0, (JSON.stringify(e.data) || '').length); }));
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  page.on('pageerror', (err) => problems.push('error: ' + err.stack));
  page.on('request', (r) => { if (r.frame().parentFrame() && r.frame().parentFrame().parentFrame() && !/^(about|data|blob):/.test(r.url())) problems.push('the App requests ' + r.url()); });
  const query = new URLSearchParams({MCP_INSPECTOR_API_TOKEN: token, serverUrl: asked.server, autoConnect: token, openApp: tool, appArgs: Buffer.from(JSON.stringify(args)).toString('base64'), autoOpen: token});
  await page.goto(`${origin}/?${query}`);
  for (let i = 0; i < 300; i++) {
    for (const frame of page.frames()) {
      if (await frame.locator('main#app').count().catch(() => 0)) return {page, app: frame, context};
    }
    await page.waitForTimeout(200);
  }
  await page.screenshot({path: asked.home + '/failed.png'});
  throw new Error('the App is not shown: ' + (await page.locator('body').innerText()).slice(0, 2000) + '\n' + said);
}

// What is shown when something fails.
process.on('uncaughtException', async (err) => {
  console.log(err);
  for (const context of browser.contexts()) for (const page of context.pages()) for (const frame of page.frames()) console.log('--- ' + frame.url() + '\n' + (await frame.locator('body').innerText().catch(() => '')).slice(0, 3000));
  console.log(problems);
  process.exit(1);
});

const quiet = (name) => { assert.deepEqual(problems, [], name); console.log('done: ' + name); };

// A run is drawn live: graph, timeline, a task with its output. It is cancelled.
const task = (id, seconds, dependencies = []) => ({id, name: id.replace('_', ' '), executor: 'command', dependencies, inputs: {command: `echo '<b>${id}</b>'; sleep ${seconds}`}});
const tasks = [task('plan', 1), ...['north', 'south', 'east', 'west'].map((n, i) => task('fetch_' + n, 2 + i * 0.7, ['plan'])), task('merge', 1, ['fetch_north', 'fetch_south', 'fetch_east', 'fetch_west']), task('publish', 600, ['merge'])];
const {page, app, context} = await openApp('run_task_tree', {document: {name: 'Prices of the night', tasks}, wait_seconds: 0});
await app.getByRole('heading', {name: 'Prices of the night'}).waitFor();
await app.locator('.s-in_progress').first().waitFor();
await app.getByRole('button', {name: 'Full screen'}).click();
await app.locator('html[data-mode=fullscreen]').waitFor({state: 'attached'});
await app.getByRole('tab', {name: 'Graph and timeline'}).click();
await app.getByRole('button', {name: 'Fit'}).click();
await app.locator('.node.s-in_progress').first().waitFor();
await app.locator('.node.s-completed').nth(3).waitFor();
quiet('a run is drawn live');
mkdirSync(asked.images, {recursive: true});
await page.screenshot({path: asked.images + '/app.png', animations: 'disabled', scale: 'css'});
const {violations} = await new AxeBuilder({page}).include(['iframe', 'iframe', 'main']).analyze();
const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
assert.deepEqual(bad.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target + ' ' + n.failureSummary).join('; ')}`), [], 'axe');
console.log('done: axe finds nothing serious');
await app.locator('.node[data-id=fetch_north]').click();
await app.getByRole('heading', {name: 'fetch_north'}).waitFor();
await app.getByText('<b>fetch_north</b>').first().waitFor();
await app.locator('.node.s-in_progress[data-id=publish]').waitFor();
await app.getByRole('button', {name: 'Cancel run'}).click();
await app.locator('header.run .badge.s-cancelled').waitFor();
quiet('a task is shown, and the run cancelled');
await context.close();

// The plan of the generator is drawn, and started with its button.
const draft = await openApp('task_tree_generator', {requirement: 'Measure CPU and memory in parallel', llm_provider: 'builtin'});
await draft.app.getByText('not started').waitFor();
await draft.app.locator('.node').first().waitFor();
await draft.app.getByRole('button', {name: 'Run', exact: true}).click();
await draft.app.locator('header.run .badge.s-completed').waitFor();
quiet('a plan is drawn and started');
await draft.context.close();

// A saved tree that can't start without inputs is drawn with a form. It changes
// before it is started: it is drawn again, and started only then.
const greet = (say) => writeFileSync(asked.home + '/trees/greet.yaml', `name: Greeting\ninputs: {type: object, required: [text], properties: {text: {type: string, title: Words}}}\ntasks: [{id: ${say}, executor: data_processor, inputs: {operation: jq, program: ., data: "\${{ inputs.text }}"}}]\n`, {mode: 0o600});
greet('say');
const saved = await openApp('run_task_tree', {tree: 'greet'});
await saved.app.locator('.node[data-id=say]').waitFor();
await saved.app.getByLabel('Words').fill('<i>hello</i>');
greet('shout');
await saved.app.getByRole('button', {name: 'Run', exact: true}).click();
await saved.app.getByText('The plan has changed since it was drawn.').waitFor();
await saved.app.locator('.node[data-id=shout]').waitFor();
assert.equal(await saved.app.getByLabel('Words').inputValue(), '<i>hello</i>');
await saved.app.getByRole('button', {name: 'Run', exact: true}).click();
await saved.app.locator('header.run .badge.s-completed').waitFor();
quiet('a plan that has changed is drawn again, and not started');
await saved.context.close();

// An approval is answered in Inspector's own form, which the App only calls for.
const asks = await openApp('run_task_tree', {tasks: [{id: 'ask', approval: {message: 'Publish the prices?'}}, {...task('publish', 0, ['ask'])}], wait_seconds: 0});
await asks.app.getByRole('button', {name: 'ask', exact: true}).first().click();
await asks.app.locator('blockquote', {hasText: 'Publish the prices?'}).waitFor();
assert.equal(await asks.app.getByRole('button', {name: 'Approve'}).count(), 0, 'the App has no button that approves');
await asks.app.getByRole('button', {name: 'Answer…'}).click();
await asks.page.getByText('Accept to approve, decline to reject.').first().waitFor();
await asks.page.getByRole('button', {name: 'Submit', exact: true}).click();
await asks.app.locator('header.run .badge.s-completed').waitFor();
quiet('an approval is answered in the form of the client');
await asks.context.close();

// A run of 10,000 tasks, in messages of less than 1 MB.
const big = await openApp('get_run', {run_id: asked.large});
await big.app.getByText('10,000 of 10,000 tasks').waitFor();
await big.app.locator('.row').first().waitFor();
await big.app.getByRole('tab', {name: 'Graph', exact: true}).click();
await big.app.locator('.node').first().waitFor();
assert.ok(await big.app.locator('.node, .row').count() < 600, 'more is in the document than in view');
const longest = await big.app.evaluate(() => window.longest);
assert.ok(longest < 1e6, `a message has ${longest} characters`);
console.log('10,000 tasks: the longest message has', longest, 'characters');
quiet('a run of 10,000 tasks');
await big.context.close();

// The client is asked to open the page of the server.
const linked = await openApp('run_task_tree', {tasks: [task('one', 0)], wait_seconds: 5});
await linked.app.locator('header.run .badge.s-completed').waitFor();
const [popup] = await Promise.all([
  linked.context.waitForEvent('page', {timeout: 10000}),
  linked.app.getByRole('button', {name: 'Open the page'}).click(),
]);
await popup.waitForURL(/#\/runs\//);
assert.equal(new URL(popup.url()).origin, new URL(asked.server).origin);
await linked.context.close();
console.log('done: the page is opened by the client');

// Dark, as Inspector is.
const dark = await openApp('run_task_tree', {tasks: [task('one', 0)], wait_seconds: 5}, {colorScheme: 'dark'});
await dark.app.locator('header.run .badge.s-completed').waitFor();
quiet('a run that has ended is drawn, in dark');

await browser.close();
web.kill();
process.exit(0);
