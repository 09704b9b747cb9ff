import {looks} from './looks.js';
import {h, fill, mark, stateName, button, byFrame, plural, fanText} from './dom.js';

// The picture of a run. Only what is in view is in the document: nodes are
// buttons, edges are drawn on a canvas that is a little larger than the view.

const smallest = 0.3; // below this size nodes are drawn on the canvas too
const mostButtons = 400;

// drawGraph returns the picture of a model. open(id) is called to show the tasks
// of a node that stands for several.
export function drawGraph(model, {open}) {
  const canvas = h('canvas', {'aria-hidden': 'true'});
  const space = h('div.space', canvas);
  const view = h('div.scroll', {role: 'group', 'aria-label': 'Graph of the tasks. The arrow keys go from task to task; the tab Table has the same as a table.'}, space);
  const size = h('output.size', '100%');
  const tools = h('div.tools', button('−', () => zoom(scale / 1.4), {'aria-label': 'Smaller'}), size, button('+', () => zoom(scale * 1.4), {'aria-label': 'Larger'}),
    button('Fit', () => fit(), {title: 'Show the whole graph'}));
  const root = h('section.graph', {'aria-label': 'Graph'}, tools, view);
  const shown = new Map(); // by id: {el, sign}
  let scale = 1, region = null, edges = [], colors = {}, active = null, fitted = false;

  function measure() {
    edges = model.layout.edges.map((e) => {
      let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
      for (const [x, y] of e.points) { x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y); }
      return {...e, x0, y0, x1, y1};
    });
    space.style.width = model.layout.width * scale + 'px';
    space.style.height = model.layout.height * scale + 'px';
    space.style.setProperty('--z', scale);
    size.textContent = Math.round(scale * 100) + '%';
    region = null;
  }

  function zoom(to) {
    to = Math.min(1.6, Math.max(0.02, to));
    const cx = (view.scrollLeft + view.clientWidth / 2) / scale, cy = (view.scrollTop + view.clientHeight / 2) / scale;
    scale = Math.abs(to - 1) < 0.08 ? 1 : to;
    clear();
    measure();
    view.scrollTo(cx * scale - view.clientWidth / 2, cy * scale - view.clientHeight / 2);
    render();
  }

  function fit(most = 1.6) {
    if (!view.clientWidth) return;
    scale = Math.min(most, Math.max(0.02, Math.min((view.clientWidth - 4) / model.layout.width, (view.clientHeight - 4) / model.layout.height)));
    clear();
    measure();
    view.scrollTo(0, 0);
    render();
  }

  // begin shows a small graph whole, and a large one from the active node or its
  // beginning, at a size that can be read.
  function begin() {
    const whole = Math.min((view.clientWidth - 4) / model.layout.width, (view.clientHeight - 4) / model.layout.height);
    if (whole >= 0.55) { fit(1); return; }
    scale = 0.8;
    measure();
    const at = model.nodeById.get(active) || model.nodes.find((n) => n.layer === 0);
    if (at) view.scrollTo(at.x * scale - view.clientWidth / 3, (at.y + at.h / 2) * scale - view.clientHeight / 2);
  }

  function clear() {
    for (const one of shown.values()) one.el.remove();
    shown.clear();
  }

  function readColors() {
    const style = getComputedStyle(root);
    for (const name of ['edge', 'edge-critical', 'muted', ...Object.keys(looks)]) colors[name] = style.getPropertyValue('--' + name).trim();
  }

  // render draws what is in view, if it is not drawn yet.
  function render(force) {
    const w = view.clientWidth, hgt = view.clientHeight;
    if (!w || !hgt) return;
    const left = view.scrollLeft, top = view.scrollTop;
    if (!force && region && left >= region.x && top >= region.y && left + w <= region.x + region.w && top + hgt <= region.y + region.h) return;
    const x = Math.max(0, left - w * 0.4), y = Math.max(0, top - hgt * 0.4);
    region = {x, y, w: left + w * 1.4 - x, h: top + hgt * 1.4 - y};
    const a = {x0: region.x / scale, y0: region.y / scale, x1: (region.x + region.w) / scale, y1: (region.y + region.h) / scale};
    const inView = model.nodes.filter((n) => n.x < a.x1 && n.y < a.y1 && n.x + n.w > a.x0 && n.y + n.h > a.y0);
    const asButtons = scale >= smallest && inView.length <= mostButtons;
    drawCanvas(a, asButtons ? [] : inView);
    const keep = new Set();
    if (asButtons) for (const node of inView) { keep.add(node.id); place(node); }
    for (const [id, one] of shown) if (!keep.has(id)) { one.el.remove(); shown.delete(id); }
    rove();
  }

  function drawCanvas(a, boxes) {
    const dpr = Math.min(2, window.devicePixelRatio || 1);
    const w = Math.min(region.w, Math.max(1, model.layout.width * scale - region.x)), hgt = Math.min(region.h, Math.max(1, model.layout.height * scale - region.y));
    canvas.width = Math.ceil(w * dpr);
    canvas.height = Math.ceil(hgt * dpr);
    canvas.style.width = w + 'px';
    canvas.style.height = hgt + 'px';
    canvas.style.transform = `translate(${region.x}px, ${region.y}px)`;
    const ctx = canvas.getContext('2d');
    ctx.setTransform(dpr * scale, 0, 0, dpr * scale, -region.x * dpr, -region.y * dpr);
    for (const strong of [false, true]) {
      ctx.beginPath();
      for (const e of edges) {
        if (e.x0 > a.x1 || e.y0 > a.y1 || e.x1 < a.x0 || e.y1 < a.y0 || model.edgeIsCritical(e) !== strong) continue;
        const p = e.points;
        ctx.moveTo(p[0][0], p[0][1]);
        for (let i = 1; i < p.length; i++) {
          const mid = (p[i - 1][0] + p[i][0]) / 2;
          ctx.bezierCurveTo(mid, p[i - 1][1], mid, p[i][1], p[i][0], p[i][1]);
        }
      }
      ctx.lineWidth = (strong ? 2.4 : 1.3) / Math.max(scale, 0.25);
      ctx.strokeStyle = strong ? colors['edge-critical'] : colors.edge;
      ctx.stroke();
    }
    for (const node of boxes) {
      ctx.fillStyle = colors[model.stateOf(node)] || colors.muted;
      ctx.fillRect(node.x, node.y, Math.max(node.w, 2 / scale), Math.max(node.h, 2 / scale));
    }
  }

  // place adds a node to the document, or brings it up to date.
  function place(node) {
    const state = model.stateOf(node), one = node.members[0] || {};
    const critical = model.isCritical(node), chosen = node.members.some((t) => t.id === model.selected);
    const done = node.members.filter((t) => t.end).length, e = one.elements;
    const sign = [state, critical, chosen, done, e && fanText(e), one.attempts, scale].join();
    const had = shown.get(node.id);
    if (had && had.sign === sign) return;
    const el = had ? had.el : h('button.node', {type: 'button', tabindex: -1, 'data-id': node.id, onclick: () => choose(node)});
    el.className = 'node s-' + state + (critical ? ' critical' : '') + (chosen ? ' chosen' : '') + (node.count ? ' several' : '') + (node.approval ? ' asks' : '');
    el.style.left = node.x * scale + 'px';
    el.style.top = node.y * scale + 'px';
    el.style.width = node.w * scale + 'px';
    el.style.height = node.h * scale + 'px';
    const label = node.name || node.id;
    let about = node.count ? done + ' of ' + plural(node.count, 'task') + ' done' : node.executor;
    if (!node.count && e) about = fanText(e);
    else if (!node.count && one.attempts > 1) about = 'attempt ' + one.attempts + ' · ' + node.executor;
    el.title = label + '\n' + about;
    el.setAttribute('aria-label', `${label}, ${stateName(state)}${critical ? ', on the critical path' : ''}${node.count ? ', ' + about + '; opens the tasks' : ''}`);
    el.setAttribute('aria-pressed', chosen);
    const part = node.count ? done / node.count : !e ? 0 : e.of ? e.done / e.of : one.end ? 1 : 0.5;
    fill(el, mark(state), h('span.label', label), h('span.about', about),
      (node.count || node.for_each) && h('span.progress' + (e && !e.of && !one.end ? '.open' : ''), {'aria-hidden': 'true'}, h('span')));
    const bar = el.querySelector('.progress > span');
    if (bar) bar.style.width = part * 100 + '%';
    if (!had) space.append(el);
    shown.set(node.id, {el, sign});
  }

  function choose(node) {
    active = node.id;
    if (node.count > 1) open(node.id);
    else model.select(node.id, 'graph');
  }

  // rove lets Tab reach one node: the active one, the chosen one or the first.
  function rove() {
    const chosen = model.selected && model.nodeOf.get(model.selected);
    let target = shown.get(active) || (chosen && shown.get(chosen.id)) || shown.values().next().value;
    for (const one of shown.values()) one.el.tabIndex = one === target ? 0 : -1;
  }

  function show(node, focus) {
    active = node.id;
    const x = node.x * scale, y = node.y * scale, w = node.w * scale, hgt = node.h * scale;
    if (x < view.scrollLeft || y < view.scrollTop || x + w > view.scrollLeft + view.clientWidth || y + hgt > view.scrollTop + view.clientHeight) {
      view.scrollTo(x + w / 2 - view.clientWidth / 2, y + hgt / 2 - view.clientHeight / 2);
    }
    if (focus && scale < smallest) zoom(1);
    render();
    rove();
    if (focus && shown.has(node.id)) shown.get(node.id).el.focus({preventScroll: true});
  }

  function near(node, dx, dy) {
    let best = null, least = Infinity;
    for (const n of model.nodes) {
      if (dx ? Math.sign(n.layer - node.layer) !== dx : n.layer !== node.layer || Math.sign(n.y - node.y) !== dy) continue;
      const linked = dx && model.layout.edges.some((e) => dx > 0 ? e.from === node.id && e.to === n.id : e.to === node.id && e.from === n.id);
      const far = Math.abs(n.layer - node.layer) * 1000 + Math.abs(n.y - node.y) - (linked ? 1e6 : 0);
      if (far < least) { best = n; least = far; }
    }
    return best;
  }

  view.addEventListener('keydown', (event) => {
    const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    const node = model.nodeById.get(event.target.dataset && event.target.dataset.id);
    if (!way || !node) return;
    event.preventDefault();
    const next = near(node, ...way);
    if (next) show(next, true);
  });
  const onFrame = byFrame(() => render());
  view.addEventListener('scroll', onFrame, {passive: true});
  view.addEventListener('click', (event) => { // a box on the canvas
    if (event.target !== canvas || scale >= smallest && shown.size) return;
    const r = canvas.getBoundingClientRect(), x = (event.clientX - r.left + region.x) / scale, y = (event.clientY - r.top + region.y) / scale;
    scale = 1;
    clear();
    measure();
    view.scrollTo(x - view.clientWidth / 2, y - view.clientHeight / 2);
    render();
  });
  const refresh = byFrame(() => render(true));
  const stop = model.listen((what) => {
    if (what === 'run') { clear(); measure(); }
    if (what === 'shape') { clear(); begin(); }
    if (what === 'selection' && model.selected && model.chosenBy !== 'graph') {
      const node = model.nodeOf.get(model.selected);
      if (node) show(node, false);
    }
    refresh();
  });
  const watch = new ResizeObserver(() => {
    if (!fitted && view.clientWidth) {
      fitted = true;
      readColors();
      begin();
    }
    refresh();
  });
  watch.observe(view);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const recolor = () => { readColors(); refresh(); };
  scheme.addEventListener('change', recolor);
  measure();
  return {root, end() { stop(); watch.disconnect(); scheme.removeEventListener('change', recolor); }};
}
