// A loader that lets a module import JSON without saying so.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

export const load = async (url, context, next) => {
  if (!url.endsWith('.json')) return next(url, context)
  const text = await readFile(fileURLToPath(url), 'utf8')
  return { format: 'module', shortCircuit: true, source: `export default ${text}` }
}
