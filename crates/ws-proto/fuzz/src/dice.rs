//! Pseudo-random numbers, the same for the same seed, and cutting bytes into pieces with them.

/// A small generator (splitmix64); no secret is made with it.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if that is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    #[cfg(test)]
    pub(crate) fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// The next piece of `rest`: often short, sometimes all of it, never empty unless `rest` is.
    pub(crate) fn piece<'a>(&mut self, rest: &mut &'a [u8]) -> &'a [u8] {
        let most = [1, 3, 20, 1000, usize::MAX][self.below(5)].min(rest.len());
        let (piece, tail) = rest.split_at((1 + self.below(most)).min(rest.len()));
        *rest = tail;
        piece
    }
}
