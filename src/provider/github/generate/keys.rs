//! Keys of a workflow. Source: GitHub's "Workflow syntax" and the schema of its
//! `@actions/workflow-parser`.

pub(in super::super) const NAME: &str = "name";
pub(in super::super) const ON: &str = "on";
pub(in super::super) const JOBS: &str = "jobs";
pub(in super::super) const CONCURRENCY: &str = "concurrency";
pub(in super::super) const GROUP: &str = "group";
pub(in super::super) const CANCEL: &str = "cancel-in-progress";
pub(in super::super) const SCHEDULE: &str = "schedule";
pub(in super::super) const CRON: &str = "cron";
pub(in super::super) const TIMEZONE: &str = "timezone";
pub(in super::super) const DISPATCH: &str = "workflow_dispatch";
pub(in super::super) const CALL: &str = "workflow_call";
pub(in super::super) const INPUTS: &str = "inputs";
pub(in super::super) const NEEDS: &str = "needs";
pub(in super::super) const IF: &str = "if";
pub(in super::super) const RUNS_ON: &str = "runs-on";
pub(in super::super) const PERMISSIONS: &str = "permissions";
pub(in super::super) const ENVIRONMENT: &str = "environment";
