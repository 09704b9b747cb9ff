// Lets the official client log in to chainwright with oidc-provider as the issuer, and prints
// what it saw as one line of JSON. The person is the part that follows the redirects.
//
//   node oauth.mjs MODULES FOLDER PROGRAM
import { createServer as http } from 'node:http'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'

const [modules, folder, program] = process.argv.slice(2)
const load = (...path) => import(pathToFileURL(join(modules, ...path)))
const { Provider } = await import(pathToFileURL(createRequire(join(modules, 'x')).resolve('oidc-provider')))
const { Client } = await load('@modelcontextprotocol/sdk', 'dist/esm/client/index.js')
const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk', 'dist/esm/client/streamableHttp.js')
const { UnauthorizedError } = await load('@modelcontextprotocol/sdk', 'dist/esm/client/auth.js')

const listen = async (server) => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}`
}

// The issuer. Its users have the names that they type in, and agree to everything.
const door = http()
const issuer = await listen(door)
const callback = 'http://127.0.0.1:9/callback'
const all = ['tools:read', 'tools:call', 'runs:read', 'runs:write', 'trees:write', 'schedules:write', 'approve', 'metrics']
const provider = new Provider(issuer, {
  scopes: ['openid', 'offline_access', ...all],
  issueRefreshToken: () => true,
  clientDefaults: { token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] },
  pkce: { required: () => true },
  ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, RefreshToken: 600, Session: 600 },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    registration: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({ scope: all.join(' '), audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'RS256' } } }),
    },
  },
})
const asked = [] // what the client asked the issuer
door.on('request', (req, res) => {
  const at = new URL(req.url, issuer)
  asked.push({ method: req.method, path: at.pathname, scope: at.searchParams.get('scope'), resource: at.searchParams.get('resource'), pkce: at.searchParams.get('code_challenge_method') })
  return provider.callback()(req, res)
})

// The server, at an address that is known before it starts.
const free = http()
const address = await listen(free)
free.close()
const settings = join(folder, 'settings.yaml')
writeFileSync(settings, JSON.stringify({ http: { public_url: address, addr: address.slice('http://'.length) }, oauth: { issuers: [issuer] }, data_dir: folder }))
const child = spawn(program, ['--config', settings, '--store', 'memory', 'serve'], { stdio: ['ignore', 'ignore', 'pipe'], env: process.env })
let log = ''
await new Promise((ready, failed) => {
  child.stderr.on('data', (text) => { log += text; if (log.includes('/mcp')) ready() })
  child.on('exit', () => failed(new Error(log)))
})

// The person: follows the pages of the issuer, with cookies, until the client's own address.
async function person(start, login) {
  const cookies = new Map()
  let [url, options] = [new URL(start), {}]
  for (let n = 0; n < 20; n++) {
    if (url.href.startsWith(callback)) return url
    const res = await fetch(url, { redirect: 'manual', ...options, headers: { ...options.headers, cookie: [...cookies].map((c) => c.join('=')).join('; ') } })
    for (const line of res.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split(/=(.*)/s)
      cookies.set(name, value)
    }
    options = {}
    const page = await res.text()
    if (res.headers.has('location')) { url = new URL(res.headers.get('location'), url); continue }
    const action = page.match(/<form[^>]*action="([^"]+)"/)?.[1]
    if (!action) throw new Error(`the issuer answers ${res.status}: ${page.slice(0, 2000)}`)
    const prompt = page.match(/name="prompt" value="([^"]+)"/)?.[1] ?? 'login'
    url = new URL(action, url)
    options = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ prompt, login, password: 'x' }) }
  }
  throw new Error('the issuer redirects without end')
}

// The client's side of the login.
class Login {
  redirectUrl = callback
  clientMetadataUrl = undefined
  saved = {}
  clientMetadata = { client_name: 'test', redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none', application_type: 'native' }
  clientInformation() { return this.saved.client }
  saveClientInformation(client) { this.saved.client = client }
  tokens() { return this.saved.tokens }
  saveTokens(tokens) { this.saved.tokens = tokens }
  saveCodeVerifier(verifier) { this.saved.verifier = verifier }
  codeVerifier() { return this.saved.verifier }
  redirectToAuthorization(url) { this.at = url }
  invalidateCredentials(scope) { if (scope !== 'client') delete this.saved.tokens }
}

const auth = new Login()
let transport
const connect = async () => {
  transport = new StreamableHTTPClientTransport(new URL(address + '/mcp'), { authProvider: auth })
  const client = new Client({ name: 'oauth', version: '1' })
  await client.connect(transport)
  return client
}
// attempt does something, and logs in as the client asks for it.
const attempt = async (what, login = 'ann') => {
  try {
    return { result: await what(), logins: 0 }
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
    const back = await person(auth.at, login)
    if (!back.searchParams.has('code')) throw new Error(`the issuer refuses: ${back.search}`)
    await transport.finishAuth(back.searchParams.get('code'))
    return { result: await what(), logins: 1 }
  }
}
const claims = () => JSON.parse(Buffer.from(auth.saved.tokens.access_token.split('.')[1], 'base64url'))
const header = () => JSON.parse(Buffer.from(auth.saved.tokens.access_token.split('.')[0], 'base64url'))
const said = { issuer, address }
try {
  let { result: client, logins } = await attempt(connect)
  said.first = { logins, scope: claims().scope, aud: claims().aud, sub: claims().sub, typ: header().typ, registered: Boolean(auth.saved.client?.client_id) }
  said.tools = (await client.listTools()).tools.length
  const tree = { tasks: [{ id: 'a', executor: 'data_processor', inputs: { data: [1, 2], operation: 'sum' } }], wait_seconds: 20 }
  const ran = await client.callTool({ name: 'run_task_tree', arguments: tree })
  said.run = ran.structuredContent.status
  const run_id = ran.structuredContent.run_id

  // An access token that is no more: the client gets another with its refresh token.
  const before = auth.saved.tokens.access_token
  auth.saved.tokens = { ...auth.saved.tokens, access_token: before.slice(0, -4) + 'AAAA' }
  said.refreshed = { tools: (await client.listTools()).tools.length, other: auth.saved.tokens.access_token !== before, scope: claims().scope }

  // A call that needs one scope more: the client asks the person again, for all. The SDK does so only
  // without a refresh token, whose scopes stay as they are; and it has registered for the first scopes.
  delete auth.saved.tokens.refresh_token
  delete auth.saved.client
  const step = await attempt(async () => (await client.callTool({ name: 'cancel_run', arguments: { run_id } })).structuredContent.status)
  said.stepUp = { ...step, scope: claims().scope }
  said.after = (await client.callTool({ name: 'get_run', arguments: { run_id } })).structuredContent.status

  // The same person has the same runs with another client, and another person has not.
  for (const name of ['ann', 'bob']) {
    const own = auth.saved
    auth.saved = {}
    const { result: other } = await attempt(connect, name)
    said[name] = (await other.callTool({ name: 'get_run', arguments: { run_id } })).structuredContent.error_type ?? 'found'
    auth.saved = own
    await other.close()
  }
  said.idToken = (await fetch(address + '/mcp', { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${auth.saved.tokens.id_token ?? 'x.y.z'}` }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' })).status
  said.authorizations = asked.filter((a) => a.path === '/auth').map(({ scope, resource, pkce }) => ({ scope, resource, pkce }))
  said.registrations = asked.filter((a) => a.path === '/reg').length
  said.keyReads = asked.filter((a) => a.path === '/jwks').length
  console.log(JSON.stringify(said))
} catch (error) {
  console.error(error, JSON.stringify(said), log)
  process.exitCode = 1
} finally {
  child.kill('SIGINT')
  await once(child, 'exit')
  process.exit()
}
