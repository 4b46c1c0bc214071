//! What is tried sees no secret, reaches nothing, and leaves nothing behind.

use std::{fs, net::TcpListener};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    site::{CANARY, PATIENT, Site},
    wait::wait_for,
};

#[test]
fn no_secret_of_the_environment_is_seen() {
    let text = format!(
        "const fs = require('node:fs')
         const seen = JSON.stringify(process.env)
         if (seen.includes('{CANARY}')) throw new Error('it sees a secret')
         const keys = Object.keys(process.env).sort().join()
         if (keys !== 'HOME,PATH,TMPDIR') throw new Error('it sees ' + keys)
         if (fs.readdirSync(process.env.HOME).length > 0) throw new Error('its home is another')
         let read
         try {{ read = fs.readFileSync(`/proc/${{process.ppid}}/environ`, 'utf8') }} catch {{}}
         if (read !== undefined) throw new Error('it reads who began it')
         fs.writeFileSync(process.env.HOME + '/x', 'x')
         exports.handler = async () => ({{}})"
    );
    let site = Site::new(PATIENT, &[("spy.js", &text)]);
    let (code, found) = site.test_one("spy");
    assert_eq!((code, found.result.as_str()), (0, "passed"), "{}", found.why);
}

#[test]
fn nothing_is_written_outside() {
    let text = "let wrote = []
         for (const path of ['../../../x', process.cwd() + '/x', 'PROJECT/x']) {
           try { require('node:fs').writeFileSync(path, 'x'); wrote.push(path) } catch {}
         }
         if (wrote.length > 0) throw new Error('it wrote ' + wrote)
         exports.handler = async () => ({})";
    let site = Site::new(PATIENT, &[]);
    let text = text.replace("PROJECT", site.root.to_str().unwrap());
    site.write("netlify/functions/writes.js", &text);
    let (code, found) = site.test_one("writes");
    assert_eq!((code, found.result.as_str()), (0, "passed"), "{}", found.why);
    assert!(!site.root.join("x").exists());
}

#[test]
fn no_way_leads_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let text = "
        import http from 'node:http'
        import https from 'node:https'
        import http2 from 'node:http2'
        import net, { connect } from 'node:net'
        import tls from 'node:tls'
        import dgram from 'node:dgram'
        import dns from 'node:dns'
        import { lookup } from 'node:dns/promises'
        import { spawnSync } from 'node:child_process'
        import { Worker } from 'node:worker_threads'
        const PORT = 9999, here = `127.0.0.1:${PORT}`
        const ended = (it) => new Promise((resolve, reject) => it.on('error', reject).on('connect', resolve).on('response', resolve))
        const ways = {
          fetch: () => fetch(`http://${here}`),
          http: () => ended(http.get(`http://${here}`)),
          https: () => ended(https.get(`https://${here}`)),
          http2: () => ended(http2.connect(`http://${here}`)),
          net: () => ended(net.connect(PORT, '127.0.0.1')),
          named: () => ended(connect(PORT, '127.0.0.1')),
          socket: () => ended(new net.Socket().connect(PORT, '127.0.0.1')),
          tls: () => ended(tls.connect(PORT, '127.0.0.1')),
          udp: () => new Promise((resolve, reject) => dgram.createSocket('udp4').send('x', PORT, '127.0.0.1', (e) => e ? reject(e) : resolve())),
          listen: () => new Promise((resolve) => net.createServer().listen(0, resolve)),
          dns: () => new Promise((resolve) => dns.lookup('localhost', resolve)),
          resolver: () => new Promise((resolve) => new dns.Resolver().resolve4('localhost', resolve)),
          lookup: () => lookup('localhost'),
          spawn: () => { const { error } = spawnSync('true'); if (error) throw error },
          worker: () => new Promise((resolve, reject) => {
            const text = `require('node:net').connect(${PORT}, '127.0.0.1').on('connect', () => process.exit())`
            new Worker(text, { eval: true }).on('error', reject).on('exit', resolve)
          }),
        }
        for (const [name, way] of Object.entries(ways)) {
          const out = await Promise.resolve().then(way).then(() => 'open', (error) => error.code)
          if (!['REDUNDANCY_REFUSED', 'ERR_ACCESS_DENIED'].includes(out)) throw new Error(name + ' is ' + out)
        }
        export default async () => new Response('')
    ";
    let text = text.replace("9999", &listener.local_addr().unwrap().port().to_string());
    let site = Site::new(PATIENT, &[("caller.mjs", &text)]);
    let (code, found) = site.test_one("caller");
    assert_eq!((code, found.result.as_str()), (0, "passed"), "{}", found.why);
    assert!(listener.accept().is_err(), "somebody came");
}

#[test]
fn a_signal_ends_all_of_it() {
    let text = "setInterval(() => {}, 1000)\nawait new Promise(() => {})\nexport default async () => new Response('')";
    let config = "[[function]]\nbacks_up = '*'\ntest = { timeout = '10m' }\n";
    let site = Site::new(config, &[("waits.mjs", text)]);
    let output = fs::File::create(site.root.join("../output")).unwrap();
    let mut program = site.command(&["test"]).stderr(output).spawn().unwrap();
    wait_for("the function is loaded", || {
        site.running().iter().any(|it| it.contains("run.mjs")).then_some(())
    });
    let pid = Pid::from_raw(program.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let status = program.wait().unwrap();
    assert_eq!(status.code(), Some(1));
    wait_for("all has ended", || site.running().is_empty().then_some(()));
    site.nothing_is_left();
    let said = fs::read_to_string(site.root.join("../output")).unwrap();
    assert!(said.contains("it was ended before all was tested"), "{said}");
}
