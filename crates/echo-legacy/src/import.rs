//! Brings the first Echo in, from its users to its posts.

use bson::{RawDocumentBuf, oid::ObjectId};
use echo_domain::{
    Error, Result,
    auth::AccountStore,
    transfer::{Checkpoint, Record, Target},
    users::ProfileStore,
};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::{
    database::{Legacy, failed},
    fields::{Fields, raw},
    follows::{self, Ends},
    intake::Intake,
    names,
    people::existing,
    posts,
    report::Report,
    users::Person,
};

/// An import, with what it takes to tell who is there.
pub struct Import<'a> {
    pub legacy: &'a Legacy,
    pub target: &'a dyn Target,
    /// Of the target.
    pub accounts: &'a dyn AccountStore,
    /// Of the target.
    pub profiles: &'a dyn ProfileStore,
}

/// What is brought in one after the other, since each needs those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Users,
    Follows,
    Posts,
}

/// How far it has come.
#[derive(Clone, Serialize, Deserialize)]
struct Place {
    step: Step,
    /// The last document that was read, as hexadecimal digits.
    after: Option<String>,
    ends: Ends,
    report: Report,
}

impl Step {
    pub const ALL: [Self; 3] = [Self::Users, Self::Follows, Self::Posts];

    /// Where its documents lie.
    pub const fn collection(self) -> &'static str {
        match self {
            Self::Users | Self::Follows => "users",
            Self::Posts => "posts",
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Follows => "follows",
            Self::Posts => "posts",
        }
    }
}

impl Import<'_> {
    /// Brings in what is not there yet, going on from `reached`, where a killed import came to; `read` hears of each
    /// document. Returns what became of everything, also of what was brought in before; the same again when it was done.
    ///
    /// # Errors
    /// Of either database. What was brought in stays.
    pub async fn run(&self, reached: Option<&Checkpoint>, read: impl Fn(Step)) -> Result<Report> {
        let source = self.legacy.name().await?;
        let mut place = match reached {
            Some(reached) => serde_json::from_str(&reached.place).map_err(Error::internal)?,
            None => Place { step: Step::Users, after: None, ends: Ends::default(), report: Report::default() },
        };
        if reached.is_some_and(|reached| reached.done) {
            return Ok(place.report);
        }
        let mut intake = Intake::new(self.target, checkpoint(&source, &place)?);
        loop {
            self.take(&source, &mut place, &mut intake, &read).await?;
            place.after = None;
            place.step = match place.step {
                Step::Users => Step::Follows,
                Step::Follows => Step::Posts,
                Step::Posts => break,
            };
        }
        self.sum_up(&mut place).await?;
        intake.settle(Checkpoint { done: true, ..checkpoint(&source, &place)? }).await?;
        Ok(place.report)
    }

    /// Reads all documents of the step, those after the one that was read last.
    async fn take(&self, source: &str, place: &mut Place, intake: &mut Intake<'_>, read: &impl Fn(Step)) -> Result<()> {
        /// How many people's names are looked up at a time.
        const PEOPLE: usize = 100;
        let after = place
            .after
            .as_ref()
            .map(ObjectId::parse_str)
            .transpose()
            .map_err(|error| Error::internal(error.to_string()))?;
        let mut documents = self.legacy.documents(place.step.collection(), after).await?;
        let mut people = Vec::new();
        while let Some(document) = documents.try_next().await.map_err(failed)? {
            let Ok(id) = document.get_object_id("_id") else { continue };
            match place.step {
                Step::Users => people.push(Person::read(raw(id), Fields(&document), &mut place.report)),
                Step::Follows => {
                    let user = (id, Fields(&document));
                    follows::take(self, user, &mut place.ends, &mut place.report, intake).await?;
                }
                Step::Posts => intake.add(self.post(id, &document, &mut place.report).await?).await?,
            }
            read(place.step);
            place.after = Some(id.to_hex());
            if people.len() >= PEOPLE {
                intake.add(self.named(std::mem::take(&mut people), &mut place.report).await?).await?;
            }
            if people.is_empty() && intake.is_full() {
                intake.settle(checkpoint(source, place)?).await?;
            }
        }
        intake.add(self.named(people, &mut place.report).await?).await?;
        intake.settle(checkpoint(source, place)?).await
    }

    async fn named(&self, mut people: Vec<Person>, report: &mut Report) -> Result<impl Iterator<Item = Record>> {
        names::settle(&mut people, self.accounts, report).await?;
        Ok(people.into_iter().flat_map(Person::into_records))
    }

    async fn post(&self, id: ObjectId, document: &RawDocumentBuf, report: &mut Report) -> Result<Vec<Record>> {
        let post = Fields(document);
        let there = existing(self.profiles, &posts::people(post)).await?;
        Ok(posts::read(raw(id), post, &there, report))
    }

    /// What only shows at the end, and what has no place here.
    async fn sum_up(&self, place: &mut Place) -> Result<()> {
        place.ends.tell(&mut place.report);
        let report = &mut place.report;
        for (collection, tally) in [("users", &mut report.users), ("posts", &mut report.posts)] {
            let strangers = self.legacy.strangers(collection).await?;
            tally.read += strangers;
            tally.leave_some_out("an id that is no ObjectId", strangers);
        }
        for (collection, tally) in [("chats", &mut report.chats), ("messages", &mut report.messages)] {
            tally.read = self.legacy.count(collection).await?;
            tally.leave_some_out("this Echo has no chat yet: they stay where they are", tally.read);
        }
        Ok(())
    }
}

fn checkpoint(source: &str, place: &Place) -> Result<Checkpoint> {
    let place = serde_json::to_string(place).map_err(Error::internal)?;
    Ok(Checkpoint { source: source.to_owned(), done: false, place })
}
