//! One run of a client against a server of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outcome::{Ended, Made, Output};
use super::{Drill, Error};
use crate::matching::Library;
use crate::policy::Policy;
use crate::redact::Redactor;
use crate::serve::{Aim, MockServer, Outcome, Report};

/// What every run of a drill shares.
pub(super) struct Stage<F> {
    pub(super) library: Arc<Library>,
    pub(super) redactor: Redactor,
    pub(super) time_limit: Duration,
    pub(super) client: F,
}

/// What a run came to, from both sides.
pub(super) struct Attempt {
    pub(super) made: Made,
    pub(super) report: Report,
    /// The answers that were played, each once, in the order in which they were asked for.
    pub(super) played: Vec<(PathBuf, u64)>,
    /// One of them was played again.
    pub(super) repeats: bool,
    pub(super) took: Duration,
}

impl<F, Fut> Stage<F>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = std::io::Result<Made>>,
{
    /// Runs the client against a server that plays under `policy`; its faults strike at `aim`.
    pub(super) async fn attempt(&self, policy: Policy, aim: Option<Aim>) -> Result<Attempt, Error> {
        let server = MockServer::builder()
            .library(self.library.clone())
            .redactor(self.redactor.clone())
            .policy(policy)
            // Whoever is still being answered when the client is over is nobody.
            .grace(Duration::ZERO)
            .journal(MAX_REQUESTS);
        let server = match aim {
            Some(aim) => server.faults_at(aim),
            None => server,
        };
        let server = Serving(Some(server.start_blocking()?));
        let url = server.url();
        let started = Instant::now();
        let made = tokio::time::timeout(self.time_limit, (self.client)(url)).await;
        let took = started.elapsed();
        let made = match made {
            Ok(made) => made.map_err(Error::Start)?,
            Err(_) => Made {
                output: Output::of(""),
                ended: Ended::Hung,
            },
        };
        let (played, repeats) = server.played();
        Ok(Attempt {
            made,
            played,
            repeats,
            report: server.finish(),
            took,
        })
    }
}

impl Drill {
    pub(super) fn stage<F>(&mut self, client: F) -> Result<Stage<F>, Error> {
        let rules = crate::matching::Rules {
            reuse: Some(crate::matching::Reuse::RepeatLast),
            ..Default::default()
        };
        let matching = std::mem::take(&mut self.matching).rules(rules);
        let tapes = std::mem::take(&mut self.tapes);
        Ok(Stage {
            library: Arc::new(tapes.open(matching)?),
            redactor: self.redactor.clone(),
            time_limit: self.time_limit,
            client,
        })
    }
}

/// Requests of one run that are remembered; a client that asks more often than this repeats itself.
const MAX_REQUESTS: usize = 10_000;

/// A server that is stopped without a panic, however the run ends.
struct Serving(Option<MockServer>);

impl Serving {
    fn url(&self) -> String {
        self.0.as_ref().map(MockServer::url).unwrap_or_default()
    }

    fn played(&self) -> (Vec<(PathBuf, u64)>, bool) {
        let (mut played, mut repeats) = (Vec::new(), false);
        for received in self.0.iter().flat_map(MockServer::received) {
            if let Outcome::Played { tape, interaction } = received.outcome {
                let one = (tape, interaction);
                match played.contains(&one) {
                    true => repeats = true,
                    false => played.push(one),
                }
            }
        }
        (played, repeats)
    }

    fn finish(mut self) -> Report {
        self.0.take().map(MockServer::finish).unwrap_or_default()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(server) = self.0.take() {
            server.finish();
        }
    }
}
