// Draws the diagrams on stdin with Mermaid in Chromium, and prints what is shown.
import {createRequire} from 'node:module';
import {readFileSync} from 'node:fs';

const asked = JSON.parse(readFileSync(0, 'utf8'));
const require = createRequire(asked.modules + '/');
const {chromium} = require('playwright-core');
const browser = await chromium.launch({executablePath: asked.chromium || '/usr/bin/chromium', args: ['--no-sandbox']});
const page = await browser.newPage();
const problems = [];
page.on('dialog', (d) => { problems.push('a dialog: ' + d.message()); d.dismiss(); });
page.on('pageerror', (err) => problems.push('error: ' + err.message));
page.on('request', (r) => problems.push('a request: ' + r.url()));
await page.setContent('<!doctype html><meta charset="utf-8"><main></main>');
await page.addScriptTag({path: asked.modules + '/node_modules/mermaid/dist/mermaid.min.js'});
const diagrams = await page.evaluate(async (diagrams) => {
  window.mermaid.initialize({startOnLoad: false});
  const allowed = /^(svg|style|g|path|rect|polygon|circle|ellipse|line|marker|defs|foreignObject|div|span|p|br|text|tspan|filter|feDropShadow|linearGradient|stop)$/i;
  const all = {};
  let number = 0;
  for (const [name, text] of Object.entries(diagrams)) {
    try {
      const {svg} = await window.mermaid.render('d' + number++, text);
      const main = document.querySelector('main');
      main.innerHTML = svg;
      const nodes = {}, foreign = [];
      for (const br of main.querySelectorAll('br')) br.replaceWith(' ');
      for (const el of main.querySelectorAll('*')) {
        if (!allowed.test(el.tagName) || el.getAttributeNames().some((a) => a.startsWith('on') || a === 'href')) foreign.push(el.outerHTML.slice(0, 200));
      }
      for (const el of main.querySelectorAll('g.node')) {
        const id = /flowchart-(n\d+)-/.exec(el.id);
        nodes[id ? id[1] : el.id] = el.textContent;
      }
      all[name] = {nodes, foreign};
    } catch (err) {
      all[name] = {error: String(err.message || err)};
    }
  }
  return all;
}, asked.diagrams);
await browser.close();
console.log(JSON.stringify({problems, diagrams}));
