use std::collections::BTreeMap;

use rigtape::Offset;
use rigtape::cassette::{Cassette, Chunk, Interaction};
use rigtape::dialect::Answer;
use rigtape::policy::Policy;
use rigtape::policy::fault::{Class, Ending, FAULTS, Fault, Performance, Sweep, classify, mutants};
use rigtape::transcript::{self, Part, Transcript};

use super::{gunzip, plain, policy};

fn tapes() -> Vec<(String, Interaction)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes");
    let mut found = Vec::new();
    for dialect in rigtape::dialect::DIALECTS {
        for file in std::fs::read_dir(folder.join(dialect.name())).unwrap() {
            let path = file.unwrap().path();
            let tape = Cassette::open(&path).unwrap();
            let name = path.strip_prefix(&folder).unwrap().display().to_string();
            for interaction in tape.interactions() {
                found.push((name.clone(), interaction.unwrap()));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

#[test]
fn the_place_makes_the_class() {
    let tape = plain();
    let class = |spelled: &str| classify(&policy(spelled), &tape).unwrap();
    assert_eq!(class("truncate:frame=2"), Class::Harmful);
    assert_eq!(class("truncate:frame=3"), Class::Benign);
    assert_eq!(class("cut:frame=2"), Class::Harmful);
    assert_eq!(class("cut:frame=3"), Class::Undetectable);
    assert_eq!(class("stall:frame=1"), Class::Harmful);
    assert_eq!(class("stall:frame=1,for=1s"), Class::Benign);
    assert_eq!(class("no-terminator"), Class::Benign);
    assert_eq!(class("no-terminator no-finish"), Class::Harmful);
    assert_eq!(class("duplicate:frame=2"), Class::Undetectable);
    assert_eq!(class("drop:frame=2"), Class::Undetectable);
    assert_eq!(class("drop:frame=3"), Class::Harmful);
    assert_eq!(class("swap:frame=2"), Class::Undetectable);
    assert_eq!(class("comment crlf"), Class::Benign);
    assert_eq!(class("comment status:code=500"), Class::Harmful);
}

/// What a client reads of a mutant whose coding its HTTP library undid.
fn read(interaction: &Interaction, faults: &[Fault]) -> (Performance, Option<Transcript>) {
    let policy = faults.iter().cloned().fold(Policy::new(), Policy::fault);
    let played = policy.perform(interaction).unwrap();
    let mut heard = played.clone().into_interaction(interaction.request.clone());
    if played
        .head
        .as_ref()
        .is_some_and(|head| head.header("content-encoding").is_some())
    {
        let plain = gunzip(&played.body());
        heard.chunks = vec![Chunk::new(1, Offset::ZERO, plain)];
    }
    let said = match Answer::of(&heard) {
        Some(Answer::Transcript(said)) => Some(said),
        _ => None,
    };
    (played, said)
}

fn shown(said: &Transcript) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::ToolCall(call) => format!("{:?} {:?} {}", call.id, call.name, call.arguments),
        part => format!("{part:?}"),
    };
    let choice = |choice: &transcript::Choice| {
        let parts: Vec<String> = choice.parts.iter().map(part).collect();
        format!("{} {parts:?} {:?}", choice.index, choice.finish_reason)
    };
    said.choices.iter().map(choice).collect()
}

#[test]
fn our_assembler_stands_the_whole_catalogue_on_every_tape() {
    let mut met: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for (name, interaction) in tapes() {
        let whole = match Answer::of(&interaction) {
            Some(Answer::Transcript(said)) => Some(said),
            _ => None,
        };
        for mutant in mutants(&interaction, 7, &Sweep::new()) {
            let mutant = match mutant {
                Ok(mutant) => mutant,
                Err(reason) => {
                    assert!(!reason.reason.is_empty(), "{name}: {reason}");
                    continue;
                }
            };
            let place = format!("{name} {} {:?}", interaction.number(), mutant.faults);
            let (played, said) = read(&interaction, &mutant.faults);
            match (mutant.class, &whole, &said) {
                (Class::Benign, Some(whole), Some(said)) => {
                    assert_eq!(shown(said), shown(whole), "{place}");
                    assert_eq!(said.ending, whole.ending, "{place}");
                }
                (Class::Benign, None, None) => {}
                (Class::Benign, _, _) => panic!("{place}: {said:?}"),
                (Class::Harmful, _, said) => {
                    let is_clean = said.as_ref().is_some_and(Transcript::is_clean);
                    let is_broken = !matches!(played.ending, Ending::Recorded | Ending::Complete);
                    assert!(!is_clean || is_broken, "{place}: {said:?}");
                }
                (Class::Undetectable, _, _) => {}
            }
            for fault in &mutant.faults {
                met.entry(fault.name()).or_default()[mutant.class as usize] += 1;
            }
        }
    }
    for info in FAULTS {
        assert!(
            met.contains_key(info.name()),
            "{} was never met",
            info.name()
        );
    }
    // Nothing that breaks a finish is ever taken for harmless.
    for name in [
        "no-finish",
        "cut",
        "reset",
        "half-close",
        "bad-json",
        "error",
        "status",
    ] {
        assert_eq!(met[name][Class::Benign as usize], 0, "{name}");
    }
}

#[test]
fn a_sweep_is_the_same_for_the_same_seed() {
    let (_, tape) = tapes().swap_remove(0);
    let list = |seed: u64, sweep: &Sweep| -> Vec<String> {
        mutants(&tape, seed, sweep)
            .map(|mutant| format!("{mutant:?}"))
            .collect()
    };
    let sweep = Sweep::new();
    assert_eq!(list(1, &sweep), list(1, &sweep));
    assert_ne!(list(1, &sweep), list(2, &sweep));
    let every = list(1, &Sweep::new().exhaustive());
    let length = tape.body().len();
    let cuts = every.iter().filter(|line| line.contains("(cut:byte="));
    assert_eq!(cuts.count(), length);
}
