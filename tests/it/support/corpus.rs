//! Real recorded sessions with the result that the official SDKs assemble. They lie beside the
//! checkout, or where `RIGTAPE_CORPUS` says.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One recorded session.
pub struct Session {
    /// `provider/name`.
    pub name: String,
    pub provider: String,
    pub dialect: String,
    pub body: Vec<u8>,
    pub expected: Value,
}

/// Every session, in the order of their names; `None`, said on stderr, when there is no corpus.
/// With `RIGTAPE_REQUIRE_CORPUS` set its absence is a failure.
pub fn sessions() -> Option<Vec<Session>> {
    let root = shared("RIGTAPE_CORPUS", "corpus")?;
    let mut sessions = Vec::new();
    for provider in folders(&root) {
        for folder in folders(&provider) {
            sessions.push(load(&root, &folder));
        }
    }
    assert!(!sessions.is_empty(), "{} holds no session", root.display());
    Some(sessions)
}

/// A folder or file beside the checkout.
pub fn shared(variable: &str, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../shared")
                .join(name)
        },
        PathBuf::from,
    );
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("RIGTAPE_REQUIRE_CORPUS").is_none(),
        "{name} is required here, but {} does not exist",
        path.display()
    );
    eprintln!(
        "NOT TESTED: {} does not exist ({variable} overrides the place)",
        path.display()
    );
    None
}

fn load(root: &Path, folder: &Path) -> Session {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let json = |name: &str| -> Value { serde_json::from_slice(&read(name)).unwrap() };
    let meta = json("meta.json");
    let text = |key: &str| meta[key].as_str().unwrap().to_owned();
    Session {
        name: folder.strip_prefix(root).unwrap().display().to_string(),
        provider: text("provider"),
        dialect: text("dialect"),
        body: read("response.sse"),
        expected: json("expected.json"),
    }
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(of)
        .unwrap_or_else(|error| panic!("{}: {error}", of.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}
