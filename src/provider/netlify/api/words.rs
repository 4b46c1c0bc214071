//! The words of Netlify's API.

use crate::http::words::words;

words! {
    /// How far a deploy is.
    State {
        /// It was made.
        New = "new",
        /// It waits for somebody to allow it.
        PendingReview = "pending_review",
        /// Somebody allowed it.
        Accepted = "accepted",
        /// Somebody did not.
        Rejected = "rejected",
        /// It waits for a builder.
        Enqueued = "enqueued",
        /// It is built.
        Building = "building",
        /// Its files are uploaded.
        Uploading = "uploading",
        /// They were.
        Uploaded = "uploaded",
        /// Its files are looked through.
        Preparing = "preparing",
        /// They were.
        Prepared = "prepared",
        /// Its files are worked on.
        Processing = "processing",
        /// They were.
        Processed = "processed",
        /// It can be served, and is where it is the published one.
        Ready = "ready",
        /// It failed, or was cancelled.
        Error = "error",
        /// It is tried again.
        Retrying = "retrying",
        /// It was served, and is not any more.
        Old = "old",
    }
}
