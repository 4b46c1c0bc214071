// This stands in front of the function __NAME__: where that fails, its backup is asked, within the
// same request.

const NAME = '__NAME__'

// How long the function may take until its backup is asked, and how long both together, in
// milliseconds: an edge function has to answer within 40 s.
const FIRST = __FIRST__
const ALL = 38000

const OWN = `/.netlify/functions/${NAME}`
// A request with this header is for the function itself.
const GUARD = '__GUARD__'

// What may be done twice without harm. All else needs a key by which the function can tell.
const REPEATABLE = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']

export default async (request, context) => {
  const isRepeatable = REPEATABLE.includes(request.method) || request.headers.has('idempotency-key')
  // Then the request goes on as if nothing stood here.
  if (!isRepeatable || request.headers.has(GUARD)) return
  const began = Date.now()
  const left = () => Math.max(ALL - (Date.now() - began), 1)
  // A body can be read once.
  const copy = request.clone()
  // Nothing is thrown from here on: Netlify would then have the function called again.
  const called = settled(() => context.next(request))
  const first = await within(FIRST, called)
  if (first.response?.status < 500) {
    discard(copy)
    return first.response
  }
  const second = await within(left(), settled(() => askBackup(request, copy)))
  const takes = isGood(second.response)
  const line = {
    source: 'redundancy',
    function: NAME,
    router: 'edge',
    outcome: takes ? 'taken-over' : 'failed',
    method: request.method,
    primary: said(first),
    backup: said(second),
    ms: Date.now() - began,
    detail: [first, second].map(detail).filter(Boolean).join('; ') || undefined,
  }
  console.log(JSON.stringify(line))
  if (takes) {
    called.then((it) => discard(it.response))
    return marked(second.response)
  }
  discard(second.response)
  const last = first.late ? await within(left(), called) : first
  return last.response ?? sorry(last)
}

const askBackup = async (request, copy) => {
  const url = new URL(request.url)
  const below = url.pathname.startsWith(`${OWN}/`) ? url.pathname.slice(OWN.length) : ''
  url.pathname = `${OWN}-backup${below}`
  const headers = new Headers(request.headers)
  for (const it of ['connection', 'content-length', 'host', 'transfer-encoding']) headers.delete(it)
  headers.set('accept-encoding', 'identity')
  headers.set(GUARD, NAME)
  const body = copy.body ? await copy.arrayBuffer() : undefined
  return fetch(url, { method: request.method, headers, body, redirect: 'manual' })
}

// 404 is what Netlify says of a backup that is not there, and what a backup may say that looks at its
// path, which is another one.
const isGood = (response) =>
  response?.status < 500 && response.status !== 404 && response.headers.get('x-redundancy') !== 'fallback'

const marked = (response) => {
  const headers = new Headers(response.headers)
  // What `fetch` has unpacked is packed no more.
  for (const it of ['content-encoding', 'content-length']) headers.delete(it)
  headers.set('x-redundancy', 'backup')
  const { status, statusText } = response
  return new Response(response.body, { status, statusText, headers })
}

const sorry = ({ late }) => {
  const [status, error] = late ? [504, 'the function took too long'] : [502, 'the function failed']
  const headers = { 'cache-control': 'no-store', 'retry-after': '30', 'x-redundancy': 'fallback' }
  return Response.json({ error }, { status, headers })
}

// What comes of a call: `response` or `error`.
const settled = async (call) => {
  try {
    return { response: await call() }
  } catch (error) {
    return { error }
  }
}

// The same, or `late` after so many milliseconds.
const within = (limit, outcome) => {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, limit, { late: true })
  })
  return Promise.race([outcome, late]).finally(() => clearTimeout(timer))
}

// Frees what nobody reads.
const discard = (it) => {
  it?.body?.cancel().catch(() => {})
}

const said = ({ response, late }) => response?.status ?? (late ? 'too slow' : 'threw')

// What went wrong is for the log only.
const detail = ({ error }) => {
  try {
    return error === undefined ? undefined : String(error?.stack ?? error)
  } catch {
    return 'unknown'
  }
}
