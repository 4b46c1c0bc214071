//! What the site is like, and what happened to it.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Fault, Reply, Request, SITE, routes};

pub(crate) struct World {
    /// Where it is itself: prism serves no pages.
    pub(super) own: String,
    pub(crate) deploys: Vec<Deploy>,
    pub(crate) published: Option<String>,
    /// What the functions of single deploys answer, where that is not 200.
    pub(crate) answers: BTreeMap<(String, String), Answer>,
    /// The states that the next builds go through, one for each question.
    pub(crate) builds: VecDeque<Vec<&'static str>>,
    /// Whether somebody else publishes another deploy whenever a build is ready.
    pub(crate) rival: bool,
    /// Whether the answer to the next restore is lost, though it is made.
    pub(crate) loses_restore: bool,
    /// What is left of the minute.
    pub(crate) remaining: u64,
    last_id: u32,
}

/// What a function answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    /// Nothing, for ever.
    Silence,
    /// The connection ends.
    Nothing,
}

#[derive(Clone)]
pub(crate) struct Deploy {
    pub(crate) id: String,
    pub(crate) state: &'static str,
    /// The states that come after.
    pub(crate) then: VecDeque<&'static str>,
    pub(crate) created: Timestamp,
    pub(crate) published: Option<Timestamp>,
    pub(crate) draft: bool,
    pub(crate) locked: bool,
    pub(crate) error: Option<String>,
    pub(crate) functions: Vec<String>,
}

impl World {
    pub(super) fn new(own: &str) -> Self {
        Self {
            own: own.to_owned(),
            deploys: Vec::new(),
            published: None,
            answers: BTreeMap::new(),
            builds: VecDeque::new(),
            rival: false,
            loses_restore: false,
            remaining: 490,
            last_id: 0,
        }
    }

    /// A production deploy with `functions`, published so many minutes ago. Its id.
    pub(crate) fn publish(&mut self, minutes: i64, functions: &[&str]) -> String {
        let at = Timestamp::now() - SignedDuration::from_mins(minutes);
        let id = self.make("ready", at);
        let deploy = self.deploy(&id);
        deploy.published = Some(at);
        deploy.functions = functions.iter().map(|it| (*it).to_owned()).collect();
        self.published = Some(id.clone());
        id
    }

    /// A production deploy in `state`, asked for at `at`. Its id.
    pub(crate) fn make(&mut self, state: &'static str, at: Timestamp) -> String {
        self.last_id += 1;
        let id = format!("65a0000000000000000000{:02}", self.last_id);
        let functions = self.published.clone().map(|it| self.deploy(&it).functions.clone());
        self.deploys.push(Deploy {
            id: id.clone(),
            state,
            then: VecDeque::new(),
            created: at,
            published: None,
            draft: false,
            locked: false,
            error: None,
            functions: functions.unwrap_or_default(),
        });
        id
    }

    pub(crate) fn deploy(&mut self, id: &str) -> &mut Deploy {
        self.deploys.iter_mut().find(|it| it.id == id).unwrap()
    }

    /// What a function of a deploy answers from now on.
    pub(crate) fn answers(&mut self, deploy: &str, function: &str, answer: Answer) {
        self.answers.insert((deploy.to_owned(), function.to_owned()), answer);
    }

    /// The build that somebody asks for. Its deploy.
    pub(super) fn build(&mut self) -> String {
        let states = self.builds.pop_front().unwrap_or_else(|| vec!["building", "ready"]);
        let id = self.make("new", Timestamp::now());
        self.deploy(&id).then = states.into();
        id
    }

    /// One step of a deploy, whenever it is looked at.
    pub(super) fn go_on(&mut self, id: &str) {
        let (locked, rival) = (self.is_locked(), self.rival);
        let deploy = self.deploy(id);
        let Some(state) = deploy.then.pop_front() else { return };
        deploy.state = state;
        if state == "error" {
            deploy.error = Some("Build script returned non-zero exit code: 2".to_owned());
        }
        if state == "ready" && !deploy.draft && !locked {
            deploy.published = Some(Timestamp::now());
            self.published = Some(id.to_owned());
            if rival {
                self.publish(0, &[]);
            }
        }
    }

    pub(super) fn is_locked(&self) -> bool {
        let published = self.published.as_ref();
        self.deploys.iter().any(|it| Some(&it.id) == published && it.locked)
    }

    /// A deploy as the API tells of it.
    pub(super) fn told(&self, deploy: &Deploy) -> Value {
        let published = self.published.as_ref() == Some(&deploy.id);
        let mut told = json!({
            "id": deploy.id,
            "site_id": SITE,
            "state": deploy.state,
            "name": "app",
            "url": "http://app.example.com",
            "deploy_ssl_url": format!("{}/at/{}", self.own, deploy.id),
            "draft": deploy.draft,
            "error_message": deploy.error.clone().unwrap_or_default(),
            "branch": "main",
            "commit_ref": "1f0c1e5e2b9f2d3f4a5b6c7d8e9f0a1b2c3d4e5f",
            "created_at": deploy.created,
            "updated_at": deploy.created,
            "context": if deploy.draft { "deploy-preview" } else { "production" },
            "locked": deploy.locked && published,
            "available_functions":
                deploy.functions.iter().map(|it| json!({ "n": it })).collect::<Vec<_>>(),
        });
        if let Some(at) = deploy.published {
            told["published_at"] = json!(at);
        }
        told
    }
}

impl crate::server::World for World {
    fn fault(&mut self, request: &Request) -> Option<Fault> {
        if self.loses_restore && request.target.ends_with("/restore") {
            self.loses_restore = false;
            routes::answer(self, request);
            return Some(Fault::Reset);
        }
        match routes::function(self, request)? {
            Answer::Status(_) => None,
            Answer::Silence => Some(Fault::Silence),
            Answer::Nothing => Some(Fault::Reset),
        }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if let Some(answer) = routes::function(self, request) {
            let Answer::Status(status) = answer else { unreachable!("it is a fault") };
            return Reply::json(status, json!({ "function": request.target }));
        }
        let mut reply = routes::answer(self, request).or_unchanged(request);
        self.remaining = self.remaining.saturating_sub(1);
        let reset = Timestamp::now() + SignedDuration::from_secs(30);
        reply.headers.push(("x-ratelimit-limit", "500".to_owned()));
        reply.headers.push(("x-ratelimit-remaining", self.remaining.to_string()));
        reply.headers.push(("x-ratelimit-reset", reset.as_second().to_string()));
        reply
    }
}
