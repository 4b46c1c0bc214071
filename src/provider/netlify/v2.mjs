// The limit of this backup: it imports the primary's own file. While that file can't be loaded,
// only the fallback below answers, and where it is no valid code at all, this can't be bundled
// either. A later version of redundancy carries a snapshot of the primary instead.

const NAME = '__NAME__'

export default async (request, context) => {
  let primary
  try {
    const module = await import('__PRIMARY__')
    const found = module.default?.default ?? module.default
    primary = typeof found === 'function' ? found : found?.fetch?.bind(found)
    if (typeof primary !== 'function') throw new TypeError('the primary has no default export to call')
  } catch (error) {
    return fallback(503, 'the function could not be loaded', error)
  }
  try {
    return await primary(request, context)
  } catch (error) {
    return fallback(502, 'the function failed', error)
  }
}

// What went wrong is for the log only.
const fallback = (status, message, error) => {
  let detail = 'unknown'
  try {
    detail = String(error?.stack ?? error)
  } catch {}
  console.error(JSON.stringify({ source: 'redundancy', function: NAME, message, detail }))
  const headers = {
    'cache-control': 'no-store',
    'content-type': 'application/json',
    'retry-after': '30',
    'x-redundancy': 'fallback',
  }
  return new Response(JSON.stringify({ error: message }), { status, headers })
}
