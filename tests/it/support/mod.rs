#[cfg(feature = "cli")]
pub mod command;
pub mod corpus;
pub mod stream;

#[cfg(all(feature = "cli", unix))]
pub mod place;
#[cfg(feature = "record")]
pub mod upstream;
