import {ask, say} from './dom.js';

// The API of the page. Every write carries a header of its own.

export class Refusal extends Error {
  constructor(status, body) {
    super(body.error || `the server answered ${status}`);
    this.status = status;
    this.hint = body.hint;
    this.field = body.field;
    this.question = body.question;
  }
}

let onLogout = () => {};

// whenLoggedOut sets what is called when the login has ended.
export const whenLoggedOut = (fn) => { onLogout = fn; };

async function request(path, init) {
  let answer;
  try {
    answer = await fetch('/api/' + path, init);
  } catch {
    throw new Refusal(0, {error: 'the server does not answer', hint: 'is it still running?'});
  }
  let body;
  try {
    body = await answer.json();
  } catch {
    body = {};
  }
  if (answer.ok) return body;
  if (answer.status === 401 && path !== 'login') onLogout();
  throw new Refusal(answer.status, body);
}

export const get = (path, query) => {
  const text = new URLSearchParams(Object.entries(query || {}).filter(([, v]) => v !== undefined && v !== '')).toString();
  return request(path + (text ? '?' + text : ''));
};

export const post = (path, body) => request(path, {
  method: 'POST', headers: {'Content-Type': 'application/json', 'X-Chainwright-Page': '1'}, body: JSON.stringify(body || {}),
});

// act sends a write. If a person has to agree first, it asks, and sends the write
// again with what was agreed. It returns null if the person declines.
export async function act(path, body, what) {
  let agreed;
  for (;;) {
    try {
      return await post(path, agreed === undefined ? body : {...body, agreed});
    } catch (err) {
      if (!err.question) throw err;
      if (!await ask(what || 'Please confirm', err.question.message, 'Yes, do it', true)) {
        say('nothing was started');
        return null;
      }
      agreed = err.question.subject;
    }
  }
}

const part = encodeURIComponent;

// runSource is the source of a run for drawRun.
export function runSource(id, session, {go, link}) {
  const base = 'runs/' + part(id);
  const source = {
    may: session.may || {},
    answerHint: session.may && session.may.answer ? '' : 'Answering needs a login: open the page with chainwright ui, or with the link of chainwright serve --login-link. Or answer at a terminal: chainwright approve ' + id,
    load: () => get(base),
    layout: (open) => get(base + '/layout', {open: open.join(',')}),
    task: (task) => get(`${base}/tasks/${part(task)}`),
    result: (task, offset) => get(`${base}/tasks/${part(task)}/result`, {offset}),
    elements: (task, offset) => get(`${base}/tasks/${part(task)}/elements`, {offset}),
    log: (task, after) => get(`${base}/tasks/${part(task)}/log`, {after}),
    link,
    async act(tool, args) {
      try {
        const done = await act('tools/' + tool, {arguments: {run_id: id, ...(tool === 'retry_run' ? {wait_seconds: 0} : {}), ...args}}, 'Please confirm');
        if (done) { say(tool === 'retry_run' ? 'the tasks run again' : 'cancelled'); source.changed(); }
      } catch (err) {
        say(err.message + (err.hint ? ' (' + err.hint + ')' : ''), 'bad');
      }
    },
    async again() {
      try {
        const done = await act(base + '/again', {}, 'Run again?');
        if (done) go('#/runs/' + part(done.run_id));
      } catch (err) {
        say(err.message + (err.hint ? ' (' + err.hint + ')' : ''), 'bad');
      }
    },
    async answer(task, body) {
      await post(`${base}/tasks/${part(task)}/answer`, body);
      say('answered: ' + (body.decision === 'approve' ? 'approved' : 'rejected'));
      source.changed();
    },
    changed() {},
    follow(seq, onUpdate, onEnd) {
      let last = seq, stream = null, timer = 0, over = false;
      const open = () => {
        stream = new EventSource(`/api/${base}/events?after=${last}`);
        stream.addEventListener('update', (event) => { const u = JSON.parse(event.data); last = u.seq; onUpdate(u); });
        stream.addEventListener('end', () => { stop(); onEnd(); });
        stream.onerror = () => { // the browser tries again by itself unless the answer was an error
          if (stream.readyState !== EventSource.CLOSED || over) return;
          timer = setTimeout(() => get('session').then((s) => s.way || s.open ? open() : onLogout(), () => { timer = setTimeout(open, 3000); }), 1000);
        };
      };
      const stop = () => { over = true; clearTimeout(timer); if (stream) stream.close(); };
      open();
      return stop;
    },
  };
  return source;
}
