import {h, fill, button, problemBox, say} from './dom.js';
import {drawRun, drawFailure} from './run.js';
import {connectHost, requestHost, on, dataOf, readView} from './host.js';
import {appSource, whileSeen} from './source.js';
import {drawDraft, runOf} from './draft.js';

// The App: it draws the run or the plan that the call of a tool is about.

const appRoot = document.getElementById('app'), stageRoot = h('div.stage-root'), appBar = h('div.appbar');
let shownNow = null, turnNow = 0, redraw = null, rights = {}, stopLooking = null;

// replaceBy draws something else: draw(root) returns {end}. Each has an element of
// its own, so that one that comes too late is not seen.
async function replaceBy(draw) {
  const mine = ++turnNow, root = h('div.view');
  if (shownNow) shownNow.end();
  shownNow = null;
  redraw = draw;
  fill(stageRoot, root);
  try {
    const drawn = await draw(root);
    if (mine !== turnNow) drawn.end();
    else shownNow = drawn;
  } catch (err) {
    drawFailure(root, err);
  }
}

const showText = (...children) => replaceBy(async (root) => { fill(root, ...children); return {end() {}}; });

function showRun(id, select) {
  endLooking();
  runNow = id;
  return replaceBy(async (root) => {
    const source = appSource(id, rights);
    const drawn = await drawRun(root, source, {select});
    source.changed = () => drawn.reload().catch(() => {});
    return drawn;
  });
}

const showDraft = (plan, {still, failure} = {}) => replaceBy((root) => drawDraft(root, plan, {may: rights, still, failure, started: (id) => showRun(id)}));

function endLooking() {
  if (stopLooking) stopLooking();
  stopLooking = null;
}

// planOf returns the plan in the arguments of run_task_tree.
function planOf(args) {
  const plan = {};
  for (const name of ['tasks', 'document', 'tree', 'inputs']) if (args[name] !== undefined) plan[name] = args[name];
  return plan.tasks !== undefined || plan.document !== undefined || plan.tree !== undefined ? plan : null;
}

let inputNow = {}, resultNow = null;

// onInput draws what is known before the tool has answered: the run of a call that
// names one, or the plan, until its run is there. Some clients send it after the
// result.
function onInput(args) {
  inputNow = args;
  if (resultNow) { onResult(resultNow); return; }
  if (args.run_id) { showRun(args.run_id, args.task); return; }
  const plan = planOf(args);
  if (!plan) { showText(h('p.muted', {role: 'status'}, args.requirement ? 'Planning…' : 'Waiting for the result…')); return; }
  showDraft(plan, {still: true});
  stopLooking = whileSeen(async () => {
    try {
      const found = await readView('find', {plan});
      if (found.run_id && !resultNow) { showRun(found.run_id); return null; }
    } catch {
      return null;
    }
    return 1000;
  }, 700);
}

async function onResult(result) {
  resultNow = result;
  endLooking();
  const repeated = (result._meta || {})['chainwright/arguments'];
  if (repeated && !Object.keys(inputNow).length) inputNow = repeated;
  let data = dataOf(result);
  const call = data.run_id;
  try {
    if (data.truncated && inputNow.requirement && call) data = {...data, result: await wholeResult(call)};
  } catch (err) {
    showText(problemBox(err));
    return;
  }
  const made = data.result || {};
  if (Array.isArray(made.tasks) && 'provider' in made) {
    if (made.run_id) showRun(made.run_id);
    else if (made.tasks.length) showDraft({document: documentOf(made)});
    else showText(h('p', 'The assistant writes this plan itself. It is drawn when it runs.'));
    return;
  }
  const id = runOf(data) || inputNow.run_id;
  if (id) { showRun(id, inputNow.task); return; }
  const plan = planOf(inputNow);
  if (plan) showDraft(plan, {failure: data.error && data});
  else showText(data.error ? problemBox(data) : h('p.muted', 'There is nothing to draw.'));
}

function documentOf(made) {
  const tree = {tasks: made.tasks};
  for (const name of ['name', 'description', 'inputs', 'outputs']) if (made[name] !== undefined) tree[name] = made[name];
  return tree;
}

// wholeResult reads the result of a call that was too long for its answer.
async function wholeResult(id) {
  const run = await readView('run', {run_id: id});
  let text = '', offset = 0;
  while (offset !== undefined) {
    const page = await readView('result', {run_id: id, task: run.tasks[0].id, offset});
    text += page.text;
    offset = page.next_offset;
  }
  return JSON.parse(text);
}

let lookNow = {dark: null, full: false}, runNow = '';

// openPage asks the client to open the page of the server, with the run.
async function openPage() {
  const url = rights.page + (runNow ? '#/runs/' + encodeURIComponent(runNow) : '');
  try {
    const answer = await requestHost('ui/open-link', {url});
    if (answer.isError) throw new Error('refused');
  } catch {
    say('The client does not open links. The page is at ' + url, 'bad');
  }
}

function drawBar() {
  fill(appBar, rights.page && button('Open the page', openPage, {class: 'plain'}),
    lookNow.full && button('Full screen', () => requestHost('ui/request-display-mode', {mode: 'fullscreen'}).catch(() => {}), {class: 'plain'}));
}

function lookChanged(look) {
  const other = look.dark !== lookNow.dark;
  lookNow = look;
  drawBar();
  if (redraw && other) replaceBy(redraw);
}

async function startApp() {
  fill(appRoot, appBar, stageRoot);
  let ready;
  const prepared = new Promise((done) => { ready = done; });
  on('ui/notifications/tool-input', ({arguments: args}) => prepared.then(() => onInput(args || {})));
  on('ui/notifications/tool-result', (result) => prepared.then(() => onResult(result)));
  on('ui/notifications/tool-cancelled', () => { endLooking(); if (!shownNow) showText(h('p.muted', 'The call was cancelled.')); });
  on('ui/resource-teardown', () => { endLooking(); if (shownNow) shownNow.end(); shownNow = null; return {}; });
  showText(h('p.muted', {role: 'status'}, 'Waiting for the call…'));
  try {
    lookNow = await connectHost(lookChanged);
    rights = await readView('may', {}).catch(() => ({}));
    drawBar();
  } catch (err) {
    showText(problemBox(err));
  }
  ready();
}

startApp();
