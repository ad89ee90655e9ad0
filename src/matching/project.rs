//! `[match]` of `rigtape.toml`: rules for all tapes, and for some.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::Rules;
use super::rules::unknown_key;

/// What a project says about its tapes: the `[match]` table of `rigtape.toml`.
///
/// ```toml
/// [match]                            # all tapes
/// normalise = ["uuid"]
///
/// [[match.for]]                      # and more for some; a later table is nearer
/// tapes = "weather/*.jsonl"
/// order = "ordered"
/// ignore = ["/messages/*[role=tool]/content/#json/now"]
/// ```
///
/// `tapes` is a glob (`*` and `?` within a name, `**` for folders) or a list of them. It is held
/// against the end of the path below the folder of `rigtape.toml`, from the start of a name on; one
/// that begins with `/` against all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Project {
    /// Rules for all tapes.
    pub all: Rules,
    /// Rules for the tapes that one of the globs names.
    pub some: Vec<(Vec<String>, Rules)>,
    /// The folder that globs are relative to: where `rigtape.toml` stands.
    pub folder: PathBuf,
}

impl Project {
    /// The rules for the tape at `path`.
    pub fn rules_for(&self, path: &Path) -> Rules {
        let name = self.name_of(path);
        let mut rules = Rules::default();
        for (globs, own) in self.some.iter().rev() {
            if globs.iter().any(|glob| names(glob, &name)) {
                rules = rules.over(own);
            }
        }
        rules.over(&self.all)
    }

    /// The path below the folder, with `/` between its names.
    fn name_of(&self, path: &Path) -> String {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (path, folder) = (absolute(path), absolute(&self.folder));
        let below = path.strip_prefix(&folder).unwrap_or(&path);
        let names = below.iter().map(|name| name.to_string_lossy());
        names.collect::<Vec<_>>().join("/")
    }
}

fn names(glob: &str, name: &str) -> bool {
    if let Some(whole) = glob.strip_prefix('/') {
        return fits(whole.as_bytes(), name.as_bytes());
    }
    let starts = name.match_indices('/').map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(starts)
        .any(|start| fits(glob.as_bytes(), &name.as_bytes()[start..]))
}

/// Whether a glob is the whole of `name`. On a mismatch only the last star is tried again, and the
/// last double star behind it, so that it takes no more than quadratic time.
fn fits(glob: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    let (mut star, mut stars) = (None, None);
    while of < name.len() {
        match glob.get(at) {
            Some(b'*') if glob.get(at + 1) == Some(&b'*') => {
                at += 2;
                // `**/` also stands for no folder.
                if glob.get(at) == Some(&b'/') && (of == 0 || name[of - 1] == b'/') {
                    at += 1;
                }
                (stars, star) = (Some((at, of)), None);
            }
            Some(b'*') => {
                at += 1;
                star = Some((at, of));
            }
            Some(b'?') if name[of] != b'/' => (at, of) = (at + 1, of + 1),
            Some(byte) if *byte == name[of] => (at, of) = (at + 1, of + 1),
            _ => match (star, stars) {
                (Some((behind, from)), _) if name[from] != b'/' => {
                    star = Some((behind, from + 1));
                    (at, of) = (behind, from + 1);
                }
                (_, Some((behind, from))) => {
                    (star, stars) = (None, Some((behind, from + 1)));
                    (at, of) = (behind, from + 1);
                }
                _ => return false,
            },
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

impl<'de> Deserialize<'de> for Project {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Project, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Project;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of matching rules")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Project, M::Error> {
        let mut project = Project::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == "for" {
                let some: Vec<For> = map.next_value()?;
                project.some = some
                    .into_iter()
                    .map(|For(globs, own)| (globs, own))
                    .collect();
            } else if !project.all.read_key(&key, &mut map)? {
                return Err(unknown_key(&key, &["for"]));
            }
        }
        Ok(project)
    }
}

/// One `[[match.for]]`.
struct For(Vec<String>, Rules);

#[derive(Deserialize)]
#[serde(untagged)]
enum Globs {
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for For {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<For, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = For;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table with `tapes` and matching rules")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<For, M::Error> {
                let (mut globs, mut rules) = (None, Rules::default());
                while let Some(key) = map.next_key::<String>()? {
                    if key == "tapes" {
                        globs = Some(match map.next_value()? {
                            Globs::One(glob) => vec![glob],
                            Globs::Many(globs) => globs,
                        });
                    } else if !rules.read_key(&key, &mut map)? {
                        return Err(unknown_key(&key, &["tapes"]));
                    }
                }
                let missing = || {
                    serde::de::Error::custom(
                        "[[match.for]] needs `tapes`, a glob or a list of them",
                    )
                };
                Ok(For(globs.ok_or_else(missing)?, rules))
            }
        }
        deserializer.deserialize_map(Table)
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn globs_name_paths_from_their_end() {
        for (glob, name, expected) in [
            ("weather/*.jsonl", "cassettes/weather/a.jsonl", true),
            ("weather/*.jsonl", "weather/a.jsonl", true),
            ("weather/*.jsonl", "cassettes/weather/b/a.jsonl", false),
            ("weather/*.jsonl", "xweather/a.jsonl", false),
            ("/weather/*.jsonl", "cassettes/weather/a.jsonl", false),
            ("/cassettes/**/a*.jsonl", "cassettes/x/y/ab.jsonl", true),
            ("/cassettes/**/a*.jsonl", "cassettes/a.jsonl", true),
            ("**", "x/y", true),
            ("a?.jsonl", "ab.jsonl", true),
            ("a?.jsonl", "a/.jsonl", false),
            ("*a*b*c", "xaxbxbxc", true),
            ("*a*b*c", "xaxbxbx", false),
        ] {
            assert_eq!(names(glob, name), expected, "{glob} {name}");
        }
    }
}
