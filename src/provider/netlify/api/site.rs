//! The site: what is published of it.

use serde::Deserialize;
use serde_json::Value;

use super::{ACCESS, Client, Deploy, Error};
use crate::http::transport::Call;

/// What matters of a site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Site {
    /// Its id.
    pub id: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// Where visitors find it, over https.
    #[serde(default)]
    pub ssl_url: Option<String>,
    /// The same, by whatever it has.
    #[serde(default)]
    pub url: Option<String>,
    /// The deploy that visitors see, if there is one.
    #[serde(default)]
    pub published_deploy: Option<Deploy>,
}

impl Site {
    /// Where visitors find it.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.ssl_url.as_deref().or(self.url.as_deref())
    }
}

impl Client {
    /// What matters of the site.
    pub async fn site(&self) -> Result<Site, Error> {
        let task = format!("look at the site {}", self.site);
        Ok(self.transport.get(&Call::ask(self.url(&[]), task, ACCESS)).await?.0)
    }

    /// The names of the functions of the published deploy, in order.
    pub async fn functions(&self) -> Result<Vec<String>, Error> {
        let task = format!("list the functions of the site {}", self.site);
        let call = Call::ask(self.url(&["functions"]), task, ACCESS);
        let (answer, _): (Value, _) = self.transport.get(&call).await?;
        Ok(names(&answer))
    }
}

/// The names in a list of functions. Netlify describes it as a list of groups, each with functions of
/// no type, and answers with one group too; what it calls a name is `n`.
fn names(answer: &Value) -> Vec<String> {
    let groups = answer.as_array().map_or(std::slice::from_ref(answer), Vec::as_slice);
    let functions = groups.iter().filter_map(|it| it.get("functions")?.as_array()).flatten();
    let name = |it: &Value| {
        let name = it.get("n").or_else(|| it.get("name"))?;
        name.as_str().map(str::to_owned)
    };
    let mut names: Vec<String> = functions.filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_found_in_both_forms() {
        let group = json!({ "functions": [{ "n": "b" }, { "name": "a" }, { "id": "x" }] });
        assert_eq!(names(&group), ["a", "b"]);
        assert_eq!(names(&json!([group, { "functions": [{ "n": "c" }] }])), ["a", "b", "c"]);
        for nothing in [json!(null), json!([]), json!({}), json!({ "functions": 1 }), json!("x")] {
            assert_eq!(names(&nothing), [""; 0]);
        }
    }
}
