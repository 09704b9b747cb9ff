import {looks} from './looks.js';

// Elements are made here, and text is always a text node: results and names come
// from models and servers, and are never read as HTML.

// h makes an element: h('p.note', {title: 'x', onclick: fn}, 'text', child, …).
// Children that are null or false are left out.
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split('.');
  const el = document.createElement(name);
  if (classes.length) el.className = classes.join(' ');
  if (props instanceof Node || typeof props === 'string' || Array.isArray(props)) {
    children.unshift(props);
    props = null;
  }
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) el.addEventListener(key.slice(2), value);
    else if (key === 'value' || key === 'checked' || key === 'disabled' || key === 'open' || key === 'hidden') el[key] = value;
    else el.setAttribute(key, value === true ? '' : value);
  }
  add(el, children);
  return el;
}

function add(el, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(el, child);
    else el.append(child instanceof Node ? child : String(child));
  }
}

// fill replaces what an element has.
export function fill(el, ...children) {
  el.replaceChildren();
  add(el, children);
  return el;
}

// The looks of the states come from the server: a state is never shown by its
// colour alone.
const lookOf = (state) => looks[state] || {mark: looks.pending.mark, word: state}; // a run may be queued

export const stateName = (state) => lookOf(state).word;

export const hasEnded = (state) => !!lookOf(state).ended;

export const markOf = (state) => lookOf(state).mark;

export const mark = (state) => h('span.mark.s-' + state, {'aria-hidden': 'true'}, markOf(state));

// badge is a state with its mark and its word.
export const badge = (state, ...more) => h('span.badge.s-' + state, mark(state), h('span', stateName(state)), ...more);

export const button = (text, onclick, props) => h('button', {type: 'button', onclick, ...props}, text);

export const plural = (n, one) => n.toLocaleString('en') + ' ' + one + (n === 1 ? '' : 's');

// fanText says how far the elements of a for_each are.
export const fanText = (e) => (e.done || 0).toLocaleString('en') + (e.of ? ' of ' + e.of.toLocaleString('en') : ' done') + (e.failed ? `, ${e.failed.toLocaleString('en')} failed` : '');

// took writes a duration in milliseconds.
export function took(ms) {
  if (ms < 1) return '<1 ms';
  if (ms < 1000) return Math.round(ms) + ' ms';
  const s = ms / 1000;
  if (s < 60) return s.toFixed(s < 10 ? 1 : 0) + ' s';
  const m = Math.floor(s / 60);
  if (m < 60) return m + ' min ' + Math.round(s % 60) + ' s';
  const hours = Math.floor(m / 60);
  return hours < 48 ? hours + ' h ' + (m % 60) + ' min' : Math.floor(hours / 24) + ' d ' + (hours % 24) + ' h';
}

const clockFormat = {hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false};

// moment writes a time: today without the date.
export function moment(text) {
  if (!text) return '–';
  const at = new Date(text);
  const time = at.toLocaleTimeString('en-GB', clockFormat);
  const day = at.toLocaleDateString('en-CA');
  return h('time', {datetime: at.toISOString(), title: at.toString()}, day === new Date().toLocaleDateString('en-CA') ? time : day + ' ' + time.slice(0, 5));
}

export const bytes = (n) => n < 1024 ? plural(n, 'byte') : n < 1 << 20 ? (n / 1024).toFixed(1) + ' KiB' : (n / (1 << 20)).toFixed(1) + ' MiB';

// pretty writes JSON text with indents, or returns the text if it is none.
export function pretty(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  } catch {
    return text;
  }
}

// readable is pretty with the lines of texts on lines of their own.
export const readable = (text) => pretty(text).replace(/\\(\\|n)/g, (all, c) => c === 'n' ? '\n    ' : all);

// problemBox shows an error with its hint.
export const problemBox = (err) => h('div.problem', {role: 'alert'},
  h('p', mark('failed'), ' ', err.message || err.error || String(err)), err.hint && h('p.hint', err.hint));

let toastPlace;

// say shows a short message, which screen readers read out.
export function say(text, kind) {
  if (!toastPlace || !toastPlace.isConnected) {
    toastPlace = h('div.toasts', {role: 'status', 'aria-live': 'polite'});
    document.body.append(toastPlace);
  }
  const note = h('div.toast' + (kind ? '.' + kind : ''), text);
  toastPlace.append(note);
  setTimeout(() => note.remove(), kind === 'bad' ? 12000 : 5000);
}

// ask shows a question in a dialog, and returns whether the person agrees.
export function ask(title, text, yes, danger) {
  return new Promise((done) => {
    let agreed = false;
    const dialog = h('dialog.ask', {'aria-label': title, onclose: () => { dialog.remove(); done(agreed); }},
      h('h2', title), h('pre.quote', text),
      h('div.buttons', button(yes, () => { agreed = true; dialog.close(); }, {class: danger ? 'danger' : 'primary'}), button('Cancel', () => dialog.close(), {autofocus: true})));
    document.body.append(dialog);
    dialog.showModal();
  });
}

// byFrame calls a function at most once a frame.
export function byFrame(fn) {
  let due = 0;
  return () => { due = due || requestAnimationFrame(() => { due = 0; fn(); }); };
}
