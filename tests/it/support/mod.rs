pub mod corpus;

#[cfg(feature = "record")]
pub mod upstream;
