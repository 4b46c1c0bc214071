// The function's files as they were, each a function of its own. Packages stay imports.
const path = require('node:path')
const { pathToFileURL } = require('node:url')

// An import whose failure is caught does not end the bundling of the site where the package is gone.
const again = (error) => {
  throw error
}

const packages = {
__PACKAGES__}

const files = {
__FILES__}

const place = (name) => path.join(__dirname, '__BACK__', name)

const loaded = {}

// What was not there either when the function was as it is here.
function __redundancy_missing(name) {
  throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' })
}

// CommonJS is loaded at once.
function __redundancy_require(name) {
  const { common } = files[name]
  if (!common) throw new Error(`${name} is an ES module, which can't be required here`)
  if (!loaded[name]) {
    const module = (loaded[name] = { id: name, exports: {} })
    try {
      common.call(module.exports, module, module.exports, place(name), path.dirname(place(name)))
    } catch (error) {
      delete loaded[name]
      throw error
    }
  }
  return loaded[name].exports
}

// ES modules are loaded one after the other. Within a circle, what is there so far has to do.
async function __redundancy_import(name, within = []) {
  const file = files[name]
  if (file.common) {
    const exports = __redundancy_require(name)
    return exports?.__esModule ? exports : { ...exports, default: exports }
  }
  const known = loaded[name]
  if (known) return within.includes(name) ? known.exports : known.done
  const exports = {}
  const link = (to, names) => linked(file.links[to], to, names?.importedNames, [...within, name])
  const all = (from) => {
    for (const key of Object.keys(from)) {
      if (key === 'default' || key in exports) continue
      Object.defineProperty(exports, key, { enumerable: true, configurable: true, get: () => from[key] })
    }
  }
  const filename = place(name)
  const meta = { url: pathToFileURL(filename).href, filename, dirname: path.dirname(filename) }
  const own = (loaded[name] = { exports })
  own.done = file.module(link, (to) => link(to), exports, all, meta).then(() => exports)
  return own.done
}

async function linked(file, to, names, within) {
  if (file) return __redundancy_import(file, within)
  const found = await (packages[to]?.() ?? import(to))
  // A package in CommonJS may not tell all its names beforehand.
  const whole = found.default
  const lacks = (name) => !(name in found) && whole != null && name in Object(whole)
  const more = names?.filter(lacks) ?? []
  return more.length === 0 ? found : { ...found, ...Object.fromEntries(more.map((it) => [it, whole[it]])) }
}

const main = '__MAIN__'
exports.__redundancy = files[main].common ? __redundancy_require(main) : __redundancy_import(main)
// Who waits for it hears of its failure a moment later.
if (files[main].module) exports.__redundancy.catch(() => {})
