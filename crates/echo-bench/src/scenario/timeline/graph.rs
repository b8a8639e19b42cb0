//! Who follows whom among many made-up accounts: the same each time.

use echo_domain::users::FOLLOWING_MAX;

/// Followers and followees by a power law. Follows are not kept, but made again when they are asked for.
///
/// Both have the exponent 2.28 that Kwak et al. found for Twitter ("What is Twitter, a social network or a news media?",
/// WWW 2010, doi 10.1145/1772690.1772751), where the most followed were followed by 7 % of all.
pub(super) struct Graph {
    pub(super) followers: Vec<u32>,
    /// Those of them who have come within a week.
    pub(super) active_followers: Vec<u32>,
}

/// As a part of all. Of 500 million accounts of Twitter in 2012, 150 million were active in a month (Krikorian, 2013); a
/// fifth within a week is assumed.
const ACTIVE: f64 = 0.2;
/// The most followed, as a part of all, who are all active (assumed).
const POPULAR: f64 = 0.003;
/// The exponent of the law less one.
const EXPONENT: f64 = 1.28;
/// Nobody wants to follow fewer; 42 on average, each once.
const FEWEST: f64 = 11.0;
/// Makes the few at the top less popular than the law has them: the first is followed by 6 %.
const FLATTENED: f64 = 10.0;

impl Graph {
    pub(super) fn new(accounts: usize) -> Self {
        let none = vec![0; accounts];
        let mut graph = Self { followers: none.clone(), active_followers: none };
        let mut followees = Vec::new();
        for account in 0..graph.len() {
            graph.followees(account, &mut followees);
            let active = u32::from(graph.is_active(account));
            for followee in &followees {
                graph.followers[*followee] += 1;
                graph.active_followers[*followee] += active;
            }
        }
        graph
    }

    pub(super) fn len(&self) -> usize {
        self.followers.len()
    }

    /// Whether somebody has come within a week. The most followed come first.
    pub(super) fn is_active(&self, account: usize) -> bool {
        (account as f64) < POPULAR * self.len() as f64 || Dice::new(account, 1).fraction() < ACTIVE
    }

    pub(super) fn active(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|account| self.is_active(*account))
    }

    /// Whom the account follows, each once, in place of what is there.
    pub(super) fn followees(&self, account: usize, followees: &mut Vec<usize>) {
        let mut dice = Dice::new(account, 0);
        let wanted = FEWEST * (1.0 - dice.fraction()).powf(-1.0 / EXPONENT);
        followees.clear();
        let wanted = whole(wanted.min(FOLLOWING_MAX as f64));
        followees.extend((0..wanted).map(|_| self.popular(dice.fraction())));
        followees.sort_unstable();
        followees.dedup();
        followees.retain(|followee| *followee != account);
    }

    /// An account as popular as its place says: of place r in proportion to (r + [`FLATTENED`]) ^ (-1 / [`EXPONENT`]).
    fn popular(&self, fraction: f64) -> usize {
        const RISES: f64 = 1.0 - 1.0 / EXPONENT;
        let (first, last) = (FLATTENED.powf(RISES), (FLATTENED + self.len() as f64).powf(RISES));
        let place = (first + fraction * (last - first)).powf(1.0 / RISES) - FLATTENED;
        whole(place).min(self.len() - 1)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of accounts")]
const fn whole(number: f64) -> usize {
    number as usize
}

/// Chooses at random, alike for the same account (SplitMix64).
struct Dice(u64);

impl Dice {
    fn new(account: usize, what: u64) -> Self {
        Self((account as u64) << 16 | what << 15)
    }

    /// From 0 up to 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / 2f64.powi(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_have_many_followers_and_a_fifth_come() {
        let graph = Graph::new(20_000);

        assert!(graph.followers[0] > 1_000 && graph.followers[10_000] < 100, "{:?}", &graph.followers[..3]);
        let (active, mean) = (graph.active().count(), graph.followers.iter().sum::<u32>() / 20_000);
        assert!((3_800..4_300).contains(&active) && (35..60).contains(&mean), "{active}, {mean}");
    }

    #[test]
    fn nobody_follows_somebody_twice_or_themselves() {
        let (graph, mut followees) = (Graph::new(500), Vec::new());

        for account in 0..500 {
            graph.followees(account, &mut followees);
            assert!(followees.is_sorted_by(|one, next| one < next) && !followees.contains(&account));
        }
    }
}
