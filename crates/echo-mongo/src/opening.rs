//! Opening the databases: how the driver is to behave, and whether the server can do what Echo needs.

use std::{sync::Arc, time::Duration};

use bson::{Document, doc};
use echo_domain::metric::StoreCalls;
use mongodb::{
    Client,
    error::ErrorKind,
    options::{
        Acknowledgment, ClientOptions, ConnectionString, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
    },
};
use tokio::sync::watch;

use crate::{
    Mongo, OpenError, Options,
    areas::Area,
    collections::MEDIA,
    error,
    events::Positions,
    figures, indexes, instances,
    layout::{Layout, base_name},
    media::older,
    turns::Turns,
};

/// The oldest major version with all that is used here.
const OLDEST: i32 = 6;

impl Mongo {
    /// Opens the databases at `uri`, which is whatever the driver takes (`mongodb://…`, `mongodb+srv://…`), and makes the
    /// collections and indexes that are missing. The database that it names is the one that all areas share, and those of
    /// the areas are called after it.
    ///
    /// # Errors
    /// [`OpenError`], which reads as one line for an operator.
    pub async fn open(uri: &str, options: Options) -> Result<Arc<Self>, OpenError> {
        let client_options = client_options(uri, options.longest_call).await?;
        let hosts = client_options.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let base = base_name(client_options.default_database.clone())?;
        let client = Client::with_options(client_options).map_err(|cause| malformed(&cause))?;
        let mut mongo = Self {
            layout: Layout::new(&client, &base),
            client,
            hosts,
            positions: Positions::new(options.instance),
            options,
            news: watch::Sender::new(()),
            turns: Turns::new(),
            heartbeat: None,
            calls: StoreCalls::new("mongo", "mongodb"),
        };
        mongo.require_transactions().await?;
        mongo.require_version().await?;
        indexes::ensure(&mongo).await?;
        if options.areas.contains(Area::Media) {
            let older = older::give_blobs(&mongo).await;
            older.map_err(|error| OpenError::Unprepared { collection: MEDIA.name, reason: error.to_string() })?;
        }
        let heartbeat = instances::live(&mongo).await.map_err(|cause| mongo.open_error(&cause))?;
        mongo.heartbeat = Some(heartbeat);
        Ok(Arc::new(mongo))
    }

    /// Whether it is a `mongos`, which stands for a whole sharded cluster.
    pub(crate) async fn is_router(&self) -> Result<bool, OpenError> {
        Ok(is_router(&self.ask("hello").await?))
    }

    async fn require_transactions(&self) -> Result<(), OpenError> {
        let hello = self.ask("hello").await?;
        if is_router(&hello) || hello.contains_key("setName") {
            Ok(())
        } else {
            Err(OpenError::Standalone { hosts: self.hosts.clone() })
        }
    }

    async fn require_version(&self) -> Result<(), OpenError> {
        let info = self.ask("buildInfo").await?;
        let version = info.get_array("versionArray").ok();
        let major = version.and_then(|numbers| numbers.first()?.as_i32()).unwrap_or(0);
        if major >= OLDEST {
            return Ok(());
        }
        let found = info.get_str("version").unwrap_or("unknown").to_owned();
        Err(OpenError::TooOld { hosts: self.hosts.clone(), found })
    }

    async fn ask(&self, command: &str) -> Result<Document, OpenError> {
        let admin = self.client.database("admin");
        admin.run_command(doc! { command: 1 }).await.map_err(|cause| self.open_error(&cause))
    }

    /// What an error while opening tells an operator.
    pub(crate) fn open_error(&self, cause: &mongodb::error::Error) -> OpenError {
        let hosts = self.hosts.clone();
        if error::is_authentication(cause) {
            OpenError::Unauthenticated { hosts }
        } else if error::is_unauthorized(cause) {
            let databases: Vec<_> = self.options.areas.and_shared().map(|area| self.database_of(area).name()).collect();
            OpenError::Forbidden { hosts, databases: databases.join(", "), reason: error::describe(cause) }
        } else {
            OpenError::Unreachable { hosts, reason: nearest(&error::describe(cause)).to_owned() }
        }
    }
}

/// What the database is called that all areas share at `uri`, with which the names of the others begin. Nobody is asked:
/// the server need not be there.
///
/// # Errors
/// [`OpenError::Malformed`]; [`OpenError::LongName`].
pub fn database_name(uri: &str) -> Result<String, OpenError> {
    let address = ConnectionString::parse(uri).map_err(|cause| malformed(&cause))?;
    base_name(address.default_database)
}

fn is_router(hello: &Document) -> bool {
    hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid")
}

/// What the address says, and on top of it what Echo's promises rest on.
async fn client_options(uri: &str, longest_call: Duration) -> Result<ClientOptions, OpenError> {
    const TO_FIND_A_SERVER: Duration = Duration::from_secs(2);
    // The driver's look after the server has this long, too: when it fails, it takes every running call with it.
    const TO_CONNECT: Duration = Duration::from_secs(5);
    const CONNECTIONS: u32 = 100;
    let mut options = ClientOptions::parse(uri).await.map_err(|cause| malformed(&cause))?;
    options.app_name.get_or_insert_with(|| "echod".to_owned());
    options.max_pool_size.get_or_insert(CONNECTIONS);
    // Short, so that a lost MongoDB is a refusal soon, and not a request that hangs.
    options.server_selection_timeout.get_or_insert(TO_FIND_A_SERVER);
    options.connect_timeout.get_or_insert(TO_CONNECT);
    // An answer means that a majority has it on disk. Not waited for forever: the call fails, the write may come.
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).journal(true);
    options.write_concern = Some(majority.w_timeout(longest_call / 2).build());
    // Whoever has written reads it.
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options.read_concern = Some(ReadConcern::majority());
    options.retry_reads = Some(true);
    options.retry_writes = Some(true);
    figures::measure(&mut options);
    #[cfg(test)]
    crate::watched::watch(&mut options);
    Ok(options)
}

/// What happened at the first server, out of a description of all that were tried.
fn nearest(description: &str) -> &str {
    let first = description.split("Error: Kind: ").nth(1).and_then(|rest| rest.split(", labels").next());
    first.unwrap_or_else(|| description.split(" Topology").next().unwrap_or(description))
}

/// Never with what the address says, which may be a password at a place where none is expected.
fn malformed(cause: &mongodb::error::Error) -> OpenError {
    let reason = match &*cause.kind {
        ErrorKind::DnsResolve { .. } => "the name of its host cannot be resolved".to_owned(),
        ErrorKind::InvalidTlsConfig { message, .. } => message.clone(),
        ErrorKind::InvalidArgument { message, .. } => {
            message.split(':').next().unwrap_or("it is no address of a MongoDB").to_owned()
        }
        _ => "it is no address of a MongoDB".to_owned(),
    };
    OpenError::Malformed { reason }
}
