//! What the name of a member tells of its value.

/// Members that differ from one recording to the next and say nothing about the answer.
pub(crate) const DROPPED: [&str; 6] = [
    "created",
    "created_at",
    "completed_at",
    "system_fingerprint",
    "obfuscation",
    "timings",
];

/// Members whose values are opaque to everyone but the provider.
pub(crate) const SEALED: [&str; 5] = [
    "signature",
    "encrypted_content",
    "thoughtSignature",
    "thought_signature",
    "data",
];

/// Whether a string under this name is an id.
pub(crate) fn is_id(name: &str) -> bool {
    name == "id" || name.ends_with("_id")
}
