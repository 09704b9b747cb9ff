import {looks} from './looks.js';

// The model of one run: the state of its tasks, the order in which they are
// listed, the axis of time. What a state is, what is on the critical path and how
// far a for_each is, the server says. It knows nothing of how it is drawn or read.

const ms = (text) => text ? Date.parse(text) : 0;

// What an update of a task leaves out if it is not so.
const stateless = {error: '', error_type: '', reason: '', elements: undefined, critical: false, critical_after: ''};

// Model holds a run. changed() of a listener gets what has changed: 'tasks',
// 'layout', 'run', 'selection' or 'end'.
export class Model {
  constructor(run) {
    this.listeners = new Set();
    this.selected = null;
    this.version = 0;
    this.take(run);
  }

  listen(fn) {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  tell(what) {
    this.version++;
    for (const fn of [...this.listeners]) fn(what);
  }

  // take reads a whole run.
  take(run) {
    this.run = run;
    this.skew = run.now ? Date.parse(run.now) - Date.now() : 0;
    this.tasks = run.tasks.map((t, index) => ({...t, index, begin: ms(t.started_at), end: ms(t.completed_at), needs: t.needs || []}));
    this.byId = new Map(this.tasks.map((t) => [t.id, t]));
    this.seq = run.seq;
    this.setLayout(run.layout);
  }

  // setLayout places the tasks. A node may stand for several.
  setLayout(layout) {
    this.layout = layout;
    this.nodes = layout.nodes;
    this.nodeOf = new Map();
    this.nodeById = new Map();
    for (const node of layout.nodes) {
      this.nodeById.set(node.id, node);
      node.members = (node.tasks || [node.id]).map((id) => this.byId.get(id)).filter(Boolean);
      for (const id of node.tasks || [node.id]) this.nodeOf.set(id, node);
    }
    const byPlace = [...layout.nodes].sort((a, b) => a.layer - b.layer || a.row - b.row);
    this.places = new Map();
    for (const node of byPlace) for (const id of node.tasks || [node.id]) this.places.set(id, this.places.size);
    this.order = null;
    this.path = null;
  }

  // now is the time of the server.
  now() { return Date.now() + this.skew; }

  // apply adds an update of the stream.
  apply(update) {
    if (update.seq <= this.seq) return;
    this.seq = update.seq;
    if (update.now) this.skew = Date.parse(update.now) - Date.now();
    let failed = false;
    for (const c of update.tasks || []) {
      const t = this.byId.get(c.id);
      if (!t) continue;
      failed = failed || (t.status === 'failed') !== (c.status === 'failed');
      Object.assign(t, stateless, c, {begin: ms(c.started_at), end: ms(c.completed_at)});
    }
    this.run.counts = update.counts;
    if (failed) this.order = null;
    this.path = null;
    if (update.status) { this.run.status = update.status; this.run.outcome = update.outcome; }
    this.tell(failed ? 'layout' : 'tasks');
  }

  // list returns the tasks in the order of the picture, failures first.
  list() {
    if (!this.order) {
      const worst = (t) => t.status === 'failed' ? 0 : 1;
      this.order = [...this.tasks].sort((a, b) => worst(a) - worst(b) || this.places.get(a.id) - this.places.get(b.id));
      this.order.forEach((t, i) => { t.row = i; });
    }
    return this.order;
  }

  // stateOf returns the state of a node: the first of the looks that one of its tasks
  // has. Pending tasks beside others are in progress together.
  stateOf(node) {
    const has = new Set(node.members.map((t) => t.status));
    for (const state in looks) if (has.has(state)) return state === 'pending' && has.size > 1 ? 'in_progress' : state;
    return 'pending';
  }

  // isCritical tells whether a task of a node is on the critical path.
  isCritical(node) { return node.members.some((t) => t.critical); }

  // edgeIsCritical tells whether the critical path goes along an edge.
  edgeIsCritical(edge) {
    if (!this.path) {
      this.path = new Set();
      for (const t of this.tasks) if (t.critical && t.critical_after) this.path.add(this.nodeOf.get(t.critical_after).id + '\n' + this.nodeOf.get(t.id).id);
    }
    return edge.from !== edge.to && this.path.has(edge.from + '\n' + edge.to);
  }

  // scale returns the time axis: pieces of work with the idle gaps between them
  // folded. While a person thinks, nothing works. at() maps a time to a share of the width, 0 to 1.
  scale() {
    const now = this.now(), spans = [];
    for (const t of this.tasks) if (t.begin && t.executor !== 'approval') spans.push([t.begin, Math.max(t.end || now, t.begin + 1)]);
    const from = Date.parse(this.run.created_at);
    spans.push([from, from + 1]);
    spans.sort((a, b) => a[0] - b[0]);
    const busy = [];
    for (const [a, b] of spans) {
      const last = busy[busy.length - 1];
      if (last && a <= last[1]) last[1] = Math.max(last[1], b);
      else busy.push([a, b]);
    }
    let work = 0;
    for (const [a, b] of busy) work += b - a;
    // A gap is folded if it is long beside the work around it.
    const pieces = [], gaps = [];
    for (const [a, b] of busy) {
      const last = pieces[pieces.length - 1];
      if (last && a - last[1] <= Math.max(work / 5, 1000)) last[1] = b;
      else {
        if (last) gaps.push([last[1], a]);
        pieces.push([a, b]);
      }
    }
    const room = gaps.length ? Math.min(0.04, 0.4 / gaps.length) : 0;
    let total = 0;
    for (const [a, b] of pieces) total += b - a;
    const share = (1 - room * gaps.length) / total;
    let x = 0;
    const parts = pieces.map(([a, b]) => {
      const part = {a, b, x, w: (b - a) * share};
      x += part.w + room;
      return part;
    });
    const at = (time) => {
      for (const p of parts) if (time <= p.b) return p.x + Math.max(0, time - p.a) / (p.b - p.a) * p.w;
      return 1;
    };
    return {parts, at, gaps: gaps.map(([a, b], i) => ({ms: b - a, x: parts[i].x + parts[i].w, w: room})), total, from};
  }

  // open shows the tasks of a node that stands for several.
  select(id, from) {
    if (this.selected === id) return;
    this.selected = id;
    this.chosenBy = from;
    this.tell('selection');
  }

  replace(run) {
    this.take(run);
    this.tell('run');
  }
}
