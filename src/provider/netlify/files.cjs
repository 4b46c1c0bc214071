// The function's files as they were, each a function of its own. Packages stay imports.

// An import whose failure is caught does not end the bundling of the site where the package is gone.
const __redundancy_again = (error) => {
  throw error
}

const __redundancy_packages = {
__PACKAGES__}

const __redundancy_files = {
__FILES__}

// The files see no other names of this one than those that begin with `__redundancy_`.
const [__redundancy_require, __redundancy_import, __redundancy_missing] = (() => {
  const path = require('node:path')
  const { pathToFileURL } = require('node:url')
  const files = __redundancy_files
  const place = (name) => path.join(__dirname, '__BACK__', name)
  const loaded = {}

  // CommonJS is loaded at once.
  const required = (name) => {
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
  const imported = async (name, within = []) => {
    const file = files[name]
    if (file.common) {
      const exports = required(name)
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

  const linked = async (file, to, names, within) => {
    if (file) return imported(file, within)
    const found = await (__redundancy_packages[to]?.() ?? import(to))
    // A package in CommonJS may not tell all its names beforehand.
    const whole = found.default
    const lacks = (name) => !(name in found) && whole != null && name in Object(whole)
    const more = names?.filter(lacks) ?? []
    return more.length === 0 ? found : { ...found, ...Object.fromEntries(more.map((it) => [it, whole[it]])) }
  }

  // What was not there either when the function was as it is here.
  const missing = (name) => {
    throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' })
  }

  return [required, imported, missing]
})()

const __redundancy_main = '__MAIN__'
exports.__redundancy = __redundancy_files[__redundancy_main].common
  ? __redundancy_require(__redundancy_main)
  : __redundancy_import(__redundancy_main)
// Who waits for it hears of its failure a moment later.
if (__redundancy_files[__redundancy_main].module) exports.__redundancy.catch(() => {})
