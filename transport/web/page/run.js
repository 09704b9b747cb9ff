import {h, fill, badge, mark, button, moment, took, pretty, plural, problemBox, stateName, hasEnded} from './dom.js';
import {Model} from './model.js';
import {drawGraph} from './graph.js';
import {drawTimeline} from './timeline.js';
import {drawTable} from './table.js';
import {drawPanel} from './panel.js';

// A run is drawn from a source, which need not be the API of the page:
//   load() → run, follow(seq, onUpdate, onEnd) → stop, layout(open) → layout,
//   task(id), result(id, offset), elements(id, offset), log(id, after),
//   act(tool, arguments), again(), answer(task, body), may: {…}, link(run)
// What a source does not have is not offered.

const runStates = ['completed', 'failed', 'cancelled', 'skipped', 'waiting', 'in_progress', 'pending'];

// drawRun draws a run into an element. It returns {end}.
export async function drawRun(root, source, {select, onSelect} = {}) {
  const model = new Model(await source.load());
  const opened = [];
  const head = h('header.run'), notes = h('div.notes'), stage = h('div.stage'), outputs = h('div.outputs');
  const tabs = h('div.tabs', {role: 'tablist', 'aria-label': 'Views of the run'});
  let panel = null, stopFollowing = null, view = '', parts = [], over = false;

  async function open(id) {
    opened.push(id);
    model.setLayout(await source.layout(opened));
    model.tell('shape');
    tidy();
  }

  const fold = button('Fold groups', async () => { opened.length = 0; model.setLayout(await source.layout([])); model.tell('shape'); tidy(); }, {class: 'plain', hidden: true});
  const tidy = () => { fold.hidden = !opened.length; };

  const views = {
    both: ['Graph and timeline', () => [drawGraph(model, {open}), drawTimeline(model)]],
    graph: ['Graph', () => [drawGraph(model, {open})]],
    timeline: ['Timeline', () => [drawTimeline(model)]],
    table: ['Table', () => [drawTable(model)]],
  };

  function show(name) {
    if (view === name) return;
    view = name;
    for (const part of parts) part.end();
    parts = views[name][1]();
    fill(stage, parts.map((part) => part.root));
    stage.className = 'stage ' + name;
    for (const tab of tabs.querySelectorAll('[role=tab]')) {
      const on = tab.dataset.view === name;
      tab.setAttribute('aria-selected', on);
      tab.tabIndex = on ? 0 : -1;
    }
  }
  fill(tabs, Object.entries(views).map(([name, [word]]) => button(word, () => show(name), {role: 'tab', 'data-view': name})));
  tabs.addEventListener('keydown', (event) => {
    const way = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!way) return;
    const all = [...tabs.querySelectorAll('[role=tab]')], next = all[(all.indexOf(document.activeElement) + way + all.length) % all.length];
    next.focus();
    next.click();
  });

  // What can be clicked is only drawn anew when it changes, so that a click or the
  // focus is not lost to an update.
  const part = (el) => {
    let last = null;
    return (sign, ...children) => {
      if (sign === last) return;
      last = sign;
      const at = el.contains(document.activeElement) && document.activeElement.textContent;
      fill(el, ...children);
      if (at) (([...el.querySelectorAll('button')].find((b) => b.textContent === at)) || heading).focus();
    };
  };
  const heading = h('h1', {tabindex: -1}), state = h('span'), buttons = h('div.buttons'), facts = h('p.facts'), clock = h('span.clock'), more = h('div');
  const setButtons = part(buttons), setNotes = part(notes), setOutputs = part(outputs), setFacts = part(facts);
  fill(head, h('div.title', heading, state, h('div.buttons', fold, buttons)), facts, more);

  function drawHead() {
    const run = model.run, counts = run.counts || {}, ended = hasEnded(run.status), may = source.may || {};
    const total = runStates.reduce((n, s) => n + (counts[s] || 0), 0), done = runStates.reduce((n, s) => n + (hasEnded(s) && counts[s] || 0), 0);
    const failed = model.list().filter((t) => t.status === 'failed'), waiting = model.tasks.filter((t) => t.status === 'waiting');
    clock.textContent = took(ended ? run.duration_ms : model.now() - Date.parse(run.created_at));
    heading.textContent = run.name || (run.kind === 'call' && model.tasks[0] ? model.tasks[0].executor : 'Run');
    fill(state, badge(waiting.length && !ended ? 'waiting' : run.status));
    setButtons(run.status,
      may.retry && ended && run.status !== 'completed' && run.kind !== 'call' && button('Retry', () => source.act('retry_run', {}), {title: 'Runs the tasks again that did not complete', class: 'primary'}),
      may.run && source.again && ended && button('Run again', () => source.again()),
      may.cancel && !ended && button('Cancel run', () => source.act('cancel_run', {}), {class: 'danger'}));
    setFacts(JSON.stringify([run.owner, run.status]), clock, h('span', 'started ', moment(run.created_at)),
      run.owner && h('span', run.owner.gone ? 'driven by nobody; last by ' : 'driven by ', run.owner.process),
      Object.entries(run.labels || {}).map(([k, v]) => h('span.label', `${k}: ${v}`)), run.parent_run && source.link && h('span', 'part of ', source.link(run.parent_run)),
      h('code', run.run_id));
    fill(more, h('div.meter', {role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': total, 'aria-valuenow': done, 'aria-label': `${done} of ${total} tasks done`},
      runStates.map((s) => { const bar = h('span.s-' + s); bar.style.flexGrow = counts[s] || 0; bar.hidden = !counts[s]; return bar; })),
    h('p.facts', h('span', done.toLocaleString('en') + ' of ' + plural(total, 'task')), runStates.filter((s) => counts[s]).map((s) => h('span', mark(s), ` ${counts[s].toLocaleString('en')} ${stateName(s)}`))));
    setNotes(JSON.stringify([run.error, failed.length, failed.slice(0, 5).map((t) => t.id + t.error), waiting.slice(0, 5).map((t) => t.id), run.warnings]),
      run.error && h('div.problem', h('p', mark('failed'), ' ', run.error), run.hint && h('p.hint', run.hint)),
      failed.length > 0 && h('div.problem', h('p', mark('failed'), ' ', plural(failed.length, 'task'), ' failed:'),
        h('ul', failed.slice(0, 5).map((t) => h('li', button(t.id, () => model.select(t.id, 'notes'), {class: 'link'}), ' ', h('span.error', t.error))), failed.length > 5 && h('li', `and ${failed.length - 5} more`))),
      waiting.slice(0, 5).map((t) => h('div.waits', h('p', mark('waiting'), ' ', button(t.name && t.name !== t.executor ? t.name : t.id, () => model.select(t.id, 'notes'), {class: 'link'}), ' waits for an answer.'))),
      (run.warnings || []).map((w) => h('div.warning', h('p', '⚠ ', w))));
    setOutputs(JSON.stringify([run.outputs, run.output_errors]), run.outputs && h('details', {open: true}, h('summary', h('h2', 'Outputs')), h('pre.code', {tabindex: 0, 'aria-label': 'Outputs'}, pretty(JSON.stringify(run.outputs)))),
      (run.output_errors || []).map((e) => h('div.problem', h('p', mark('failed'), ` output ${e.name || ''}: ${e.error}`))),
      run.inputs && Object.keys(run.inputs).length > 0 && h('details', h('summary', h('h2', 'Inputs of the run')), h('pre.code', {tabindex: 0, 'aria-label': 'Inputs of the run'}, pretty(JSON.stringify(run.inputs)))));
  }

  function showTask(id, focus) {
    if (panel) { panel.end(); panel.root.remove(); panel = null; }
    root.classList.toggle('with-panel', !!id);
    if (id) {
      panel = drawPanel(model, source, id, () => {
        const back = document.querySelector(`.stage [data-id="${CSS.escape(id)}"]`);
        model.select(null, 'panel');
        if (back) back.focus();
      });
      main.append(panel.root);
      if (focus) panel.focus();
    }
    if (onSelect) onSelect(id);
  }

  async function reload() {
    const run = await source.load();
    if (over) return;
    model.replace(run);
    if (opened.length) { model.setLayout(await source.layout(opened)); model.tell('shape'); }
    follow();
  }

  function follow() {
    if (stopFollowing) stopFollowing();
    stopFollowing = null;
    if (!source.follow || hasEnded(model.run.status)) return;
    stopFollowing = source.follow(model.seq, (update) => model.apply(update), () => { stopFollowing = null; reload().catch(() => {}); });
  }

  const main = h('div.run', stage);
  fill(root, head, notes, h('div.bar', tabs), main, outputs);
  drawHead();
  let headDue = 0;
  const stop = model.listen((what) => {
    if (what === 'selection') showTask(model.selected, model.chosenBy !== 'panel' && model.chosenBy !== 'table');
    else if (!headDue) headDue = setTimeout(() => { headDue = 0; if (!over) drawHead(); }, 100);
  });
  const tick = setInterval(() => { if (!hasEnded(model.run.status)) clock.textContent = took(model.now() - Date.parse(model.run.created_at)); }, 1000);
  show(model.tasks.length < 2 ? 'table' : root.clientWidth < 700 ? 'timeline' : 'both');
  follow();
  if (select && model.byId.has(select)) model.select(select, 'link');
  return {
    model, reload,
    end() {
      over = true;
      stop();
      clearInterval(tick);
      clearTimeout(headDue);
      if (stopFollowing) stopFollowing();
      for (const part of parts) part.end();
      if (panel) panel.end();
    },
  };
}

// drawFailure shows why something can't be drawn.
export const drawFailure = (root, err) => fill(root, problemBox(err));
