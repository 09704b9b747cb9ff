// Uses the page in Chromium. Each part prints a line; the first failure ends it.
import {createRequire} from 'node:module';
import {mkdirSync} from 'node:fs';
import assert from 'node:assert/strict';

const asked = JSON.parse(process.argv[2]);
const require = createRequire(asked.modules + '/');
const {chromium} = require('playwright-core');
const {AxeBuilder} = require('@axe-core/playwright');
const origin = new URL(asked.link).origin;

const browser = await chromium.launch({executablePath: asked.chromium || '/usr/bin/chromium', args: ['--no-sandbox']});
const problems = [];

async function open(options = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 800}, colorScheme: 'light', ...options});
  await context.exposeBinding('violated', (_, text) => problems.push(text));
  await context.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => window.violated(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)));
  const page = await context.newPage();
  page.on('pageerror', (err) => problems.push('error: ' + err.stack));
  page.on('console', (m) => { if (m.type() === 'error' && !/status of 40[19]/.test(m.text())) problems.push('console: ' + m.text()); });
  page.on('dialog', (d) => { problems.push('a dialog of the browser: ' + d.message()); d.dismiss(); });
  page.setDefaultTimeout(30000);
  return page;
}

async function axe(page, name) {
  const {violations} = await new AxeBuilder({page}).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  assert.deepEqual(bad.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target + ' ' + n.failureSummary).join('; ')}`), [], 'axe on ' + name);
  console.log(`axe: ${name}: nothing serious; ${violations.length} lesser`);
}

async function picture(page, name) {
  mkdirSync(asked.images, {recursive: true});
  await page.locator('.toast').waitFor({state: 'detached'});
  await page.screenshot({path: `${asked.images}/page-${name}.png`, animations: 'disabled', scale: 'css'});
}

const quiet = (name) => { assert.deepEqual(problems, [], name); console.log('done: ' + name); };

// Without the link the page asks for a token. The link works once.
const stranger = await open();
await stranger.goto(origin + '/');
await stranger.getByRole('heading', {name: 'Chainwright'}).waitFor();
await stranger.getByLabel('Token').fill('wrong');
await stranger.keyboard.press('Enter');
await stranger.getByText('not a token of this server').waitFor();
await axe(stranger, 'the login');
const page = await open();
await page.goto(asked.link);
await page.getByRole('heading', {name: 'Runs'}).waitFor();
assert.equal(new URL(page.url()).hash, '#/runs', 'the code stays in the address');
await stranger.goto('about:blank');
await stranger.goto(asked.link);
await stranger.getByText('The link is not valid', {exact: false}).or(stranger.getByText('the link is not valid', {exact: false})).first().waitFor();
await stranger.context().close();
quiet('the link works once');

// A saved tree is started with its form, after a question.
await page.getByRole('link', {name: 'Trees'}).click();
await page.getByRole('link', {name: 'nightly'}).click();
await page.getByLabel('Region').waitFor();
await axe(page, 'the form of a tree');
await page.getByLabel('Limit').fill('many');
await page.getByRole('button', {name: 'Run', exact: true}).click();
await page.getByText('must be a whole number').first().waitFor();
await page.getByLabel('Limit').fill('60');
await picture(page, 'form');
await page.getByRole('button', {name: 'Run', exact: true}).click();
await page.getByRole('dialog').getByText('may change or delete').waitFor();
await page.getByRole('button', {name: 'Yes, do it'}).click();
quiet('a tree is started with its form');

// Its run is drawn live.
await page.getByRole('progressbar').waitFor();
const runUrl = page.url();
await page.locator('.node.s-in_progress').nth(3).waitFor();
await page.locator('.row.s-completed').nth(8).waitFor();
await picture(page, 'live');
await page.locator('.row.s-failed').first().waitFor();
await page.locator('.badge.s-waiting').first().waitFor();
assert.ok(await page.locator('.row').first().evaluate((el) => el.classList.contains('s-failed')), 'the failure is not first');
await page.getByRole('button', {name: 'mirror', exact: true}).click();
await page.getByRole('complementary').getByText('the mirror is full').first().waitFor();
await picture(page, 'failure');
await axe(page, 'a run with a task');
await page.locator('.node[data-id=upload]').click();
await page.getByRole('complementary').getByText('attempt 1 failed', {exact: false}).first().waitFor();
await page.getByRole('link', {name: 'Trees'}).click();
await page.getByRole('link', {name: 'hello'}).click();
await page.getByRole('button', {name: 'Run', exact: true}).click();
await page.getByRole('button', {name: 'Yes, do it'}).click();
await page.locator('tr button[data-id=hello]').click();
await page.getByLabel('Log').getByText('first line').waitFor();
await page.locator('header .badge.s-in_progress').waitFor(); // the log comes while the task runs
await page.getByLabel('Log').getByText('last line').waitFor();
await page.goto(runUrl);
await page.locator('.row').first().waitFor();
quiet('a run is followed live');

// Hostile HTML stays text.
await page.getByRole('tab', {name: 'Table'}).click();
await page.getByLabel('Find a task').fill('greeting');
await page.getByRole('button', {name: 'greeting', exact: true}).click();
await page.getByText('<img src=x onerror=alert(1)>', {exact: false}).first().waitFor();
assert.equal(await page.locator('main img, main script').count(), 0);
await axe(page, 'the table of tasks');
quiet('hostile HTML stays text');

// The question is answered, and the run ends.
await page.getByRole('link', {name: 'Approvals'}).click();
await page.getByRole('button', {name: 'Approve'}).first().waitFor();
await axe(page, 'approvals');
await page.goto(runUrl);
await page.locator('.row').first().waitFor();
await page.getByRole('button', {name: 'Publish the prices?', exact: true}).click();
await page.getByRole('button', {name: 'Approve'}).click();
await page.locator('header .badge.s-failed').waitFor(); // mirror has failed
assert.equal(await page.evaluate(() => document.querySelector('.row[data-id=publish]').className.includes('s-completed')), true, 'what was approved has not run');
await page.getByRole('button', {name: 'Close the task'}).click();
await picture(page, 'run');
quiet('a question is answered');

// Retry, and cancel.
await page.getByRole('button', {name: 'Retry', exact: true}).click();
await page.getByRole('button', {name: 'Yes, do it'}).click();
await page.locator('header .badge.s-in_progress').waitFor();
await page.getByRole('button', {name: 'Cancel run'}).click();
await page.locator('header .badge.s-cancelled').waitFor();
quiet('retry and cancel');

// Everything with the keyboard: from the top to a task and back.
await page.goto(origin + '/#/runs');
await page.getByRole('heading', {name: 'Runs'}).waitFor();
await page.locator('tbody a').first().waitFor();
await page.locator('body').evaluate(() => document.activeElement.blur());
const focused = () => page.evaluate(() => { const e = document.activeElement; return `${e.tagName} ${e.getAttribute('aria-label') || e.textContent}`; });
async function tabTo(pattern) {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    if (pattern.test(await focused())) return;
  }
  assert.fail(`Tab does not reach ${pattern}; the last is ${await focused()}`);
}
await tabTo(/^A Skip/);
await tabTo(/^A Nightly prices/);
await page.keyboard.press('Enter');
await page.locator('.node').first().waitFor();
await tabTo(/^BUTTON Graph and timeline/);
await tabTo(/^BUTTON .*(Plan the night|completed|cancelled|failed)/);
await page.keyboard.press('ArrowRight');
await page.keyboard.press('ArrowDown');
const there = await focused();
assert.match(there, /Fetch shop|Greeting/, 'the arrow keys do not go through the graph');
await page.keyboard.press('Enter');
await page.getByRole('complementary').waitFor();
assert.match(await focused(), /^H2/);
await tabTo(/^BUTTON Close the task/);
await page.keyboard.press('Enter');
assert.equal(await page.getByRole('complementary').count(), 0);
assert.equal(await focused(), there, 'the focus is lost when the panel closes');
quiet('keyboard only');

// The other views, at 320 px, in dark and light.
for (const [hash, text] of [['runs', 'Runs'], ['trees', 'Saved trees'], ['trees/nightly', 'Nightly prices'], ['schedules', 'Schedules'], ['approvals', 'Approvals'], ['executors', 'Executors'], ['open', 'What is open'], [runUrl.split('#/')[1].split('/').slice(0, 2).join('/'), 'Nightly prices']]) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({colorScheme});
    await page.setViewportSize({width: 320, height: 640});
    await page.goto(origin + '/#/' + hash);
    await page.getByRole('heading', {name: text, exact: false}).first().waitFor();
    await page.waitForTimeout(300);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(over <= 0, `${hash} is ${over} px too wide at 320 px`);
    await axe(page, `${hash.split('/')[0]} at 320 px, ${colorScheme}`);
    await page.setViewportSize({width: 1280, height: 800});
    await page.waitForTimeout(200);
    await axe(page, `${hash.split('/')[0]}, ${colorScheme}`);
  }
}
await page.emulateMedia({colorScheme: 'dark'});
await page.locator('.row').first().waitFor();
await page.waitForTimeout(300);
await picture(page, 'dark');
await page.setViewportSize({width: 320, height: 640});
await page.waitForTimeout(300);
await picture(page, 'narrow');
await page.emulateMedia({colorScheme: 'light'});
await page.setViewportSize({width: 1280, height: 800});
await page.goto(origin + '/#/executors');
await page.locator('tbody tr').nth(5).waitFor();
await picture(page, 'executors');
quiet('320 px, dark and light');

// 10,000 tasks. Times are reported, and only wrong by a lot fails.
const big = await open({storageState: await page.context().storageState()});
await big.goto(origin + '/#/trees');
await big.getByRole('heading', {name: 'Saved trees'}).waitFor();
await big.evaluate(() => {
  window.marks = {};
  const take = Response.prototype.json;
  Response.prototype.json = async function () { const v = await take.call(this); if (v.layout) window.marks.data = performance.now(); return v; };
  new MutationObserver(() => { if (!window.marks.paint && document.querySelector('.row')) requestAnimationFrame(() => setTimeout(() => { window.marks.paint = window.marks.paint || performance.now(); })); }).observe(document.body, {childList: true, subtree: true});
});
await big.evaluate((id) => { location.hash = '#/runs/' + id; }, asked.large);
await big.locator('.row').first().waitFor();
await big.waitForFunction(() => window.marks.paint);
console.log('10,000 tasks: first paint ms after the data:', await big.evaluate(() => Math.round(window.marks.paint - window.marks.data)));
// The CPU time of the main thread between two frames does not depend on what else
// the machine does. Five times from the top to far down.
const meter = await big.context().newCDPSession(big);
await meter.send('Performance.enable', {timeDomain: 'threadTicks'});
const spent = async () => (await meter.send('Performance.getMetrics')).metrics.find((m) => m.name === 'TaskDuration').value * 1000;
const longest = {};
for (const [name, selector, down, right] of [['timeline', '.timeline .scroll', 700, 0], ['graph', '.graph .scroll', 60, 30]]) {
  longest[name] = [];
  for (let round = 0; round < 5; round++) {
    await big.evaluate((selector) => document.querySelector(selector).scrollTo(0, 0), selector);
    let most = 0, before = await spent();
    for (let i = 0; i < 40; i++) {
      await big.evaluate(async ([selector, down, right]) => {
        document.querySelector(selector).scrollBy(right, down);
        await new Promise(requestAnimationFrame); // the frame of the scrolling
        await new Promise(requestAnimationFrame);
      }, [selector, down, right]);
      const now = await spent();
      most = Math.max(most, now - before);
      before = now;
    }
    longest[name].push(Math.round(most));
  }
}
console.log('10,000 tasks: CPU ms of the longest frame in each of five rounds of scrolling:', JSON.stringify(longest));
for (const [name, list] of Object.entries(longest)) assert.ok(Math.max(...list) < 100, `a frame of the ${name} takes ${Math.max(...list)} ms of CPU time`);
await big.getByRole('button', {name: /opens the tasks/}).first().click();
await big.getByRole('button', {name: 'Fold groups'}).waitFor();
await big.getByRole('button', {name: 'Fit'}).click();
await big.waitForTimeout(300);
assert.ok(await big.locator('.node, .row').count() < 600, 'more is in the document than in view');
await big.getByRole('button', {name: 'Fold groups'}).click();
await big.waitForTimeout(300);
await axe(big, '10,000 tasks');
await picture(big, 'large');
await big.context().close();
quiet('10,000 tasks');

// Updates of a run that changes all the time.
const live = await open({storageState: await page.context().storageState()});
await live.goto(origin + '/#/trees');
const busy = await live.evaluate(async () => {
  const start = async (agreed) => {
    const tasks = [{id: 'steps', executor: 'command', for_each: '${{ [range(1500)] }}', max_parallel: 8, inputs: {command: 'sleep 0.1'}}];
    const answer = await fetch('/api/tools/run_task_tree', {method: 'POST', headers: {'Content-Type': 'application/json', 'X-Chainwright-Page': '1'}, body: JSON.stringify({arguments: {tasks, wait_seconds: 0}, agreed})});
    return answer.json();
  };
  const asked = await start();
  return (await start(asked.question.subject)).run_id;
});
await live.evaluate((id) => new Promise((done) => {
  window.times = [];
  const s = new EventSource(`/api/runs/${id}/events`);
  s.addEventListener('update', () => window.times.push(performance.now()));
  setTimeout(() => { s.close(); done(); }, 3000);
}), busy);
console.log('updates of a busy run in a second:', await live.evaluate(() => (window.times.length / 3).toFixed(1)));
const rate = async () => {
  const n = async () => live.evaluate((id) => fetch('/api/runs/' + id).then((r) => r.json()).then((r) => r.tasks[0].elements.done), busy);
  const a = await n(), t = Date.now();
  await new Promise((r) => setTimeout(r, 4000));
  return (await n() - a) / (Date.now() - t) * 1000;
};
const alone = await rate();
const contexts = [];
await live.evaluate((id) => { window.streams = Array.from({length: 5}, () => new EventSource(`/api/runs/${id}/events`)); }, busy); // a browser has six connections to a host
const state = await page.context().storageState();
for (let i = 0; i < 3; i++) {
  const c = await browser.newContext({storageState: state}), p = await c.newPage();
  contexts.push(c);
  await p.goto(origin + '/page.css');
  await p.evaluate((id) => { window.streams = Array.from({length: 5}, () => new EventSource(`/api/runs/${id}/events`)); }, busy);
}
const watched = await rate();
console.log(`20 streams on one run: ${watched.toFixed(1)} elements a second, ${alone.toFixed(1)} without`);
for (const c of contexts) await c.close();
quiet('streams');
await browser.close();
