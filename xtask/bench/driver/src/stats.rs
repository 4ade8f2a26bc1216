//! Medians, and how sure they are.

/// The middle value; of an even number, the mean of the middle two. NaN if there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// The median of the ratios of values that were measured in the same round, with its 95 % interval.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

/// Compares `a` with `b`, round by round.
///
/// The interval is a percentile bootstrap: rounds are drawn anew, with replacement, 4,000 times. With
/// five rounds it is little narrower than the range, as it should be.
pub fn ratio(a: &[f64], b: &[f64]) -> Ratio {
    const DRAWS: usize = 4000;
    let ratios: Vec<f64> = a.iter().zip(b).map(|(a, b)| a / b).filter(|x| x.is_finite()).collect();
    let median_ratio = median(&ratios);
    if ratios.is_empty() {
        return Ratio { median: f64::NAN, low: f64::NAN, high: f64::NAN };
    }
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        ratios[(random >> 33) as usize % ratios.len()]
    };
    let mut medians: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let drawn: Vec<f64> = (0..ratios.len()).map(|_| draw()).collect();
            median(&drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    Ratio { median: median_ratio, low: medians[DRAWS / 40], high: medians[DRAWS - 1 - DRAWS / 40] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_ignores_what_failed() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, f64::NAN, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_ratio_is_taken_within_rounds_so_that_a_slow_round_cancels_out() {
        let ratio = ratio(&[2.0, 20.0, 4.0], &[1.0, 10.0, 2.0]);
        assert_eq!((ratio.low, ratio.median, ratio.high), (2.0, 2.0, 2.0));
    }

    #[test]
    fn the_interval_holds_the_median_and_grows_with_the_spread() {
        let one = [1.0; 7];
        let narrow = ratio(&[1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0], &one);
        let wide = ratio(&[1.0, 1.5, 0.5, 1.0, 1.7, 0.6, 1.0], &one);
        assert!(narrow.low <= narrow.median && narrow.median <= narrow.high);
        assert!(wide.high - wide.low > narrow.high - narrow.low);
    }
}
