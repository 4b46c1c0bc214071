// Has an edge function handle requests as Netlify would, one after another.
// Arguments: FILE CASES. Each case says how the request is, what the function behind it does and what its
// backup does. Prints for each, as JSON: the answer or that there was none, what either of the two was
// asked, and what was logged. The backup is a server on this machine.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const [file, cases] = process.argv.slice(2)
const text = await readFile(file, 'utf8')
const write = console.log
const seen = []

let it
let goOn
const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const { method, url, headers } = request
  it.backup.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
  const { backup } = it.case
  if (backup === 'gone') return response.destroy()
  response.writeHead(backup.status, backup.headers)
  for (const chunk of [backup.body ?? ''].flat()) {
    response.write(chunk)
    if (Array.isArray(backup.body)) await new Promise((resolve) => (goOn = resolve))
  }
  response.end()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const host = `http://127.0.0.1:${server.address().port}`

const next = async (request) => {
  const body = await request.text()
  it.primary.push({ method: request.method, body })
  const { primary } = it.case
  if (primary === 'throws') throw new Error('secret of the primary')
  if (primary === 'hangs') return new Promise(() => {})
  return new Response(primary.body, primary)
}

for (const [index, one] of JSON.parse(cases).entries()) {
  it = { case: one, primary: [], backup: [], log: [] }
  console.log = (...them) => it.log.push(them.join(' '))
  const patience = one.all ? text.replace('const ALL = 38000', `const ALL = ${one.all}`) : text
  // Another address each time, so that it is loaded each time.
  const module = await import(`data:text/javascript,${encodeURIComponent(`${patience}// ${index}`)}`)
  const { method = 'GET', path = '/.netlify/functions/hello', headers, body } = one
  let answer
  try {
    answer = await module.default(new Request(host + path, { method, headers, body }), { next })
    const parts = []
    const decoder = new TextDecoder()
    for await (const chunk of answer?.body ?? []) {
      parts.push(decoder.decode(chunk))
      goOn?.()
    }
    answer = answer && { status: answer.status, headers: Object.fromEntries(answer.headers), body: parts.join('|') }
  } catch (error) {
    answer = { threw: String(error) }
  }
  seen.push({ answer: answer ?? null, primary: it.primary, backup: it.backup, log: it.log, config: module.config })
}
write(JSON.stringify(seen))
process.exit()
