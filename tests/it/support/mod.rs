pub mod corpus;
pub mod stream;
