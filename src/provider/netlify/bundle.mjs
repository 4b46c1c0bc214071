// Bundles functions with esbuild: each with all that it imports, packages too, into one CommonJS text.
// Argument: the package of esbuild. Input, as JSON: the project's folder, and of each function its main
// file and the packages to leave out. Output, as JSON: of each its text, or why there is none.
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

const AT_ONCE = 8

const { build } = createRequire(import.meta.url)(process.argv[1])
const { root, jobs } = JSON.parse(await text(process.stdin))

// What is not there and need not be, such as a package that only makes another one quicker, throws where
// it is asked for, as it did. A package that the project itself names and has not installed stays an import.
const MISSING = 'redundancy-missing'
const missing = (natives) => ({
  name: MISSING,
  setup(setup) {
    setup.onResolve({ filter: /^[^/]/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === MISSING || from.kind === 'entry-point') return
      const { importer, namespace, resolveDir, kind } = from
      const found = await setup.resolve(path, { importer, namespace, resolveDir, kind, pluginData: MISSING })
      if (found.path.endsWith('.node')) natives.push(path)
      // An alias for a folder is no package.
      if (found.errors.length === 0 || /^[~@]\//.test(path)) return found
      const isOurs = !importer.includes('/node_modules/') && !path.startsWith('.')
      return isOurs ? { path, external: true } : { path, namespace: MISSING }
    })
    setup.onLoad({ filter: /^/, namespace: MISSING }, ({ path }) => {
      const why = JSON.stringify(`Cannot find module '${path}'`)
      return { contents: `throw Object.assign(new Error(${why}), { code: 'MODULE_NOT_FOUND' })` }
    })
    setup.onLoad({ filter: /\.node$/ }, () => ({ contents: '' }))
  },
})

const bundle = async ({ entry, external }) => {
  const natives = []
  try {
    const { outputFiles } = await build({
      absWorkingDir: root,
      banner: { js: "const __redundancy_url = require('node:url').pathToFileURL(__filename).href" },
      bundle: true,
      charset: 'utf8',
      define: { 'import.meta.url': '__redundancy_url' },
      entryPoints: [entry],
      external,
      format: 'cjs',
      jsx: 'automatic',
      legalComments: 'none',
      logLevel: 'silent',
      platform: 'node',
      plugins: [missing(natives)],
      target: 'node18',
      write: false,
    })
    if (natives.length > 0) return { why: `${natives[0]} is no JavaScript, and can't be bundled` }
    return { text: outputFiles[0].text }
  } catch (error) {
    const first = error?.errors?.[0]
    const place = first?.location ? `${first.location.file}:${first.location.line}: ` : ''
    return { why: place + (first?.text ?? String(error?.message ?? error)) }
  }
}

const done = []
for (let at = 0; at < jobs.length; at += AT_ONCE) {
  done.push(...(await Promise.all(jobs.slice(at, at + AT_ONCE).map(bundle))))
}
process.stdout.write(JSON.stringify(done))
