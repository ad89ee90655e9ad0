//! Walks `cassettes/**`: each tape is one reported test, which holds the transcripts of its
//! interactions against a snapshot. Adding a tape adds a test.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use rigtape::cassette::{Cassette, Interaction};
use rigtape::snapshot::View;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes");
    let mut tapes = Vec::new();
    find(&root, &mut tapes);
    tapes.sort();
    let trials = tapes
        .into_iter()
        .map(|tape| {
            let name = tape.strip_prefix(&root).unwrap().with_extension("");
            let name = name.to_str().unwrap().replace('\\', "/");
            Trial::test(name.clone(), move || snapshot(&name, &tape))
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn find(folder: &Path, tapes: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, tapes);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            tapes.push(path);
        }
    }
}

fn snapshot(name: &str, tape: &Path) -> Result<(), Failed> {
    let cassette = Cassette::open(tape)?;
    let interactions: Vec<Interaction> = cassette.interactions().collect::<Result<_, _>>()?;
    if cassette.torn_tail().is_some() {
        return Err("the tape's last line is torn".into());
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.replace('/', "__"), interactions.view()));
    Ok(())
}
