//! Functions of every form, as people write them.

/// Of the first style, each with its file.
pub(crate) const FIRST: &[(&str, &str)] = &[
    ("async.js", "exports.handler = async (event) => ({ statusCode: 200, body: event.path })"),
    (
        "base64.js",
        "module.exports.handler = async (event) => ({ statusCode: 200, isBase64Encoded: true, body: Buffer.from(event.path).toString('base64'), headers: { 'content-type': 'image/png' }, multiValueHeaders: { 'set-cookie': ['a=1', 'b=2'] } })",
    ),
    (
        "callback.cjs",
        "exports.handler = (event, context, callback) => { setTimeout(() => callback(null, { statusCode: 201, body: event.path }), 5) }",
    ),
    (
        "sloppy.js",
        "path = require('path')\nfiles = 1\nvar loaded = this === exports\nexports.handler = async (event) => ({ statusCode: 200, body: path.basename(event.path) + files + loaded })",
    ),
    ("at-once.js", "exports.handler = (event) => ({ statusCode: 200, body: event.path })"),
    (
        "esm.mjs",
        "import { helper } from './shared/helper.mjs'\nimport { readFile } from 'node:fs/promises'\nexport const handler = async (event) => helper(event, typeof readFile)",
    ),
    (
        "esm-plain.js",
        "import { helper } from './shared/plain.js'\nexport async function handler(event) { return helper(event, 'x') }",
    ),
    (
        "typed.ts",
        "import type { Handler } from '@netlify/functions'\nimport { Word, word } from './shared/typed'\nenum Status { Ok = 200 }\nexport const handler: Handler = async (event: { path: string }) => ({ statusCode: Status.Ok, body: word(event.path as Word) })",
    ),
    (
        "typed-common.cts",
        "exports.handler = async (event: { path: string }) => ({ statusCode: 200, body: event.path })",
    ),
    (
        "moduled.js",
        "const { word } = require('./shared/common')\nmodule.exports = { handler: async (event) => ({ statusCode: 200, body: word(event.path) }) }",
    ),
    (
        "re-exported.js",
        "const handler = async (event) => ({ statusCode: 200, body: event.path })\nexport { handler }",
    ),
    ("re-exported-from.mjs", "export { answer as handler } from './shared/handlers.mjs'"),
    ("same-as.js", "module.exports = require('./shared/same.js')"),
    (
        "foldered/index.js",
        "exports.handler = async (event) => ({ statusCode: 200, body: event.path })",
    ),
    (
        "packaged.js",
        "const { shout } = require('loud')\nexports.handler = async (event) => ({ statusCode: 200, body: shout(event.path) })",
    ),
    (
        "packaged-esm.ts",
        "import { shout } from 'loud'\nimport quiet from 'quiet'\nexport const handler = async (event: any) => ({ statusCode: 200, body: quiet(shout(event.path)) })",
    ),
    (
        "circular.mjs",
        "import { one } from './shared/one.mjs'\nexport const handler = async (event) => ({ statusCode: 200, body: one() + event.path })",
    ),
    (
        "optional.cts",
        "let extra = 'none'\ntry { extra = require('./not-there') } catch {}\nexports.handler = async () => ({ statusCode: 200, body: extra })",
    ),
    (
        "data.js",
        "const data = require('./shared/data.json')\nexports.handler = async (event) => ({ statusCode: 200, body: data.words.join() + event.path })",
    ),
    (
        "late.js",
        "exports.handler = async (event) => { const { helper } = await import('./shared/helper.mjs'); return helper(event, 'late') }",
    ),
];

/// Of the second style.
pub(crate) const SECOND: &[(&str, &str)] = &[
    (
        "web.mjs",
        "export default async (request, context) => new Response(new URL(request.url).pathname + context.params.id, { status: 201, headers: { 'x-own': 'yes' } })\nexport const config = { path: ['/web/:id', '/w'], method: 'GET', preferStatic: true, rateLimit: { windowLimit: 5, windowSize: 60 } }",
    ),
    (
        "web-timed.mjs",
        "export default async () => new Response('done')\nexport const config = { schedule: '@daily' }",
    ),
    (
        "web-typed.mts",
        "import type { Context, Config } from '@netlify/functions'\nimport { word } from './shared/typed.js'\nexport default async (request: Request, context: Context) => new Response(word(new URL(request.url).pathname) + context.params.id)\nexport const config: Config = { path: '/typed', region: 'fra' }",
    ),
    (
        "web-object.mjs",
        "export default { word: '/x', fetch(request, context) { return new Response(this.word + context.params.id) } }",
    ),
    (
        "web-common.cjs",
        "exports.default = async (request) => new Response(new URL(request.url).pathname)",
    ),
    (
        "web-waits.mjs",
        "import { helper } from './shared/helper.mjs'\nconst word = await Promise.resolve('waited')\nexport default async () => new Response(word + typeof helper)",
    ),
    (
        "web-packaged.mjs",
        "import { shout } from 'loud'\nexport default async (request) => new Response(shout(new URL(request.url).pathname))",
    ),
    (
        "web-streams.mjs",
        "export default async () => new Response(new ReadableStream({ async start(it) { it.enqueue(new TextEncoder().encode('one ')); await new Promise((done) => setTimeout(done, 5)); it.enqueue(new TextEncoder().encode('two')); it.close() } }))",
    ),
    (
        "web-folder/web-folder.ts",
        "import { word } from './own'\nexport default async (request: Request) => new Response(word)",
    ),
    ("web-deferred-background.mjs", "export default async () => new Response('later')"),
    ("web-marked.mjs", "export default async () => {}\nexport const config = { background: true }"),
];

/// What they import.
pub(crate) const SHARED: &[(&str, &str)] = &[
    (
        "netlify/functions/shared/helper.mjs",
        "export const helper = (event, what) => ({ statusCode: 200, body: `${event.path} ${what}` })\n",
    ),
    (
        "netlify/functions/shared/typed.ts",
        "export type Word = string\nexport const word = (it: Word): string => `<${it}>`\n",
    ),
    (
        "netlify/functions/shared/plain.js",
        "export const helper = (event, what) => ({ statusCode: 200, body: `${event.path} ${what}` })\n",
    ),
    ("netlify/functions/shared/common.js", "exports.word = (it) => require('./deep').deep(it)\n"),
    ("netlify/functions/shared/deep/index.js", "exports.deep = (it) => `deep ${it}`\n"),
    (
        "netlify/functions/shared/handlers.mjs",
        "export const answer = async (event) => ({ statusCode: 200, body: event.path })\n",
    ),
    (
        "netlify/functions/shared/same.js",
        "exports.handler = async (event) => ({ statusCode: 200, body: 'same' + event.path })\n",
    ),
    (
        "netlify/functions/shared/one.mjs",
        "import { two } from './two.mjs'\nexport const one = () => two()\nexport const word = 'one'\n",
    ),
    (
        "netlify/functions/shared/two.mjs",
        "import { word } from './one.mjs'\nexport function two() { return `two of ${word}` }\n",
    ),
    ("netlify/functions/shared/data.json", "{ \"words\": [\"a\", \"b\"] }\n"),
    ("netlify/functions/web-folder/own.ts", "export const word: string = 'own '\n"),
    (
        "node_modules/loud/package.json",
        "{ \"name\": \"loud\", \"version\": \"1.0.0\", \"main\": \"loud.js\" }",
    ),
    ("node_modules/loud/loud.js", "exports.shout = (it) => `${it}!`\n"),
    (
        "node_modules/quiet/package.json",
        "{ \"name\": \"quiet\", \"version\": \"1.0.0\", \"type\": \"module\", \"exports\": \"./quiet.js\" }",
    ),
    ("node_modules/quiet/quiet.js", "export default (it) => it.replace('!', '.')\n"),
    (
        "node_modules/@netlify/functions/package.json",
        "{ \"name\": \"@netlify/functions\", \"version\": \"1.0.0\" }",
    ),
    ("node_modules/@netlify/functions/index.js", "exports.schedule = (cron, handler) => handler\n"),
    (
        "package.json",
        "{ \"name\": \"site\", \"private\": true, \"dependencies\": { \"loud\": \"1.0.0\", \"quiet\": \"1.0.0\" } }",
    ),
];

/// The name of the function in `file`.
pub(crate) fn name(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}
