// The files of the function's zip file (digest __ZIP__), packed as they were there. They are unpacked when
// the function is loaded, into a folder of their own that nobody else may enter.

const __redundancy_files = [
__FILES__]
const __redundancy_main = '__MAIN__'

const __redundancy_unpack = async () => {
  const [fs, os, path, url, zlib] = await Promise.all([
    import('node:fs'),
    import('node:os'),
    import('node:path'),
    import('node:url'),
    import('node:zlib'),
  ])
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'redundancy-'))
  const remove = () => fs.rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    for (const file of __redundancy_files) {
      const packed = Buffer.from(file.packed, 'base64')
      // No more than this is unpacked, whatever it holds. Zero would be no limit.
      const most = { maxOutputLength: Math.max(file.bytes, 1) }
      const content = file.deflated ? zlib.inflateRawSync(packed, most) : packed
      if (content.length !== file.bytes) throw new Error(`${file.path} has ${content.length} bytes, not ${file.bytes}`)
      const place = path.join(folder, 'function', file.path)
      fs.mkdirSync(path.dirname(place), { recursive: true })
      fs.writeFileSync(place, content, { flag: 'wx', mode: file.runs ? 0o700 : 0o600 })
    }
    // A file that no bundler has read: what it imports is imported, whatever the module is.
    const load = path.join(folder, 'load.cjs')
    const main = url.pathToFileURL(path.join(folder, 'function', __redundancy_main))
    fs.writeFileSync(load, `module.exports = import(${JSON.stringify(main.href)})\n`)
    return load
  } catch (error) {
    remove()
    throw error
  }
}

exports.__redundancy = (async () => {
  const { createRequire } = await import('node:module')
  const load = await __redundancy_unpack()
  return createRequire(load)(load)
})()
