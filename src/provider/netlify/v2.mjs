const NAME = '__NAME__'
const SNAPSHOT = '__SNAPSHOT__'
const RETHROWS = __RETHROWS__
const LIMIT = __LIMIT__

// The snapshot is loaded when it is called for, and once. What it throws then is caught here.
let loading
const load = () =>
  (loading ??= (async () => {
    const { default: snapshot } = await import('./lkg.cjs')
    const loaded = await (snapshot.__redundancy ?? snapshot)
    const found = loaded.default?.default ?? loaded.default
    const handler = typeof found === 'function' ? found : found?.fetch?.bind(found)
    if (typeof handler !== 'function') throw new TypeError('it has no default export to call')
    return handler
  })())

export default async (request, context) => {
  const began = Date.now()
  const log = (more) => {
    const line = { source: 'redundancy', function: NAME, snapshot: SNAPSHOT, ms: Date.now() - began, ...more }
    console.log(JSON.stringify(line))
  }
  const isProbe = request.headers.has('x-redundancy-probe')
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, LIMIT, new Failure(504, 'the function took too long'))
  })
  try {
    const handler = await Promise.race([load(), late]).catch(failed(503, 'the function could not be loaded'))
    if (isProbe) {
      log({ outcome: 'probed' })
      return answer(200, 'probe', { ok: true, function: NAME, snapshot: SNAPSHOT })
    }
    // A body that streams goes on after this; what fails in it then, nobody can catch.
    const called = (async () => handler(request, context))()
    const response = await Promise.race([called, late]).catch(failed(502, 'the function failed'))
    log({ outcome: 'answered', status: response?.status })
    return response
  } catch (failure) {
    log({ outcome: 'failed', status: failure.status, message: failure.message, detail: detail(failure.cause) })
    if (RETHROWS && !isProbe) throw failure.cause ?? failure
    return answer(failure.status, 'fallback', { error: failure.message })
  } finally {
    clearTimeout(timer)
  }
}

const answer = (status, kind, body) => {
  const headers = { 'cache-control': 'no-store', 'content-type': 'application/json', 'x-redundancy': kind }
  if (kind === 'fallback') headers['retry-after'] = '30'
  return new Response(JSON.stringify(body), { status, headers })
}
