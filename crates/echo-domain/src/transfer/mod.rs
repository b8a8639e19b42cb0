//! Everything that an Echo keeps, as records that go from one store to another: to another shape of Echo, or from the
//! first one.

#[cfg(feature = "contract")]
pub mod contract;
mod copy;
mod diff;
mod record;
mod store;

pub use copy::copy;
pub use diff::{Compared, Side, compare};
pub use record::{Follow, Key, Kind, Record, Request, SetAside};
pub use store::{Checkpoint, Source, Standing, Target, insist, name_of, standing};
