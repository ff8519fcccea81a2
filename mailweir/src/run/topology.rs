//! `mailweir topology show|apply`: the streams and consumers on the servers, against what the settings want.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use bus::Bus;
use prometheus_client::registry::Registry;

use crate::config::Sections;
use crate::output;

/// Prints what differs; 1 when something does.
///
/// # Errors
/// When the server cannot be asked.
pub(crate) async fn show(sections: &Sections) -> Result<ExitCode> {
    let bus = connect(sections).await?;
    let differences = bus.topology().await;
    bus.shutdown().await;
    let differences = differences?;
    if differences.is_empty() {
        output::result("streams and consumers are as the settings want them");
        return Ok(ExitCode::SUCCESS);
    }
    for difference in &differences {
        output::result(difference);
    }
    Ok(ExitCode::FAILURE)
}

/// Makes streams and consumers what the settings want, and prints what had differed.
///
/// # Errors
/// When the server cannot be asked, or refuses.
pub(crate) async fn apply(sections: &Sections) -> Result<ExitCode> {
    let bus = connect(sections).await?;
    let applied = bus.apply_topology().await;
    bus.shutdown().await;
    let applied = applied?;
    for difference in &applied {
        output::result(format_args!("applied: {difference}"));
    }
    output::result(match applied.len() {
        0 => "nothing to do".to_owned(),
        count => format!("{count} applied"),
    });
    Ok(ExitCode::SUCCESS)
}

/// Looks only: whatever is missing is for `apply` to create.
async fn connect(sections: &Sections) -> Result<Bus> {
    let mut settings = sections.bus.clone();
    settings.create_streams = false;
    let metrics = bus::Metrics::register(&mut Registry::default());
    Bus::connect(settings, "mailweir topology", metrics).await.context("setting up the queue")
}
