//! What is asked of Netlify beside its functions: recovery, deploys, probes. The JSON Schema is made
//! from this file too.

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Span;

/// What a watch does when functions of the published deploy fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recover {
    /// It says so.
    #[default]
    Alert,
    /// It publishes the last good production deploy again, once, and locks it: the whole site goes back,
    /// and stays there until a person unlocks it.
    Restore,
}

/// How those who call a function get its backup when it fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Router {
    /// Not by themselves: the backup is there to be called.
    #[default]
    None,
    /// By a generated edge function in front of the function, which asks the backup within the same
    /// request. It costs one edge invocation for each request.
    Edge,
    /// By redirects in a block of `netlify.toml`, which send the path `route` to whichever of the two is
    /// on duty. A watch changes the block; it takes effect with the next deploy, which costs credits
    /// and takes minutes.
    Redirect,
}

/// How `redundancy deploy` gets what was generated to Netlify.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeployBy {
    /// Not at all: it says what to commit and to push, and Netlify builds what is pushed.
    #[default]
    Git,
    /// By a build hook, whose address is in the environment variable `hook_env`.
    Hook,
    /// By asking the API to build the production branch.
    Build,
    /// By the `netlify` command line: a draft first, which is published when its probes are well.
    Cli,
}

/// `probe = { ... }` of a `[[function]]`: how to tell on the live site whether functions answer. Only
/// of functions that may be called at any time: a call does their work. Scheduled and background
/// functions are never called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionProbe {
    /// What to ask with.
    #[serde(default)]
    pub method: ProbeMethod,
    /// The path on the site, where it is not `/.netlify/functions/NAME`. `NAME` in it stands for the
    /// function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The status of a good answer. When left out, each below 500 is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub expect_status: Option<u16>,
    /// Time between two questions, at least `1s`.
    #[serde(default = "FunctionProbe::default_every")]
    pub every: Span,
    /// How long an answer may take.
    #[serde(default = "FunctionProbe::default_timeout")]
    pub timeout: Span,
}

impl FunctionProbe {
    fn default_every() -> Span {
        Span::secs(300)
    }

    fn default_timeout() -> Span {
        Span::secs(15)
    }

    /// The path at which the function called `name` is asked.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        self.path.as_deref().unwrap_or("/.netlify/functions/NAME").replace("NAME", name)
    }
}

/// The method of a probe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProbeMethod {
    /// It asks for something.
    #[default]
    Get,
    /// It asks for the head of the same.
    Head,
    /// It asks what may be asked.
    Options,
    /// It has something done.
    Post,
}

impl From<ProbeMethod> for Method {
    fn from(it: ProbeMethod) -> Self {
        match it {
            ProbeMethod::Get => Self::GET,
            ProbeMethod::Head => Self::HEAD,
            ProbeMethod::Options => Self::OPTIONS,
            ProbeMethod::Post => Self::POST,
        }
    }
}
