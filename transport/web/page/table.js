import {looks} from './looks.js';
import {h, fill, badge, button, moment, took, plural, fanText} from './dom.js';

const pageSize = 100;

// drawTable returns the tasks of a model as a table: the same as the picture, for
// those who do not see it or want to search.
export function drawTable(model) {
  let page = 0, text = '', state = '';
  const search = h('input', {type: 'search', placeholder: 'Find a task', 'aria-label': 'Find a task by id, name or executor', oninput: () => { text = search.value.toLowerCase(); page = 0; draw(); }});
  const states = h('select', {'aria-label': 'State', onchange: () => { state = states.value; page = 0; draw(); }},
    [['', 'all states'], ...Object.entries(looks).map(([state, look]) => [state, look.word])]
      .map(([value, word]) => h('option', {value}, word)));
  const body = h('tbody'), count = h('p.muted', {role: 'status'}), pages = h('div.buttons');
  const root = h('section.tasks', {'aria-label': 'Table of the tasks'}, h('div.filters', search, states, count),
    h('div.wide', {tabindex: 0, role: 'region', 'aria-label': 'Tasks'}, h('table', h('thead', h('tr', ['Task', 'State', 'Executor', 'Started', 'Took', 'Attempts', 'Waits for'].map((c) => h('th', {scope: 'col'}, c)))), body)), pages);

  function draw() {
    if (!root.isConnected && body.firstChild) return;
    const list = model.list().filter((t) => (!state || t.status === state) && (!text || (t.id + ' ' + (t.name || '') + ' ' + t.executor).toLowerCase().includes(text)));
    const from = page * pageSize, now = model.now();
    count.textContent = plural(list.length, 'task') + (list.length === model.tasks.length ? '' : ' of ' + model.tasks.length);
    const focus = document.activeElement && document.activeElement.dataset.id;
    fill(body, list.slice(from, from + pageSize).map((t) => h('tr' + (t.id === model.selected ? '.chosen' : ''),
      h('th', {scope: 'row'}, button(t.id, () => model.select(t.id, 'table'), {class: 'link', 'data-id': t.id}), t.name && t.name !== t.id && t.name !== t.executor && h('small', t.name)),
      h('td', badge(t.status), t.error && h('small.error', t.error)),
      h('td', t.executor, t.elements && h('small', fanText(t.elements))),
      h('td', t.begin ? moment(new Date(t.begin).toISOString()) : ''),
      h('td', t.begin ? took((t.end || now) - t.begin) : '', t.critical && h('small', 'critical path')),
      h('td', t.attempts || ''),
      h('td', t.needs.slice(0, 5).join(', ') + (t.needs.length > 5 ? ` and ${t.needs.length - 5} more` : '')))));
    if (focus) { const el = body.querySelector(`[data-id="${CSS.escape(focus)}"]`); if (el) el.focus(); }
    fill(pages, list.length > pageSize && [button('Previous', () => { page--; draw(); }, {disabled: page === 0}),
      h('span', `${from + 1}–${Math.min(list.length, from + pageSize)} of ${list.length}`), button('Next', () => { page++; draw(); }, {disabled: from + pageSize >= list.length})]);
  }

  let due = 0;
  const stop = model.listen(() => { if (!due) due = setTimeout(() => { due = 0; draw(); }, 400); });
  draw();
  return {root, draw, end() { stop(); clearTimeout(due); }};
}
