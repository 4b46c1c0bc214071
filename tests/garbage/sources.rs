//! What people write: the config, workflows, functions, manifests.

use std::{fs, path::Path};

use jiff::Timestamp;
use redundancy::{
    config::{self, Project, discover::discover, init::suggest, render},
    core::{
        plan::{Asker, Consent, Plan, plan},
        resource::{Desired, Observed},
    },
    provider::{Provider, github::Github, netlify::Netlify},
};

use crate::{each_damaged, each_damaged_text, zips};

const CONFIGS: &[&str] = &[
    include_str!("../../redundancy.toml"),
    include_str!("../../examples/zion/redundancy.toml"),
    include_str!("../../examples/failover/redundancy.toml"),
    include_str!("../../examples/pm2/redundancy.toml"),
    include_str!("../../examples/workflows/redundancy.toml"),
];

#[test]
fn configs() {
    each_damaged_text("configs", 3000, CONFIGS, |text| match config::parse(text) {
        Ok((config, notes)) => {
            let _ = render::notes("redundancy.toml", text, &notes, render::Style::Plain);
            // What is taken is decided on.
            let root = Path::new("/nowhere").to_owned();
            let _ = config::pairs(&Project { root, config });
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "it is refused, and nobody says why");
            let shown = render::problems("redundancy.toml", text, &problems, render::Style::Plain);
            assert!(!shown.contains('\u{1b}'), "it steers the terminal:\n{shown}");
        }
    });
}

#[test]
fn what_is_shown_of_a_config_is_never_a_value_of_env() {
    let text = "[[process]]\nname = 'w'\ncommand = ['x']\nenv = { TOKEN = 'canary-in-a-mine', B = \"b\" }\n[failover]\nhold = '1h'\n";
    each_damaged_text("env", 3000, &[text], |text| {
        // What was damaged itself is another value.
        let secret = "canary-in-a-mine";
        let Err(problems) = config::parse(text) else { return };
        let shown = render::problems("redundancy.toml", text, &problems, render::Style::Plain);
        // Where the name of the key is gone, nobody can know what the value is.
        let named = text
            .lines()
            .filter(|it| it.contains(secret))
            .all(|it| it.trim_start().starts_with("env ="));
        assert!(!named || !shown.contains(secret), "shown:\n{shown}\nof:\n{text}");
    });
}

#[test]
fn what_a_first_config_is_made_from() {
    const SEEDS: &[&str] = &[
        include_str!("../../examples/zion/ecosystem.config.cjs"),
        "const list = [{ name: 'a', script: `a.js`, args: ['-x', 1] }]; export default { apps: list };",
        "{ \"apps\": [{ \"name\": \"a b\", \"script\": \"a.py\", \"cron_restart\": \"0 1 * * *\" }] }",
        "on:\n  schedule:\n    - cron: '0 4 * * *'\njobs: {}\n",
        "[build]\nbase = 'web'\n[functions]\ndirectory = 'fns'\n",
    ];
    let ground = Ground::new("[controller]\n");
    each_damaged_text("first configs", 1000, SEEDS, |text| {
        for path in ["ecosystem.config.mjs", "pm2.json", ".github/workflows/ci.yml", "netlify.toml"]
        {
            ground.write(path, text.as_bytes());
        }
        let suggested = suggest(&discover(&ground.project.root));
        assert!(config::parse(&suggested).is_ok(), "it does not load:\n{suggested}");
    });
}

/// Plans and makes the changes.
fn plan_and_apply(provider: &dyn Provider) -> Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let (mut desired, mut observed) = (Desired::default(), Observed::default());
    let seen = runtime.block_on(provider.observe(now)).map_err(|error| error.to_string());
    if let Ok(seen) = &seen {
        desired.set(provider.name(), provider.desire(seen));
    }
    observed.set(provider.name(), seen);
    let plan = plan(&desired, &observed, Asker::Person, &Consent::default(), now);
    for step in plan.steps() {
        runtime.block_on(provider.apply(&step.id.name, &step.change, now)).unwrap();
    }
    plan
}

/// A project in a folder of its own.
struct Ground {
    dir: tempfile::TempDir,
    project: Project,
}

impl Ground {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let config = config::parse(config).unwrap().0;
        Self { dir, project: Project { root, config } }
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Plans and makes the changes, after which there is nothing left to do; and takes away again what was made.
    fn settles(&self, provider: &dyn Provider, made: &str) {
        plan_and_apply(provider);
        let again = plan_and_apply(provider);
        assert!(again.lanes.is_empty(), "it is never done: {again:?}");
        let made = self.dir.path().join(made);
        if made.is_dir() {
            fs::remove_dir_all(made).unwrap();
        } else if made.exists() {
            fs::remove_file(made).unwrap();
        }
    }
}

/// Those of a folder of the tests or the examples.
fn texts(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths.iter().filter(|it| it.is_file()).map(|it| fs::read(it).unwrap()).collect()
}

#[test]
fn workflows() {
    let ground = Ground::new("[[workflow]]\nbacks_up = 'ci.yml'\n");
    let github = Github::new(&ground.project);
    each_damaged("workflows", 1500, &texts("tests/files/nasty"), |bytes| {
        ground.write(".github/workflows/ci.yml", bytes);
        ground.settles(&github, ".github/workflows/ci-backup.yml");
    });
}

#[test]
fn backups_of_workflows() {
    let ground = Ground::new("[[workflow]]\nbacks_up = 'ci.yml'\n");
    let github = Github::new(&ground.project);
    let primary = "name: CI\non:\n  schedule:\n    - cron: '0 4 * * *'\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: y\n";
    ground.write(".github/workflows/ci.yml", primary.as_bytes());
    plan_and_apply(&github);
    let backup = ground.dir.path().join(".github/workflows/ci-backup.yml");
    let seed = fs::read(&backup).unwrap();
    each_damaged("backups of workflows", 1500, std::slice::from_ref(&seed), |bytes| {
        ground.write(".github/workflows/ci-backup.yml", bytes);
        plan_and_apply(&github);
        let now = fs::read(&backup).unwrap();
        assert!(now == seed || now == bytes, "an edit was overwritten by something else");
        // Only what is as it was written may be replaced.
        assert!(now == bytes || bytes == seed, "an edit was overwritten");
    });
}

#[test]
fn functions() {
    const FORMS: &[&str] = &[
        "exports.handler = async (event) => ({ statusCode: 200, body: event.body });\n",
        "import { helper } from './lib/helper.mjs';\nexport default async (request) => new Response(helper(await request.text()));\n\
         export const config = { path: '/a/:b', schedule: '@daily', method: ['GET'] };\n",
        "import { schedule } from '@netlify/functions';\nexport const handler = schedule('@hourly', async () => ({ statusCode: 200 }));\n",
        "const f: (it: unknown) => Promise<object> = async (it) => ({ statusCode: 200 });\nexport { f as handler };\nexport * from './other';\n",
        "module.exports.handler = require('./lib/helper.cjs').handler;\n",
        "export default { fetch: (request: Request) => new Response('x'), config: { path: '/y' } };\n",
    ];
    let ground = Ground::new("[[function]]\nbacks_up = '*'\nsnapshot = 'files'\n");
    ground.write("netlify/functions/lib/helper.mjs", b"export const helper = (it) => it;\n");
    let netlify = Netlify::new(&ground.project);
    each_damaged_text("functions", 1500, FORMS, |text| {
        for extension in ["mjs", "ts"] {
            let path = format!("netlify/functions/hello.{extension}");
            ground.write(&path, text.as_bytes());
            ground.settles(&netlify, "netlify/functions/hello-backup");
            fs::remove_file(ground.dir.path().join(path)).unwrap();
        }
    });
}

#[test]
fn manifests_and_the_file_of_the_site() {
    const MANIFEST: &str = r#"{"generatedAt": "2024-01-01T00:00:00Z", "functions": ["hello", {"name": "hello", "path": "hello.js"}, "ghost"]}"#;
    const SITE: &str = "[build]\ncommand = 'x'\n[functions]\ndirectory = 'netlify/functions'\nnode_bundler = 'esbuild'\n\
        [functions.hello]\nschedule = '@daily'\n[[redirects]]\nfrom = '/a'\nto = '/b'\nstatus = 200\n";
    let ground = Ground::new(
        "[[function]]\nbacks_up = 'hello'\nsnapshot = 'files'\nrouter = 'redirect'\nroute = '/api/hello'\n",
    );
    ground.write("netlify/functions/hello.mjs", b"export default async () => new Response('x');\n");
    let netlify = Netlify::new(&ground.project);
    for (path, seed) in
        [("netlify/functions/functions-manifest.json", MANIFEST), ("netlify.toml", SITE)]
    {
        each_damaged_text(path, 1000, &[seed], |text| {
            ground.write("netlify.toml", SITE.as_bytes());
            ground.write(path, text.as_bytes());
            let before = text.len();
            plan_and_apply(&netlify);
            if path == "netlify.toml" {
                let now = fs::read_to_string(ground.dir.path().join(path)).unwrap();
                assert!(now.len() >= before, "something of the file of the site is lost");
            }
        });
        fs::remove_file(ground.dir.path().join(path)).unwrap();
    }
}

#[test]
fn zip_files() {
    let ground = Ground::new("[[function]]\nbacks_up = '*'\n");
    let netlify = Netlify::new(&ground.project);
    let seeds = [
        zips::zip(&[("hello.js", "exports.handler = async () => ({ statusCode: 200 });\n")]),
        zips::zip(&[
            ("hello.mjs", "export const handler = async () => ({ statusCode: 200 });\n"),
            ("lib/a.txt", "a"),
        ]),
    ];
    each_damaged("zip files", 1500, &seeds, |bytes| {
        ground.write("netlify/functions/hello.zip", bytes);
        ground.settles(&netlify, "netlify/functions/hello-backup");
    });
}
