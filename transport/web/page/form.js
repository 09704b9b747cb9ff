import {h, fill, button, problemBox, moment, pretty} from './dom.js';

// Forms are made from JSON Schemas: a field for each property of a plain type, and
// a text of JSON for everything else.

const kindOf = (schema) => {
  if (schema.enum) return 'enum';
  const types = [].concat(schema.type || []).filter((t) => t !== 'null');
  return types.length === 1 ? types[0] : 'json';
};

let fieldNumber = 0;

// fieldsOf returns a form of a schema: {el, read()}. read() returns the values, or
// throws an error that names the field.
export function fieldsOf(schema, values = {}) {
  const required = new Set(schema.required || []);
  const fields = Object.entries(schema.properties || {}).sort(([a], [b]) => required.has(b) - required.has(a)).map(([name, property]) => field(name, property || {}, required.has(name), name in values ? values[name] : (property || {}).default));
  return {
    el: h('div.fields', fields.map((f) => f.el)),
    read() {
      const value = {};
      for (const f of fields) {
        const v = f.read();
        if (v !== undefined) value[f.name] = v;
      }
      return value;
    },
  };
}

function field(name, schema, required, initial) {
  const id = 'field-' + (++fieldNumber), kind = kindOf(schema);
  const error = h('p.field-error', {id: id + '-error', role: 'alert'});
  const about = schema.description && h('p.muted', {id: id + '-about'}, schema.description);
  const common = {id, 'aria-describedby': (about ? id + '-about ' : '') + id + '-error', 'aria-required': required || null};
  let input;
  if (kind === 'boolean') {
    input = h('input', {...common, type: 'checkbox', checked: initial === true});
  } else if (kind === 'enum') {
    input = h('select', common, !required && h('option', {value: ''}, '–'), schema.enum.map((v, i) => h('option', {value: String(i), selected: JSON.stringify(v) === JSON.stringify(initial)}, typeof v === 'string' ? v : JSON.stringify(v))));
  } else if (kind === 'number' || kind === 'integer') {
    input = h('input', {...common, type: 'text', inputmode: 'decimal', value: initial === undefined ? '' : String(initial)});
  } else if (kind === 'string') {
    const long = (schema.maxLength || 0) > 200 || String(initial || '').includes('\n');
    input = h(long ? 'textarea' : 'input', {...common, type: long ? null : schema.format === 'password' ? 'password' : 'text', rows: long ? 4 : null, value: initial === undefined ? '' : String(initial)});
  } else {
    input = h('textarea', {...common, rows: 3, spellcheck: 'false', placeholder: kind === 'array' ? '[…]' : kind === 'object' ? '{…}' : 'JSON', value: initial === undefined ? '' : JSON.stringify(initial)});
  }
  input.addEventListener('input', () => { error.textContent = ''; input.removeAttribute('aria-invalid'); });
  const label = h('label', {for: id}, schema.title || name, required && h('span.required', ' required'), schema.title && schema.title !== name && h('code', name));
  function wrong(text) {
    error.textContent = text;
    input.setAttribute('aria-invalid', 'true');
    input.focus();
    throw new Error(`${name}: ${text}`);
  }
  return {
    name,
    el: h('div.field', kind === 'boolean' ? [h('div.check', input, label)] : [label, input], about, error),
    read() {
      error.textContent = '';
      input.removeAttribute('aria-invalid');
      if (kind === 'boolean') return input.checked || required || initial !== undefined ? input.checked : undefined;
      const text = input.value;
      if (text === '') {
        if (!required) return undefined;
        if (kind !== 'string') wrong('is required');
      }
      switch (kind) {
        case 'enum': return schema.enum[Number(text)];
        case 'string': return text;
        case 'number': case 'integer': {
          const n = Number(text.trim());
          if (!Number.isFinite(n) || kind === 'integer' && !Number.isInteger(n)) wrong(kind === 'integer' ? 'must be a whole number' : 'must be a number');
          return n;
        }
      }
      try {
        return JSON.parse(text);
      } catch {
        return wrong('must be JSON; a text needs "quotes"');
      }
    },
  };
}

// questionForm shows the question of a task, with buttons to answer it.
export function questionForm(question, may, answer, hint) {
  const errors = h('div'), reason = h('input', {type: 'text', 'aria-label': 'Reason (optional)', placeholder: 'Reason (optional)'});
  const form = question.schema ? fieldsOf(question.schema) : null;
  const buttons = [];
  async function send(decision) {
    try {
      const body = {decision, digest: question.digest, reason: reason.value};
      if (decision === 'approve' && form) body.value = form.read();
      buttons.forEach((b) => { b.disabled = true; });
      await answer(body);
    } catch (err) {
      buttons.forEach((b) => { b.disabled = false; });
      fill(errors, problemBox(err));
    }
  }
  buttons.push(button('Approve', () => send('approve'), {class: 'primary'}), button('Reject', () => send('reject'), {class: 'danger'}));
  return h('section.question', h('h3', 'A person has to answer'), h('blockquote', question.message),
    question.inputs && h('pre.code', {tabindex: 0, 'aria-label': 'Shown with the question'}, pretty(JSON.stringify(question.inputs))),
    h('p.muted', 'Since ', moment(question.since), question.until && [', until ', moment(question.until), question.on_timeout ? ` (then: ${question.on_timeout})` : '']),
    may && answer ? [form && form.el, reason, h('div.buttons', buttons), errors] : h('p.hint', hint || 'Answer at a terminal: chainwright approve'));
}
