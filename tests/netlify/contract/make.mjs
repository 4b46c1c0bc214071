// Cuts the part that the client uses out of Netlify's published description of its API. How to run it
// is in README.md.
import { readFileSync, writeFileSync } from "node:fs";
import { strip } from "../../parts/strip.mjs";

const used = {
  "/sites/{site_id}": ["get"],
  "/sites/{site_id}/functions": ["get"],
  "/sites/{site_id}/deploys": ["get"],
  "/sites/{site_id}/deploys/{deploy_id}": ["get"],
  "/sites/{site_id}/deploys/{deploy_id}/restore": ["post"],
  "/sites/{site_id}/builds": ["post"],
  "/deploys/{deploy_id}/lock": ["post"],
  "/deploys/{deploy_id}/cancel": ["post"],
};

const whole = JSON.parse(readFileSync(process.argv[2], "utf8"));
const paths = {};
for (const [path, methods] of Object.entries(used)) {
  paths[path] = { parameters: whole.paths[path].parameters };
  for (const method of methods) paths[path][method] = whole.paths[path][method];
}
const { swagger, consumes, produces, schemes, host, security, securityDefinitions } = whole;
const made = strip({ swagger, host, schemes, consumes, produces, info: {}, paths });
made.info = { title: whole.info.title, version: whole.info.version };
Object.assign(made, { security, securityDefinitions });
// A description of an answer must be there, if only empty.
for (const operations of Object.values(made.paths)) {
  for (const operation of Object.values(operations)) {
    if (!operation?.responses) continue;
    // It is answered to everything that is asked with an ETag, and not named.
    operation.responses[304] = {};
    for (const answer of Object.values(operation.responses)) answer.description ??= "";
  }
}
writeFileSync(process.argv[3], `${JSON.stringify(made, null, 1)}\n`);
