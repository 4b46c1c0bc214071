// Does one piece of work a second, and must never do it twice at once. Without its key it can't work.
const { appendFileSync, readFileSync } = require("node:fs");
const path = require("node:path");

const root = path.join(__dirname, "..");
const who = process.env.WHO ?? "primary";
// The backup has a key of its own.
readFileSync(path.join(root, who === "primary" ? "primary.key" : "backup.key"), "utf8");

setInterval(() => {
  const line = `${new Date().toISOString()} done by the ${who}\n`;
  appendFileSync(path.join(root, "work.log"), line);
}, 1000);
