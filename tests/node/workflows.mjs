// GitHub's own parser on workflow files.
// Arguments: PRIMARY BACKUP, any number of pairs. Prints a JSON list with what it says of each
// backup: its errors, the events that start it, and the keys whose meaning differs from the primary,
// but for the guard and what waits for it.
import { readFileSync } from 'node:fs'
import { register } from 'node:module'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'

// The parser imports JSON in a way that plain node refuses.
register('./json-modules.mjs', import.meta.url)
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import(
  '@actions/workflow-parser'
)

const look = async (file) => {
  const content = readFileSync(file, 'utf8')
  const { context, value } = parseWorkflow({ name: file, content }, new NoOperationTraceWriter())
  const found = context.errors.getErrors().map((error) => error.message)
  if (!value || found.length > 0) return { errors: found.length > 0 ? found : ['no value'], events: [] }
  const template = await convertWorkflowTemplate(context, value)
  const errors = (template.errors ?? []).map((error) => error.Message)
  return { errors, events: Object.keys(template.events).sort() }
}

const guards = (workflow) =>
  Object.keys(workflow.jobs ?? {}).filter((id) => /^redundancy_guard(_\d+)?$/.test(id))

// A condition as the expression that it is.
const expression = (condition) => {
  const text = String(condition ?? '').trim()
  return /^\$\{\{.*\}\}$/s.test(text) ? text.slice(3, -2).trim() : text
}

// Takes the guard out of a backup: what is left of each job is what the primary has.
const unguarded = (workflow, guard) => {
  const test = `needs.${guard}.outputs.run == 'true'`
  const jobs = {}
  for (const [id, job] of Object.entries(workflow.jobs ?? {})) {
    if (id === guard || typeof job !== 'object' || job === null) continue
    const needs = [job.needs ?? []].flat().filter((it) => it !== guard)
    let condition = expression(job.if)
    if (condition === test) condition = ''
    else if (condition.startsWith(`${test} && (`)) condition = condition.slice(test.length + 5, -1)
    // Groups differ as the workflow's own does.
    const { concurrency, needs: _, if: __, ...rest } = job
    jobs[id] = { ...rest, needs, condition }
  }
  return { ...workflow, jobs }
}

const differences = (primary, backup) => {
  const [was, is] = [primary, backup].map((file) => parse(readFileSync(file, 'utf8')))
  const guard = guards(is).find((id) => !guards(was).includes(id))
  const [before, after] = [unguarded(was), unguarded(is, guard)]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].filter((key) => !isDeepStrictEqual(before[key], after[key])).sort()
}

const files = process.argv.slice(2)
const seen = []
for (let at = 0; at + 1 < files.length; at += 2) {
  const [primary, backup] = [files[at], files[at + 1]]
  seen.push({ backup, ...(await look(backup)), differs: differences(primary, backup) })
}
console.log(JSON.stringify(seen))
