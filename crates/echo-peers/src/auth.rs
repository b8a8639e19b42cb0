//! Accounts of another process.

mod remote;
mod served;

use echo_domain::{
    Error, Result, SessionId, Timestamp, UserId,
    auth::{Email, Identity, Role, State, Username},
};
use serde::{Deserialize, Serialize};

use crate::call::{Call, Manner};

pub use remote::RemoteLookup;
pub(crate) use served::routes;

#[derive(Serialize, Deserialize)]
struct FindAccount {
    account: UserId,
}

#[derive(Serialize, Deserialize)]
struct Rename {
    account: UserId,
    username: Option<String>,
    email: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Delete {
    account: UserId,
    password: String,
}

#[derive(Serialize, Deserialize)]
struct RevokedSince {
    since: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct IdentityBody {
    id: UserId,
    username: String,
    email: String,
    role: String,
    state: String,
    created: Timestamp,
}

impl Call for FindAccount {
    const MANNER: Manner = Manner::quick("/internal/auth/account");
    type Answer = IdentityBody;
}

impl Call for Rename {
    const MANNER: Manner = Manner::quick("/internal/auth/rename");
    type Answer = ();
}

impl Call for Delete {
    /// The second time there is no account any more. With as much time as passwords wait for a thread.
    const MANNER: Manner = Manner::quick("/internal/auth/delete").once().within(std::time::Duration::from_secs(15));
    type Answer = ();
}

impl Call for RevokedSince {
    const MANNER: Manner = Manner::quick("/internal/auth/revoked");
    type Answer = Vec<(SessionId, Timestamp)>;
}

impl From<Identity> for IdentityBody {
    fn from(Identity { id, username, email, role, state, created }: Identity) -> Self {
        Self {
            id,
            username: username.as_str().to_owned(),
            email: email.as_str().to_owned(),
            role: role.as_str().to_owned(),
            state: state.as_str().to_owned(),
            created,
        }
    }
}

impl IdentityBody {
    fn into_identity(self) -> Result<Identity> {
        let Self { id, username, email, role, state, created } = self;
        Ok(Identity {
            id,
            username: Username::from_store(username),
            email: Email::from_store(email),
            role: Role::parse(&role).ok_or_else(|| Error::internal(format!("there is no role {role}")))?,
            state: State::parse(&state).ok_or_else(|| Error::internal(format!("there is no state {state}")))?,
            created,
        })
    }
}
