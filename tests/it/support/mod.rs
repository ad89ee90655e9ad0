pub mod corpus;
pub mod stream;

#[cfg(feature = "cli")]
pub mod command;
#[cfg(feature = "record")]
pub mod upstream;
