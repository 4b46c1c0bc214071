// The limit of this backup: it imports the primary's own file. While that file can't be loaded,
// only the fallback below answers, and where it is no valid code at all, this can't be bundled
// either. A later version of redundancy carries a snapshot of the primary instead.

const NAME = '__NAME__'

export const handler = async (event, context) => {
  let primary
  try {
    const module = await import('__PRIMARY__')
    primary = module.handler ?? module.default?.handler
    if (typeof primary !== 'function') throw new TypeError('the primary exports no handler')
  } catch (error) {
    return fallback(503, 'the function could not be loaded', error)
  }
  try {
    return await call(primary, event, context)
  } catch (error) {
    return fallback(502, 'the function failed', error)
  }
}

// A handler answers by a promise, by its callback, or at once.
const call = (primary, event, context) =>
  new Promise((resolve, reject) => {
    const callback = (error, response) => (error ? reject(error) : resolve(response))
    const answer = primary(event, context, callback)
    const atOnce = answer !== undefined && primary.length < 3
    if (atOnce || typeof answer?.then === 'function') resolve(answer)
  })

// What went wrong is for the log only.
const fallback = (statusCode, message, error) => {
  let detail = 'unknown'
  try {
    detail = String(error?.stack ?? error)
  } catch {}
  console.error(JSON.stringify({ source: 'redundancy', function: NAME, message, detail }))
  return {
    statusCode,
    headers: {
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'retry-after': '30',
      'x-redundancy': 'fallback',
    },
    body: JSON.stringify({ error: message }),
  }
}
