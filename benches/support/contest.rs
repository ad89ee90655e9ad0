//! Contenders that take turns, and the table of how they did.

use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;

/// One way to do the work of a table.
pub struct Contender<I> {
    pub name: &'static str,
    /// Does it once over all of the input; what it returns only keeps the work from being optimised away.
    pub run: fn(&I) -> usize,
}

/// Something with a number of bytes, by which speed is counted.
pub trait Measured {
    fn bytes(&self) -> usize;
}

/// A table of contenders.
pub struct Contest<'a, I> {
    title: &'a str,
    baseline: &'a str,
    contenders: &'a [Contender<I>],
}

impl<'a, I: Measured> Contest<'a, I> {
    /// Panics when no contender is called `baseline`.
    pub fn new(title: &'a str, baseline: &'a str, contenders: &'a [Contender<I>]) -> Self {
        assert!(
            contenders
                .iter()
                .any(|contender| contender.name == baseline)
        );
        Contest {
            title,
            baseline,
            contenders,
        }
    }

    /// Runs all rounds and prints the table.
    pub fn run(&self, input: &I) {
        if !is_wanted(self.title) {
            return;
        }
        for contender in self.contenders {
            black_box((contender.run)(input));
        }
        let mut times = vec![Vec::with_capacity(ROUNDS); self.contenders.len()];
        for _ in 0..ROUNDS {
            for (times, contender) in times.iter_mut().zip(self.contenders) {
                times.push(time(contender, input));
            }
        }
        self.print(&times, input.bytes());
    }

    fn print(&self, times: &[Vec<Duration>], bytes: usize) {
        let baseline = self.contenders.iter().position(|c| c.name == self.baseline);
        let baseline = &times[baseline.unwrap_or(0)];
        println!(
            "  {:<34} {:>8} {:>8}   against {}",
            self.title, "MB/s", "ratio", self.baseline
        );
        for (contender, times) in self.contenders.iter().zip(times) {
            let best = times.iter().min().copied().unwrap_or_default();
            // Of each round apart: what slowed a round down slowed both of its runs.
            let ratios = baseline
                .iter()
                .zip(times)
                .map(|(base, own)| base.as_secs_f64() / own.as_secs_f64());
            println!(
                "  {:<34} {:>8.0} {:>8.2}",
                contender.name,
                bytes as f64 / 1e6 / best.as_secs_f64(),
                median(ratios.collect()),
            );
        }
        println!();
    }
}

/// Nanoseconds per byte of one contender on two inputs, in turns.
pub fn ns_per_byte<I: Measured>(contender: &Contender<I>, left: &I, right: &I) -> (f64, f64) {
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        lefts.push(time(contender, left));
        rights.push(time(contender, right));
    }
    let best = |times: Vec<Duration>, input: &I| {
        times.into_iter().min().unwrap_or_default().as_nanos() as f64 / input.bytes() as f64
    };
    (best(lefts, left), best(rights, right))
}

/// Whether the command line asks for the table of that title.
pub fn is_wanted(title: &str) -> bool {
    // `cargo bench` adds a flag of its own.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .peekable();
    words.peek().is_none() || words.any(|word| title.contains(&word))
}

fn time<I>(contender: &Contender<I>, input: &I) -> Duration {
    let start = Instant::now();
    black_box((contender.run)(black_box(input)));
    start.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
