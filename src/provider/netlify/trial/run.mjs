// Loads a bundled function and calls it as Netlify would. Standard input is a socket: the job comes over
// it as JSON, and what happens goes back over it, a line of JSON each.
import fs from 'node:fs'
import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const MOST_BYTES = 20 * 1024 * 1024

const { folder, file, style, name, calls, longest } = JSON.parse(fs.readFileSync(0, 'utf8'))
const { exit, on } = process
const write = fs.writeSync
const tell = (line) => write(0, JSON.stringify(line) + '\n')

// Ends with what went wrong: in one line, and where in the bundle.
const fail = (what, error) => {
  tell({ at: 'failed', what, ...about(error) })
  exit.call(process, 0)
}

const about = (error) => {
  try {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const frame = String(error?.stack ?? '').split('\n').find((it) => /:\d+:\d+\)?$/.test(it) && it.includes(folder))
    const place = frame?.slice(frame.indexOf(folder) + folder.length).replace(/^\/+|\)$/g, '')
    const why = text.split('\n')[0].replaceAll(folder, '').slice(0, 500)
    return { why, place, refused: isRefusal(error) }
  } catch {
    return { why: 'something that can not be shown', refused: false }
  }
}

const isRefusal = (error, depth = 0) =>
  depth < 5 &&
  error instanceof Error &&
  (['REDUNDANCY_REFUSED', 'ERR_ACCESS_DENIED'].includes(error.code) || isRefusal(error.cause, depth + 1))

on.call(process, 'uncaughtException', (error, origin) => {
  fail(origin === 'unhandledRejection' ? 'nothing handles that a promise is rejected' : 'nothing catches that it throws', error)
})

// What AWS has for functions of the first style that stream.
const streaming = new WeakSet()
const heads = new WeakMap()
globalThis.awslambda = {
  streamifyResponse: (handler) => (streaming.add(handler), handler),
  HttpResponseStream: { from: (stream, head) => (heads.set(stream, head), stream) },
}

// Where nobody is left to end this process, it ends by itself.
setTimeout(() => exit.call(process, 1), longest).unref()
tell({ at: 'begun' })
let loaded
try {
  loaded = await import(pathToFileURL(file))
} catch (error) {
  fail('it throws', error)
}

// Node.js shows a module of CommonJS as the default export, and one that was an ES module once more so.
const handler = await (async () => {
  if (style === 1) return loaded.handler ?? loaded.default?.handler
  const found = loaded.default?.default ?? loaded.default
  return typeof found === 'function' ? found : found?.fetch?.bind(found)
})().catch((error) => fail('it throws', error))
if (typeof handler !== 'function') {
  fail(style === 1 ? 'its `handler` is no function' : 'its default export is neither a function nor has a `fetch`')
}
// Rejections are told a turn later.
for (let turns = 0; turns < 3; turns++) await turn()
tell({ at: 'loaded' })

const address = (call) => new URL(call.path, 'https://test.invalid')

const first = (call) =>
  new Promise((resolve, reject) => {
    const url = address(call)
    const query = [...url.searchParams.keys()]
    const event = {
      httpMethod: call.method,
      path: url.pathname,
      rawUrl: url.href,
      rawQuery: url.search.slice(1),
      headers: { host: url.host, ...call.headers },
      multiValueHeaders: Object.fromEntries(Object.entries(call.headers).map(([key, value]) => [key, [value]])),
      queryStringParameters: Object.fromEntries(url.searchParams),
      multiValueQueryStringParameters: Object.fromEntries(query.map((key) => [key, url.searchParams.getAll(key)])),
      body: call.body ?? null,
      isBase64Encoded: false,
    }
    const until = Date.now() + call.limit
    const context = {
      functionName: name,
      functionVersion: '$LATEST',
      awsRequestId: 'redundancy-test',
      callbackWaitsForEmptyEventLoop: true,
      clientContext: {},
      getRemainingTimeInMillis: () => Math.max(until - Date.now(), 1),
    }
    if (streaming.has(handler)) {
      let bytes = 0
      const out = new Writable({
        write: (chunk, _, done) => done((bytes += chunk.length) > MOST_BYTES ? new Error('it answers without end') : null),
      })
      out.on('finish', () => resolve({ statusCode: 200, ...heads.get(out) }))
      out.on('error', reject)
      Promise.resolve(handler(event, out, context)).catch(reject)
      return
    }
    const answer = handler(event, context, (error, answer) => (error ? reject(error) : resolve(answer)))
    // A handler answers by a promise, by its callback, or at once.
    if (typeof answer?.then === 'function' || (answer !== undefined && handler.length < 3)) resolve(answer)
  })

const second = async (call) => {
  const url = address(call)
  const request = new Request(url, { method: call.method, headers: call.headers, body: call.body })
  const jar = { get: () => undefined, set() {}, delete() {} }
  const context = {
    account: { id: '' },
    cookies: jar,
    deploy: { context: 'dev', id: '0', published: false },
    geo: {},
    ip: '127.0.0.1',
    json: (body) => Response.json(body),
    log: console.log,
    next: async () => new Response(null, { status: 404 }),
    params: {},
    requestId: 'redundancy-test',
    server: { region: 'dev' },
    site: {},
    url,
    waitUntil: () => {},
  }
  const answer = await handler(request, context)
  // Netlify's own bootstrap takes nothing for an empty answer.
  if (answer === undefined) return { statusCode: 204 }
  if (!(answer instanceof Response)) throw new TypeError('it answers with something that is no Response')
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    if ((bytes += chunk.length) > MOST_BYTES) throw new Error('it answers without end')
  }
  return { statusCode: answer.status }
}

for (const call of calls) {
  try {
    const answer = await (style === 1 ? first(call) : second(call))
    const status = Number.isInteger(answer?.statusCode) ? answer.statusCode : null
    for (let turns = 0; turns < 3; turns++) await turn()
    tell({ at: 'answered', status })
  } catch (error) {
    fail('it throws', error)
  }
}
tell({ at: 'done' })
exit.call(process, 0)
