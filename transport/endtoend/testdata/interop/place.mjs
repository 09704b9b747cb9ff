// What the scripts in JavaScript share: the server that the test describes, and
// the report that it reads. The arguments are the description and the folder with
// the client's packages.
import fs from 'node:fs'
import { createRequire } from 'node:module'

export const place = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))
export const load = createRequire(process.argv[3] + '/x.js')
export const server = { command: place.command, args: place.args, env: place.env, cwd: place.cwd, stderr: 'ignore' }
const report = { tools: [], failed: [], answers: [] }

// convert adds a tool in the framework's form for models.
export function convert(name, converter) {
  try {
    report.tools.push(converter())
  } catch (error) {
    report.failed.push(`${name}: ${error}`)
  }
}

export const answered = text => report.answers.push(typeof text === 'string' ? text : JSON.stringify(text))

// answer makes all calls; make returns what the model gets to see.
export async function answer(make) {
  for (const call of place.calls) {
    try {
      answered(await make(call.tool, call.arguments))
    } catch (error) {
      answered(`raised: ${error}`)
    }
  }
}

export const done = () => console.log(JSON.stringify(report))
