// GitHub's own parser on workflow files.
// Arguments: PRIMARY BACKUP, any number of pairs. Prints a JSON list with what it says of each
// backup: its errors, the events that start it, and the keys whose meaning differs from the primary.
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

// The concurrency groups of jobs differ as the workflow's own does.
const withoutGroups = (workflow) => {
  for (const job of Object.values(workflow.jobs ?? {})) delete job?.concurrency
  return workflow
}

const differences = (primary, backup) => {
  const [was, is] = [primary, backup].map((file) => withoutGroups(parse(readFileSync(file, 'utf8'))))
  const keys = new Set([...Object.keys(was), ...Object.keys(is)])
  return [...keys].filter((key) => !isDeepStrictEqual(was[key], is[key])).sort()
}

const files = process.argv.slice(2)
const seen = []
for (let at = 0; at + 1 < files.length; at += 2) {
  const [primary, backup] = [files[at], files[at + 1]]
  seen.push({ backup, ...(await look(backup)), differs: differences(primary, backup) })
}
console.log(JSON.stringify(seen))
