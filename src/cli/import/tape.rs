//! One file made a tape: read, masked, checked, and put in its place at once or not at all.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::{Job, LeftOut, Row};
use crate::cassette::{Interaction, Record, Writer};
use crate::import::{Imported, Importer, Options};
use crate::record::mend;
use crate::redact::{Redactor, last_placeholder};

pub(super) fn write(
    importer: &Importer,
    job: &Job,
    output: &Path,
    options: &Options,
    redactor: &Redactor,
    force: bool,
) -> anyhow::Result<Row> {
    let path = output.join(&job.tape);
    if !force && path.symlink_metadata().is_ok() {
        bail!("{}: is there already; --force replaces it", path.display());
    }
    let imported = importer.open(&job.source, options)?;
    let folder = path.parent().unwrap_or(output);
    let cannot = || format!("{}: cannot write the tape", path.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let inside = folder.canonicalize().and_then(|folder| {
        let output = output.canonicalize()?;
        Ok(folder.starts_with(output))
    });
    if !inside.with_context(cannot)? {
        bail!(
            "{}: a link leads out of the folder for the tapes",
            path.display()
        );
    }
    let mut row = row(job, &imported);
    // On Unix such a file is the owner's alone, as every tape.
    let mut file = NamedTempFile::with_prefix_in(".rigtape-", folder).with_context(cannot)?;
    row.masked = fill(&mut file, &path, imported, redactor)?;
    // What a model spells over several pieces shows only when they are joined.
    let mended = mend::tape(file.path(), redactor)
        .with_context(|| format!("{}: its tape cannot be checked", job.source.display()))?;
    row.masked += mended.masked.len() as u64;
    if !mended.left.is_empty() {
        let rejected = path.with_extension("rejected.jsonl");
        file.persist(&rejected).with_context(cannot)?;
        bail!(
            "{}: it holds a secret that cannot be masked; the tape is {}",
            job.source.display(),
            rejected.display()
        );
    }
    let persisted = match force {
        true => file.persist(&path).map(drop),
        false => file.persist_noclobber(&path).map(drop),
    };
    persisted.with_context(cannot)?;
    row.cassette = Some(path.display().to_string());
    Ok(row)
}

fn row(job: &Job, imported: &Imported) -> Row {
    let notes = imported.notes.iter();
    Row {
        source: job.source.display().to_string(),
        interactions: imported.interactions.len(),
        streams: imported.streams(),
        placeholders: imported.placeholders,
        notes: notes
            .map(|(note, numbers)| (note.as_str(), numbers.len()))
            .collect(),
        left_out: imported.skipped.iter().map(LeftOut::from).collect(),
        ..Row::default()
    }
}

/// Writes the tape as a recorder would have; how many secrets it masked.
fn fill(
    file: &mut NamedTempFile,
    name: &Path,
    imported: Imported,
    redactor: &Redactor,
) -> anyhow::Result<u64> {
    let redactor = redactor.for_cassette();
    let mut writer = Writer::new(BufWriter::new(file), name, &imported.header)?;
    let mut masked = 0;
    let mut put = |record: Record| {
        masked = masked.max(last_placeholder(&record));
        writer.write(&record)
    };
    for interaction in imported.interactions {
        let own = redactor.for_request(&interaction.request)?;
        let Interaction {
            request,
            response,
            chunks,
            end,
            ..
        } = interaction;
        put(own.request(request).into())?;
        if let Some(response) = response {
            put(own.response(response).into())?;
        }
        let mut masker = own.masker();
        for chunk in chunks {
            for chunk in masker.push(chunk) {
                put(chunk.into())?;
            }
        }
        for chunk in masker.finish() {
            put(chunk.into())?;
        }
        if let Some(end) = end {
            put(own.end(end).into())?;
        }
    }
    writer.into_inner().flush()?;
    Ok(masked)
}
