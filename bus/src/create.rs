//! Makes streams and consumers what they must be, out of what [`crate::topology`] finds to differ.
//!
//! Deliberately absent: when a role may do so, which is the monitor's.

use tokio::time::sleep;

use crate::link::Link;
use crate::retry::Delays;
use crate::topology::{
    TopologyDiff, TopologyError, Wanted, WantedConsumer, consumer_object, durable, failed, stream_object,
};

/// Creates what `diffs` says is missing, and makes those anew that are ahead of their streams: what they are given once
/// more, the ledger knows. Nothing else.
///
/// Consumers come a little after their streams: when two processes create a stream, the server answers the second one
/// before it is set up, and a consumer that is created then counts deliveries that nobody gets (2.9.10).
pub(crate) async fn create(
    link: &Link,
    wanted: &Wanted,
    diffs: &[TopologyDiff],
) -> Result<(), TopologyError> {
    let is_missing = |object: &str| {
        diffs
            .iter()
            .any(|diff| matches!(diff, TopologyDiff::Missing { object: missing } if missing == object))
    };
    let mut created = false;
    for config in &wanted.streams {
        if is_missing(&stream_object(&config.name)) {
            let attempted = failed(format!("creating stream {}", config.name));
            link.js.create_stream(config.clone()).await.map_err(|error| attempted(&error))?;
            created = true;
        }
    }
    if created {
        sleep(Delays::set_up().next()).await;
    }
    let is_ahead = |name: &str| {
        diffs.iter().any(|diff| matches!(diff, TopologyDiff::Ahead { object, .. } if object == name))
    };
    for consumer in &wanted.consumers {
        let object = consumer_object(&consumer.stream, durable(consumer));
        if is_ahead(&object) {
            let attempted = failed(format!("deleting {object}"));
            let deleted =
                link.js.delete_consumer_from_stream(durable(consumer), consumer.stream.as_str()).await;
            deleted.map_err(|error| attempted(&error))?;
        }
        if is_ahead(&object) || is_missing(&object) {
            put_consumer(link, consumer).await?;
        }
    }
    Ok(())
}

/// Makes the server's streams and consumers what they must be.
pub(crate) async fn apply(link: &Link, wanted: &Wanted, diffs: &[TopologyDiff]) -> Result<(), TopologyError> {
    create(link, wanted, diffs).await?;
    let differs = |name: &str| {
        diffs.iter().any(|diff| matches!(diff, TopologyDiff::Differs { object, .. } if object == name))
    };
    for config in &wanted.streams {
        if differs(&stream_object(&config.name)) {
            let attempted = failed(format!("updating stream {}", config.name));
            link.js.update_stream(config.clone()).await.map_err(|error| attempted(&error))?;
        }
    }
    for consumer in &wanted.consumers {
        if differs(&consumer_object(&consumer.stream, durable(consumer))) {
            put_consumer(link, consumer).await?;
        }
    }
    Ok(())
}

/// Creates a consumer, or updates the one that is there.
async fn put_consumer(link: &Link, consumer: &WantedConsumer) -> Result<(), TopologyError> {
    let attempted = failed(format!("creating consumer {}/{}", consumer.stream, durable(consumer)));
    link.js
        .create_consumer_on_stream(consumer.config.clone(), consumer.stream.as_str())
        .await
        .map(drop)
        .map_err(|error| attempted(&error))
}
