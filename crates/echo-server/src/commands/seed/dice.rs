//! Chance that repeats: the same seed throws the same numbers, on every machine and in every version of Echo.

/// What a throw is for. Each thing of each kind has dice of its own, so that it is the same whatever else is made.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) enum Kind {
    Person = 1,
    TestUser,
    Follow,
    Post,
    Hour,
    Block,
    Media,
    Picture,
    Like,
    Comment,
    Arrival,
}

/// `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014, doi 10.1145/2660193.2660195), in whole numbers throughout.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Dice(u64);

impl Dice {
    pub(in crate::commands) fn new(seed: u32, kind: Kind, number: u64) -> Self {
        let kind = Self(u64::from(seed) << 8 | kind as u64).next();
        Self(Self(kind ^ number).next())
    }

    pub(in crate::commands) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Any number below `n`, each as likely; 0 when there is none.
    pub(in crate::commands) fn below(&mut self, n: u32) -> u32 {
        let scaled = (self.next() >> 32) * u64::from(n);
        u32::try_from(scaled >> 32).expect("it is below n")
    }

    pub(in crate::commands) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    pub(in crate::commands) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(u32::try_from(from.len()).unwrap_or(u32::MAX)) as usize]
    }

    /// A rank below `n`, by Zipf's law: the first is twice as likely as the second, that as the fourth, and so on.
    pub(in crate::commands) fn rank(&mut self, n: u32) -> u32 {
        let octaves = u32::BITS - n.leading_zeros();
        loop {
            let octave = 1 << self.below(octaves);
            let place = octave + self.below(octave);
            if place <= n {
                return place - 1;
            }
        }
    }

    /// How many: mostly few and now and then very many. Twice as many come about `per_mille` as often; never more than
    /// `most`.
    pub(in crate::commands) fn many(&mut self, per_mille: u32, most: u32) -> u32 {
        let mut octave = 1_u32;
        while octave <= most && self.chance(per_mille) {
            octave *= 2;
        }
        (octave - 1 + self.below(octave)).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throws(n: usize, mut throw: impl FnMut(&mut Dice) -> u32) -> Vec<u32> {
        let mut dice = Dice::new(1, Kind::Like, 0);
        (0..n).map(|_| throw(&mut dice)).collect()
    }

    #[test]
    fn the_same_seed_throws_the_same_numbers_for_ever() {
        let mut dice = Dice::new(7, Kind::Post, 42);

        assert_eq!([dice.below(1000), dice.below(1000), dice.below(1000)], [222, 97, 978]);
    }

    #[test]
    fn every_number_is_below_what_was_asked() {
        for n in [1, 2, 3, 7, 64, 1000] {
            assert!(throws(2000, |dice| dice.below(n)).into_iter().all(|it| it < n));
            assert!(throws(2000, |dice| dice.rank(n)).into_iter().all(|it| it < n));
            assert!(throws(2000, |dice| dice.many(500, n)).into_iter().all(|it| it <= n));
        }
    }

    #[test]
    fn the_first_rank_comes_as_often_as_the_next_two() {
        let ranks = throws(100_000, |dice| dice.rank(1000));

        let share = |from: u32, to: u32| ranks.iter().filter(|rank| (from..to).contains(*rank)).count();
        let (first, next_two) = (share(0, 1), share(1, 3));
        assert!(first.abs_diff(next_two) < first / 10, "{first} and {next_two}");
    }

    #[test]
    fn many_is_mostly_few_and_rarely_very_many() {
        let counts = throws(100_000, |dice| dice.many(354, 5000));

        let at_least = |n: u32| counts.iter().filter(|count| **count >= n).count();
        assert!(at_least(1) < 50_000 && at_least(100) > 50 && at_least(1000) > 0, "{}", at_least(1000));
    }
}
