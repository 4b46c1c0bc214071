// Loaded before a function that is tried: from here on it reaches no network and starts no program.
'use strict'
const { syncBuiltinESMExports } = require('node:module')

const refusal = (what) =>
  Object.assign(new Error(`${what} is refused: a test has no network and starts no programs`), {
    code: 'REDUNDANCY_REFUSED',
  })
const refuse = (what) =>
  function () {
    throw refusal(what)
  }

const net = require('node:net')
const dns = require('node:dns')
const dgram = require('node:dgram')
const programs = require('node:child_process')
const cluster = require('node:cluster')

// What goes by TCP, TLS, HTTP or a socket file ends up here.
net.Socket.prototype.connect = refuse('to connect')
net.Server.prototype.listen = refuse('to listen')
for (const key of ['bind', 'connect', 'send']) dgram.Socket.prototype[key] = refuse('to send')
for (const of of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype]) {
  for (const key of ['lookup', 'lookupService', 'reverse', ...Object.getOwnPropertyNames(of)]) {
    if (/^(lookup|resolve|reverse)/.test(key) && typeof of[key] === 'function') of[key] = refuse('to ask for an address')
  }
}
for (const key of ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync']) {
  programs[key] = refuse('to start a program')
}
programs.ChildProcess.prototype.spawn = refuse('to start a program')
cluster.fork = refuse('to start a program')
globalThis.fetch = async () => {
  throw refusal('to fetch')
}
for (const key of ['WebSocket', 'EventSource']) {
  if (key in globalThis) globalThis[key] = class { constructor() { throw refusal('to connect') } }
}
process.kill = refuse('to send a signal')
process.binding = refuse('process.binding')
syncBuiltinESMExports()
