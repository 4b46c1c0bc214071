//! One question, and its answer.

use std::{process::Stdio, time::Duration};

use tokio::{net::TcpStream, process::Command};

use super::Spec;
use crate::{config::probe::Probe, group::Group, http::answer::root_cause};

/// Asks. Fine, or what is wrong.
pub(super) async fn ask(spec: &Spec) -> Result<(), String> {
    let limit = spec.probe.timeout.0;
    match tokio::time::timeout(limit, answer(spec, limit)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {}", spec.probe.timeout)),
    }
}

async fn answer(spec: &Spec, limit: Duration) -> Result<(), String> {
    match &spec.probe {
        Probe { http: Some(address), .. } => http(address, limit).await,
        Probe { tcp: Some(place), .. } => TcpStream::connect(place.as_str())
            .await
            .map(drop)
            .map_err(|error| format!("cannot connect to {place}: {error}")),
        Probe { file: Some(_), .. } => file(spec),
        Probe { .. } => command(spec).await,
    }
}

async fn http(address: &str, limit: Duration) -> Result<(), String> {
    // A new connection each time: one that is kept says nothing about the next. Probes have no TLS,
    // so they need no certificates either, and some machines have none.
    let client = crate::http::builder()
        .tls_certs_only([])
        .timeout(limit)
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())?;
    let asked = client.get(address).send().await;
    let cause = |error| format!("cannot ask {address}: {}", root_cause(&error));
    let response = asked.map_err(cause)?;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        return Err(format!("{address} answers {status}"));
    }
    Ok(())
}

fn file(spec: &Spec) -> Result<(), String> {
    let (Some(file), Some(most)) = (&spec.probe.file, spec.probe.max_age) else {
        return Err("it names no file".to_owned());
    };
    let shown = file.display();
    let changed = std::fs::metadata(spec.root.join(file)).and_then(|it| it.modified());
    let changed = changed.map_err(|error| format!("cannot look at {shown}: {error}"))?;
    // A time that is yet to come is no reason to call it old.
    let age = changed.elapsed().unwrap_or_default();
    if age > most.0 {
        let seconds = age.as_secs();
        return Err(format!("{shown} was last changed {seconds} s ago, and may be {most} old"));
    }
    Ok(())
}

async fn command(spec: &Spec) -> Result<(), String> {
    let [program, arguments @ ..] = spec.probe.command.as_slice() else {
        return Err("it names no program".to_owned());
    };
    let failed = |error| format!("cannot run {program:?}: {error}");
    let child = Command::new(program)
        .args(arguments)
        .current_dir(&spec.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = child.map_err(failed)?;
    // An answer that does not come in time would leave some of it behind each time.
    let mut group = Group::of(&child);
    let status = child.wait().await.map_err(failed)?;
    group.release();
    if status.success() { Ok(()) } else { Err(format!("{program:?} ended with {status}")) }
}
