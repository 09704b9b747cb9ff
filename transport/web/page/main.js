import {h, fill, button, say, problemBox} from './dom.js';
import {get, post, runSource, whenLoggedOut} from './api.js';
import {drawRun, drawFailure} from './run.js';
import {runs, trees, tree, schedules, approvals, executors, opened, runLink} from './lists.js';

// The frame of the page: the login, the navigation and the views.

const main = h('main', {id: 'main', tabindex: -1}), nav = h('nav', {'aria-label': 'Views'}), side = h('div.side');
const links = [['#/runs', 'Runs'], ['#/trees', 'Trees'], ['#/schedules', 'Schedules'], ['#/approvals', 'Approvals'], ['#/executors', 'Executors'], ['#/open', 'What is open']];
let current = null, session = {}, turn = 0;

const go = (to) => { location.hash = to; };
whenLoggedOut(() => { if (session.way || session.open) { session = {}; begin(); } });

function parse() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  return [path.split('/').map(decodeURIComponent), Object.fromEntries(new URLSearchParams(query || ''))];
}

const change = (query) => {
  const text = new URLSearchParams(Object.entries(query).filter(([, v]) => v)).toString();
  go('#/runs' + (text ? '?' + text : ''));
};

async function route() {
  if (location.hash.startsWith('#login=')) { begin(); return; }
  const mine = ++turn;
  const [[view, id, task], query] = parse();
  if (current && current.key === 'run ' + id && view === 'runs') { // another task of the same run
    if (current.model && (task || null) !== current.model.selected) current.model.select(task || null, 'link');
    return;
  }
  if (current) current.end();
  current = null;
  for (const link of nav.querySelectorAll('a')) {
    if (link.getAttribute('href') === '#/' + (view || 'runs')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const name = (links.find(([href]) => href === '#/' + view) || links[0])[1];
  document.title = (id ? id + ' · ' : '') + name + ' · Chainwright';
  const root = h('div.view');
  fill(main, root);
  scrollTo(0, 0);
  switch (view) {
    case 'runs':
      if (!id) { current = runs(root, query, session, {change}); break; }
      fill(root, h('p.muted', 'Loading the run…'));
      try {
        const source = runSource(id, session, {go, link: (run) => runLink(run)});
        const drawn = await drawRun(root, source, {select: task, onSelect: (t) => history.replaceState(null, '', '#/runs/' + encodeURIComponent(id) + (t ? '/' + encodeURIComponent(t) : ''))});
        if (mine !== turn) { drawn.end(); return; }
        source.changed = () => drawn.reload().catch(() => {});
        current = {...drawn, key: 'run ' + id, end: drawn.end};
        document.title = (drawn.model.run.name || id) + ' · Chainwright';
      } catch (err) {
        drawFailure(root, err);
      }
      break;
    case 'trees': current = id ? tree(root, id, session, {go}) : trees(root, session); break;
    case 'schedules': current = schedules(root, session); break;
    case 'approvals': current = approvals(root, session); break;
    case 'executors': current = executors(root, session); break;
    case 'open': current = opened(root, session); break;
    default: history.replaceState(null, '', '#/runs'); route();
  }
}

function frame() {
  fill(nav, links.map(([href, text]) => h('a', {href}, text)));
  fill(side, session.read_only && h('span.label', 'read only'), session.way ? [h('span', session.principal || 'logged in'), button('Log out', async () => { await post('logout').catch(() => {}); location.hash = ''; location.reload(); }, {class: 'plain'})]
    : h('span.muted', 'no token is set'));
  fill(document.body, h('a.skip', {href: '#main', onclick: (event) => { event.preventDefault(); main.focus(); }}, 'Skip to the content'),
    h('header.top', h('a.brand', {href: '#/runs'}, h('span.dot', {'aria-hidden': 'true'}), 'Chainwright'), nav, side), main,
    h('footer', 'Chainwright ' + (session.version || '')));
  route();
}

function askForToken(problem) {
  const token = h('input', {type: 'password', id: 'token', autocomplete: 'off', required: true, 'aria-describedby': 'token-about'}), errors = h('div', problem && problemBox(problem));
  const enter = async () => {
    try {
      await post('login', {token: token.value});
      token.value = '';
      await begin();
    } catch (err) {
      fill(errors, problemBox(err));
      token.focus();
    }
  };
  token.addEventListener('keydown', (event) => { if (event.key === 'Enter') enter(); });
  fill(document.body, h('main.login', h('div.card', h('h1', 'Chainwright'), h('label', {for: 'token'}, 'Token'), token,
    h('p.muted', {id: 'token-about'}, 'The bearer token of this server. On the server\'s own machine, chainwright ui opens the page with a link instead.'), h('div.buttons', button('Log in', enter, {class: 'primary'}), session.accounts && h('a.button', {href: 'api/login/account'}, 'Log in with your account')), errors)));
  document.title = 'Log in · Chainwright';
  token.focus();
}

async function begin() {
  if (current) current.end();
  current = null;
  let problem = null;
  if (location.hash.startsWith('#login=')) {
    const code = location.hash.slice('#login='.length);
    history.replaceState(null, '', location.pathname); // the code is in no history
    try {
      await post('login', {code});
    } catch (err) {
      problem = err;
    }
  }
  if (location.hash.startsWith('#account=')) {
    problem = {message: location.hash === '#account=unavailable' ? 'The login server can\'t be reached.' : 'The login with your account was refused.', hint: 'Try again, or ask the operator, whose log says why.'};
    history.replaceState(null, '', location.pathname);
  }
  try {
    session = await get('session');
  } catch (err) {
    fill(document.body, h('main.login', h('div.card', h('h1', 'Chainwright'), problemBox(err), h('div.buttons', button('Try again', begin)))));
    return;
  }
  if (!session.open && !session.way) { askForToken(problem); return; }
  if (problem) say(problem.message, 'bad');
  frame();
}

addEventListener('hashchange', route);
begin();
