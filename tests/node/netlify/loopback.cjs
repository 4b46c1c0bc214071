// Has what listens on every address listen on this machine alone.
const { Server } = require("node:net");

const { listen } = Server.prototype;
Server.prototype.listen = function (first, ...rest) {
  if (typeof first === "number" && typeof rest[0] !== "string") {
    return listen.call(this, first, "127.0.0.1", ...rest);
  }
  if (typeof first === "object" && first !== null && "port" in first && !first.host) {
    return listen.call(this, { ...first, host: "127.0.0.1" }, ...rest);
  }
  return listen.call(this, first, ...rest);
};
