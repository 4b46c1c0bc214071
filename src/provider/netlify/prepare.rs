//! Making ready what backups would consist of: the snapshots that are needed, each with its wrapper.

use std::collections::BTreeMap;

use super::{
    REFUSED, SNAPSHOT_FILE,
    bundle::Job,
    draft::{Draft, Form, recipe},
    files,
    function::Style,
    look::{Look, Needed, Seen, set},
    wrapper, zipped,
};
use crate::{
    core::{digest::Digest, resource::Sightings},
    provider::files::read::MOST_GENERATED_BYTES,
};

impl Look {
    /// Makes the snapshots that are needed and puts each with its wrapper into what was seen of the
    /// primary.
    pub(super) async fn prepare(&self, seen: Seen) -> Sightings {
        let Seen { mut sightings, needed, recipes, tools } = seen;
        self.snapshots.keep_only(&self.state_dir, &recipes);
        let can_bundle = !needed.is_empty() && tools.can_bundle();
        let kept = |draft: &Draft| self.snapshots.get(&self.state_dir, &draft.recipe);
        let mut texts: BTreeMap<Digest, Result<String, String>> = BTreeMap::new();
        let mut jobs = Vec::new();
        for Needed { draft, .. } in &needed {
            let bundled = match draft.form {
                Form::Bundle => true,
                Form::Either => can_bundle,
                // One of the files, or of a zip file, is made as quickly as it would be read.
                Form::Files | Form::Zip => continue,
            };
            if let Some(text) = kept(draft) {
                texts.insert(draft.recipe, Ok(text));
            } else if bundled {
                let entry = draft.reached.main.clone();
                jobs.push((draft, Job { entry, external: draft.external.clone() }));
            }
        }
        if !jobs.is_empty() {
            let list: Vec<Job> = jobs.iter().map(|(_, job)| job.clone()).collect();
            let done = tools.bundle(&list).await;
            let done = match done {
                Ok(done) => done,
                Err(error) => vec![Err(error.to_string()); jobs.len()],
            };
            for ((draft, _), result) in jobs.into_iter().zip(done) {
                // What has changed meanwhile is for the next look.
                if result.is_ok() && !self.is_as_before(draft) {
                    let why = "it has changed just now; the next look makes its backup";
                    texts.insert(draft.recipe, Err(of(draft, why)));
                    continue;
                }
                if let Ok(text) = &result {
                    self.snapshots.put(&self.state_dir, draft.recipe, text);
                }
                match result {
                    Err(why) if draft.form == Form::Either => {
                        tracing::debug!("{} is not bundled: {why}", draft.reached.main);
                    }
                    result => {
                        _ = texts.insert(draft.recipe, result.map_err(|why| of(draft, &why)));
                    }
                }
            }
        }
        for Needed { primary, draft } in &needed {
            let text = texts.remove(&draft.recipe).unwrap_or_else(|| match &draft.reached.zip {
                Some(zip) => zipped::snapshot(&self.reader, zip).map_err(|why| of(draft, &why)),
                None => {
                    let traced = draft.style == Style::V1;
                    files::snapshot(&draft.reached, &draft.folder, traced).map_err(|it| it.why)
                }
            });
            let text = text.and_then(|text| fitting(draft, text));
            let Some(actual) = sightings.get_mut(primary) else { continue };
            match text {
                Ok(text) => {
                    let wrapper = wrapper::of_recipe(&draft.wrapper, &draft.recipe);
                    let files = [
                        (draft.path.clone(), wrapper),
                        (format!("{}/{SNAPSHOT_FILE}", draft.folder), text),
                    ];
                    actual.body.files.extend(files);
                }
                Err(why) => set(&mut actual.body, [(REFUSED, why)]),
            }
        }
        sightings
    }

    /// Whether the function's files are as they were read.
    fn is_as_before(&self, draft: &Draft) -> bool {
        let main = &draft.reached.main;
        let Ok(Some(text)) = self.reader.text(main) else { return false };
        let reached = self.walker().walk(main, &text);
        reached.is_ok_and(|it| {
            recipe(&it, &draft.wrapper, draft.form, &draft.external) == draft.recipe
        })
    }
}

/// What is wrong with a function as a whole.
fn of(draft: &Draft, why: &str) -> String {
    let main = draft.reached.zip.as_ref().map_or(&draft.reached.main, |zip| &zip.path);
    // It may name the line itself.
    if why.starts_with(main) { why.to_owned() } else { format!("{main}: {why}") }
}

/// A snapshot, if it is none that could not be read again.
fn fitting(draft: &Draft, text: String) -> Result<String, String> {
    let most = MOST_GENERATED_BYTES - 4096;
    if text.len() as u64 > most {
        let help = match draft.form {
            Form::Zip => "put its source in the place of the zip file, which Netlify bundles",
            Form::Either | Form::Bundle | Form::Files => {
                "`snapshot = \"files\"` leaves its packages out"
            }
        };
        let why = format!(
            "its snapshot would have {} KB, and more than {} are not written; {help}",
            text.len() / 1024,
            most / 1024
        );
        return Err(of(draft, &why));
    }
    Ok(text)
}
