// Netlify's own bundler on a functions folder.
// Arguments: FUNCTIONS OUT. Bundles every function into a folder below OUT and prints a JSON list:
// name, version of the calling style, schedule, routes, and the file to import for calling it.
import { join } from 'node:path'
import { zipFunctions } from '@netlify/zip-it-and-ship-it'

const [folder, out] = process.argv.slice(2)
const bundled = await zipFunctions(folder, out, { archiveFormat: 'none', basePath: folder })
const seen = bundled.map((it) => ({
  name: it.name,
  version: it.runtimeVersion ?? it.buildData?.runtimeAPIVersion,
  schedule: it.schedule ?? null,
  routes: it.routes ?? [],
  path: it.path,
  entry: it.entryFilename,
  main: it.mainFile,
  bundler: it.bundler,
  buildData: it.buildData,
}))
console.log(JSON.stringify(seen))
