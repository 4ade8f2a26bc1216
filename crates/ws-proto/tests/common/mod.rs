//! Feeding bytes in every way in which a network may cut them.

use ws_errors::{InvalidHandshake, MessageCause};

/// Calls `receive` for the pieces of `data` until it gives a result, for each way of cutting
/// `data`: not at all, in two at every position, and into single bytes. The result must not
/// depend on the cut, except for how much is seen of bytes that aren't HTTP; how many bytes were used,
/// the number in it, counts from the start of `data`. Returns the result of `data` as a whole.
#[track_caller]
pub(crate) fn feed<S, T: PartialEq + std::fmt::Debug>(
    data: &[u8],
    new: impl Fn() -> S,
    receive: impl Fn(&mut S, &[u8]) -> Result<Option<(T, usize)>, InvalidHandshake>,
) -> Result<Option<(T, usize)>, InvalidHandshake> {
    let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut state = new();
        let mut before = 0;
        for piece in pieces {
            match receive(&mut state, piece) {
                Ok(None) => before += piece.len(),
                Ok(Some((result, used))) => return Ok(Some((result, before + used))),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    };
    let whole = run(&mut std::iter::once(data));
    let check = |pieces: &mut dyn Iterator<Item = &[u8]>, cut: &dyn std::fmt::Display| match (
        run(pieces),
        &whole,
    ) {
        (Err(error), Err(expected)) => assert!(is_same(&error, expected), "{cut}: {error:?}"),
        (result, expected) => assert_eq!(result, *expected, "{cut}"),
    };
    for at in 0..=data.len() {
        let (a, b) = data.split_at(at);
        check(&mut [a, b].into_iter(), &format_args!("cut at {at}"));
    }
    check(&mut data.chunks(1), &"cut into bytes");
    whole
}

/// Whether two errors are equal, or both about bytes that aren't HTTP. Two empty lines may be such bytes: they
/// begin the binary header of the PROXY protocol.
fn is_same(a: &InvalidHandshake, b: &InvalidHandshake) -> bool {
    let is_not_http = |error: &InvalidHandshake| match error {
        InvalidHandshake::InvalidMessage(e) => match &e.cause {
            Some(MessageCause::NotHttp(_)) => true,
            Some(MessageCause::Malformed(text)) => &**text == "first line is empty",
            _ => false,
        },
        _ => false,
    };
    a == b || (is_not_http(a) && is_not_http(b))
}
