// Netlify's own bundler on a functions folder.
// Arguments: FUNCTIONS OUT CONFIG [ONLY]. Bundles every function, or those whose names end in ONLY, into
// a folder below OUT, by the `[functions]` of a netlify.toml as JSON. Prints a JSON list: name, version of
// the calling style, schedule, routes, how it is invoked, and the file to import for calling it.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { zipFunction, zipFunctions } from '@netlify/zip-it-and-ship-it'

const [folder, out, config, only] = process.argv.slice(2)
const options = { archiveFormat: 'none', basePath: join(folder, '../..'), config: JSON.parse(config) }
const alone = async () => {
  const entries = readdirSync(folder).filter((it) => it.endsWith(only))
  return Promise.all(entries.map((it) => zipFunction(join(folder, it), out, options)))
}
const bundled = only ? await alone() : await zipFunctions(folder, out, options)
// The entry of a function of the second style is Netlify's own, which needs its servers.
const file = ({ entryFilename, mainFile, path }) => {
  if (!entryFilename.startsWith('___')) return join(path, entryFilename)
  // The folders that all its files have in common are left out.
  const parts = mainFile.replace(/\.\w+$/, '').split('/')
  const mains = parts.map((_, at) => join(path, ...parts.slice(at)))
  return mains.flatMap((it) => ['.mjs', '.cjs', '.js'].map((end) => it + end)).find(existsSync)
}
const seen = bundled.map((it) => ({
  name: it.name,
  version: it.runtimeAPIVersion ?? it.buildData?.runtimeAPIVersion ?? 1,
  schedule: it.schedule ?? null,
  routes: it.routes ?? [],
  invoked: it.invocationMode ?? 'buffered',
  file: file(it),
  bundler: it.bundler,
}))
console.log(JSON.stringify(seen))
