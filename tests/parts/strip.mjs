// Leaves out of a description of an API what no checker reads.

// What only people read. `names` says that the keys of `it` are names of things.
const prose = ["description", "summary", "example", "examples", "externalDocs", "tags", "title"];
export function strip(it, names = false) {
  if (Array.isArray(it)) return it.map((one) => strip(one));
  if (it === null || typeof it !== "object") return it;
  const kept = Object.entries(it).filter(([key]) => {
    return names || !(key.startsWith("x-") || prose.includes(key));
  });
  const holdsNames = (key, value) =>
    ["properties", "paths", "responses", "headers", "parameters", "schemas"].includes(key) &&
    !names &&
    !Array.isArray(value);
  return Object.fromEntries(kept.map(([key, value]) => [key, strip(value, holdsNames(key, value))]));
}
