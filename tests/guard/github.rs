//! As much of GitHub as a guard asks for: the runs of one workflow. Source of the shape: GitHub's
//! "List workflow runs for a workflow", version 2022-11-28.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(crate) const REPOSITORY: &str = "acme/shop";
pub(crate) const TOKEN: &str = "ghs_n0b0dyMayReadThis";

/// A run of the primary.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    event: &'static str,
    branch: &'static str,
    status: &'static str,
    conclusion: Option<&'static str>,
    created_hours_ago: i64,
    started_hours_ago: i64,
}

impl Run {
    /// One that came to an end; by its schedule, on the main branch, some hours ago.
    pub(crate) fn ended(conclusion: &'static str, hours_ago: i64) -> Self {
        let conclusion = Some(conclusion);
        Self { conclusion, ..Self::active("completed", hours_ago) }
    }

    /// One that did not, with its status.
    pub(crate) fn active(status: &'static str, hours_ago: i64) -> Self {
        Self {
            event: "schedule",
            branch: "main",
            status,
            conclusion: None,
            created_hours_ago: hours_ago,
            started_hours_ago: hours_ago,
        }
    }

    pub(crate) fn by(self, event: &'static str) -> Self {
        Self { event, ..self }
    }

    pub(crate) fn on(self, branch: &'static str) -> Self {
        Self { branch, ..self }
    }

    /// The same run, started again.
    pub(crate) fn again(self, started_hours_ago: i64) -> Self {
        Self { started_hours_ago, ..self }
    }

    fn json(&self, id: u64) -> Value {
        let at = |hours: i64| {
            let at = Timestamp::now() - SignedDuration::from_hours(hours);
            at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        };
        let again = self.started_hours_ago != self.created_hours_ago;
        let url = format!("https://api.github.com/repos/{REPOSITORY}/actions/runs/{id}");
        let owner =
            json!({ "login": "acme", "id": 1, "type": "Organization", "site_admin": false });
        let repository = json!({
            "id": 1_296_269, "name": "shop", "full_name": REPOSITORY, "owner": owner, "private": true,
            "html_url": format!("https://github.com/{REPOSITORY}"), "fork": false,
        });
        json!({
            "id": id, "name": "CI", "node_id": "MDEyOldvcmtmbG93IFJ1bjI2OTI4OQ==",
            "head_branch": self.branch, "head_sha": "acb5820ced9479c074f688cc328bf03f341a511d",
            "path": ".github/workflows/ci.yml", "display_title": "Update \"README\"\\md",
            "run_number": 562, "event": self.event, "status": self.status,
            "conclusion": self.conclusion, "workflow_id": 159_038, "check_suite_id": 414_944_374,
            "check_suite_node_id": "MDEwOkNoZWNrU3VpdGU0MTQ5NDQzNzQ=", "url": url,
            "html_url": format!("https://github.com/{REPOSITORY}/actions/runs/{id}"),
            "pull_requests": [], "created_at": at(self.created_hours_ago),
            "updated_at": at(self.started_hours_ago), "actor": owner,
            "run_attempt": if again { 2 } else { 1 }, "referenced_workflows": [],
            "run_started_at": at(self.started_hours_ago), "triggering_actor": owner,
            "jobs_url": format!("{url}/jobs"), "logs_url": format!("{url}/logs"),
            "previous_attempt_url": again.then(|| format!("{url}/attempts/1")),
            "head_commit": {
                "id": "acb5820ced9479c074f688cc328bf03f341a511d",
                "tree_id": "d23f6eedb1e1b9610bbc754ddb5197bfe7271223",
                "message": "Line one\n\nLine two: 'é' \u{1f980}", "timestamp": at(self.created_hours_ago),
                "author": { "name": "Octo Cat", "email": "octocat@github.com" },
                "committer": { "name": "GitHub", "email": "noreply@github.com" },
            },
            "repository": repository, "head_repository": repository,
        })
    }
}

/// What the server says.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The runs, the one that was created last first.
    Runs(Vec<Run>),
    /// A status and a body.
    Raw(&'static str, String),
    /// As many bytes of an answer with one successful run, and the end of the connection.
    Torn(usize),
    /// Nothing, for ever.
    Silence,
}

impl Answer {
    /// A refusal, as GitHub words it.
    pub(crate) fn refusal(status: &'static str, message: &str) -> Self {
        let documentation = "https://docs.github.com/rest/actions/workflow-runs";
        let code = status.split(' ').next();
        let body =
            json!({ "message": message, "documentation_url": documentation, "status": code });
        Self::Raw(status, body.to_string())
    }

    fn runs(runs: &[Run], query: &[(&str, &str)]) -> String {
        let asked = |key: &str| query.iter().find(|(it, _)| *it == key).map(|(_, value)| *value);
        let page = asked("per_page").map_or(30, |it| it.parse().unwrap());
        assert!(page <= 100, "GitHub gives no longer pages");
        let branch = asked("branch").map(plain);
        let of_branch = |run: &&Run| branch.as_deref().is_none_or(|it| it == run.branch);
        let (found, ids): (Vec<&Run>, _) =
            (runs.iter().filter(of_branch).collect(), (1..=30_433_642_u64).rev());
        let list: Vec<_> = found.iter().zip(ids).map(|(run, id)| run.json(id)).take(page).collect();
        json!({ "total_count": found.len(), "workflow_runs": list }).to_string()
    }
}

/// The server. Its thread ends with the tests.
pub(crate) struct Github {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Github {
    /// A server that gives these answers in turn to whoever asks for the runs of the workflow that stands
    /// as `file` in an address, and the last one for ever.
    pub(crate) fn new(file: &str, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let path = format!("/repos/{REPOSITORY}/actions/workflows/{file}/runs");
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = read(&stream) else { continue };
                let nth = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(request.clone());
                    heard.len() - 1
                };
                let answer = &answers[nth.min(answers.len() - 1)];
                if matches!(answer, Answer::Silence) {
                    kept.push(stream);
                } else {
                    // Whoever hung up wants no answer.
                    let _ = (&stream).write_all(&reply(&request, &path, answer));
                }
            }
        });
        Self { port, asked }
    }

    /// The heads of all requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// What stands percent-encoded in an address.
fn plain(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}

/// The head of a request; none where nothing came.
fn read(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let lines: Vec<String> = (BufReader::new(stream).lines().map_while(Result::ok))
        .take_while(|it| !it.is_empty())
        .collect();
    let (first, rest) = lines.split_first()?;
    Some(format!("{first}\n{}", rest.join("\n")))
}

fn reply(request: &str, path: &str, answer: &Answer) -> Vec<u8> {
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (asked, query) = target.split_once('?').unwrap_or((target, ""));
    let query: Vec<_> = query.split('&').filter_map(|it| it.split_once('=')).collect();
    let refusal = if !request.contains(&format!("Authorization: Bearer {TOKEN}")) {
        Some(Answer::refusal("401 Unauthorized", "Bad credentials"))
    } else if asked != path {
        Some(Answer::refusal("404 Not Found", "Not Found"))
    } else {
        None
    };
    let (status, body, end) = match refusal.as_ref().unwrap_or(answer) {
        Answer::Runs(runs) => ("200 OK", Answer::runs(runs, &query), usize::MAX),
        Answer::Raw(status, body) => (*status, body.clone(), usize::MAX),
        Answer::Torn(end) => ("200 OK", Answer::runs(&[Run::ended("success", 1)], &query), *end),
        Answer::Silence => unreachable!("it gets no reply"),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut bytes = (head + &body).into_bytes();
    bytes.truncate(end);
    bytes
}
