// Cuts the part that the client uses out of GitHub's published description of its API. How to run
// it is in README.md.
import { readFileSync, writeFileSync } from "node:fs";
import { strip } from "../../parts/strip.mjs";

const used = {
  "/repos/{owner}/{repo}": ["get"],
  "/repos/{owner}/{repo}/actions/workflows": ["get"],
  "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs": ["get"],
  "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": ["post"],
  "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/enable": ["put"],
  "/repos/{owner}/{repo}/actions/runs": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs": ["post"],
  "/repos/{owner}/{repo}/contents/{path}": ["get"],
  "/repos/{owner}/{repo}/git/ref/{ref}": ["get"],
  "/repos/{owner}/{repo}/git/commits/{commit_sha}": ["get"],
  "/repos/{owner}/{repo}/git/trees": ["post"],
  "/repos/{owner}/{repo}/git/commits": ["post"],
  "/repos/{owner}/{repo}/git/refs": ["post"],
  "/repos/{owner}/{repo}/git/refs/{ref}": ["patch"],
  "/repos/{owner}/{repo}/pulls": ["get", "post"],
  "/repos/{owner}/{repo}/pulls/{pull_number}": ["patch"],
};

const whole = JSON.parse(readFileSync(process.argv[2], "utf8"));
const copy = (it) => JSON.parse(JSON.stringify(it));
const at = (ref) => ref.slice(2).split("/").reduce((it, key) => it[key], whole);

const paths = {};
for (const [path, methods] of Object.entries(used)) {
  const all = whole.paths[path];
  paths[path] = { parameters: all.parameters };
  for (const method of methods) paths[path][method] = copy(all[method]);
}

// Answers that GitHub gives to everything, and its description does not name everywhere.
const any = { 304: { $ref: "#/components/responses/not-modified" } };
for (const status of [401, 403, 404, 409, 410, 422, 429, 500, 502, 503]) {
  any[status] = { $ref: "#/components/responses/refused" };
}
for (const operations of Object.values(paths)) {
  for (const operation of Object.values(operations).filter((it) => it?.responses)) {
    Object.assign(operation.responses, any);
  }
}

// What is referred to, with what that refers to.
const complaint = { type: "object", required: ["message"], properties: { message: { type: "string" } } };
const components = {
  responses: {
    refused: { description: "", content: { "application/json": { schema: complaint } } },
    "not-modified": { description: "" },
  },
};
(function collect(it) {
  if (it === null || typeof it !== "object") return;
  if (typeof it.$ref === "string") {
    const [, , kind, name] = it.$ref.split("/");
    components[kind] ??= {};
    if (!(name in components[kind])) {
      components[kind][name] = copy(at(it.$ref));
      // Where GitHub's description contradicts GitHub: `oneOf(integer, string)` refuses each
      // number, because a number in a path is a text too; and a range of dates is no date.
      if (name === "workflow-id") {
        const { schema } = components[kind][name];
        schema.anyOf = schema.oneOf;
        delete schema.oneOf;
      }
      if (name === "created") delete components[kind][name].schema.format;
      collect(components[kind][name]);
    }
  }
  Object.values(it).forEach(collect);
})(strip(paths, true));

const made = strip({ openapi: whole.openapi, info: { title: "", version: "" }, paths, components });
made.info = { title: whole.info.title, version: whole.info.version, license: whole.info.license };
// A description of an answer must be there, if only empty.
const answers = Object.values(made.paths).flatMap((it) => Object.values(it).map((op) => op?.responses));
for (const responses of [...answers, made.components.responses].filter(Boolean)) {
  for (const answer of Object.values(responses)) if (!answer.$ref) answer.description ??= "";
}
writeFileSync(process.argv[3], `${JSON.stringify(made, null, 1)}\n`);
