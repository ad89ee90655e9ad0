//! A stand-in until matching lands.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cassette::{Cassette, Interaction, Request};

#[derive(Debug, Default)]
pub(super) struct Library {
    tapes: Vec<(PathBuf, Vec<Arc<Interaction>>)>,
}

#[derive(Debug, Default)]
pub(super) struct Uses(BTreeSet<(usize, usize)>);

pub(super) struct Chosen {
    pub(super) tape: PathBuf,
    pub(super) interaction: Arc<Interaction>,
}

#[derive(Debug)]
pub(super) struct Miss(String);

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Library {
    pub(super) fn add(&mut self, tape: Cassette) {
        let path = tape.path().to_owned();
        let interactions = tape.interactions().filter_map(Result::ok).map(Arc::new);
        self.tapes.push((path, interactions.collect()));
    }

    pub(super) fn add_interactions(&mut self, path: PathBuf, interactions: Vec<Interaction>) {
        self.tapes
            .push((path, interactions.into_iter().map(Arc::new).collect()));
    }

    pub(super) fn choose(&self, uses: &mut Uses, request: &Request) -> Result<Chosen, Miss> {
        let value = |r: &Request| r.json::<serde_json::Value>().ok();
        let body = value(request);
        for (t, (path, interactions)) in self.tapes.iter().enumerate() {
            for (i, interaction) in interactions.iter().enumerate() {
                let of = &interaction.request;
                let fits = of.method == request.method
                    && of.path() == request.path()
                    && value(of) == body
                    && (body.is_some() || of.body.as_bytes() == request.body.as_bytes());
                if fits && uses.0.insert((t, i)) {
                    return Ok(Chosen {
                        tape: path.clone(),
                        interaction: interaction.clone(),
                    });
                }
            }
        }
        Err(Miss(format!(
            "no recorded interaction matches {} {}",
            request.method, request.target
        )))
    }

    pub(super) fn unused(&self, uses: &Uses) -> Vec<(PathBuf, u64, String, String)> {
        let mut unused = Vec::new();
        for (t, (path, interactions)) in self.tapes.iter().enumerate() {
            if !uses.0.iter().any(|(tape, _)| *tape == t) {
                continue;
            }
            for (i, interaction) in interactions.iter().enumerate() {
                if !uses.0.contains(&(t, i)) {
                    let of = &interaction.request;
                    unused.push((
                        path.clone(),
                        of.interaction,
                        of.method.clone(),
                        of.target.clone(),
                    ));
                }
            }
        }
        unused
    }
}
