import {h, fill, badge, mark, button, moment, took, bytes, pretty, readable, problemBox, plural, say, hasEnded, fanText} from './dom.js';
import {questionForm} from './form.js';

// drawPanel returns the panel of a task: its question, error, output, inputs,
// attempts, elements and log.
export function drawPanel(model, source, id, close) {
  const body = h('div.body');
  const title = h('h2', {tabindex: -1}, id);
  const root = h('aside.panel', {'aria-label': 'Task ' + id}, h('header', title, button('✕', close, {'aria-label': 'Close the task', class: 'plain'})), body);
  let gone = false, last = '', logStop = null;

  async function load() {
    const t = model.byId.get(id);
    const sign = [t.status, t.attempts, t.end].join();
    if (sign === last) return;
    last = sign;
    try {
      const task = await source.task(id);
      if (!gone) draw(task);
    } catch (err) {
      if (!gone) fill(body, problemBox(err));
    }
  }

  function draw(task) {
    if (logStop) logStop();
    const may = source.may || {}, running = !hasEnded(task.status);
    const runEnded = hasEnded(model.run.status);
    const name = task.name && task.name !== task.id && task.name !== task.executor ? task.name : '';
    fill(title, task.id);
    const took_ = task.started_at && task.completed_at ? took(Date.parse(task.completed_at) - Date.parse(task.started_at)) : '';
    fill(body,
      name && h('p.name', name),
      h('p.facts', badge(task.status), ' ', task.executor, took_ && ' · ' + took_, task.attempts > 1 && ' · ' + plural(task.attempts, 'attempt')),
      task.reason && h('p.muted', reason(task)),
      task.approval && task.status === 'waiting' && questionForm(task.approval, may.answer, source.answer && ((answer) => source.answer(id, answer)), source.answerHint),
      task.approval && task.approval.answer && h('p', mark(task.approval.answer.decision === 'approved' ? 'completed' : 'failed'),
        ` ${task.approval.answer.decision} by ${task.approval.answer.principal || 'the user of this machine'} (${task.approval.answer.way}), `, moment(task.approval.answer.at),
        task.approval.answer.reason && h('q', task.approval.answer.reason)),
      task.error && h('section', h('h3', 'Error'), errorBox(task)),
      h('div.buttons',
        may.retry && runEnded && button('Retry from here', () => source.act('retry_run', {tasks: [id]})),
        may.cancel && running && !runEnded && button('Cancel task', () => source.act('cancel_run', {task: id}))),
      source.log && task.started_at && logSection(task),
      task.size > 0 && outputSection(task),
      task.elements && elementsSection(task),
      inputsSection(task),
      historySection(task),
      task.needs && h('section', h('h3', 'Waits for'), h('p.links', task.needs.map((need) => button(need, () => model.select(need, 'panel'), {class: 'link'})))));
  }

  function reason(task) {
    switch (task.reason) {
      case 'condition': return 'Skipped: its condition is false.';
      case 'dependency': return 'Skipped: ' + (task.blocked_by || []).join(', ') + ' did not complete.' + (task.root_causes ? ' The cause is ' + task.root_causes.join(', ') + '.' : '');
      case 'timeout': return 'Skipped: nobody answered in time.';
      case 'outcome': return 'Skipped: it is for another outcome of the run.';
    }
    return task.reason;
  }

  function errorBox(task) {
    return h('div.problem', h('pre.quote', task.error),
      h('p.facts', task.error_type, task.error_code && ' · code ' + task.error_code, task.field && ' · field ' + task.field, task.retryable && ' · may succeed later'),
      task.hint && h('p.hint', 'Hint: ' + task.hint));
  }

  function outputSection(task) {
    const text = h('pre.code', {tabindex: 0, 'aria-label': 'Output'});
    const more = h('div.buttons');
    let whole = '';
    async function next(offset) {
      try {
        const page = await source.result(id, offset);
        if (gone) return;
        whole += page.text;
        text.textContent = page.next_offset === undefined ? readable(whole) : whole;
        fill(more, page.next_offset !== undefined && button(`Load more (${bytes(page.next_offset)} of ${bytes(page.total_bytes)})`, () => next(page.next_offset)),
          navigator.clipboard && button('Copy', () => navigator.clipboard.writeText(pretty(whole)).then(() => say('copied'), () => say('the browser does not allow it', 'bad')), {class: 'plain'}));
      } catch (err) {
        fill(more, problemBox(err));
      }
    }
    next(0);
    return h('section', h('h3', 'Output ', h('small', bytes(task.size))), text, more);
  }

  function elementsSection(task) {
    const list = h('ol.elements'), more = h('div.buttons');
    async function next(offset) {
      try {
        const page = await source.elements(id, offset);
        if (gone) return;
        for (const e of page.elements) {
          list.append(h('li', {value: e.index}, mark(e.status), ` ${e.index}`, e.started_at && e.completed_at ? ' · ' + took(Date.parse(e.completed_at) - Date.parse(e.started_at)) : '',
            e.attempts > 1 && ` · ${e.attempts} attempts`, e.error && h('span.error', e.error)));
        }
        const at = offset + page.elements.length;
        fill(more, at < page.total && button(`Show more (${at} of ${page.total})`, () => next(at)));
      } catch (err) {
        fill(more, problemBox(err));
      }
    }
    const e = task.elements, details = h('details', {ontoggle: () => { if (details.open && !list.firstChild) next(0); }},
      h('summary', h('h3', 'Elements ', h('small', fanText(e)))), list, more);
    details.open = !!e.failed;
    return h('section', details);
  }

  function inputsSection(task) {
    const source = task.source || {};
    const {inputs, ...rest} = source;
    return h('section', h('h3', 'Inputs'),
      inputs === undefined || inputs === null ? h('p.muted', 'none') : h('pre.code', {tabindex: 0, 'aria-label': 'Inputs'}, pretty(JSON.stringify(inputs))),
      Object.keys(rest).length > 0 && h('details', h('summary', 'As it was written'), h('pre.code', {tabindex: 0, 'aria-label': 'The task as it was written'}, pretty(JSON.stringify(source)))));
  }

  function historySection(task) {
    if (!task.history || !task.history.length) return null;
    return h('section', h('h3', 'History'), h('ol.history', task.history.map((e) => h('li', moment(e.at), ' ', mark(e.state), ' ',
      e.state === 'in_progress' && e.error ? `attempt ${e.attempt} failed` : e.state === 'in_progress' ? `attempt ${e.attempt || 1}` : e.state.replace('_', ' ') + (e.attempt > 1 ? ` in attempt ${e.attempt}` : ''),
      e.error && h('span.error', e.error)))));
  }

  function logSection(task) {
    const text = h('pre.code.log', {tabindex: 0, 'aria-label': 'Log'}), note = h('p.muted'), section = h('section', {hidden: true}, h('h3', 'Log'), note, text);
    let after = 0, timer = 0, stopped = false;
    async function next() {
      try {
        const page = await source.log(id, after);
        if (stopped) return;
        if (page.text) {
          const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 20;
          text.append(page.text);
          section.hidden = false;
          if (atEnd || !after) text.scrollTop = text.scrollHeight;
        }
        if (page.dropped) note.textContent = `${bytes(page.dropped)} before this are not kept.`;
        after = page.next;
        if (page.text || !page.ended) timer = setTimeout(next, page.text ? 300 : 1000);
      } catch (err) {
        if (!stopped && after) note.textContent = err.message;
      }
    }
    next();
    logStop = () => { stopped = true; clearTimeout(timer); };
    return section;
  }

  const stop = model.listen((what) => { if (what !== 'selection') load(); });
  load();
  return {root, focus: () => title.focus(), end() { gone = true; stop(); if (logStop) logStop(); }};
}
