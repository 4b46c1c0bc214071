//! What runners of processes share: what the kernel knows of them, the mark in their environment,
//! and how they are ended.

pub(in crate::provider) mod end;
pub(in crate::provider) mod kernel;
pub(in crate::provider) mod mark;
