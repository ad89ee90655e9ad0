use http::StatusCode;

use super::Refusal;

const MAX_SCOPE: usize = 100;

/// A scope whose name is not a plain file name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no scope name: letters, digits, `-`, `_` and `.` are allowed, at most 100 of them, \
     the first a letter or digit"
)]
pub(crate) struct BadScope(pub(crate) String);

/// Checks that a scope is a plain file name.
pub(crate) fn check_scope(name: &str) -> Result<(), BadScope> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fine = name.len() <= MAX_SCOPE
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain);
    if fine {
        Ok(())
    } else {
        Err(BadScope(name.to_owned()))
    }
}

/// Takes a scope off a target: `/@NAME/v1/models` is `/v1/models` of scope NAME.
pub(crate) fn split_scope(target: &str) -> Result<(Option<&str>, &str), Refusal> {
    let Some(scoped) = target.strip_prefix("/@") else {
        return Ok((None, target));
    };
    let end = scoped.find(['/', '?']).unwrap_or(scoped.len());
    let (scope, rest) = scoped.split_at(end);
    let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, message);
    check_scope(scope).map_err(|error| bad(error.to_string()))?;
    if !rest.starts_with('/') {
        return Err(bad(format!(
            "there is no path after the scope \"/@{scope}\""
        )));
    }
    Ok((Some(scope), rest))
}
