import {h, fill, badge, mark, button, moment, took, plural, problemBox, say, ask} from './dom.js';
import {get, act, post} from './api.js';
import {fieldsOf, questionForm} from './form.js';
import {drawGraph} from './graph.js';
import {Model} from './model.js';

const part = encodeURIComponent;
export const runLink = (id, text, props) => h('a', {href: '#/runs/' + part(id), ...props}, text || h('code', id.slice(0, 8) + '…' + id.slice(-4)));
const heading = (text, ...more) => h('div.title', h('h1', text), ...more);
const empty = (text, ...more) => h('p.empty', text, ...more);
const wide = (label, ...children) => h('div.wide', {tabindex: 0, role: 'region', 'aria-label': label}, h('table', ...children));
const columns = (...names) => h('thead', h('tr', names.map((n) => h('th', {scope: 'col'}, n))));

// every draws at once and then again and again, while the page is seen.
function every(ms, draw, root) {
  let over = false, timer = 0;
  async function turn() {
    if (!document.hidden) {
      try {
        await draw();
      } catch (err) {
        if (!over) fill(root, problemBox(err));
      }
    }
    if (!over && ms) timer = setTimeout(turn, ms);
  }
  const again = () => { if (!document.hidden && !over) { clearTimeout(timer); turn(); } };
  document.addEventListener('visibilitychange', again);
  turn();
  return {now: again, end() { over = true; clearTimeout(timer); document.removeEventListener('visibilitychange', again); }, get over() { return over; }};
}

// runs is the list of runs. It is read again every two seconds.
export function runs(root, query, session, {change}) {
  const body = h('tbody'), foot = h('div.buttons'), note = h('div');
  const field = (name, label, input) => { input.addEventListener('change', () => change({...query, [name]: input.value, cursor: ''})); return h('label', h('span', label), input); };
  const since = {'': 'any time', '1': 'last hour', '24': 'last day', '168': 'last week', '720': 'last 30 days'};
  const states = ['', 'in_progress', 'queued', 'completed', 'failed', 'cancelled'];
  const name = h('input', {type: 'search', value: query.name || '', placeholder: 'part of the name'});
  const label = h('input', {type: 'search', value: query.label || '', placeholder: 'name=value'});
  const form = h('div.filters', {role: 'search', 'aria-label': 'Filter the runs'},
    field('status', 'State', h('select', states.map((s) => h('option', {value: s, selected: s === (query.status || '')}, s === '' ? 'all' : s === 'in_progress' ? 'running' : s)))),
    field('name', 'Name', name), field('label', 'Label', label),
    field('hours', 'Started', h('select', Object.entries(since).map(([v, w]) => h('option', {value: v, selected: v === (query.hours || '')}, w)))),
    Object.values(query).some(Boolean) && button('Clear', () => change({}), {class: 'plain'}));
  fill(root, heading('Runs'), form, note, wide('Runs', columns('Run', 'State', 'Tasks', 'Started', 'Took', ''), body), foot);
  const loop = every(2000, async () => {
    const q = {status: query.status, name: query.name, label: query.label, cursor: query.cursor};
    if (query.hours) q.since = new Date(Date.now() - query.hours * 3600e3).toISOString().slice(0, 19) + 'Z';
    const list = await get('runs', q);
    if (loop.over) return;
    const focus = document.activeElement && document.activeElement.getAttribute('href');
    fill(note, list.runs.length === 0 && empty(Object.values(query).some(Boolean) ? 'No run fits these filters.' : 'There are no runs yet. Start one from a saved tree, with chainwright run, or from your assistant.'));
    body.parentNode.hidden = list.runs.length === 0;
    fill(body, list.runs.map((run) => {
      const c = run.counts || {}, total = Object.values(c).reduce((a, b) => a + b, 0), done = (c.completed || 0) + (c.failed || 0) + (c.skipped || 0) + (c.cancelled || 0);
      const meter = h('div.meter', {'aria-hidden': 'true'}, ['completed', 'failed', 'cancelled', 'skipped', 'waiting', 'in_progress', 'pending'].map((s) => { const el = h('span.s-' + s); el.style.flexGrow = c[s] || 0; el.hidden = !c[s]; return el; }));
      return h('tr', h('th', {scope: 'row'}, runLink(run.run_id, run.name || 'unnamed'), h('small', run.kind === 'call' ? 'call · ' : '', h('code', run.run_id.slice(-8)), Object.entries(run.labels || {}).map(([k, v]) => h('span.label', `${k}: ${v}`)))),
        h('td', badge(c.waiting && (run.status === 'in_progress') ? 'waiting' : run.status), run.warning && h('small', '⚠ ' + run.warning)),
        h('td.progress', meter, h('small', `${done} of ${total}`, c.failed ? `, ${c.failed} failed` : '')),
        h('td', moment(run.created_at)), h('td', took(run.duration_ms)),
        h('td', run.asks && run.asks.length > 0 ? runLink(run.run_id, 'answer') : run.owner && run.owner.gone ? 'nobody drives it' : ''));
    }));
    if (focus) { const el = body.querySelector(`a[href="${CSS.escape(focus)}"]`); if (el) el.focus(); }
    fill(foot, query.cursor && button('Newest', () => change({...query, cursor: ''})), list.next_cursor && button('Older runs', () => change({...query, cursor: list.next_cursor})));
  }, note);
  return loop;
}

// trees lists the saved trees.
export function trees(root) {
  const body = h('tbody'), note = h('div');
  fill(root, heading('Saved trees'), note, wide('Saved trees', columns('Tree', 'Tasks', 'Schedule', 'Problems'), body));
  return every(0, async () => {
    const list = await get('trees');
    fill(note, !list.trees.length && empty('There are no saved trees. Save one with chainwright generate task-tree … --save, or put a file into the folder of trees.'));
    body.parentNode.hidden = !list.trees.length;
    fill(body, list.trees.map((t) => h('tr', h('th', {scope: 'row'}, h('a', {href: '#/trees/' + part(t.name)}, t.name), h('small', t.description || (t.title !== t.name && t.title))),
      h('td', t.tasks || '', t.approvals && h('small', 'asks a person')), h('td', t.schedule && h('code', t.schedule)), h('td', t.problems ? h('span.error', mark('failed'), ' ', plural(t.problems.length, 'problem')) : ''))));
  }, note);
}

// tree shows a saved tree with a form that runs it.
export function tree(root, name, session, {go}) {
  let graph = null;
  const loop = every(0, async () => {
    const t = await get('trees/' + part(name));
    if (loop.over) return;
    const schema = t.input_schema || {properties: Object.fromEntries((t.needs || []).map((n) => [n, {}])), required: t.needs};
    const form = fieldsOf(schema), errors = h('div');
    const submit = button('Run', async () => {
      try {
        const inputs = form.read();
        submit.disabled = true;
        const done = await act('tools/run_task_tree', {arguments: {tree: name, inputs, wait_seconds: 0}}, `Run ${name}?`);
        if (done) go('#/runs/' + part(done.run_id));
        fill(errors);
      } catch (err) {
        fill(errors, problemBox(err));
      }
      submit.disabled = false;
    }, {class: 'primary'});
    let picture = null;
    if (t.layout) {
      const model = new Model({created_at: new Date().toISOString(), status: 'pending', seq: 0, layout: t.layout, tasks: t.layout.nodes.flatMap((n) => (n.tasks || [n.id]).map((id) => ({id, name: n.name, executor: n.executor, status: 'pending', attempts: 0})))});
      graph = drawGraph(model, {open() {}});
      picture = graph.root;
    }
    fill(root, heading(t.title || name, h('code', name)), t.description && h('p', t.description),
      t.problems && h('div.problem', h('p', mark('failed'), ' The tree can\'t be run:'), h('ul', t.problems.map((p) => h('li', p)))),
      h('div.two', !t.problems && h('section.card', h('h2', Object.keys(schema.properties || {}).length ? 'Inputs' : 'It takes no inputs'), form.el,
        session.may && session.may.run ? h('div.buttons', submit) : h('p.hint', 'This login may not run trees.'), errors), picture && h('section.stage.still', picture)));
  }, root);
  return {...loop, end() { loop.end(); if (graph) graph.end(); }};
}

// schedules lists the schedules, which can be paused and resumed.
export function schedules(root, session) {
  const body = h('tbody'), note = h('div');
  const may = session.may && session.may.schedule;
  fill(root, heading('Schedules'), note, wide('Schedules', columns('Tree', 'State', 'When', 'Next', 'Last run', ''), body));
  const change = (tree, action) => async () => {
    try {
      if (await act('tools/set_schedule', {arguments: {tree, action}}, `${action} ${tree}?`)) say(`${tree}: ${action}d`.replace('ee', 'e'));
    } catch (err) {
      say(err.message + (err.hint ? ' (' + err.hint + ')' : ''), 'bad');
    }
    loop.now();
  };
  const states = {enabled: 'completed', paused: 'waiting', disabled: 'skipped'};
  const loop = every(5000, async () => {
    const list = await get('schedules');
    if (loop.over) return;
    fill(note, !list.schedules.length && empty('No saved tree has a schedule. Add schedule: {cron: …} to one.'),
      list.schedules.length > 0 && list.fired === false && h('div.warning', h('p', '⚠ No process starts the runs: start chainwright serve with this store.')));
    body.parentNode.hidden = !list.schedules.length;
    if (body.contains(document.activeElement)) return;
    fill(body, list.schedules.map((s) => h('tr', h('th', {scope: 'row'}, h('a', {href: '#/trees/' + part(s.tree)}, s.tree), s.principal && h('small', s.principal)),
      h('td', h('span.badge.s-' + (states[s.state] || 'pending'), mark(states[s.state] || 'pending'), h('span', s.state)), s.why && h('small', s.why)),
      h('td', h('code', s.cron), h('small', s.timezone)),
      h('td', s.state === 'enabled' ? s.next.map((n) => moment(n)) : ''),
      h('td', s.last_run && [runLink(s.last_run.run_id, s.last_run.status || 'run'), ' ', moment(s.last_run.for)], s.refused && h('small.error', s.refused.error), s.left_out && h('small', s.left_out.note)),
      h('td', may && h('div.buttons', s.state === 'enabled' && button('Pause', change(s.tree, 'pause')), s.state === 'paused' && button('Resume', change(s.tree, 'resume')),
        s.state !== 'disabled' && button('Disable', change(s.tree, 'disable'), {class: 'plain'}), s.state === 'disabled' && button('Enable', change(s.tree, 'enable')))))));
  }, note);
  return loop;
}

// approvals lists what waits for an answer, with forms to answer it.
export function approvals(root, session) {
  const list = h('div.questions'), note = h('div');
  fill(root, heading('Approvals'), note, list);
  const shown = new Map();
  const loop = every(2000, async () => {
    const all = await get('approvals');
    if (loop.over) return;
    fill(note, !all.waiting.length && empty('Nothing waits for an answer.'));
    const keep = new Set();
    for (const w of all.waiting) {
      const key = [w.run_id, w.task, w.approval.digest, w.approval.since].join(' ');
      keep.add(key);
      if (shown.has(key)) continue;
      const card = h('article.card', h('h2', runLink(w.run_id, w.run || 'a run'), ' · ', w.name && w.name !== 'approval' ? w.name : w.task),
        questionForm(w.approval, session.may && session.may.answer, async (body) => {
          await post(`runs/${part(w.run_id)}/tasks/${part(w.task)}/answer`, body);
          say('answered: ' + (body.decision === 'approve' ? 'approved' : 'rejected'));
          loop.now();
        }, 'Answering needs a login: open the page with chainwright ui, or with the link of chainwright serve --login-link. Or answer at a terminal: chainwright approve ' + w.run_id));
      shown.set(key, card);
      list.append(card);
    }
    for (const [key, card] of shown) if (!keep.has(key)) { card.remove(); shown.delete(key); }
  }, note);
  return loop;
}

const effect = (a) => a.read_only ? 'reads' : a.destructive ? 'may destroy' : 'changes';

// executors lists the executors and the setting that opens each closed one.
export function executors(root) {
  const body = h('tbody'), note = h('div');
  fill(root, heading('Executors'), note, wide('Executors', columns('Executor', 'State', 'Calls', 'What opens it'), body));
  return every(0, async () => {
    const list = (await get('executors')).executors;
    fill(note, h('p.muted', `${list.filter((e) => e.open).length} of ${list.length} are open. `, h('a', {href: '#/open'}, 'What they can use')));
    fill(body, list.map((e) => h('tr', h('th', {scope: 'row'}, e.id, h('small', e.title)), h('td', h('span.badge.s-' + (e.open ? 'completed' : 'skipped'), mark(e.open ? 'completed' : 'skipped'), h('span', e.open ? 'open' : 'closed'))),
      h('td', effect(e.annotations)), h('td', e.opened_by && h('code', e.opened_by)))));
  }, note);
}

// opened shows what calls can reach on this server.
export function opened(root) {
  const note = h('div'), list = h('div.cards');
  fill(root, heading('What is open'), note, list);
  return every(0, async () => {
    const all = await get('executors'), open = all.executors.filter((e) => e.open);
    fill(note, h('ul.plainlist', h('li', all.read_only ? 'Only calls that change nothing are allowed.' : 'Calls may change things.'),
      h('li', {never: 'Nobody is asked before a call that may destroy something.', destructive: 'A person is asked before a call that may destroy something.', where_possible: 'A person is asked before a call that may destroy something, if the client can ask.'}[all.confirm] || '')));
    const card = (e) => h('article.card', h('h2', e.title), h('p.facts', h('code', e.id), h('span', effect(e.annotations))), h('p', e.description),
      Object.entries(e.names || {}).filter(([, names]) => names.length).map(([kind, names]) => h('p', h('strong', kind.replace(/_/g, ' ') + ': '), names.map((n) => h('span.label', n.name + (n.note ? ` (${n.note})` : ''))))));
    fill(list, open.filter((e) => Object.keys(e.names || {}).length).map(card), open.filter((e) => !Object.keys(e.names || {}).length).map(card));
  }, note);
}
