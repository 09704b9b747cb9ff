import {h, fill, markOf, stateName, byFrame, took} from './dom.js';

const rowHeight = 28;

// drawTimeline returns the timeline of a model: a row for each task, in the order
// of the picture, failures first. Only the rows in view are in the document.
export function drawTimeline(model) {
  const axis = h('div.axis', {'aria-hidden': 'true'});
  const space = h('div.space');
  const gapsBehind = h('div.gaps', {'aria-hidden': 'true'});
  const view = h('div.scroll', {role: 'group', 'aria-label': 'Timeline of the tasks. The keys Up and Down go from task to task.'}, gapsBehind, space);
  const root = h('section.timeline', {'aria-label': 'Timeline'}, axis, view);
  const shown = new Map();
  let active = null, scale = model.scale();

  function drawAxis() {
    const marks = [], lines = [];
    let last = -1;
    for (const part of scale.parts) {
      for (const time of ticks(part)) {
        const x = scale.at(time);
        if (x - last < 0.12 || x > 0.94 || scale.gaps.some((g) => x < g.x + g.w + 0.01 && x > g.x - 0.1)) continue;
        last = x;
        const tick = h('span.tick', '+' + short(time - scale.from));
        tick.style.left = x * 100 + '%';
        marks.push(tick);
      }
    }
    for (const gap of scale.gaps) {
      const note = h('span.gap', {title: 'nothing ran for ' + took(gap.ms)}, '⋯');
      note.style.left = gap.x * 100 + '%';
      note.style.width = gap.w * 100 + '%';
      marks.push(note);
      const line = h('span');
      line.style.left = gap.x * 100 + '%';
      line.style.width = gap.w * 100 + '%';
      lines.push(line);
    }
    fill(axis, h('span.name', 'Task'), h('span.ruler', marks));
    fill(gapsBehind, h('span.ruler', lines));
  }

  function ticks(part) {
    const span = part.b - part.a;
    const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 864e5];
    const step = steps.find((s) => span / s * 0.14 <= part.w) || 864e5;
    const list = [part.a];
    for (let t = Math.ceil((part.a - scale.from + 1) / step) * step + scale.from; t < part.b && list.length < 20; t += step) list.push(t);
    return list;
  }

  function short(ms) {
    if (ms < 1000) return Math.round(ms) + 'ms';
    const s = ms / 1000;
    if (s < 60) return (s % 1 ? s.toFixed(1) : s) + 's';
    if (s < 3600) return Math.floor(s / 60) + 'm' + (s % 60 ? Math.round(s % 60) + 's' : '');
    return Math.floor(s / 3600) + 'h' + (s % 3600 >= 60 ? Math.round(s % 3600 / 60) + 'm' : '');
  }

  function render() {
    const list = model.list(), tall = view.clientHeight;
    space.style.height = list.length * rowHeight + 'px';
    gapsBehind.style.height = list.length * rowHeight + 'px';
    if (!tall) return;
    const from = Math.max(0, Math.floor(view.scrollTop / rowHeight) - 8), to = Math.min(list.length, Math.ceil((view.scrollTop + tall) / rowHeight) + 8);
    // Rows that have left the view are used again for those that come into it.
    const keep = new Set(), spare = [];
    for (let i = from; i < to; i++) keep.add(list[i].id);
    for (const [id, one] of shown) if (!keep.has(id)) { spare.push(one); shown.delete(id); }
    for (let i = from; i < to; i++) place(list[i], i, spare);
    for (const one of spare) one.el.remove();
    let next = space.firstElementChild; // read aloud in the order in which they are seen
    for (let i = from; i < to; i++) {
      const el = shown.get(list[i].id).el;
      if (el === next) next = next.nextElementSibling;
      else if (el !== document.activeElement) space.insertBefore(el, next);
    }
    const target = shown.get(active) || shown.get(model.selected) || shown.get(list[from] && list[from].id);
    for (const one of shown.values()) one.el.tabIndex = one === target ? 0 : -1;
  }

  // newRow adds a row to the document, which shows nothing yet.
  function newRow() {
    const one = {sign: '', symbol: h('span.mark', {'aria-hidden': 'true'}), label: h('span.label'), bar: h('span.bar'), note: h('span.note')};
    one.el = h('button.row', {type: 'button', onclick: () => { active = one.el.dataset.id; model.select(active, 'timeline'); }},
      h('span.name', one.symbol, one.label), h('span.ruler', one.bar, one.note));
    space.append(one.el);
    return one;
  }

  // place shows a task in its row, or brings the row up to date.
  function place(t, row, spare) {
    const critical = t.critical, chosen = t.id === model.selected;
    const now = model.now(), end = t.end || (t.begin ? now : 0);
    const x = t.begin ? scale.at(t.begin) : 0, w = t.begin ? Math.max(0, scale.at(end) - x) : 0;
    const sign = [t.id, t.status, critical, chosen, row, x.toFixed(4), w.toFixed(4), t.attempts].join();
    let one = shown.get(t.id);
    if (!one) {
      const free = spare.findIndex((other) => other.el !== document.activeElement);
      one = free < 0 ? newRow() : spare.splice(free, 1)[0];
      shown.set(t.id, one);
    }
    if (one.sign === sign) return;
    one.sign = sign;
    const text = t.begin ? took(end - t.begin) + (t.attempts > 1 ? ', ' + t.attempts + ' attempts' : '') : '';
    const {el, bar, note} = one;
    el.dataset.id = t.id;
    el.className = 'row s-' + t.status + (critical ? ' critical' : '') + (chosen ? ' chosen' : '');
    el.style.top = row * rowHeight + 'px';
    el.setAttribute('aria-label', `${t.name || t.id}, ${stateName(t.status)}${text ? ', ' + text : ''}${critical ? ', on the critical path' : ''}`);
    el.setAttribute('aria-pressed', chosen);
    el.title = (t.name || t.id) + (t.error ? '\n' + t.error : '');
    one.symbol.className = 'mark s-' + t.status;
    one.symbol.textContent = markOf(t.status);
    one.label.textContent = t.name && t.name !== t.executor ? t.name : t.id;
    bar.hidden = !t.begin;
    bar.style.left = x * 100 + '%';
    bar.style.width = w * 100 + '%';
    const inside = x + w > 0.72;
    note.textContent = text;
    note.classList.toggle('inside', inside);
    note.style.left = (inside ? x : Math.min(x + w, 0.99)) * 100 + '%';
  }

  function show(id, focus) {
    const list = model.list(), t = model.byId.get(id);
    if (!t || !view.clientHeight) return;
    active = id;
    const y = list.indexOf(t) * rowHeight;
    if (y < view.scrollTop || y + rowHeight > view.scrollTop + view.clientHeight) view.scrollTop = Math.max(0, y - view.clientHeight / 2);
    render();
    if (focus && shown.has(id)) shown.get(id).el.focus({preventScroll: true});
  }

  view.addEventListener('keydown', (event) => {
    const by = {ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9}[event.key];
    const t = model.byId.get(event.target.dataset && event.target.dataset.id);
    if (!by || !t) return;
    event.preventDefault();
    const list = model.list();
    show(list[Math.max(0, Math.min(list.length - 1, list.indexOf(t) + by))].id, true);
  });
  view.addEventListener('scroll', byFrame(render), {passive: true});
  const refresh = byFrame(() => { scale = model.scale(); drawAxis(); render(); });
  const stop = model.listen((what) => {
    if (what === 'run') { for (const one of shown.values()) one.el.remove(); shown.clear(); }
    if (what === 'selection' && model.selected && model.chosenBy !== 'timeline') show(model.selected, false);
    refresh();
  });
  const watch = new ResizeObserver(refresh);
  watch.observe(view);
  // Bars of tasks in progress grow.
  const timer = setInterval(() => { if (model.tasks.some((t) => t.begin && !t.end && t.status === 'in_progress')) refresh(); }, 500);
  drawAxis();
  return {root, end() { stop(); watch.disconnect(); clearInterval(timer); }};
}
