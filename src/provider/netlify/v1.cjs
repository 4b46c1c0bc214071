'use strict'

const NAME = '__NAME__'
const SNAPSHOT = '__SNAPSHOT__'
const RETHROWS = __RETHROWS__
const LIMIT = __LIMIT__

// The snapshot is loaded when it is called for, and once. What it throws then is caught here.
let loading
const load = () =>
  (loading ??= (async () => {
    const snapshot = require('./lkg.cjs')
    const loaded = await (snapshot.__redundancy ?? snapshot)
    const handler = loaded.handler ?? loaded.default?.handler
    if (typeof handler !== 'function') throw new TypeError('it exports no handler')
    return handler
  })())

exports.handler = async (event, context) => {
  const began = Date.now()
  const log = (more) => {
    const line = { source: 'redundancy', function: NAME, snapshot: SNAPSHOT, ms: Date.now() - began, ...more }
    console.log(JSON.stringify(line))
  }
  const isProbe = Object.keys(event?.headers ?? {}).some((it) => it.toLowerCase() === 'x-redundancy-probe')
  const left = context?.getRemainingTimeInMillis?.()
  let timer
  const late = new Promise((_, reject) => {
    const limit = typeof left === 'number' ? Math.max(left - 500, 1) : LIMIT
    timer = setTimeout(reject, limit, new Failure(504, 'the function took too long'))
  })
  try {
    const handler = await Promise.race([load(), late]).catch(failed(503, 'the function could not be loaded'))
    if (isProbe) {
      log({ outcome: 'probed' })
      return answer(200, 'probe', { ok: true, function: NAME, snapshot: SNAPSHOT })
    }
    const response = await Promise.race([call(handler, event, context), late]).catch(failed(502, 'the function failed'))
    log({ outcome: 'answered', status: response?.statusCode })
    return response
  } catch (failure) {
    log({ outcome: 'failed', status: failure.status, message: failure.message, detail: detail(failure.cause) })
    if (RETHROWS && !isProbe) throw failure.cause ?? failure
    return answer(failure.status, 'fallback', { error: failure.message })
  } finally {
    clearTimeout(timer)
  }
}

// A handler answers by a promise, by its callback, or at once.
const call = (handler, event, context) =>
  new Promise((resolve, reject) => {
    const callback = (error, response) => (error ? reject(error) : resolve(response))
    const response = handler(event, context, callback)
    const atOnce = response !== undefined && handler.length < 3
    if (atOnce || typeof response?.then === 'function') resolve(response)
  })

const answer = (statusCode, kind, body) => ({
  statusCode,
  headers: {
    'cache-control': 'no-store',
    'content-type': 'application/json',
    'x-redundancy': kind,
    ...(kind === 'fallback' && { 'retry-after': '30' }),
  },
  body: JSON.stringify(body),
})
