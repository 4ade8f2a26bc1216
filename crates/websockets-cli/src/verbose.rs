//! The description of connections for `--verbose`: the events of the library, in the manner of curl. `> ` marks
//! heads that are sent, `< ` those that are received, `* ` everything else.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::notices::Notices;

/// Describes connections on `notices`, from now on.
pub(crate) fn begin(notices: Notices) {
    tracing::subscriber::set_global_default(Verbose(notices)).expect("it begins once");
}

/// Prints events.
struct Verbose(Notices);

impl Subscriber for Verbose {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && metadata.target() == "websockets"
            && *metadata.level() <= Level::DEBUG
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        let mut parts = Parts::default();
        event.record(&mut parts);
        let Parts { message, fields, headers } = parts;
        let Some(headers) = headers else {
            return self.0.say(&format!("* {message}{fields}"));
        };
        self.0.say(message.trim_end());
        let mark = message.get(..1).unwrap_or_default();
        for line in headers.lines() {
            self.0.say(&format!("{mark} {line}"));
        }
        self.0.say(mark);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // No span is enabled.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The parts of an event, as text.
#[derive(Default)]
struct Parts {
    message: String,
    /// All but the others: ` name=value`.
    fields: String,
    /// Those of a head, a line each.
    headers: Option<String>,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string can't fail.
        _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            "headers" => write!(self.headers.get_or_insert_default(), "{value:#?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
