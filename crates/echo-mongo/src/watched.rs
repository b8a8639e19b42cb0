//! What tests' clients send to the databases of a test, for those who look at it.

mod places;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bson::Document;
use mongodb::{
    event::{EventHandler, command::CommandEvent},
    options::ClientOptions,
};

use crate::{opening::database_name, plan::fixture::Guard};

pub(crate) use places::{Place, places};

/// A command, and the database that it was sent to.
pub(crate) type Sent = (String, Document);

/// By the shared database: with its name begin those of the areas. No other test's does.
static WATCHED: Mutex<BTreeMap<String, Vec<Sent>>> = Mutex::new(BTreeMap::new());

fn watched() -> MutexGuard<'static, BTreeMap<String, Vec<Sent>>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes what is sent while this is there.
pub(crate) struct Watch {
    /// The name of the shared database.
    pub(crate) base: String,
}

impl Watch {
    pub(crate) fn on(guard: &Guard) -> Self {
        let base = database_name(&guard.uri).unwrap();
        watched().insert(base.clone(), Vec::new());
        Self { base }
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        watched()[&self.base].clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        watched().remove(&self.base);
    }
}

/// Tells of every command of the client.
pub(crate) fn watch(options: &mut ClientOptions) {
    let handler = |event| {
        if let CommandEvent::Started(started) = event {
            let places = places(&started.db, &started.command);
            for (base, sent) in watched().iter_mut() {
                if places.iter().any(|place| place.database.starts_with(base)) {
                    sent.push((started.db.clone(), started.command.clone()));
                }
            }
        }
    };
    options.command_event_handler = Some(EventHandler::callback(handler));
}
