//! How many there are of what Echo is about, looked up now and then by whoever keeps it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time};

use crate::{
    Clock,
    auth::{AccountStore, Session, SessionStore},
    metric::{Declared, Metric},
    posts::PostStore,
};

static ACCOUNTS: Metric<0> =
    Metric::gauge("echo_accounts", [], "Accounts that there are. Every process with the role auth tells the same.");
static ACTIVE: Metric<1> = Metric::gauge(
    "echo_active_people",
    ["within"],
    "Accounts that signed in or renewed a session within this time. Every process with the role auth tells the same.",
);
static POSTS: Metric<0> =
    Metric::gauge("echo_posts", [], "Posts that there are. Every process with the role posts tells the same.");

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the census asks: what is kept here.
pub struct Census {
    pub accounts: Option<Arc<dyn AccountStore>>,
    pub sessions: Option<Arc<dyn SessionStore>>,
    pub posts: Option<Arc<dyn PostStore>>,
    pub clock: Arc<dyn Clock>,
}

impl Census {
    /// What it measures.
    pub const METRICS: [Declared; 3] = [ACCOUNTS.declared(), ACTIVE.declared(), POSTS.declared()];

    /// Totals are kept, and so cost nothing to ask for.
    const EACH: Duration = Duration::from_secs(60);
    /// Those who are active are counted: that takes time for each of them.
    const ACTIVE_EACH: u32 = 10;

    /// Looks at once and then now and then, until `ended` becomes true. What is not to be had stays as it was.
    pub async fn run(self, mut ended: watch::Receiver<bool>) {
        let mut turn = 0;
        while !*ended.borrow() {
            self.count_all().await;
            if turn % Self::ACTIVE_EACH == 0 {
                self.count_active().await;
            }
            turn += 1;
            tokio::select! {
                () = time::sleep(Self::EACH) => {}
                _ = ended.changed() => {}
            }
        }
    }

    async fn count_all(&self) {
        if let Some(accounts) = &self.accounts
            && let Ok(total) = accounts.total().await
        {
            ACCOUNTS.level::<&str>([]).set(total as f64);
        }
        if let Some(posts) = &self.posts
            && let Ok(total) = posts.total().await
        {
            POSTS.level::<&str>([]).set(total as f64);
        }
    }

    async fn count_active(&self) {
        let Some(sessions) = &self.sessions else { return };
        for (within, days) in [("1d", 1), ("7d", 7)] {
            // A session that is used ends that long after it.
            let expires = self.clock.now() - DAY * days + Session::LIFETIME;
            if let Ok(people) = sessions.people(expires).await {
                ACTIVE.level([within]).set(people as f64);
            }
        }
    }
}
