import {h, fill, button, mark, problemBox, plural, pretty} from './dom.js';
import {Model} from './model.js';
import {drawGraph} from './graph.js';
import {fieldsOf} from './form.js';
import {callTool, readView} from './host.js';

// drawDraft draws a plan that was not started: its picture, problems and tasks,
// and a button that starts it. started(id) is called with the run's id. Without
// may.run, or with still, it has no button. failure is why a call did not start the
// plan. It returns {end}.
export async function drawDraft(root, plan, {may, still, failure, started}) {
  let graph = null, over = false;
  const end = () => { over = true; if (graph) graph.end(); graph = null; };

  async function draw(notice, values) {
    const drawn = await readView('plan', {plan});
    if (over) return;
    if (graph) graph.end();
    graph = drawn.layout ? drawGraph(pendingModel(drawn), {open() {}}) : null;
    const schema = drawn.input_schema || {properties: Object.fromEntries((drawn.needs || []).map((n) => [n, {}])), required: drawn.needs};
    const form = fieldsOf(schema, values), takes = Object.keys(schema.properties || {}).length > 0, errors = h('div');
    const run = button('Run', async () => {
      run.disabled = true;
      fill(errors);
      try {
        await begin(drawn, form, takes);
      } catch (err) {
        fill(errors, problemBox(err));
      }
      run.disabled = false;
    }, {class: 'primary'});
    const offered = may.run && !still && !drawn.problems;
    fill(root, h('header.run', h('div.title', h('h1', {tabindex: -1}, drawn.name || 'Plan'), h('span.badge.s-pending', mark('pending'), h('span', still ? 'starting' : 'not started')))),
      failure && !notice && problemBox(failure),
      notice && h('div.warning', {role: 'alert'}, h('p', '⚠ ', notice)),
      drawn.description && h('p', drawn.description),
      drawn.problems && h('div.problem', h('p', mark('failed'), ' The plan can\'t be run:'), h('ul', drawn.problems.map((p) => h('li', p)))),
      (drawn.warnings || []).map((w) => h('div.warning', h('p', '⚠ ', w))),
      graph && h('section.stage.still', graph.root),
      offered && h('section.card', takes && [h('h2', 'Inputs'), form.el],
        drawn.question && h('details', {open: true}, h('summary', h('h2', 'Before it starts, you are asked')), h('pre.quote', drawn.question)),
        h('div.buttons', run), errors),
      drawn.tasks && h('section.plan', h('h2', plural(drawn.tasks.length, 'task')), drawn.tasks.slice(0, 200).map(taskOf),
        drawn.tasks.length > 200 && h('p.muted', `and ${drawn.tasks.length - 200} more`)));
  }

  // begin starts what is drawn, with the values of the form. If the plan is another
  // one by then, it is drawn again and not started.
  async function begin(drawn, form, takes) {
    let digest = drawn.digest, wanted = plan;
    if (takes) {
      wanted = {...plan, inputs: form.read()};
      const filled = await readView('plan', {plan: wanted});
      if (filled.tree !== drawn.tree) { await draw(changedNotice, wanted.inputs); return; }
      if (!filled.digest) throw new Error(filled.missing || 'the plan can\'t be started with these inputs');
      digest = filled.digest;
    }
    if (!digest) throw new Error(drawn.missing || 'the plan can\'t be started');
    let done;
    try {
      done = await callTool('run_plan', {plan: wanted, digest});
    } catch (err) {
      if (err.field !== 'digest') throw err;
      await draw(changedNotice, wanted.inputs);
      return;
    }
    const id = runOf(done);
    if (!id) throw new Error('the client did not pass on which run was started');
    started(id);
  }

  await draw();
  return {end};
}

const changedNotice = 'The plan has changed since it was drawn. This is what it is now; nothing was started.';

// runOf returns the id of the run in the answer of a tool, or of the task that a
// client has made of it.
export const runOf = (data) => data.run_id || (data.result && data.result.run_id) || (data.task && data.task.taskId) || data.taskId;

const pendingModel = (drawn) => new Model({
  created_at: new Date().toISOString(), status: 'pending', seq: 0, layout: drawn.layout,
  tasks: drawn.tasks.map((t) => ({id: t.id, name: t.name, executor: t.executor, needs: t.needs, status: 'pending', attempts: 0})),
});

// taskOf shows a task uncut, as it was written.
const taskOf = (t) => h('details', h('summary', t.name && t.name !== t.executor ? t.name + ' ' : '', h('strong', t.id), h('code', t.executor)),
  t.needs && h('p.muted', 'waits for ' + t.needs.join(', ')), t.source && h('pre.code', {tabindex: 0, 'aria-label': 'Task ' + t.id}, pretty(JSON.stringify(t.source))));
