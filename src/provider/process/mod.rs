//! What runners of processes share: what the kernel knows of them, the mark in their environment,
//! and how they are ended.

/// The variables by which a program tells the service manager how it does (`sd_notify(3)`). What this program
/// starts is not to speak for it.
pub(in crate::provider) const OF_THE_SERVICE_MANAGER: [&str; 3] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

pub(in crate::provider) mod end;
pub(in crate::provider) mod kernel;
pub(in crate::provider) mod mark;
