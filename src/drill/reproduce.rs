//! The line that repeats a run by hand.

use super::plan::Trial;

/// What stands in the line beside the fault.
#[derive(Debug, Default)]
pub(super) struct Reproduction {
    /// Behind `rigtape serve`, as the user gave it.
    pub(super) tapes: Vec<String>,
    pub(super) command: Vec<String>,
}

/// What of the tapes has to be said to hit the one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shelf {
    pub(super) tapes: usize,
    pub(super) interactions: usize,
}

impl Reproduction {
    /// `rigtape serve T --fault 'cut:frame=7' -- CMD`, one line.
    pub(super) fn line(&self, trial: &Trial, shelf: Shelf, repeats: bool) -> String {
        let mut words = vec!["rigtape".to_owned(), "serve".to_owned()];
        let tape = trial.tape.display().to_string();
        match self.tapes.is_empty() {
            true => words.push(quoted(&tape)),
            false => words.extend(self.tapes.iter().map(|word| quoted(word))),
        }
        for fault in &trial.faults {
            words.push("--fault".to_owned());
            // Always in quotes, so that it is found at one look.
            words.push(format!("'{fault}'"));
        }
        if shelf.interactions > 1 {
            let number = trial.interaction.number();
            words.push("--fault-at".to_owned());
            words.push(match shelf.tapes {
                1 => number.to_string(),
                _ => quoted(&format!("{tape}:{number}")),
            });
        }
        if repeats {
            words.push("--match".to_owned());
            words.push("reuse=repeat-last".to_owned());
        }
        if !self.command.is_empty() {
            words.push("--".to_owned());
            words.extend(self.command.iter().map(|word| quoted(word)));
        }
        words.join(" ")
    }
}

/// A word as a POSIX shell takes it, on one line.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        let escaped: String = word.chars().map(escape).collect();
        return format!("$'{escaped}'");
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Inside `$'…'`.
fn escape(c: char) -> String {
    match c {
        '\n' => r"\n".to_owned(),
        '\t' => r"\t".to_owned(),
        '\\' | '\'' => format!("\\{c}"),
        c if c.is_control() => {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).bytes();
            bytes.map(|byte| format!("\\x{byte:02x}")).collect()
        }
        c => c.to_string(),
    }
}
