//! What people do, and how often.

use clap::Args;
use serde_json::{Value, json};

/// A thing that a person does: one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Feed,
    Post,
    Image,
    Like,
    Publish,
    Upload,
    SignIn,
}

impl Kind {
    pub(super) const ALL: [Self; 7] =
        [Self::Feed, Self::Post, Self::Image, Self::Like, Self::Publish, Self::Upload, Self::SignIn];

    /// In the plural.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Feed => "feed reads",
            Self::Post => "posts opened",
            Self::Image => "images seen",
            Self::Like => "likes",
            Self::Publish => "posts",
            Self::Upload => "posts with a picture",
            Self::SignIn => "sign-ins",
        }
    }

    /// Whether people expect to wait for it: it takes tens of milliseconds of processor time on purpose, or for a picture.
    pub(super) const fn is_heavy(self) -> bool {
        matches!(self, Self::Upload | Self::SignIn)
    }
}

/// How often one active person does each thing in a day.
///
/// That 92 % of what people do is to look, was measured of four networks (Benevenuto and others, IMC 2009,
/// doi 10.1145/1644893.1644900). Twitter told in 2013 of 400 million posts a day and 300,000 timelines read a second for 150
/// million people: 2.7 and 173 each, programs that ask by themselves included. The rest is assumed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What one active person does in a day")]
pub(crate) struct Mix {
    /// Opens or scrolls the home timeline, 20 posts a time
    #[arg(long, value_name = "TIMES", default_value_t = 60.0, value_parser = times)]
    feeds: f64,
    /// Opens a post with its likes and comments
    #[arg(long, value_name = "TIMES", default_value_t = 20.0, value_parser = times)]
    opens: f64,
    /// Sees an image that the app does not have yet
    #[arg(long, value_name = "TIMES", default_value_t = 60.0, value_parser = times)]
    images: f64,
    /// Likes a post, or takes that back
    #[arg(long, value_name = "TIMES", default_value_t = 8.0, value_parser = times)]
    likes: f64,
    /// Publishes a text
    #[arg(long, value_name = "TIMES", default_value_t = 2.0, value_parser = times)]
    posts: f64,
    /// Publishes a text with a picture of 1080 by 1350 pixels
    #[arg(long, value_name = "TIMES", default_value_t = 0.3, value_parser = times)]
    uploads: f64,
    /// Signs in with the password
    #[arg(long, value_name = "TIMES", default_value_t = 0.5, value_parser = times)]
    logins: f64,
    /// Percent of the day that fall into its busiest hour; spread evenly it would be 4.2
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, value_parser = percent)]
    peak: f64,
}

impl Mix {
    /// How often one person does this in a day.
    pub(super) const fn times(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Feed => self.feeds,
            Kind::Post => self.opens,
            Kind::Image => self.images,
            Kind::Like => self.likes,
            Kind::Publish => self.posts,
            Kind::Upload => self.uploads,
            Kind::SignIn => self.logins,
        }
    }

    pub(super) fn requests_a_day(&self) -> f64 {
        Kind::ALL.into_iter().map(|kind| self.times(kind)).sum()
    }

    /// The part of all requests that are of this kind.
    pub(super) fn share(&self, kind: Kind) -> f64 {
        self.times(kind) / self.requests_a_day()
    }

    /// Requests per second of one person in the busiest hour, on average.
    pub(super) fn rate_of_one(&self) -> f64 {
        self.requests_a_day() * self.peak / 100.0 / 3600.0
    }

    /// The kind at this point, between 0 and 1, of all requests side by side.
    pub(super) fn at(&self, point: f64) -> Kind {
        let mut rest = point * self.requests_a_day();
        let found = Kind::ALL.into_iter().find(|kind| {
            rest -= self.times(*kind);
            rest < 0.0
        });
        found.unwrap_or(Kind::Feed)
    }

    pub(super) const fn peak(&self) -> f64 {
        self.peak
    }

    pub(super) fn json(&self) -> Value {
        let Self { feeds, opens, images, likes, posts, uploads, logins, peak } = self;
        json!({"feeds": feeds, "opens": opens, "images": images, "likes": likes, "posts": posts, "uploads": uploads,
            "logins": logins, "peakPercent": peak})
    }
}

fn times(text: &str) -> Result<f64, &'static str> {
    let times = text.parse().map_err(|_| "must be a number")?;
    if (0.0..=100_000.0).contains(&times) { Ok(times) } else { Err("must be from 0 to 100000") }
}

fn percent(text: &str) -> Result<f64, &'static str> {
    let percent = text.parse().map_err(|_| "must be a number")?;
    if (100.0 / 24.0..=100.0).contains(&percent) { Ok(percent) } else { Err("must be from 4.2 to 100") }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::commands::bench) fn mix() -> Mix {
        Mix { feeds: 60.0, opens: 20.0, images: 60.0, likes: 8.0, posts: 1.0, uploads: 0.25, logins: 0.75, peak: 10.0 }
    }

    #[test]
    fn shares_add_up_and_the_busiest_hour_has_its_part_of_the_day() {
        let mix = mix();

        assert!((Kind::ALL.into_iter().map(|kind| mix.share(kind)).sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((mix.rate_of_one() * 3600.0 - 15.0).abs() < 1e-9);
    }

    #[test]
    fn every_kind_is_found_as_often_as_its_share() {
        let mix = mix();
        let points: Vec<Kind> = (0..30_000).map(|n| mix.at(f64::from(n) / 30_000.0)).collect();

        for kind in Kind::ALL {
            let found = points.iter().filter(|it| **it == kind).count() as f64 / 30_000.0;
            assert!((found - mix.share(kind)).abs() < 1e-3, "{kind:?}: {found}");
        }
        let nobody_signs_in = Mix { logins: 0.0, ..mix };
        assert_ne!(nobody_signs_in.at(1.0 - f64::EPSILON), Kind::SignIn);
    }

    #[test]
    fn a_number_is_needed_and_a_busiest_hour_is_no_quieter_than_the_others() {
        assert_eq!((times("0"), times("2.5")), (Ok(0.0), Ok(2.5)));
        assert!(times("-1").is_err() && times("NaN").is_err() && times("often").is_err());
        assert!(percent("4").is_err() && percent("101").is_err() && percent("4.2").is_ok());
    }
}
