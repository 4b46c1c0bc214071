// Netlify's own bundler, for one function after the other. Arguments: the bundler's main file, the
// project's folder, where bundles go, and the `[functions]` of netlify.toml as JSON. Input: the path of a
// function on each line. Output: for each a line of JSON, what has become of it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [main, basePath, out, config] = process.argv.slice(1)
const answer = (line) => process.stdout.write(JSON.stringify(line) + '\n')
// What the bundler has to say is no answer.
console.log = console.info = console.error

const { zipFunction } = await import(pathToFileURL(main))
const options = { archiveFormat: 'none', basePath, repositoryRoot: basePath, config: JSON.parse(config) }

// The entry of a function of the second style is Netlify's own, which names the function's file.
const ENTRY = /getLambdaHandler\((['"])(.+?)\1\)/

const bundle = async (path) => {
  const made = await zipFunction(path, out, options)
  if (!made) return { why: 'it finds no function there' }
  const deferred = made.invocationMode === 'background' || made.schedule !== undefined
  // Copied as it is.
  if (path.endsWith('.zip')) return { zip: made.path, deferred: deferred || made.config?.background === true }
  const entry = join(made.path, made.entryFilename)
  const style = made.runtimeAPIVersion ?? 1
  const file = style === 1 ? entry : join(made.path, ENTRY.exec(readFileSync(entry, 'utf8'))[2])
  return { folder: made.path, file, style, deferred }
}

for await (const path of createInterface({ input: process.stdin })) {
  try {
    answer(await bundle(JSON.parse(path)))
  } catch (error) {
    const lines = String(error?.message ?? error).split('\n').map((it) => it.trim())
    answer({ why: lines.filter((it) => it !== '').slice(0, 3).join('; ').slice(0, 800) })
  }
}
