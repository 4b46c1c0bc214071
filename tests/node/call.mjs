// Calls one bundled function as Netlify would.
// Arguments: FILE VERSION HEADERS. Prints, as JSON, its answer or what it threw, and what it logged.
const [file, version, headers] = process.argv.slice(2)
const log = []
for (const kind of ['log', 'info', 'warn', 'error']) console[kind] = (...them) => log.push(them.join(' '))
const tell = (seen) => {
  process.stdout.write(JSON.stringify({ ...seen, log }), () => process.exit())
}

const first = async () => {
  const module = await import(file)
  const handler = module.handler ?? module.default.handler
  const event = { path: '/x', httpMethod: 'GET', headers: JSON.parse(headers), body: null, isBase64Encoded: false }
  const context = { getRemainingTimeInMillis: () => 1500 }
  // As AWS Lambda does: by a promise, or by the callback.
  const it = await new Promise((resolve, reject) => {
    const answer = handler(event, context, (error, response) => (error ? reject(error) : resolve(response)))
    if (typeof answer?.then === 'function' || (answer !== undefined && handler.length < 3)) resolve(answer)
  })
  const { statusCode, body, multiValueHeaders = {}, isBase64Encoded } = it ?? {}
  const all = { ...it?.headers }
  for (const [key, values] of Object.entries(multiValueHeaders)) all[key] = values.join('|')
  if (isBase64Encoded) all['(base64)'] = 'yes'
  tell({ status: statusCode, headers: all, body })
}

const second = async () => {
  const { default: found } = await import(file)
  const exported = found.default ?? found
  const handler = typeof exported === 'function' ? exported : exported.fetch.bind(exported)
  const request = new Request('https://host/x', { headers: JSON.parse(headers) })
  const it = await handler(request, { params: { id: '7' } })
  tell({ status: it?.status, headers: it && Object.fromEntries(it.headers), body: await it?.text() })
}

try {
  await (version === '2' ? second() : first())
} catch (error) {
  tell({ threw: String(error?.message ?? error) })
}
