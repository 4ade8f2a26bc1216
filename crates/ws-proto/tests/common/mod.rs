//! Feeding bytes in every way in which a network may cut them.

/// Calls `receive` for the pieces of `data` until it gives a result, for each way of cutting
/// `data`: not at all, in two at every position, and into single bytes. The result must not
/// depend on the cut; how many bytes were used, the number in it, counts from the start of `data`.
#[track_caller]
pub(crate) fn feed<S, T, E>(
    data: &[u8],
    new: impl Fn() -> S,
    receive: impl Fn(&mut S, &[u8]) -> Result<Option<(T, usize)>, E>,
) -> Result<Option<(T, usize)>, E>
where
    T: PartialEq + std::fmt::Debug,
    E: PartialEq + std::fmt::Debug,
{
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
    for at in 0..=data.len() {
        let (a, b) = data.split_at(at);
        assert_eq!(run(&mut [a, b].into_iter()), whole, "cut at {at}");
    }
    assert_eq!(run(&mut data.chunks(1)), whole, "cut into bytes");
    whole
}
