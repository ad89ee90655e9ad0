#[cfg(feature = "cli")]
pub mod command;
pub mod corpus;
pub mod stream;

#[cfg(feature = "record")]
pub mod upstream;
