//! A spam score: a decimal number with three places, never NaN, never infinite.
//!
//! Scores of several scanners are weighted and added up, and compared with levels. As a whole number of thousandths
//! they cannot become something that compares with nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The largest amount that is taken from outside, in points. Scanners give some hundreds at most.
const POINTS_MAX: i64 = 1_000_000;
/// Most digits before the point.
const DIGITS_MAX: usize = 12;

/// Thousandths of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Points(i64);

/// The text or number is no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PointsError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    Syntax,
    /// Larger than any score is.
    #[error("beyond a million points")]
    TooLarge,
}

impl Points {
    /// None at all.
    pub const ZERO: Self = Self(0);
    /// A single one.
    pub const ONE: Self = Self(1_000);

    /// From thousandths.
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// From a number that came from outside, rounded to thousandths.
    ///
    /// # Errors
    /// When it is not finite, or larger than a score can be.
    pub fn from_f64(number: f64) -> Result<Self, PointsError> {
        let thousandths = (number * 1_000.0).round();
        if !thousandths.is_finite() {
            return Err(PointsError::Syntax);
        }
        if thousandths.abs() > (POINTS_MAX * 1_000) as f64 {
            return Err(PointsError::TooLarge);
        }
        Ok(Self(thousandths as i64))
    }

    /// The sum, at most what fits.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self` times `factor`, which is a number of points: 1.5 points make half as much again.
    #[must_use]
    pub fn times(self, factor: Self) -> Self {
        let product = i128::from(self.0) * i128::from(factor.0) / 1_000;
        Self(i64::try_from(product).unwrap_or(if product < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Whole points, the fraction cut off; none when negative.
    pub fn whole(self) -> u64 {
        u64::try_from(self.0 / 1_000).unwrap_or(0)
    }
}

/// A sign, digits, and perhaps a point with digits behind it. No exponent, no word, no blank.
impl FromStr for Points {
    type Err = PointsError;

    fn from_str(text: &str) -> Result<Self, PointsError> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(PointsError::Syntax),
            None => (digits, ""),
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
            return Err(PointsError::Syntax);
        }
        if whole.len() > DIGITS_MAX || fraction.len() > DIGITS_MAX {
            return Err(PointsError::TooLarge);
        }
        let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
        let parse = |text: &str| text.parse::<i64>().map_err(|_| PointsError::Syntax);
        let (whole, thousandths) = (parse(whole)?, parse(&thousandths)?);
        if whole > POINTS_MAX {
            return Err(PointsError::TooLarge);
        }
        Ok(Self(sign * (whole * 1_000 + thousandths)))
    }
}

/// Without zeros at the end: `6.9`, `-0.001`, `5`.
impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (amount / 1_000, format!("{:03}", amount % 1_000));
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_number_is_read_and_shown_again() {
        for (text, thousandths, shown) in [
            ("0", 0, "0"),
            ("6.9", 6_900, "6.9"),
            ("-0.001", -1, "-0.001"),
            ("1000.0", 1_000_000, "1000"),
            ("1.23456", 1_234, "1.234"),
            ("007", 7_000, "7"),
            ("1000000", 1_000_000_000, "1000000"),
        ] {
            let points: Points = text.parse().unwrap();
            assert_eq!((points, points.to_string().as_str()), (Points(thousandths), shown), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "", "-", ".", "1.", ".5", "nan", "inf", "-inf", "1e3", "1e400", "+1", " 1", "1 ", "0x1", "1,5",
            "--1", "1.2.3",
        ] {
            assert_eq!(text.parse::<Points>(), Err(PointsError::Syntax), "{text}");
        }
        for text in ["1000001", "9".repeat(400).as_str(), format!("1.{}", "9".repeat(400)).as_str()] {
            assert_eq!(text.parse::<Points>(), Err(PointsError::TooLarge), "{text}");
        }
    }

    #[test]
    fn a_float_is_finite_and_bounded() {
        assert_eq!(Points::from_f64(6.9), Ok(Points(6_900)));
        assert_eq!(Points::from_f64(-1e6), Ok(Points(-1_000_000_000)));
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
            assert_eq!(Points::from_f64(number), Err(PointsError::Syntax), "{number}");
        }
        for number in [1_000_000.01, -1e9] {
            assert_eq!(Points::from_f64(number), Err(PointsError::TooLarge), "{number}");
        }
    }

    #[test]
    fn arithmetic_never_wraps() {
        let most = Points(i64::MAX);
        assert_eq!(most.plus(most), most);
        assert_eq!(most.times(most), most);
        assert_eq!(most.times(Points(i64::MIN)), Points(i64::MIN));
        assert_eq!(Points(6_900).times(Points(500)), Points(3_450));
        assert_eq!((Points(6_900).whole(), Points(-6_900).whole()), (6, 0));
    }
}
