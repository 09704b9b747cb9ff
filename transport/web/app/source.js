import {h, button, say, hasEnded} from './dom.js';
import {callTool, readView} from './host.js';

const quickest = 1000, slowest = 5000; // between two reads of a run, in ms
const tasksAtOnce = 2000;

// Whether the document is seen: not in a hidden tab, and not scrolled away.
const sight = {inView: true, listeners: new Set()};
const isSeen = () => !document.hidden && sight.inView;
const sightChanged = () => { for (const fn of [...sight.listeners]) fn(); };
document.addEventListener('visibilitychange', sightChanged);
new IntersectionObserver((entries) => { sight.inView = entries[entries.length - 1].isIntersecting; sightChanged(); }).observe(document.documentElement);

// whileSeen calls turn, which returns after how many milliseconds to call it again
// or null, as long as the document is seen. It returns a function that ends it.
export function whileSeen(turn, first = 0) {
  let over = false, busy = false, timer = 0;
  async function next() {
    timer = 0;
    if (over || busy || !isSeen()) return;
    busy = true;
    let pause = slowest;
    try {
      pause = await turn();
    } finally {
      busy = false;
    }
    if (pause === null) stop();
    else if (!over) timer = setTimeout(next, pause);
  }
  const seen = () => { if (!timer) next(); };
  const stop = () => { over = true; clearTimeout(timer); sight.listeners.delete(seen); };
  sight.listeners.add(seen);
  timer = setTimeout(next, first);
  return stop;
}

const complain = (err) => say(err.message + (err.hint ? ' (' + err.hint + ')' : ''), 'bad');

// appSource is the source of a run for drawRun.
export function appSource(id, may) {
  const of = (part, args) => readView(part, {run_id: id, ...args});
  const source = {
    may,
    // The messages are bounded: the tasks of a large run come in several.
    async load() {
      const run = await of('run', {limit: tasksAtOnce});
      for (let next = run.next_offset; next !== undefined;) {
        const more = await of('run', {offset: next, limit: tasksAtOnce});
        run.tasks.push(...more.tasks);
        next = more.next_offset;
      }
      return run;
    },
    layout: (open) => of('layout', {open}),
    task: (task) => of('task', {task}),
    result: (task, offset) => of('result', {task, offset}),
    elements: (task, offset) => of('elements', {task, offset}),
    log: (task, after) => of('log', {task, after}),
    async act(tool, args) {
      try {
        await callTool(tool, {run_id: id, ...(tool === 'retry_run' ? {wait_seconds: 0} : {}), ...args});
        say(tool === 'retry_run' ? 'the tasks run again' : 'cancelled');
        source.changed();
      } catch (err) {
        complain(err);
      }
    },
    // The client asks the person, and the answer does not pass through the App.
    get answerHint() {
      const ask = button('Answer…', async () => {
        ask.disabled = true;
        try {
          await callTool('get_run', {run_id: id, wait_seconds: 60});
          source.changed();
        } catch (err) {
          complain(err);
        }
        ask.disabled = false;
      }, {class: 'primary'});
      return [h('span.buttons', ask), 'The client shows the question, if it can ask. Otherwise open the page' + (may.page ? '' : ' with chainwright ui') + ', or answer at a terminal: chainwright approve ' + id];
    },
    changed() {},
    follow(seq, onUpdate, onEnd) {
      let last = seq, pause = quickest;
      return whileSeen(async () => {
        let update;
        try {
          update = await of('changes', {after: last});
        } catch {
          return slowest;
        }
        if (update.seq > last) {
          last = update.seq;
          pause = quickest;
          onUpdate(update);
        } else {
          pause = Math.min(slowest, pause * 1.4);
        }
        if (update.more) return 0;
        if (!update.status || !hasEnded(update.status)) return pause;
        setTimeout(onEnd, 0);
        return null;
      }, quickest);
    },
  };
  return source;
}
