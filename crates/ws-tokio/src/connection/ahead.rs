//! The message that `send` found while it looked whether more had arrived.

use ws_proto::Message;

/// A place for one message, which is made when bytes have first arrived behind the message that is being
/// answered: most connections that wait never need it, and a handler holds its connection more than once.
#[derive(Default)]
pub(crate) struct Ahead(Option<Box<Option<Message>>>);

impl Ahead {
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Message> {
        self.0.as_mut()?.take()
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.as_ref().is_some_and(|place| place.is_some())
    }

    #[inline]
    pub(crate) fn place(&mut self) -> &mut Option<Message> {
        self.0.get_or_insert_default()
    }
}
