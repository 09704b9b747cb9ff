// The messages between the App and the client that shows it: JSON-RPC between
// windows, as MCP Apps 2026-01-26 has it. The App has no network.

const hostWindow = window.parent;
const answersDue = new Map(); // by the id of a request
const handlers = new Map(); // by method
let lastMessage = 0;

const toHost = (message) => hostWindow.postMessage({jsonrpc: '2.0', ...message}, '*');

// on sets the handler of a notification.
export const on = (method, handler) => handlers.set(method, handler);

export const notify = (method, params = {}) => toHost({method, params});

// requestHost sends a request and returns its result.
export function requestHost(method, params, within = 120000) {
  const id = ++lastMessage;
  return new Promise((done, fail) => {
    const timer = setTimeout(() => { answersDue.delete(id); fail(new Error('the client does not answer')); }, within);
    answersDue.set(id, (message) => {
      clearTimeout(timer);
      if (message.error) fail(new Error(message.error.message || 'the client refuses ' + method));
      else done(message.result || {});
    });
    toHost({id, method, params});
  });
}

function onMessage(event) {
  const m = event.data;
  if (event.source !== hostWindow || !m || m.jsonrpc !== '2.0') return;
  if (m.method === undefined) {
    const answer = answersDue.get(m.id);
    answersDue.delete(m.id);
    if (answer) answer(m);
    return;
  }
  const handler = handlers.get(m.method);
  if (m.id === undefined) {
    if (handler) handler(m.params || {});
    return;
  }
  if (!handler) { toHost({id: m.id, error: {code: -32601, message: 'the App has no method ' + m.method}}); return; }
  toHost({id: m.id, result: handler(m.params || {}) || {}});
}

// Failure is the error of a tool.
export class Failure extends Error {
  constructor(answer) {
    super(answer.error || 'the call failed');
    this.hint = answer.hint;
    this.field = answer.field;
  }
}

// dataOf returns what a tool has answered.
export function dataOf(result) {
  if (result.structuredContent) return result.structuredContent;
  const text = (result.content || []).filter((part) => part.type === 'text').map((part) => part.text).join('');
  try {
    return JSON.parse(text);
  } catch {
    return {error: text};
  }
}

// callTool calls a tool of the server through the client.
export async function callTool(name, args) {
  const result = await requestHost('tools/call', {name, arguments: args});
  const data = dataOf(result);
  if (result.isError) throw new Failure(data);
  return data;
}

export const readView = (part, args) => callTool('run_view', {part, ...args});

// What the client says of itself, and how it looks.
export const host = {context: {}, capabilities: {}};

// Colors of the App that follow the client's, if it has them.
const themedBy = {
  '--ground': '--color-background-primary', '--card': '--color-background-primary', '--sunk': '--color-background-secondary',
  '--text': '--color-text-primary', '--muted': '--color-text-secondary', '--line': '--color-border-secondary',
};
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

function applyTheme() {
  const root = document.documentElement, {theme, styles, displayMode, availableDisplayModes} = host.context;
  const dark = theme ? theme === 'dark' : prefersDark.matches;
  root.dataset.theme = dark ? 'dark' : 'light';
  root.style.colorScheme = root.dataset.theme;
  root.dataset.mode = displayMode || 'inline';
  const variables = (styles && styles.variables) || {};
  for (const [name, value] of Object.entries(variables)) {
    if (/^--[a-z0-9-]+$/.test(name) && typeof value === 'string') root.style.setProperty(name, value);
  }
  for (const [own, theirs] of Object.entries(themedBy)) {
    if (variables[theirs]) root.style.setProperty(own, `var(${theirs})`);
  }
  if (variables['--font-sans']) root.style.fontFamily = 'var(--font-sans)';
  return {dark, full: (availableDisplayModes || []).includes('fullscreen') && displayMode !== 'fullscreen'};
}

// connectHost begins the conversation with the client. changed(look) is called
// when its look changes.
export async function connectHost(changed) {
  window.addEventListener('message', onMessage);
  on('ping', () => ({}));
  on('ui/notifications/host-context-changed', (context) => {
    host.context = {...host.context, ...context};
    changed(applyTheme());
  });
  const hello = await requestHost('ui/initialize', {
    appInfo: {name: 'chainwright', version: '1'}, appCapabilities: {availableDisplayModes: ['inline', 'fullscreen']}, protocolVersion: '2026-01-26',
  });
  host.context = hello.hostContext || {};
  host.capabilities = hello.hostCapabilities || {};
  prefersDark.addEventListener('change', () => changed(applyTheme()));
  const look = applyTheme();
  notify('ui/notifications/initialized');
  let told = '';
  new ResizeObserver(() => {
    const {width, height} = document.body.getBoundingClientRect();
    const size = {width: Math.ceil(width), height: Math.ceil(height)};
    if (told === size.width + ' ' + size.height) return;
    told = size.width + ' ' + size.height;
    notify('ui/notifications/size-changed', size);
  }).observe(document.body);
  return look;
}
