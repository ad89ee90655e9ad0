use std::path::{Path, PathBuf};

/// The modules of each floor, from the ground up. Those in one row are siblings and may not use one
/// another; a later row may use every earlier one.
const FLOORS: &[&[&str]] = &[
    &["offset", "Offset", "json", "provider"],
    &["cassette", "frame"],
    &["transcript"],
    &["dialect"],
    &[
        "diff",
        "import",
        "matching",
        "policy",
        "redact",
        "snapshot",
        "synthetic",
        "verify",
    ],
    &["live", "listen"],
    &["client", "record", "replay"],
    &["serve", "wiremock"],
    &["drill", "vcr"],
    &["cli"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn arrows_only_point_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut upward = Vec::new();
    for file in files(&src) {
        let place = file.strip_prefix(&src).unwrap();
        let module = place.iter().next().unwrap().to_str().unwrap();
        let module = module.trim_end_matches(".rs");
        let Some(own) = floor(module) else {
            assert!(
                ["lib", "main"].contains(&module),
                "{module} stands on no floor"
            );
            continue;
        };
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let code: String = code.collect::<Vec<_>>().join("\n");
        for used in code.split("crate::").skip(1) {
            let end = used.find(|c: char| !c.is_alphanumeric() && c != '_');
            let used = &used[..end.unwrap_or(used.len())];
            if let Some(of) = floor(used)
                && used != module
                && of >= own
            {
                upward.push(format!("{} uses {used}", place.display()));
            }
        }
    }
    upward.dedup();
    assert!(
        upward.is_empty(),
        "arrows that do not point down:\n{}",
        upward.join("\n")
    );
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
