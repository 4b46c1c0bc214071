//! Every decision, as pure functions of data: no I/O, no clock, no async.
//!
//! Time comes in as an argument, and whatever a decision needs from the world was read before by
//! a provider's `observe`. So everything here can be tested by the thousand and simulated.

pub mod alert;
pub mod attention;
pub mod backoff;
pub mod breaker;
pub mod change;
pub mod checkup;
pub mod chronicle;
pub mod code;
pub mod component;
pub mod diff;
pub mod digest;
pub mod duty;
pub mod emergency;
pub mod evidence;
pub mod failover;
pub mod generation;
pub mod health;
pub mod id;
pub mod incident;
pub mod job;
pub mod live;
pub mod measure;
pub mod monitor;
pub mod outlook;
pub mod pause;
pub mod placing;
pub mod plan;
pub mod probe;
pub mod ration;
pub mod reconciler;
pub mod recovery;
pub mod release;
pub mod report;
pub mod repository;
pub mod resource;
pub mod retry;
pub mod route;
pub mod schedule;
pub mod simulate;
pub(crate) mod span;
pub mod storm;
pub mod strip;
pub mod system;
pub mod timetable;
pub mod trial;
pub mod update;
